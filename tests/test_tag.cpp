#include "program.hpp"
#include "tag/scores.hpp"
#include "tag/tagger.hpp"

using namespace program_test;
using unroll::Generator;
using unroll::Indices;
using unroll::TaggedSentence;
using namespace unroll::tag;

namespace {

/// Sentences of which the tags can be learned: N for things, V for what they do, D before things; made-up
/// names, each of which occurs once, end in "us" and are N.
std::string treebank(int sentences) {
  const char* things[] = {"sea", "ship", "crew", "port"};
  const char* deeds[] = {"sleeps", "sails", "sings"};
  std::string text;
  unsigned draw = 1;
  const auto next = [&](unsigned n) { return ((draw = draw * 1103515245u + 12345u) >> 16) % n; };
  for (int k = 0; k < sentences; ++k) {
    if (next(3) == 0)
      text += std::string(1, static_cast<char>('A' + next(26))) + std::to_string(k) + "us\tN\n";
    else
      text += std::string("the\tD\n") + things[next(4)] + "\tN\n";
    text += std::string(deeds[next(3)]) + "\tV\n";
    if (next(2) == 0) text += ".\tP\n";
    text += "\n";
  }
  return text;
}

/// A file of sentences, a smaller one for validation, and the command that learns them.
struct Files {
  TemporaryFolder folder;
  std::string text = folder / "train.tsv", valid = folder / "valid.tsv", model = folder / "model";

  explicit Files(int sentences = 60) {
    write(text, treebank(sentences));
    write(valid, treebank(sentences + 20).substr(treebank(sentences).size()));
  }
  Arguments command(const Arguments& more = {}) const {
    return with({"train", "--text",   text, "--valid",          valid, "--out",         model, "--embedding",
                 "6",     "--hidden", "8",  "--char-embedding", "4",   "--char-hidden", "5",   "--batch",
                 "8",     "--epochs", "2",  "--threads",        "1"},
                more);
  }
  Outcome train(const Arguments& more = {}) const { return run("tag", folder, command(more)); }
  Outcome tag(const Arguments& arguments, std::string_view input = "") const {
    return run("tag", folder, arguments, input);
  }
};

std::vector<TaggedSentence> sentences() {
  return {{.words = {"the", "cat", "sat"}, .tags = {"D", "N", "V"}},
          {.words = {"the", "the"}, .tags = {"D", "D"}},
          {.words = {"cat"}, .tags = {"N"}}};
}

ModelOptions sizes() {
  return {.choice = {},
          .words = 4,
          .word_embedding = 3,
          .characters = 6,
          .character_embedding = 2,
          .character_hidden = 2,
          .hidden = 4,
          .tags = 3};
}

std::vector<float> list(const unroll::Variable<float>& v) {
  const auto copy = v.copy();
  return {copy.data(), copy.data() + copy.size()};
}

}  // namespace

TEST_CASE("tag: a batch has every word's number, each different word once by its characters, and its tags") {
  const Reading reading = Reading::of(sentences(), 1);
  const Corpus corpus = encode(sentences(), reading);
  const std::int64_t which[] = {0, 1};
  const Batch batch = make_batch(corpus, which);
  const auto values = [](const Indices& i) { return std::vector(i.begin(), i.end()); };
  // Known words: <unknown> 0, cat 1, sat 2, the 3; tags D 0, N 1, V 2.
  CHECK(batch.words.shape() == unroll::Shape{3, 2});
  CHECK(values(batch.words) == std::vector<std::int64_t>{3, 3, 1, 3, 2, 0});
  CHECK(values(batch.lengths) == std::vector<std::int64_t>{3, 2});
  CHECK(values(batch.spelling) == std::vector<std::int64_t>{0, 0, 1, 0, 2, 0});
  CHECK(values(batch.tags) == std::vector<std::int64_t>{0, 0, 1, 0, 2, unknown_tag});
  CHECK(batch.tokens == 5);
  // Characters that occur twice: a 1, c 2, e 3, h 4, t 5; s occurs once.
  CHECK(batch.characters.shape() == unroll::Shape{3, 3});
  CHECK(values(batch.characters) == std::vector<std::int64_t>{5, 2, 0, 4, 1, 1, 3, 5, 5});
}

