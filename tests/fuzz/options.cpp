// The JSON of a model's file: options, vocabularies, and where the training stands. The checkpoint around it is sound.

#include <nlohmann/json.hpp>

#include "common/saved_run.hpp"
#include "fuzz.hpp"

namespace {

using namespace unroll;

/// Options of every kind that a program may have.
struct Options : program::RunOptions {
  static constexpr const char* kind = "fuzz";
  std::string text, level = "char";
  std::int64_t hidden = 1;
  int layers = 1;
  double dropout = 0;
  bool tied = false;
  std::optional<std::uint64_t> split_seed;
  std::vector<std::int64_t> sizes;
  std::vector<double> shares;

  template <class Self, class Visit>
  static void visit_fixed(Self& o, Visit&& visit) {
    visit("level", o.level, "", program::Allowed{.words = {"char", "word"}});
    visit("hidden", o.hidden, "", program::size_from(1));
    visit("layers", o.layers, "", program::Allowed{.low = 1, .high = 1000});
    visit("dropout", o.dropout, "", program::share());
    visit("tied", o.tied, "", program::Allowed{});
    visit("split-seed", o.split_seed, "", program::at_least(0));
    visit("sizes", o.sizes, "", program::size_from(1));
    visit("shares", o.shares, "", program::share());
    visit_learning(o, visit);
  }
  template <class Self, class Visit>
  static void visit_changeable(Self& o, Visit&& visit) {
    visit("text", o.text, "", program::Allowed{.path = true});
    visit_duration(o, visit);
  }
};

struct Reading {
  Vocabulary words, tags;
  void to_json(nlohmann::ordered_json& json) const {
    json = {{"words", words.to_json()}, {"tags", tags.to_json()}};
  }
  static Reading from_json(const io::JsonValue& value) {
    return {.words = program::read_vocabulary(value.at("words"), {.unknown = true}),
            .tags = program::read_vocabulary(value.at("tags"), {})};
  }
};

double least_weights(const Options& options, const Reading& reading) {
  return static_cast<double>(options.hidden) * static_cast<double>(reading.words.size());
}

/// The file of a model that has `json` and a few weights.
std::string model_file(std::string_view json) {
  io::Checkpoint checkpoint{.kind = "fuzz", .json = std::string(json), .tensors = {}};
  const std::vector<float> weights(64);
  checkpoint.tensors.add<float>("model.w", {64}, weights);
  const auto bytes = io::serialise_checkpoint(std::move(checkpoint));
  return fuzz::file_of({reinterpret_cast<const char*>(bytes.data()), bytes.size()});
}

std::string text_of(const program::SavedRunOf<Options, Reading>& run) {
  Options options = run.options;
  nlohmann::ordered_json json{{"options", program::to_json(program::list_of(options))},
                              {"reading", nullptr},
                              {"text_checksum", run.text_checksum},
                              {"loop", run.loop.to_json()}};
  run.reading.to_json(json["reading"]);
  return json.dump();
}

}  // namespace

UNROLL_FUZZ_TARGET(options) {
  const auto run = program::load_run<Options, Reading>(model_file(input));
  const std::string written = text_of(run);
  const auto again = program::load_run<Options, Reading>(model_file(written));
  fuzz::require(text_of(again) == written, "a run is read as it was written");
}
