#include "common/saved_run.hpp"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <thread>

#include "unroll/autograd/error.hpp"
#include "unroll/autograd/threads.hpp"
#include "unroll/io/checksum.hpp"

namespace unroll::program {

namespace internal {

using json = nlohmann::ordered_json;

void save_run(const std::string& file, const std::string& kind, const SavedState& state,
              const OptionList& options, const std::function<void(json&)>& write_reading) {
  json all{{"options", to_json(options)}, {"reading", nullptr}, {"text_checksum", state.text_checksum}};
  write_reading(all["reading"]);
  all["loop"] = state.loop.to_json();
  // A path need not be UTF-8, and JSON must be.
  std::string text = all.dump(-1, ' ', false, json::error_handler_t::replace);
  io::save_checkpoint(file, {.kind = kind, .json = std::move(text), .tensors = state.tensors});
}

SavedState load_run(const std::string& file, const std::string& kind, const OptionList& options,
                    const std::function<void(const json&)>& read_reading) {
  io::Checkpoint checkpoint = io::load_checkpoint(file, kind);
  try {
    const json all = json::parse(checkpoint.json);
    from_json(options, all.at("options"));
    read_reading(all.at("reading"));
    return {.text_checksum = all.at("text_checksum"),
            .loop = LoopState::from_json(all.at("loop"), file),
            .tensors = std::move(checkpoint.tensors)};
  } catch (const json::exception& error) {
    raise<DataError>("{}: no run of {}: {}", file, kind, error.what());
  }
}

}  // namespace internal

std::string checksum_of(std::string_view text) {
  io::Checksum sum;
  sum.update(std::as_bytes(std::span(text)));
  return fmt::format("{:016x}", sum.value());
}

int use_threads(int threads) {
  if (threads == 0) threads = static_cast<int>(std::max(1u, std::thread::hardware_concurrency()));
  set_num_threads(threads);
  return threads;
}

}  // namespace unroll::program
