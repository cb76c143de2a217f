#include <cerrno>
#include <cmath>

#include "char_lm/corpus.hpp"
#include "char_lm/index.hpp"
#include "char_lm_program.hpp"
#include "system_calls.hpp"
#include "unroll/autograd/error.hpp"
#include "unroll/data/text.hpp"

using namespace char_lm_test;

namespace {

/// A text and a run whose numbers lie in a file.
struct Indexed {
  TemporaryFolder folder;
  std::string text = folder / "text", index = folder / "ids", model = folder / "model";

  explicit Indexed(const std::string& characters = story(3000)) { write(text, characters); }
  Outcome train(const std::string& out, const Arguments& more = {}) const {
    return run(folder, training(text, out, with({"--index", index}, more)));
  }
};

double number_after(const std::string& out, const std::string& word) {
  const auto at = out.find(word);
  REQUIRE(at != std::string::npos);
  return std::stod(out.substr(at + word.size()));
}

}  // namespace

TEST_CASE(
    "char_lm: a run on an index is one on memory, to the bit, and a second one does not read the text") {
  const Indexed files;
  REQUIRE(run(files.folder, training(files.text, files.folder / "memory")).status == 0);
  const auto first = files.train(files.model);
  REQUIRE_MESSAGE(first.status == 0, first.err);
  CHECK(contains(first.out, "index       " + files.index + " (1 byte a symbol; "));
  CHECK(equal(tensors_of(files.folder / "memory", "char_lm"), tensors_of(files.model, "char_lm")));
  const auto second = files.train(files.folder / "second");
  CHECK(contains(second.out, "(of an earlier reading; the text was not read)"));
  CHECK(equal(tensors_of(files.folder / "second", "char_lm"), tensors_of(files.model, "char_lm")));
}

TEST_CASE(
    "char_lm: an index goes on without its text, is made anew for another, and never replaces another file") {
  const Indexed files;
  REQUIRE(files.train(files.model, {"--epochs", "1"}).status == 0);
  std::filesystem::rename(files.text, files.folder / "moved");
  const auto resumed = run(files.folder, {"train", "--out", files.model, "--resume", "--epochs", "2"});
  CHECK_MESSAGE(resumed.status == 0, resumed.err);
  CHECK(contains(resumed.out, "the text was not read"));

  write(files.text, story(3100));
  const auto other = files.train(files.folder / "other");
  CHECK(contains(other.out, "of another text, or read in another way; it is made anew"));
  CHECK(contains(other.out, ": 3,100 characters"));
  const auto words = files.train(files.folder / "words", {"--level", "word"});
  CHECK(contains(words.out, "it is made anew"));

  const std::string bytes = unroll::read_bytes(files.index);
  write(files.index, bytes.substr(0, bytes.size() - 1));
  CHECK(contains(files.train(files.folder / "cut", {"--level", "word"}).out, "cut off: it has"));
  write(files.index, "my notes");
  const auto foreign = files.train(files.folder / "foreign");
  CHECK(foreign.status == 1);
  CHECK(contains(foreign.err, "--index " + files.index + ": this file is no index and is left as it is"));
  CHECK(unroll::read_bytes(files.index) == "my notes");
  CHECK(!std::filesystem::exists(files.folder / "foreign"));
}

TEST_CASE("char_lm: what an index knows survives, and another's info is refused") {
  using namespace unroll;
  const TemporaryFolder folder;
  write(folder / "text", "abc\xFF");
  const auto [corpus, reading] =
      char_lm::read_new_corpus({.text = folder / "text", .index = folder / "ids"}, {});
  CHECK(corpus.notes.size() == 1);
  const auto [again, reading_again] =
      char_lm::read_new_corpus({.text = folder / "text", .index = folder / "ids"}, {});
  CHECK(again.notes == corpus.notes);
  CHECK(again.checksum == corpus.checksum);
  CHECK(again.ids.size() == 4);
  CHECK(reading_again.encoding == Encoding::bytes);
  CHECK_THROWS_AS(char_lm::IndexInfo::from_text("{}", "f"), DataError);
}

