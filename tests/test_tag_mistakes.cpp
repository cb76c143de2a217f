#include <algorithm>

#include "program.hpp"

using namespace program_test;

namespace {

const std::string good = "the\tD\nship\tN\n\nit\tP\nsails\tV\n";

/// A folder with a file of sentences and a model that has learned it.
struct Learned {
  TemporaryFolder folder;
  std::string text = folder / "good.tsv", model = folder / "model";

  Learned() {
    write(text, good);
    const Outcome trained = train(text, {});
    REQUIRE_MESSAGE(trained.status == 0, trained.err);
  }
  Outcome train(const std::string& file, const Arguments& more) const {
    return run(
        "tag", folder,
        with({"train", "--text", file, "--out", model, "--hidden", "4", "--epochs", "1", "--threads", "1"},
             more));
  }
  Outcome train_on(std::string_view content, const Arguments& more = {}) const {
    write(folder / "other.tsv", content);
    return train(folder / "other.tsv", with(more, {"--overwrite"}));
  }
  Outcome eval_on(std::string_view content) const {
    write(folder / "other.tsv", content);
    return run("tag", folder, {"eval", "--model", model, "--text", folder / "other.tsv"});
  }
  Outcome predict(std::string_view input) const {
    return run("tag", folder, {"predict", "--model", model}, input);
  }
};

}  // namespace

TEST_CASE("tag: a file that does not serve is told with its line, in training and in evaluation") {
  const Learned learned;
  const std::pair<const char*, const char*> wrong[] = {
      {"", "other.tsv: "},                         // empty
      {"\n\n \n", "other.tsv: "},                  // blank lines
      {"the\tD\nship N\n", "other.tsv:2: "},       // no tab
      {"the\tD\n\nship\n", "other.tsv:3: "},       // one column
      {"the\tD\tx\n", "other.tsv:1: "},            // three columns
      {"the\t\n", "other.tsv:1: "},                // an empty tag
      {"the\tD\nsh\xE9p\tN\n", "other.tsv:2: "}};  // not UTF-8
  for (const auto& [content, message] : wrong) {
    const std::string where = message;
    for (const Outcome& outcome : {learned.train_on(content), learned.eval_on(content)}) {
      CHECK(outcome.status == 1);
      CHECK_MESSAGE(outcome.err.starts_with("tag: "), outcome.err);
      CHECK_MESSAGE(contains(outcome.err, where), outcome.err);
    }
  }
  CHECK(learned.train(learned.folder / "none.tsv", {"--overwrite"}).status == 1);
  const Outcome nameless = run("tag", learned.folder, {"train", "--out", learned.folder / "m"});
  CHECK(nameless.status == 2);
  CHECK(nameless.err == "tag: --text: name the file to learn\n");
}

TEST_CASE("tag: CR LF and a byte order mark change nothing, in files and on standard input") {
  const Learned learned;
  std::string odd = "\xEF\xBB\xBF";
  for (const char c : good) odd += c == '\n' ? "\r\n" : std::string(1, c);
  CHECK(learned.eval_on(odd).out == learned.eval_on(good).out);
  CHECK(learned.predict("\xEF\xBB\xBFthe ship\r\n").out == learned.predict("the ship\n").out);
}

TEST_CASE("tag: bytes on standard input that are not UTF-8 are taken for U+FFFD, and told") {
  const Learned learned;
  const Outcome outcome = learned.predict("the sh\xE9p\n");
  CHECK(outcome.status == 0);
  CHECK(contains(outcome.out, "sh\uFFFDp\t"));
  CHECK_MESSAGE(contains(outcome.err, "tag: standard input:1: byte 0xE9 (offset 6) is not UTF-8"),
                outcome.err);
}

TEST_CASE("tag: nothing on standard input gives nothing") {
  const Learned learned;
  for (const auto* input : {"", "\n \n\t\n"}) {
    const Outcome outcome = learned.predict(input);
    CHECK(outcome.status == 0);
    CHECK(outcome.out.empty());
  }
}

TEST_CASE("tag: a tag that training has not seen counts as missed, and is named") {
  const Learned learned;
  const Outcome some = learned.eval_on(good + "\nthe\tZ\n");
  CHECK(some.status == 0);
  CHECK(contains(some.out, "note: 1 word with a tag that the model does not know, such as Z"));
  const Outcome none = learned.eval_on("the\tZ\n");
  CHECK(none.status == 1);
  CHECK(contains(none.err, "the model knows no tag of it, such as Z"));
  write(learned.folder / "valid.tsv", good + "\nthe\tZ\n");
  const Outcome trained = learned.train_on(good, {"--valid", learned.folder / "valid.tsv"});
  CHECK(trained.status == 0);
  CHECK(contains(trained.out, "valid.tsv: 1 word with a tag that does not occur in training, such as Z"));
}

