#include <sys/resource.h>

#include <set>

#include "program.hpp"
#include "translate/quality.hpp"

using namespace program_test;

namespace {

struct Place {
  TemporaryFolder folder;
  Outcome train(std::string_view text, const Arguments& more = {}) const {
    write(folder / "pairs", text);
    return run("translate", folder,
               with({"train", "--text", folder / "pairs", "--out", folder / "run", "--threads", "1",
                     "--hidden", "8", "--embedding", "8", "--epochs", "1", "--overwrite"},
                    more));
  }
  std::string complaint(std::string_view text, const Arguments& more = {}) const {
    const auto outcome = train(text, more);
    CHECK(outcome.status != 0);
    std::string said = outcome.err;
    for (const std::string path = folder / ""; said.find(path) != said.npos;)
      said.erase(said.find(path), path.size());
    return said;
  }
  Outcome predict(std::string_view input, const Arguments& more = {}) const {
    return run("translate", folder, with({"predict", "--model", folder / "run", "--threads", "1"}, more),
               input);
  }
};

std::string many(std::string_view words, int times) {
  std::string text;
  for (int k = 0; k < times; ++k) text += words;
  return text;
}

const std::string good = many("a b\tx y\nb c\ty z\na\tx\nc a b\tz x y\n", 5);

}  // namespace

TEST_CASE("translate: files that hold no pairs are told by file and line") {
  const Place place;
  CHECK(contains(place.complaint(""), "pairs"));
  CHECK(contains(place.complaint("\n \n\t\n"), "pairs"));
  CHECK(contains(place.complaint("a b\tx y\nno tab here\n"), "pairs:2: "));
  CHECK(contains(place.complaint("a\tb\tc\n"), "pairs:1: "));
  CHECK(contains(place.complaint("a\t\n"), "pairs:1: "));
  CHECK(contains(place.complaint("a\tb\nc\xff\td\n"), "pairs:2: byte 0xFF"));
  CHECK_FALSE(std::filesystem::exists(place.folder / "run"));
}

TEST_CASE("translate: a byte order mark and CR LF are read for what they mean") {
  const Place place;
  std::string dos = "\xef\xbb\xbf";
  for (const char c : good) dos += c == '\n' ? std::string("\r\n") : std::string(1, c);
  REQUIRE(place.train(good).status == 0);
  const auto plain = tensors_of(place.folder / "run", "translate");
  REQUIRE(place.train(dos).status == 0);
  CHECK(equal(tensors_of(place.folder / "run", "translate"), plain));
}

TEST_CASE("translate: a sentence of 5,000 words is left out of training, and translated all the same") {
  const Place place;
  const std::string long_line = many("a b c d ", 1250);
  CHECK(contains(place.complaint(long_line + "\tx\n"),
                 "no pair to train with has at most 50 words on each side"));
  const auto trained = place.train(good + long_line + "\t" + long_line + "\n");
  REQUIRE_MESSAGE(trained.status == 0, trained.err);
  CHECK(contains(trained.out, "1 pair left out for having more than 50 words on a side"));
  const auto said = place.predict(long_line + "\na\n", {"--max-length", "5"});
  REQUIRE_MESSAGE(said.status == 0, said.err);
  CHECK(std::count(said.out.begin(), said.out.end(), '\n') == 2);
}

TEST_CASE("translate: pairs are measured in batches that long ones among them do not swell") {
  using namespace unroll::translate;
  const auto corpus_of = [](const std::vector<std::pair<int, int>>& lengths) {
    Corpus corpus;
    for (const auto& [source, target] : lengths)
      corpus.source.emplace_back(source, 4), corpus.target.emplace_back(target, 4);
    return corpus;
  };
  std::vector<std::pair<int, int>> lengths(150, {50, 50});
  const auto usual = batches_to_measure(corpus_of(lengths));
  REQUIRE(usual.size() == 3);
  CHECK(usual[0].size() == 64);
  CHECK(usual[2].size() == 22);
  lengths.insert(lengths.begin() + 70, {{5000, 5000}, {5000, 2}, {2, 5000}});
  const auto batches = batches_to_measure(corpus_of(lengths));
  CHECK(batches[0] == std::vector<std::int64_t>{70});
  std::multiset<std::int64_t> all;
  for (const auto& which : batches) all.insert(which.begin(), which.end());
  CHECK(all.size() == lengths.size());
  CHECK(std::set(all.begin(), all.end()).size() == lengths.size());
  for (const auto& which : batches) {
    const auto batch = make_batch(corpus_of(lengths), which);
    const auto pairs = std::ssize(which), target = batch.target.shape()[0] + 1;
    CHECK((pairs == 1 || pairs * target * batch.source.shape()[0] <= 4'000'000));
  }
}

TEST_CASE("translate: a pair of 5,000 words beside short ones is validated and evaluated in little memory") {
  const Place place;
  const std::string long_line = many("a b c d ", 1250), pairs = many("a\tx\nb c\ty z\n", 50);
  write(place.folder / "valid", pairs + long_line + "\t" + long_line + "\n" + pairs);
  const auto trained = place.train(good, {"--valid", place.folder / "valid"});
  REQUIRE_MESSAGE(trained.status == 0, trained.err);
  const auto eval = run("translate", place.folder,
                        {"eval", "--model", place.folder / "run", "--text", place.folder / "valid"});
  REQUIRE_MESSAGE(eval.status == 0, eval.err);
  CHECK(contains(eval.out, " of 201)"));
  rusage used;
  REQUIRE(getrusage(RUSAGE_CHILDREN, &used) == 0);
  // Kilobytes; B T S numbers of 64 pairs would be six gigabytes.
  CHECK(used.ru_maxrss < 2'000'000);
}

