#include "examples/common/saved_run.hpp"

#include <algorithm>
#include <optional>
#include <thread>

#include "autograd/error.hpp"
#include "autograd/gemm.hpp"
#include "io/checksum.hpp"

namespace unroll::program {

namespace internal {

using json = nlohmann::ordered_json;

void save_parts(const std::string& file, const std::string& kind, const SavedParts& parts) {
  const json state{{"options", parts.options},
                   {"reading", parts.reading},
                   {"text_checksum", parts.text_checksum},
                   {"loop", parts.loop.to_json()}};
  // A path need not be UTF-8, and JSON must be.
  std::string text = state.dump(-1, ' ', false, json::error_handler_t::replace);
  io::save_checkpoint(file, {.kind = kind, .json = std::move(text), .tensors = parts.tensors});
}

void read_parts(const std::string& file, const std::string& kind, const std::function<void()>& read) {
  try {
    read();
  } catch (const json::exception& error) {
    fail<DataError>("{}: no run of {}: {}", file, kind, error.what());
  }
}

SavedParts load_parts(const std::string& file, const std::string& kind) {
  io::Checkpoint checkpoint = io::load_checkpoint(file, kind);
  std::optional<SavedParts> parts;
  read_parts(file, kind, [&] {
    const json state = json::parse(checkpoint.json);
    parts = {.options = state.at("options"),
             .reading = state.at("reading"),
             .text_checksum = state.at("text_checksum"),
             .loop = LoopState::from_json(state.at("loop"), file),
             .tensors = std::move(checkpoint.tensors)};
  });
  return *std::move(parts);
}

}  // namespace internal

std::string checksum_of(std::string_view text) {
  io::Checksum sum;
  sum.update(std::as_bytes(std::span(text)));
  return fmt::format("{:016x}", sum.value());
}

int use_threads(int threads) {
  if (threads == 0) threads = static_cast<int>(std::max(1u, std::thread::hardware_concurrency()));
  blas::set_num_threads(threads);
  return threads;
}

}  // namespace unroll::program