TEST_CASE("char_lm: subwords are learned, cost less than characters, and are written as text") {
  const Indexed files(story(20000) + "\u00e9\u00e9");
  const auto outcome = files.train(files.model, {"--level", "bpe", "--vocabulary", "40"});
  REQUIRE_MESSAGE(outcome.status == 0, outcome.err);
  CHECK(contains(outcome.out, "vocabulary  40 different subwords"));
  CHECK(contains(outcome.out, "subwords    "));
  CHECK(contains(outcome.out, "validation loss, nats/subword"));
  const auto line = log_lines(files.model).back();
  const double characters = number_after(outcome.out, "of which a subword has ");
  CHECK(std::abs(line["bits_per_char"].get<double>() -
                 line["valid_loss"].get<double>() / characters / std::log(2)) < 0.01);

  const auto eval =
      run(files.folder, {"eval", "--model", files.model, "--text", files.text, "--valid-fraction", "0.1"});
  CHECK(std::abs(number_after(eval.out, "bits/char") / line["bits_per_char"].get<double>() - 1) < 1e-4);
  const auto sample = run(files.folder, {"sample", "--model", files.model, "--length", "40", "--seed", "1",
                                         "--prime", "the sea"});
  CHECK(sample.out.starts_with("the sea"));
  CHECK(sample.out.size() > 60);
  CHECK(contains(run(files.folder, {"sample", "--model", files.model, "--prime", "\u4e2d"}).err,
                 "1 unknown subword ("));

  const auto small = files.train(files.folder / "small", {"--level", "bpe", "--vocabulary", "10"});
  CHECK(small.status == 2);
  CHECK(contains(small.err, "--vocabulary 10: byte pairs: need a vocabulary of at least "));
}

TEST_CASE("char_lm: a run on subwords that is resumed equals one that was not interrupted, to the bit") {
  const Indexed files(story(6000));
  const Arguments subwords = {"--level", "bpe", "--vocabulary", "40"};
  REQUIRE(files.train(files.folder / "whole", subwords).status == 0);
  REQUIRE(files.train(files.model, with(subwords, {"--epochs", "1"})).status == 0);
  const auto resumed = run(files.folder, {"train", "--out", files.model, "--resume", "--epochs", "2"});
  REQUIRE_MESSAGE(resumed.status == 0, resumed.err);
  CHECK(equal(tensors_of(files.folder / "whole", "char_lm"), tensors_of(files.model, "char_lm")));
}

TEST_CASE(
    "char_lm: --normalise nfc reads a letter and its mark as one character, in training and afterwards") {
  std::string text;
  for (const char c : story(3000)) text += c == 'e' ? "e\u0301" : std::string(1, c);
  const Indexed files(text);
  const auto outcome = files.train(files.model, {"--normalise", "nfc"});
  REQUIRE_MESSAGE(outcome.status == 0, outcome.err);
  CHECK(contains(outcome.out, ": 3,000 characters, UTF-8"));
  const auto eval = run(files.folder, {"eval", "--model", files.model, "--text", files.text});
  CHECK(contains(eval.out, ": 3,000 characters"));
  const auto sample =
      run(files.folder, {"sample", "--model", files.model, "--prime", "e\u0301", "--length", "1"});
  CHECK(sample.err.empty());
  CHECK(sample.out.starts_with("\u00e9"));
}

TEST_CASE("char_lm: a text whose size the system does not tell is not taken for a large one") {
  const TemporaryFolder folder;
  const std::string text = folder / "text";
  write(text, "short");
  const system_calls::Failing failing("stat", EIO, 1);  // the first call has told that it is a file
  CHECK_FALSE(unroll::char_lm::is_large(text));
}