TEST_CASE("translate: what a sentence becomes, and how long it may get, does not depend on its neighbours") {
  using namespace unroll;
  using namespace unroll::translate;
  const std::vector<TextPair> pairs = {{"a b c d e f g h", "x y"}, {"a", "x"}, {"b c", "y z x"}};
  const Reading reading = Reading::of(pairs, false, 1);
  Generator rng(1);
  Translator model("gru", "input-feeding",
                   {.source_symbols = reading.source.size(),
                    .target_symbols = reading.target.size(),
                    .start = *reading.target.start(),
                    .end = *reading.target.end(),
                    .embedding = 8,
                    .hidden = 8},
                   rng);
  eval(model);
  const Corpus corpus = encode(pairs, reading);
  const std::vector<std::int64_t> all = {0, 1, 2};
  const SearchOptions options{.beam = 3, .best = 2, .max_length = 20, .alpha = 0.6};
  const auto together = unroll::translate::translate(model, reading, make_batch(corpus, all), options);
  bool at_most = false;
  for (const std::int64_t k : all) {
    const auto alone = unroll::translate::translate(model, reading, make_batch(corpus, {&k, 1}), options)[0];
    const auto& found = together[static_cast<std::size_t>(k)];
    REQUIRE(found.size() == alone.size());
    for (std::size_t n = 0; n < alone.size(); ++n) {
      CHECK(found[n].symbols == alone[n].symbols);
      const auto longest = std::min<std::int64_t>(2 * std::ssize(corpus.source[k]) + 10, 20);
      CHECK(std::ssize(found[n].symbols) <= longest);
      at_most = at_most || std::ssize(found[n].symbols) == longest;
    }
  }
  CHECK(at_most);
}

TEST_CASE(
    "translate: words that it has never seen, and bytes that are not UTF-8, are told and read as unknown") {
  const Place place;
  REQUIRE(place.train(good).status == 0);
  const auto said = place.predict("a q b\nc\xff\n");
  CHECK(said.status == 0);
  CHECK(contains(said.err, "translate: standard input:1: never seen, read as <unknown>: q\n"));
  CHECK(contains(said.err, "standard input:2: byte 0xFF"));
  CHECK(std::count(said.out.begin(), said.out.end(), '\n') == 2);
  write(place.folder / "others", "p q\tr s\n");
  const auto eval = run("translate", place.folder,
                        {"eval", "--model", place.folder / "run", "--text", place.folder / "others"});
  CHECK(eval.status == 0);
  CHECK(contains(eval.out, "unknown     2 words of the sources, 2 of the targets\n"));
  CHECK(contains(eval.out, "exact       0.00 %  (0 of 1)"));
}

TEST_CASE("translate: a model of another program, and options that do not fit, are named") {
  const Place place;
  CHECK(run("addition", place.folder,
            {"train", "--out", place.folder / "sums", "--epochs", "1", "--steps", "1", "--hidden", "4",
             "--tests", "2", "--threads", "1"})
            .status == 0);
  const auto other = run("translate", place.folder, {"predict", "--model", place.folder / "sums"});
  CHECK(other.status == 1);
  CHECK(contains(other.err, "addition"));
  CHECK(contains(other.err, "translate"));
  CHECK(contains(place.complaint(good, {"--cell", "elman"}),
                 "--cell: there is no 'elman'; there are gru, lstm"));
  CHECK(contains(place.complaint(good, {"--attention", "sharp"}), "--attention"));
  CHECK(contains(place.complaint(good, {"--decoder", "none"}), "--decoder: there is no 'none'"));
  CHECK(contains(place.complaint(good, {"--hidden", "7"}), "must be even; got 7"));
  CHECK(contains(place.complaint(good, {"--tie", "--embedding", "4"}), "tied weights need"));
  CHECK(contains(place.complaint(good, {"--sampling", "0.5"}), "k must be finite and at least 1"));
  REQUIRE(place.train(good).status == 0);
  CHECK(contains(place.predict("a", {"--best", "6"}).err, "beam search: need 1 ≤ best ≤ beam; got 6 and 5"));
  write(place.folder / "pairs", good + "d\tw\n");
  const auto changed = run("translate", place.folder, {"train", "--out", place.folder / "run", "--resume"});
  CHECK(changed.status == 2);
  CHECK(contains(changed.err, "--text"));
}

TEST_CASE(
    "translate: no text, and a text of nothing but pairs that are too long, are named with the remedy") {
  const Place place;
  const auto nothing = run("translate", place.folder, {"train", "--out", place.folder / "run"});
  CHECK(nothing.status == 2);
  CHECK(nothing.err == "translate: --text: name a file of pairs, SOURCE TAB TARGET\n");
  CHECK(contains(place.complaint("a b c\td e f\n", {"--max-length", "2"}),
                 "no pair to train with has at most 2 words on each side; raise --max-length"));
}

TEST_CASE("translate: a model that no memory can hold is refused before anything is made") {
  const Place place;
  const Outcome outcome = place.train("a\tb\na b\tb a\na\tb b\nb\ta a\n", {"--hidden", "1000000000"});
  CHECK(outcome.status == 2);
  CHECK_MESSAGE(contains(outcome.err, "--hidden 1000000000, --embedding 8, --layers 1: training needs"),
                outcome.err);
}
