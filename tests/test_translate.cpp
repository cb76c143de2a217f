#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "program.hpp"
#include "translate/alignment_plot.hpp"
#include "translate/corpus.hpp"

using namespace program_test;

namespace {

constexpr const char* english[] = {"one", "two", "three", "four", "five"};
constexpr const char* french[] = {"un", "deux", "trois", "quatre", "cinq"};

/// Every sequence of one to three numbers, word by word.
std::string numbers() {
  std::string text;
  for (int n = 1; n <= 3; ++n)
    for (int code = 0; code < std::pow(5, n); ++code) {
      std::string source, target;
      for (int k = 0, rest = code; k < n; ++k, rest /= 5) {
        source += fmt::format("{}{}", k ? " " : "", english[rest % 5]);
        target += fmt::format("{}{}", k ? " " : "", french[rest % 5]);
      }
      text += source + "\t" + target + "\n";
    }
  return text;
}

Arguments training(const TemporaryFolder& folder, const std::string& out, const Arguments& more = {}) {
  return with({"train", "--text", folder / "pairs", "--out", folder / out, "--threads", "1", "--hidden", "16",
               "--embedding", "8", "--batch", "16", "--epochs", "2", "--valid-fraction", "0.1"},
              more);
}

struct Pairs {
  TemporaryFolder folder;
  Pairs() { write(folder / "pairs", numbers()); }
  Outcome train(const std::string& out, const Arguments& more = {}) const {
    return run("translate", folder, training(folder, out, more));
  }
  Outcome predict(const std::string& model, std::string_view input, const Arguments& more = {}) const {
    return run("translate", folder, with({"predict", "--model", folder / model, "--threads", "1"}, more),
               input);
  }
};

}  // namespace

TEST_CASE("translate: learns numbers, tells how well, and translates lines") {
  const Pairs pairs;
  const auto trained =
      pairs.train("run", {"--epochs", "80", "--lr", "0.01", "--dropout", "0", "--hidden", "32"});
  REQUIRE_MESSAGE(trained.status == 0, trained.err);
  CHECK(contains(trained.out, "139 train, 16 pairs validate"));
  const auto said = pairs.predict("run", "two one five\r\n\n  four\n");
  CHECK(said.out == "deux un cinq\n\nquatre\n");
  CHECK(said.err.empty());
  const auto eval =
      run("translate", pairs.folder,
          {"eval", "--model", pairs.folder / "run", "--text", pairs.folder / "pairs", "--beam", "2"});
  const double exact = std::stod(eval.out.substr(eval.out.find("exact") + 5));
  CHECK(exact >= 90);                             // which of the last few are learned is decided by rounding
  CHECK(contains(eval.out, "BLEU        0.00"));  // these have no four words in a row
}

TEST_CASE("translate: several translations come best first, and a plot shows what they were read from") {
  const Pairs pairs;
  REQUIRE(pairs.train("run").status == 0);
  const auto several =
      pairs.predict("run", "one two", {"--best", "3", "--beam", "3", "--length-penalty", "0"});
  std::vector<double> scores;
  for (std::size_t at = 0; at < several.out.size(); at = several.out.find('\n', at) + 1)
    scores.push_back(std::stod(several.out.substr(at)));
  CHECK(scores.size() == 3);
  CHECK(std::is_sorted(scores.rbegin(), scores.rend()));
  const std::string plot = pairs.folder / "plot.svg";
  REQUIRE(pairs.predict("run", "one <two>\nfive\n", {"--attention-plot", plot}).status == 0);
  const std::string svg = read(plot);
  CHECK(contains(svg, ">one</text>"));
  CHECK(contains(svg, ">&lt;two&gt;</text>"));
  CHECK(contains(svg, ">(end)</text>"));
  CHECK_FALSE(contains(svg, "five"));  // it is of the first line
}

TEST_CASE("translate: a run that is resumed equals one that was not interrupted, to the bit") {
  const Pairs pairs;
  for (const Arguments& more : {Arguments{"--sampling", "20", "--label-smoothing", "0.1"},
                                Arguments{"--decoder", "input-feeding", "--cell", "lstm", "--layers", "2"}}) {
    REQUIRE(pairs.train("whole", with(more, {"--epochs", "3", "--eval-every", "4", "--overwrite"})).status ==
            0);
    REQUIRE(pairs.train("parts", with(more, {"--epochs", "1", "--overwrite"})).status == 0);
    const auto resumed = run("translate", pairs.folder,
                             {"train", "--out", pairs.folder / "parts", "--resume", "--epochs", "3"});
    REQUIRE_MESSAGE(resumed.status == 0, resumed.err);
    CHECK(equal(tensors_of(pairs.folder / "parts", "translate"),
                tensors_of(pairs.folder / "whole", "translate")));
  }
}