TEST_CASE("tag: word dropout takes the share it is told of the words that occur once, and of no others") {
  std::vector<TaggedSentence> many(1);
  for (int k = 0; k < 2000; ++k) {
    many[0].words.push_back("once" + std::to_string(k));
    many[0].words.push_back("often");
  }
  many[0].tags.assign(4000, "X");
  const Corpus corpus = encode(many, Reading::of(many, 1));
  const std::int64_t which[] = {0};
  const auto dropped = [&](double share, std::uint64_t step) {
    const Batch batch =
        make_batch(corpus, which, {.share = share, .unknown = 0, .key = {.seed = 1, .step = step}});
    std::vector<int> places;
    for (int k = 0; k < 4000; ++k)
      if (batch.words[k] == 0) places.push_back(k);
    return places;
  };
  const auto half = dropped(0.5, 0);
  CHECK(std::abs(static_cast<double>(half.size()) - 1000) < 4 * std::sqrt(500));  // 4 standard deviations
  CHECK(std::all_of(half.begin(), half.end(), [](int k) { return k % 2 == 0; }));
  CHECK(half == dropped(0.5, 0));
  CHECK(half != dropped(0.5, 1));
  CHECK(dropped(1, 0).size() == 2000);
  CHECK(dropped(0, 0).empty());
}

TEST_CASE("tag: a sentence's logits do not depend on the sentences beside it") {
  const Reading reading = Reading::of(sentences(), 1);
  const Corpus corpus = encode(sentences(), reading);
  Generator rng(1);
  TagModel model(sizes(), rng);
  unroll::eval(model);
  const std::int64_t all[] = {0, 1, 2}, second[] = {1};
  const auto together = list(model(make_batch(corpus, all))), alone = list(model(make_batch(corpus, second)));
  for (std::size_t t = 0; t < 2; ++t)
    for (std::size_t k = 0; k < 3; ++k)
      // The same numbers through products of other shapes: a few roundings of values of about 1.
      CHECK(std::abs(together[(t * 3 + 1) * 3 + k] - alone[t * 3 + k]) <= 1e-6F);
}

TEST_CASE("tag: the spelling tells unknown words apart, and words alone do not") {
  const Reading reading = Reading::of(sentences(), 1);
  const Corpus corpus = encode({{.words = {"hat"}, .tags = {}}, {.words = {"tea"}, .tags = {}}}, reading);
  const std::int64_t first[] = {0}, second[] = {1};
  for (const bool spelled : {true, false}) {
    ModelOptions options = sizes();
    if (!spelled) options.characters = 0;
    Generator rng(1);
    const TagModel model(options, rng);
    CHECK((list(model(make_batch(corpus, first))) != list(model(make_batch(corpus, second)))) == spelled);
  }
}

TEST_CASE("tag: scores count words, unknown words, and tags that the model does not know as missed") {
  const Reading reading = Reading::of(sentences(), 1);
  const Corpus corpus =
      encode({{.words = {"the", "dog", "sat"}, .tags = {"D", "N", "Z"}}, {.words = {"cat"}, .tags = {"V"}}},
             reading);
  CHECK(corpus.unknown_tags == 1);
  CHECK(corpus.first_unknown_tag == "Z");
  Generator rng(1);
  ModelOptions options = sizes();
  options.choice.dropout = 0.5;  // which evaluation leaves out
  const TagModel model(options, rng);
  const Scores scores = score(model, corpus, reading, "file");
  CHECK(scores.tokens == 4);
  CHECK(scores.unknown == 1);
  CHECK(scores.matrix.total() == 3);
  CHECK(scores.right == scores.matrix.correct());

  // Sentence by sentence, by hand.
  TagModel reader = model;
  unroll::eval(reader);
  std::int64_t right = 0;
  double loss = 0;
  for (const std::int64_t k : {0, 1}) {
    const std::int64_t which[] = {k};
    const auto logits = list(reader(make_batch(corpus, which)));
    const auto& tags = corpus.tags[static_cast<std::size_t>(k)];
    for (std::size_t t = 0; t < tags.size(); ++t) {
      if (tags[t] == unknown_tag) continue;
      const float* row = &logits[t * 3];
      right += std::max_element(row, row + 3) - row == tags[t];
      loss += std::log(std::exp(row[0]) + std::exp(row[1]) + std::exp(row[2])) - row[tags[t]];
    }
  }
  CHECK(scores.right == right);
  CHECK(std::abs(scores.loss - loss / 3) <= 1e-6);  // float sums of three numbers of about 1
  const Corpus foreign = encode({{.words = {"the"}, .tags = {"Z"}}}, reading);
  CHECK_THROWS_WITH_AS(score(model, foreign, reading, "file"),
                       "file: the model knows no tag of it, such as Z", unroll::DataError);
}