TEST_CASE("tag: a sentence of 5,000 words, and a word of 5,000 characters, are learned and tagged") {
  const Learned learned;
  std::string file, line;
  for (int k = 0; k < 5000; ++k) file += "ship\tN\n", line += "ship ";
  const std::string word(5000, 'x');
  file += "\n" + word + "\tN\n";
  const Outcome trained = learned.train_on(file);
  CHECK_MESSAGE(trained.status == 0, trained.err);
  CHECK(learned.eval_on(file).status == 0);
  const Outcome tagged = learned.predict(line + "\n" + word + "\n");
  CHECK(std::count(tagged.out.begin(), tagged.out.end(), '\t') == 5001);
}

TEST_CASE("tag: a model of another program is refused, and both are named") {
  const Learned learned;
  write(learned.folder / "text", std::string(500, 'a'));
  REQUIRE(run("char_lm", learned.folder,
              {"train", "--text", learned.folder / "text", "--out", learned.folder / "lm", "--hidden", "4",
               "--epochs", "1", "--batch", "2", "--threads", "1"})
              .status == 0);
  for (const Arguments& command :
       std::vector<Arguments>{{"eval", "--text", learned.text, "--model"},
                              {"predict", "--model"},
                              {"train", "--text", learned.text, "--resume", "--out"}}) {
    const Outcome outcome = run("tag", learned.folder, with(command, {learned.folder / "lm"}));
    CHECK(outcome.status == 1);
    CHECK_MESSAGE(contains(outcome.err, "a checkpoint of \"char_lm\"; need one of \"tag\""), outcome.err);
  }
}

TEST_CASE("tag: a run goes on with the text it began with only") {
  const Learned learned;
  write(learned.folder / "longer.tsv", good + "\nthe\tD\n");
  const Outcome other =
      run("tag", learned.folder,
          {"train", "--text", learned.folder / "longer.tsv", "--out", learned.model, "--resume"});
  CHECK(other.status == 2);
  CHECK_MESSAGE(contains(other.err, "not the text that the run to be continued was trained on"), other.err);
  const Outcome wider =
      run("tag", learned.folder, {"train", "--out", learned.model, "--resume", "--hidden", "5"});
  CHECK(contains(wider.err, "--hidden 5: the run to be continued has 4"));
}

TEST_CASE("tag: options out of range are refused with their names") {
  const Learned learned;
  const auto refused = [&](const Arguments& wrong, const char* message) {
    const Outcome outcome = learned.train(learned.text, with({"--overwrite"}, wrong));
    CHECK(outcome.status == 2);
    CHECK_MESSAGE(contains(outcome.err, message), outcome.err);
  };
  refused({"--features", "none"}, "--features");
  refused({"--cell", "none"}, "--cell: there is no 'none'");
  refused({"--word-dropout", "1.5"}, "--word-dropout: need a number from 0 to 1; got 1.5");
  refused({"--min-count", "100"}, "--min-count 100: no word occurs so often");
}

TEST_CASE("tag: a model that no memory can hold is refused before anything is made") {
  const Learned learned;
  const Outcome outcome = learned.train_on(good, {"--char-hidden", "1000000000"});
  CHECK(outcome.status == 2);
  CHECK_MESSAGE(contains(outcome.err, "--char-hidden 1000000000, --layers 1: training needs at least "),
                outcome.err);
}

TEST_CASE("tag: a sentence of 5,000 words trains, which is told, and is tagged") {
  const Learned learned;
  std::string tagged, plain;
  for (int k = 0; k < 5000; ++k)
    tagged += k % 2 ? "the\tD\n" : "ship\tN\n", plain += k % 2 ? "the " : "ship ";
  const Outcome trained = learned.train_on(good + "\n" + tagged);
  REQUIRE_MESSAGE(trained.status == 0, trained.err);
  CHECK_MESSAGE(contains(trained.out, "note: the longest sentence has 5,000 words, half of them at most 2: "),
                trained.out);
  const Outcome said = learned.predict(plain + "\n");
  CHECK_MESSAGE(said.status == 0, said.err);
  CHECK(std::count(said.out.begin(), said.out.end(), '\n') >= 5000);
}
