#include "common/saved_run.hpp"

#include <algorithm>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <thread>

#include "unroll/autograd/error.hpp"
#include "unroll/autograd/precision.hpp"
#include "unroll/autograd/threads.hpp"
#include "unroll/io/checksum.hpp"

namespace unroll::program {

namespace internal {

using json = nlohmann::ordered_json;

namespace {

void make_paths_absolute(json& saved, const OptionList& options) {
  for (const Option& option : options) {
    if (!option.allowed.path || saved[option.name] == "") continue;
    std::error_code error;
    const auto absolute = std::filesystem::absolute(saved[option.name].get<std::string>(), error);
    if (!error) saved[option.name] = absolute.string();
  }
}

}  // namespace

void save_run(const std::string& file, const std::string& kind, const SavedState& state,
              const OptionList& options, const std::function<void(json&)>& write_reading) {
  const io::JsonDocument document(
      new json{{"options", to_json(options)}, {"reading", nullptr}, {"text_checksum", state.text_checksum}});
  json& all = *document;
  make_paths_absolute(all["options"], options);
  write_reading(all["reading"]);
  all["loop"] = state.loop.to_json();
  // A path need not be UTF-8, and JSON must be.
  std::string text = all.dump(-1, ' ', false, json::error_handler_t::replace);
  io::save_checkpoint(file, {.kind = kind, .json = std::move(text), .tensors = state.tensors});
}

/// The JSON of a checkpoint; a large one needs as large a file: a vocabulary comes with the weights of its symbols.
io::JsonDocument parse(io::Checkpoint& checkpoint, const std::string& file) {
  std::uint64_t size = checkpoint.json.size();
  for (const auto& [name, tensor] : checkpoint.tensors) size += tensor.bytes.size();
  auto document = io::parse_json(checkpoint.json, file, {.memory = (32 << 20) + 2 * size});
  std::string().swap(checkpoint.json);
  return document;
}

SavedState load_run(const std::string& file, const std::string& kind, const OptionList& options,
                    const std::function<void(const io::JsonValue&)>& read_reading) {
  io::Checkpoint checkpoint = io::load_checkpoint(file, kind);
  const io::JsonDocument document = parse(checkpoint, file);
  const io::JsonValue all(*document, file);
  from_json(options, all.at("options").json(), all.at("options").place());
  read_reading(all.at("reading"));
  return {.text_checksum = all.at("text_checksum").text(),
          .loop = LoopState::from_json(all.at("loop").json(), file),
          .tensors = std::move(checkpoint.tensors)};
}

void check_holds(const std::string& file, const io::TensorFile& tensors, double least_weights) {
  double weights = 0;
  for (const auto& [name, tensor] : tensors)
    if (name.starts_with("model.")) weights += static_cast<double>(tensor.bytes.size()) / sizeof(float);
  // Half as many would do: the count takes half of an odd number as half of it, and the model rounds down.
  if (least_weights > 2 * weights)
    raise<DataError>("{}: its options are those of a model of at least {:.0f} weights; it holds {:.0f}", file,
                     least_weights, weights);
}

}  // namespace internal

Vocabulary read_vocabulary(const io::JsonValue& value, const NeededSymbols& needed) {
  Vocabulary vocabulary = Vocabulary::from_json(value.json(), value.place());
  if (vocabulary.size() == 0) raise<DataError>("{}: it has no symbols", value.place());
  const auto need = [&](bool is_needed, const std::optional<std::int64_t>& id, const char* name) {
    if (is_needed && !id) raise<DataError>("{}: it has no {} symbol", value.place(), name);
  };
  need(needed.padding, vocabulary.padding(), "padding");
  need(needed.unknown, vocabulary.unknown(), "unknown");
  need(needed.start, vocabulary.start(), "start");
  need(needed.end, vocabulary.end(), "end");
  return vocabulary;
}

std::string checksum_of(std::string_view text) {
  io::Checksum sum;
  sum.update(std::as_bytes(std::span(text)));
  return fmt::format("{:016x}", sum.value());
}

void use_precision(const std::string& name) {
  set_matmul_precision(name == "bfloat16" ? Precision::bfloat16 : Precision::float32);
}

int use_threads(int threads) {
  if (threads == 0) threads = static_cast<int>(std::max(1u, std::thread::hardware_concurrency()));
  set_num_threads(threads);
  return threads;
}

}  // namespace unroll::program
