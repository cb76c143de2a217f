#include "classify/examples.hpp"

#include <sstream>

#include "classify/naive_bayes.hpp"
#include "program.hpp"

using namespace program_test;
namespace fs = std::filesystem;

namespace {

/// Lines of 3 to 7 of these letters, always the same.
std::string lines_of(std::string_view letters, int count) {
  std::string text;
  unsigned k = 1;
  for (int i = 0; i < count; ++i, text += '\n')
    for (int n = 0; n < 3 + i % 5; ++n)
      text += letters[(k = k * 1103515245u + 12345u) / 65536 % letters.size()];
  return text;
}

struct Names {
  TemporaryFolder folder;
  std::string data = folder / "data", out = folder / "run";

  Names() {
    fs::create_directory(data);
    write(data + "/First.txt", lines_of("abcde", 60));
    write(data + "/Later.txt", lines_of("vwxyz", 60));
  }
  Outcome operator()(const Arguments& arguments, std::string_view input = "") const {
    return run("classify", folder, arguments, input);
  }
};

Arguments training(const std::string& data, const std::string& out, const Arguments& more = {}) {
  return with({"train",    "--text",   data,          "--out",     out,
               "--hidden", "8",        "--embedding", "6",         "--batch",
               "8",        "--epochs", "6",           "--threads", "1",
               "--lr",     "0.02",     "--dropout",   "0.2",       "--embedding-dropout",
               "0.1"},
              more);
}

}  // namespace

TEST_CASE("classify: it learns, reports, evaluates and predicts") {
  const Names names;
  const auto trained = names(training(names.data, names.out));
  REQUIRE_MESSAGE(trained.status == 0, trained.err);
  CHECK(contains(trained.out, "classes     2\n"));
  CHECK(contains(trained.out, "split       102 train, 18 validate (15 %, drawn at random with seed 1)\n"));
  CHECK(contains(trained.out, "of naive Bayes on 1- to 4-grams of characters (α 0.3) 100.00 %\n"));
  CHECK_MESSAGE(contains(trained.out, "accuracy      100.00 %\nmacro recall  100.00 %\n"), trained.out);

  const auto evaluated = names({"eval", "--model", names.out});
  CHECK_MESSAGE(evaluated.status == 0, evaluated.err);
  CHECK(evaluated.out == trained.out.substr(trained.out.find("\nclass ")));

  const auto predicted = names({"predict", "--model", names.out, "--top", "1"},
                               "\xEF\xBB\xBF"
                               "abed\r\n\nzyx");
  CHECK_MESSAGE(predicted.status == 0, predicted.err);
  CHECK(contains(predicted.out, "abed\tFirst\t0.9"));
  CHECK(contains(predicted.out, "\n\nzyx\tLater\t0.9"));
}

TEST_CASE("classify: probabilities are sorted and add up to one") {
  const Names names;
  REQUIRE(names(training(names.data, names.out, {"--epochs", "1"})).status == 0);
  const auto predicted = names({"predict", "--model", names.out, "--top", "9"}, "ab\n");
  std::istringstream line(predicted.out);
  std::string text, first, second;
  double p = 0, q = 0;
  line >> text >> first >> p >> second >> q;
  CHECK(p >= q);
  CHECK(p + q == doctest::Approx(1).epsilon(2e-4));  // four digits each
}

TEST_CASE("classify: the same from a file of labelled lines, by words, with every pooling") {
  const Names names;
  std::string lines;
  for (int k = 0; k < 40; ++k) lines += k % 2 ? "good\tnice film and warm\n" : "bad\tdull film and cold\n";
  write(names.folder / "lines.tsv", lines);
  write(names.folder / "valid.tsv", "good\twarm film\nbad\tcold unheard film\n");
  for (const auto* pool : {"last", "mean", "max", "attention"}) {
    const auto trained = names(training(names.folder / "lines.tsv", names.out,
                                        {"--level", "word", "--pool", pool, "--cell", "gru", "--epochs", "20",
                                         "--overwrite", "--valid", names.folder / "valid.tsv"}));
    REQUIRE_MESSAGE(trained.status == 0, trained.err);
    CHECK_MESSAGE(contains(trained.out, "accuracy      100.00 %\n"), trained.out);
  }
  const auto evaluated = names({"eval", "--model", names.out, "--text", names.folder / "valid.tsv"});
  CHECK(contains(evaluated.out, "note: 1 of 5 words are unknown to the model\n"));
}