TEST_CASE("translate: every decoder trains and translates; tied weights, capitals") {
  const Pairs pairs;
  const std::pair<const char*, const char*> kinds[] = {{"input-feeding", "dot"}, {"bahdanau", "additive"},
                                                       {"luong", "general"},     {"luong", "scaled-dot"},
                                                       {"luong", "none"},        {"plain", "general"}};
  for (const auto& [decoder, attention] : kinds) {
    const auto trained = pairs.train("run", {"--decoder", decoder, "--attention", attention, "--epochs", "1",
                                             "--overwrite", "--tie", "--embedding", "16", "--lowercase"});
    REQUIRE_MESSAGE(trained.status == 0, trained.err);
    const auto said = pairs.predict("run", "ONE Two\n");
    CHECK(said.status == 0);
    CHECK(said.err.empty());  // capitals are read as the small letters that it knows
  }
  CHECK(pairs.predict("run", "one", {"--attention-plot", "x.svg"}).err ==
        "translate: --attention-plot: this model has no attention\n");
}

TEST_CASE("translate: a decoder without attention is reported so, however it was asked for") {
  const Pairs pairs;
  for (const Arguments& asked : {Arguments{"--decoder", "plain"}, Arguments{"--attention", "none"}}) {
    const auto trained = pairs.train("run", with(asked, {"--epochs", "1", "--overwrite"}));
    REQUIRE_MESSAGE(trained.status == 0, trained.err);
    CHECK(contains(trained.out, "gru, decoder plain, attention none\n"));
    const json config = log_lines(pairs.folder / "run").front().at("config");
    CHECK(config["decoder"] == "plain");
    CHECK(config["attention"] == "none");
    const auto plot = pairs.predict("run", "one", {"--attention-plot", pairs.folder / "x.svg"});
    CHECK(plot.err == "translate: --attention-plot: this model has no attention\n");
    CHECK(plot.status == 2);
    CHECK_FALSE(std::filesystem::exists(pairs.folder / "x.svg"));
    const auto resumed =
        run("translate", pairs.folder,
            with({"train", "--out", pairs.folder / "run", "--resume", "--epochs", "2"}, asked));
    CHECK_MESSAGE(resumed.status == 0, resumed.err);
  }
  const std::string help = run("translate", pairs.folder, {"train", "--help"}).out;
  CHECK(contains(help, "plain: not at all"));
}

TEST_CASE("translate: the plot is of the first line with words, and it is told when there is none") {
  const Pairs pairs;
  REQUIRE(pairs.train("run").status == 0);
  const std::string plot = pairs.folder / "plot.svg";
  for (const char* nothing : {"", "\n \n"}) {
    const auto none = pairs.predict("run", nothing, {"--attention-plot", plot});
    CHECK(none.status == 0);
    CHECK(none.err ==
          "translate: --attention-plot " + plot + ": not written: there was no line to translate\n");
    CHECK_FALSE(std::filesystem::exists(plot));
  }
  const auto drawn = pairs.predict("run", "\n\ntwo\nfive\n", {"--attention-plot", plot});
  CHECK(drawn.err.empty());
  CHECK(contains(read(plot), ">two</text>"));
  const std::string nowhere = pairs.folder / "none" / "plot.svg";
  const auto failed = pairs.predict("run", "two\n", {"--attention-plot", nowhere});
  CHECK(failed.status == 1);
  CHECK_MESSAGE(failed.err.starts_with("translate: --attention-plot " + nowhere + ": "), failed.err);
}

TEST_CASE(
    "alignment plot: a cell for each weight, words escaped, and a file that cannot be written is told") {
  const TemporaryFolder folder;
  const unroll::Variable<float> weights({2, 1, 3}, 0.25F);
  unroll::translate::write_alignment_plot(folder / "a.svg", {"a&b", "c\x01", "été"}, {"x", "y"}, weights);
  const std::string svg = read(folder / "a.svg");
  std::size_t cells = 0;
  for (std::size_t at = svg.find("fill-opacity=\"0.250\""); at != svg.npos;
       at = svg.find("fill-opacity", at + 1))
    ++cells;
  CHECK(cells == 6);
  CHECK(contains(svg, ">a&amp;b</text>"));
  CHECK(contains(svg, ">c?</text>"));
  CHECK(contains(svg, ">été</text>"));
  CHECK_THROWS_AS(unroll::translate::write_alignment_plot(folder / "none" / "a.svg", {"a"}, {"x"}, weights),
                  unroll::DataError);
}

TEST_CASE("corpus: rare words are unknown, and a batch holds what its pairs say") {
  using namespace unroll;
  using namespace unroll::translate;
  const std::vector<TextPair> pairs = {{"A b", "x"}, {"a c", "x y"}};
  const Reading reading = Reading::of(pairs, true, 2);
  CHECK(reading.source.size() == 5);  // four special ones and "a"
  const Corpus corpus = encode(pairs, reading);
  CHECK(corpus.unknown_source == 2);
  CHECK(corpus.unknown_target == 1);
  CHECK(corpus.symbols == 5);
  const std::vector<std::int64_t> both = {0, 1};
  const SequencePairs batch = make_batch(corpus, both);
  CHECK(batch.source.shape() == Shape{2, 2});
  CHECK(batch.target[1] == *reading.target.find("x"));
  CHECK(batch.target[2] == *reading.target.padding());
  CHECK(symbols_in(batch) == 5);
  nlohmann::ordered_json json;
  reading.to_json(json);
  const Reading again = Reading::from_json(io::JsonValue(json, "file"));
  CHECK(again.words("A B") == Words{"a", "b"});
  CHECK(again.source.to_json() == reading.source.to_json());
}