TEST_CASE("tag: it learns, evaluates as it has logged, and tags what it is sent") {
  const Files files(300);
  const Outcome trained = files.train({"--epochs", "12", "--lr", "0.01"});
  REQUIRE_MESSAGE(trained.status == 0, trained.err);
  CHECK(contains(trained.out, "train.tsv: 300 sentences, "));
  CHECK(contains(trained.out, "spelling.weight_ih_l0_reverse"));
  CHECK(contains(trained.out, "; best accuracy 1.0000 at step "));
  const Outcome eval = files.tag({"eval", "--model", files.model, "--text", files.valid});
  REQUIRE_MESSAGE(eval.status == 0, eval.err);
  CHECK(contains(eval.out, "accuracy    100.00 %\n"));
  CHECK(contains(eval.out, "  unknown   100.00 % of "));

  const Outcome tagged = files.tag({"predict", "--model", files.model}, "the ship sails .\n\n\nB7us sings\n");
  CHECK(tagged.status == 0);
  CHECK(tagged.out == "the\tD\nship\tN\nsails\tV\n.\tP\n\nB7us\tN\nsings\tV\n\n");
  CHECK(tagged.err.empty());
  // What it writes is a file of tagged sentences.
  write(files.folder / "again.tsv", tagged.out);
  const Outcome again = files.tag({"eval", "--model", files.model, "--text", files.folder / "again.tsv"});
  CHECK(contains(again.out, "2 sentences, 6 words\n"));
  CHECK(contains(again.out, "accuracy    100.00 %\n"));
}

TEST_CASE("tag: words, characters or both, stacks and every cell train and predict") {
  const Files files;
  for (const Arguments& kind : std::vector<Arguments>{{"--features", "words"},
                                                      {"--features", "chars", "--layers", "2"},
                                                      {"--cell", "gru"},
                                                      {"--cell", "lstm-projection"},
                                                      {"--cell", "elman", "--min-count", "2"}}) {
    CAPTURE(kind[1]);
    const Outcome trained = files.train(with(kind, {"--epochs", "1", "--overwrite"}));
    REQUIRE_MESSAGE(trained.status == 0, trained.err);
    CHECK(contains(trained.out, "characters.weight") == (kind[1] != "words"));
    CHECK(contains(trained.out, "words.weight") == (kind[1] != "chars"));
    const Outcome tagged = files.tag({"predict", "--model", files.model}, "the new ship\n");
    CHECK(std::count(tagged.out.begin(), tagged.out.end(), '\t') == 3);
  }
}

TEST_CASE("tag: a run that was stopped goes on to the bit, in the middle of an epoch too") {
  const Files files;
  const std::string whole = files.folder / "whole";
  REQUIRE(files.train({"--epochs", "3", "--eval-every", "3", "--out", whole}).status == 0);
  REQUIRE(files.train({"--epochs", "3", "--eval-every", "3", "--time-limit", "0.0001"}).status == 0);
  CHECK(log_lines(files.model).back()["step"] == 1);
  const Outcome resumed = files.tag({"train", "--out", files.model, "--resume"});
  REQUIRE_MESSAGE(resumed.status == 0, resumed.err);
  CHECK(contains(resumed.out, "going on after step 1\n"));
  CHECK(equal(tensors_of(files.model, "tag"), tensors_of(whole, "tag")));
}