TEST_CASE("classify: sequences of real vectors") {
  const Names names;
  std::string text;
  for (int k = 0; k < 40; ++k) {
    text += k % 2 ? "up\n" : "down\n";
    for (int t = 0; t < 3 + k % 4; ++t) text += fmt::format("{} 7\n", 100 + (k % 2 ? t : -t));
    text += "\n";
  }
  write(names.folder / "series.txt", text);
  const auto trained = names({"train", "--series", names.folder / "series.txt", "--out", names.out,
                              "--hidden", "8", "--batch", "4", "--epochs", "30", "--lr", "0.02", "--dropout",
                              "0.1", "--threads", "1", "--valid-fraction", "0.2"});
  REQUIRE_MESSAGE(trained.status == 0, trained.err);
  CHECK(contains(trained.out, "sequences of vectors of 2 numbers\n"));
  CHECK(contains(trained.out, "accuracy      100.00 %\n"));
  const auto predicted = names({"predict", "--model", names.out, "--top", "1"},
                               "one\n100 7\n101 7\n102 7\n\ntwo\n100 7\n99 7\n98 7\n");
  CHECK_MESSAGE(predicted.status == 0, predicted.err);
  CHECK(contains(predicted.out, "one\tup\t"));
  CHECK(contains(predicted.out, "two\tdown\t"));
  const auto wide = names({"predict", "--model", names.out}, "one\n1 2 3\n");
  CHECK(wide.status == 1);
  CHECK_MESSAGE(contains(wide.err, "standard input:1: the model reads vectors of 2 numbers; these have 3"),
                wide.err);
}

TEST_CASE("classify: at a constant learning rate a run prolonged by --resume equals a longer one") {
  const Names names;
  const std::string parts = names.folder / "parts";
  const Arguments constant = {"--schedule", "constant", "--epochs"};
  REQUIRE(names(training(names.data, names.out, with(constant, {"4"}))).status == 0);
  REQUIRE(names(training(names.data, parts, with(constant, {"2"}))).status == 0);
  const auto resumed = names({"train", "--out", parts, "--resume", "--epochs", "4"});
  REQUIRE_MESSAGE(resumed.status == 0, resumed.err);
  CHECK(equal(tensors_of(parts, "classify"), tensors_of(names.out, "classify")));
  CHECK(timeless(parts) == timeless(names.out));
}

TEST_CASE("classify: a run whose learning rate falls over all epochs cannot be prolonged, and says so") {
  const Names names;
  REQUIRE(names(training(names.data, names.out, {"--epochs", "2"})).status == 0);
  const auto before = read(fs::path(names.out) / "last.safetensors");
  for (const auto* epochs : {"1", "4"}) {
    const auto resumed = names({"train", "--out", names.out, "--resume", "--epochs", epochs});
    CHECK(resumed.status == 2);
    CHECK_MESSAGE(
        contains(resumed.err, std::string("--epochs ") + epochs +
                                  ": the run to be continued has 2, over which the learning rate falls"),
        resumed.err);
  }
  CHECK(read(fs::path(names.out) / "last.safetensors") == before);
  CHECK(names({"train", "--out", names.out, "--resume", "--epochs", "2"}).status == 0);
}

TEST_CASE("classify: stopped within an epoch and resumed, it ends with the same weights to the bit") {
  const Names names;
  const std::string parts = names.folder / "parts";
  REQUIRE(names(training(names.data, names.out, {"--epochs", "300"})).status == 0);
  // Long enough for some steps, and too short for all of them: where it stops does not matter.
  REQUIRE(names(training(names.data, parts, {"--epochs", "300", "--time-limit", "0.3"})).status == 0);
  REQUIRE(names({"train", "--out", parts, "--resume"}).status == 0);
  CHECK(equal(tensors_of(parts, "classify"), tensors_of(names.out, "classify")));
}

TEST_CASE("classify: --keep chooses between the last model and the best one") {
  const Names names;
  const auto last = names(training(names.data, names.out));
  CHECK(!contains(last.out, "new best"));
  CHECK(equal(tensors_of(names.out, "classify"), tensors_of(names.out, "classify", "best.safetensors")));
  const auto best = names(training(names.data, names.out, {"--keep", "best", "--overwrite"}));
  CHECK(contains(best.out, "new best"));
  CHECK(contains(best.out, "; best accuracy 1.0000 at step "));
}

TEST_CASE("classify: features are n-grams with the ends of the text, or words") {
  using unroll::Level;
  using Features = std::vector<std::string>;
  CHECK(unroll::classify::features_of("\u00e9", Level::character) ==
        Features{"\x02", "\x02\u00e9", "\x02\u00e9\x03", "\u00e9", "\u00e9\x03", "\x03"});
  CHECK(unroll::classify::features_of("a bc", Level::word) == Features{"a", "bc"});
}

TEST_CASE("classify: naive Bayes chooses as by hand") {
  unroll::classify::NaiveBayes bayes(2, 1);
  CHECK_THROWS_AS(bayes.predict({"a"}), unroll::UsageError);
  bayes.add({"a", "a", "b"}, 0);
  bayes.add({"b", "c"}, 1);
  bayes.add({"b"}, 1);
  // With α = 1 and three features: P(a | 0) = 3/6, P(a | 1) = 1/6; P(b | 0) = 2/6, P(b | 1) = 3/6; P(1) =
  // 2/3.
  CHECK(bayes.predict({}) == 1);
  CHECK(bayes.predict({"a"}) == 0);       // 1/3 · 3/6 = 3/18 against 2/3 · 1/6 = 2/18
  CHECK(bayes.predict({"a", "b"}) == 0);  // 6/108 = 3/54 against 2/36 = 3/54: equal, the first
  CHECK(bayes.predict({"b", "unheard"}) == 1);
}
