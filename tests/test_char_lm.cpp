#include <cmath>
#include <sstream>

#include "char_lm/frequencies.hpp"
#include "char_lm/word_share.hpp"
#include "char_lm_program.hpp"
#include "unroll/autograd/error.hpp"
#include "unroll/optim/rules.hpp"

using namespace char_lm_test;

namespace {

/// A text and a model that has been trained on it for two epochs.
struct Trained {
  TemporaryFolder folder;
  std::string text = folder / "text", model = folder / "model";
  Outcome outcome;

  explicit Trained(const Arguments& more = {}, const std::string& characters = story(3000)) {
    write(text, characters);
    outcome = run(folder, training(text, model, more));
    REQUIRE_MESSAGE(outcome.status == 0, outcome.err);
  }
};

/// The number after a word in the output of eval.
double figure(const std::string& out, const std::string& word) {
  const auto at = out.find(word);
  REQUIRE(at != std::string::npos);
  return std::stod(out.substr(at + word.size()));
}

/// The training error for a text.
Outcome train_on(std::string_view text, const Arguments& more = {}) {
  const TemporaryFolder folder;
  write(folder / "text", text);
  return run(folder, training(folder / "text", folder / "model", more));
}

}  // namespace

TEST_CASE("char_lm: help names every command and every option of training") {
  const TemporaryFolder folder;
  const Outcome general = run(folder, {"--help"});
  CHECK(general.status == 0);
  for (const auto* name : {"train", "sample", "eval"}) CHECK(contains(general.out, name));
  const Outcome train = run(folder, {"train", "--help"});
  for (const auto* name : {"--text",      "--out",        "--cell",    "--level",          "--hidden",
                           "--layers",    "--seq-length", "--batch",   "--epochs",         "--lr",
                           "--optimizer", "--dropout",    "--clip",    "--valid-fraction", "--seed",
                           "--threads",   "--eval-every", "--resume",  "--time-limit",     "--min-count",
                           "--embedding", "--overwrite",  "--zoneout", "--variational"})
    CHECK_MESSAGE(contains(train.out, name), name);
}

TEST_CASE("char_lm: a wrong command line is told on standard error, with status 2") {
  const TemporaryFolder folder;
  const std::string out = folder / "m";
  for (const Arguments& wrong : std::vector<Arguments>{{},
                                                       {"bogus"},
                                                       {"train"},
                                                       {"train", "--out", out, "--hidden", "0"},
                                                       {"train", "--out", out, "--lr", "nan"},
                                                       {"train", "--out", out, "--cell", "none"},
                                                       {"train", "--out", out, "--optimizer", "none"},
                                                       {"train", "--out", out, "--resume", "--overwrite"}}) {
    const Outcome outcome = run(folder, wrong);
    CHECK(outcome.status == 2);
    CHECK(outcome.err.starts_with("char_lm: "));
    CHECK(outcome.out.empty());
  }
}

TEST_CASE("char_lm: a word that is not known brings the nearest one, and the help of its command") {
  const TemporaryFolder folder;
  const auto message = [&](const Arguments& arguments) { return run(folder, arguments).err; };
  for (const auto* wrong : {"--hiden", "--hidde=3", "--Hidden", "--hid"}) {
    const auto err = message({"train", "--out", folder / "m", wrong, "5"});
    CHECK_MESSAGE(contains(err, "\ndid you mean --hidden?\nchar_lm train --help tells what it can do.\n"),
                  err);
  }
  // With one hyphen it would be -h and letters.
  const Outcome one_hyphen = run(folder, {"train", "--out", folder / "m", "-hidden", "5"});
  CHECK(one_hyphen.status == 2);
  CHECK(one_hyphen.err.starts_with(
      "char_lm: -hidden is no option: names have two hyphens\ndid you mean --hidden?\n"));
  CHECK(run(folder, {"train", "-h"}).status == 0);
  CHECK(run(folder, {"train", "-hidden", "5", "--help"}).status == 0);
  CHECK(contains(message({"train", "--ou", folder / "m"}), "did you mean --out?"));  // beside what is missing
  CHECK(contains(message({"sample", "--model", "m", "--temprature", "1"}),
                 "\ndid you mean --temperature?\nchar_lm sample --help tells"));
  CHECK(contains(message({"trian"}), "\ndid you mean train?\nchar_lm --help tells"));
  CHECK(!contains(message({"train", "--out", folder / "m", "--zzzzzzzz"}), "did you mean"));
  CHECK(contains(message({"train", "--out", folder / "m", "--hidden", "0"}), "\nchar_lm train --help tells"));
}

TEST_CASE("char_lm: training tells split, vocabulary and sizes, then how it goes") {
  const Trained trained;
  const std::string& out = trained.outcome.out;
  CHECK(contains(out, ": 3,000 characters, UTF-8\n"));
  CHECK(contains(out, "the first 90 % train (2,700), the last 10 % validate (300)\n"));
  CHECK(contains(out, "lstm.weight_ih_l0"));
  CHECK(contains(out, "epoch 1/2 "));
  CHECK(contains(out, " left\n"));
  CHECK(contains(out, "epoch 2.00  step 170  train "));
  CHECK(contains(out, "  new best\n  | "));
  CHECK(contains(out, "complete after 170 steps"));
  CHECK(!contains(out, "\r"));
  CHECK(trained.outcome.err.empty());
}

TEST_CASE("char_lm: the loss of frequencies is the hand computation, and an unseen symbol has a loss too") {
  using unroll::char_lm::frequency_loss;
  const std::vector<std::int64_t> train = {0, 0, 0, 1}, valid = {0, 1, 2};
  // With one more of each of three symbols: 4, 2 and 1 of 7.
  const double expected = -(std::log(4. / 7) + std::log(2. / 7) + std::log(1. / 7)) / 3;
  CHECK(std::abs(frequency_loss(train, valid, 3) - expected) <= 1e-15);  // three roundings
  CHECK(frequency_loss(train, {}, 3) == 0);
  CHECK_THROWS_AS(frequency_loss(train, valid, 2), unroll::IndexError);
}

TEST_CASE("char_lm: training ends with the losses of a uniform guess, of frequencies and of the model") {
  const Trained trained;
  const std::string& out = trained.outcome.out;
  const auto begin = out.find("validation loss, nats/char\n");
  REQUIRE(begin != std::string::npos);
  std::istringstream lines(out.substr(begin));
  std::string line;
  std::vector<double> losses;
  std::getline(lines, line);
  while (std::getline(lines, line)) losses.push_back(std::stod(line));
  REQUIRE(losses.size() == 3);
  const auto log = log_lines(trained.model);
  double best = HUGE_VAL;
  for (const auto& entry : log)
    if (entry.contains("valid_loss")) best = std::min(best, entry["valid_loss"].get<double>());
  const double rounding = 5e-5;  // four digits are printed
  CHECK(std::abs(losses[0] - std::log(log[0]["config"]["vocabulary"].get<double>())) <= rounding);
  CHECK(losses[1] < losses[0]);
  CHECK(std::abs(losses[2] - best) <= rounding);
  CHECK(!contains(train_on(story(3000), {"--valid-fraction", "0"}).out, "validation loss"));
}

TEST_CASE("char_lm: a run that goes on reports the best loss of all of it") {
  const Trained trained;
  const auto report = [](const std::string& out) {
    return out.substr(out.find("validation loss, nats/char\n"));
  };
  const auto again = run(trained.folder, {"train", "--out", trained.model, "--resume"});
  REQUIRE(again.status == 0);
  CHECK(report(again.out) == report(trained.outcome.out));
}

TEST_CASE("char_lm: the log begins with the configuration and has a line for each evaluation") {
  const Trained trained;
  const auto lines = log_lines(trained.model);
  REQUIRE(lines.size() == 1 + 170 / 50 + 2);
  const json& config = lines[0]["config"];
  CHECK(config["hidden"] == 12);
  CHECK(config["lr"] == 2e-3);
  CHECK(config["parameters"] > 0);
  const std::string table = lines[0]["run"]["model"];
  CHECK(table.find("embedding.weight") != table.npos);
  CHECK(lines[2]["step"] == 85);
  CHECK(lines[2]["valid_loss"].is_number());
  CHECK(lines[2]["best"] == true);
  CHECK(lines.back()["valid_loss"] < lines[2]["valid_loss"]);
}

TEST_CASE("char_lm: a model worse than a uniform guess is pointed out") {
  const std::string note = "\nnote: worse than a uniform guess among 18 characters, which has 2.8904\n";
  CHECK(contains(Trained({"--optimizer", "sgd", "--lr", "1000"}).outcome.out, note));
  CHECK(!contains(Trained().outcome.out, "worse than a uniform"));
}

TEST_CASE("char_lm: eval agrees with the training log on the same split") {
  const Trained trained;
  const auto outcome = run(
      trained.folder, {"eval", "--model", trained.model, "--text", trained.text, "--valid-fraction", "0.1"});
  REQUIRE(outcome.status == 0);
  double best = HUGE_VAL;
  for (const auto& line : log_lines(trained.model))
    if (line.contains("valid_loss")) best = std::min(best, line["valid_loss"].get<double>());
  const double nats = figure(outcome.out, "nats/char");
  CHECK(std::abs(nats - best) <= 5e-7);                                             // six digits are printed
  CHECK(std::abs(figure(outcome.out, "bits/char") - nats / std::log(2)) <= 2e-6);   // of both
  CHECK(std::abs(figure(outcome.out, "perplexity") / std::exp(nats) - 1) <= 1e-4);  // four digits
}

TEST_CASE("char_lm: eval counts characters that the model does not know and leaves them out") {
  const Trained trained;
  const auto evaluate = [&](const std::string& text) {
    write(trained.folder / "other", text);
    return run(trained.folder, {"eval", "--model", trained.model, "--text", trained.folder / "other"});
  };
  const auto known = evaluate(story(1000)),
             odd = evaluate(story(500) + "\u00e9Q\u00e9" + story(1000).substr(500));
  CHECK(!contains(known.out, "note"));
  CHECK(contains(odd.out, "3 unknown characters ('\u00e9' (U+00E9), 'Q' (U+0051), ...) are left out"));
  CHECK(figure(known.out, "nats/char") == figure(odd.out, "nats/char"));
}

TEST_CASE(
    "char_lm: eval reads a text too short for the streams of training as one, and refuses an empty one") {
  const Trained trained;
  write(trained.folder / "other", "sea");
  const auto brief =
      run(trained.folder, {"eval", "--model", trained.model, "--text", trained.folder / "other"});
  CHECK(brief.status == 0);
  CHECK(contains(brief.out, "too short for the 4 streams of training: read as one"));
  CHECK(contains(brief.out, "predicted   2 characters in 1 stream\n"));
  write(trained.folder / "other", "");
  const auto empty =
      run(trained.folder, {"eval", "--model", trained.model, "--text", trained.folder / "other"});
  CHECK(empty.status == 1);
  CHECK(contains(empty.err, "other: the text is empty"));
}

TEST_CASE("char_lm: a sample has its length, begins with the prime and repeats with its seed") {
  const Trained trained;
  const auto sample = [&](const Arguments& more) {
    Arguments arguments = {"sample", "--model", trained.model, "--length", "50", "--prime", "the sea"};
    arguments.insert(arguments.end(), more.begin(), more.end());
    const auto outcome = run(trained.folder, arguments);
    REQUIRE_MESSAGE(outcome.status == 0, outcome.err);
    CHECK(outcome.err.empty());
    CHECK(outcome.out.size() == 7 + 50 + 1);
    CHECK(outcome.out.starts_with("the sea"));
    return outcome.out;
  };
  CHECK(sample({"--seed", "1"}) == sample({"--seed", "1"}));
  CHECK(sample({"--seed", "1"}) != sample({"--seed", "2"}));
  CHECK(sample({"--temperature", "0"}) == sample({"--top-k", "1"}));
  CHECK(sample({"--temperature", "0"}) == sample({"--top-p", "0"}));
}

TEST_CASE("char_lm: words are runs of letters, whether capital or small, and count where they stand") {
  using unroll::char_lm::share_of_known_words;
  const auto share =
      share_of_known_words("The sea, the SEA; thesea \u00c9t\u00e9-2b", "the 1sea2 \u00e9t\u00e9.");
  CHECK(share.words == 7);
  CHECK(share.known == 5);  // neither "thesea" nor "b"
  CHECK(share_of_known_words("12 - 3", "the").words == 0);
  CHECK(share_of_known_words("sea", "").known == 0);
}

TEST_CASE("char_lm: --check-words tells how many words stand in the part of the text that trains") {
  const Trained trained({"--valid-fraction", "0.5"}, story(1500) + " zebra " + std::string(1500, 'z'));
  const auto words = [&](const Arguments& more) {
    return run(trained.folder,
               with({"sample", "--model", trained.model, "--length", "0", "--check-words"}, more));
  };
  const char* line = "stand in the text that the model has learned";
  CHECK(contains(words({"--prime", "The sea qqq the"}).out,
                 "\n75 % of the sample's words " + std::string(line)));
  CHECK(contains(words({"--prime", "the zebra"}).out, "(1 of 2)\n"));
  CHECK(words({}).out == "\n\nthe sample has no words\n");
  write(trained.text, story(1500));
  const auto changed = words({"--prime", "the"});
  CHECK(changed.status == 1);
  CHECK(contains(changed.err, "text: no longer the text that the model has learned"));
}

TEST_CASE("char_lm: a prime with unknown characters is written, told, and read without them") {
  const Trained trained;
  const auto sample = [&](const char* prime) {
    return run(trained.folder,
               {"sample", "--model", trained.model, "--length", "20", "--seed", "1", "--prime", prime});
  };
  const auto odd = sample("the \u00e9sea"), plain = sample("the sea");
  CHECK(odd.status == 0);
  CHECK(contains(odd.err, "--prime: 1 unknown character ('\u00e9' (U+00E9))"));
  CHECK(odd.out.substr(std::string("the \u00e9sea").size()) == plain.out.substr(7));
  CHECK(sample("\u00e9").status == 0);
}

TEST_CASE("char_lm: a text that is empty or too short says how much is needed") {
  const auto empty = train_on("");
  CHECK(empty.status == 1);
  CHECK(contains(empty.err, "text: the text is empty\n"));
  const auto brief = train_on("abcdefghij");
  CHECK(brief.status == 1);
  CHECK(
      contains(brief.err, "(validation part): 1 symbol is too few for a batch of 4: at least 5 are needed"));
  CHECK(train_on("abc", {"--valid-fraction", "0"}).status == 1);
}

TEST_CASE("char_lm: the shortest text and odd sizes train") {
  CHECK(train_on("abcab", {"--valid-fraction", "0"}).status == 0);
  CHECK(train_on("aaaaaaaaa", {"--valid-fraction", "0"}).status == 0);
  CHECK(train_on(story(1009), {"--seq-length", "7", "--batch", "3"}).status == 0);
  CHECK(train_on(story(500), {"--seq-length", "1000"}).status == 0);
}

TEST_CASE("char_lm: a text that is not UTF-8 is learned as bytes, and comes back as bytes") {
  std::string text = story(3000);
  for (std::size_t i = 0; i < text.size(); ++i)
    if (text[i] == 'e') text[i] = '\xE9';
  const Trained trained({}, text);
  CHECK(contains(trained.outcome.out, "text:1: byte 0xE9 (offset 2) is not UTF-8"));
  CHECK(contains(trained.outcome.out, "3,000 characters, bytes"));
  const auto sample = run(trained.folder, {"sample", "--model", trained.model, "--length", "200", "--seed",
                                           "1", "--prime", "th\xE9"});
  CHECK(sample.out.size() == 3 + 200 + 1);
  CHECK(std::count(sample.out.begin(), sample.out.end(), '\xE9') > 1);
  CHECK(!contains(sample.out, "\xC3"));
}

TEST_CASE("char_lm: characters of several bytes are learned whole") {
  std::string text;
  for (const char c : story(3000)) text += c == 'e' ? "\u20ac" : std::string(1, c);
  const Trained trained({}, text);
  CHECK(contains(trained.outcome.out, ": 3,000 characters, UTF-8"));
}

TEST_CASE("char_lm: words are learned with a cut-off, and an unknown word is never written") {
  const Trained trained({"--level", "word"}, story(20000) + "hapax");
  CHECK(contains(trained.outcome.out, "and 1 that count as <unknown>"));
  const auto sample = run(trained.folder, {"sample", "--model", trained.model, "--length", "300", "--seed",
                                           "1", "--temperature", "2", "--prime", "the hapax"});
  CHECK(contains(sample.err, "--prime: 1 unknown word (' hapax')"));
  CHECK(!contains(sample.out, "<unknown>"));
  const auto eval = run(trained.folder, {"eval", "--model", trained.model, "--text", trained.text});
  CHECK(contains(eval.out, "1 unknown word (' hapax') count as <unknown>"));
  // A word has about four characters, so that a character costs less than a word.
  CHECK(figure(eval.out, "nats/char") < figure(eval.out, "nats/word") / 2);
}

TEST_CASE("char_lm: tokens are counted with the end of each line, and their perplexity is told") {
  std::string text;
  for (int k = 0; k < 60; ++k) text += " the <unk> fell N % \n it rose \n\n";  // 6 + 3 + 1 tokens
  text.resize(text.size() - 2);  // an empty line less, and the last line has no end
  const Trained trained({"--level", "token"}, text);
  CHECK(contains(trained.outcome.out, ": 599 tokens, UTF-8\nvocabulary  8 different tokens\n"));
  const auto lines = log_lines(trained.model);
  const double nats = lines.back()["valid_loss"];
  CHECK(std::abs(lines.back()["perplexity"].get<double>() / std::exp(nats) - 1) <= 1e-12);  // both in full
  CHECK(contains(trained.outcome.out, fmt::format("  perplexity {:.4f}", std::exp(nats))));
  const auto eval = run(trained.folder, {"eval", "--model", trained.model, "--text", trained.text});
  CHECK(contains(eval.out, "599 tokens\n"));
  CHECK(contains(eval.out, " per token\n"));
  CHECK(std::abs(figure(eval.out, "perplexity") / std::exp(figure(eval.out, "nats/token")) - 1) <=
        1e-4);  // four digits are printed
  const auto sample = run(trained.folder, {"sample", "--model", trained.model, "--length", "30", "--seed",
                                           "1", "--prime", "the <unk>"});
  CHECK_MESSAGE((sample.out.starts_with("the <unk> ") || sample.out.starts_with("the <unk>\n")), sample.out);
  write(trained.folder / "again", sample.out.substr(0, sample.out.size() - 1));
  CHECK(contains(
      run(trained.folder, {"eval", "--model", trained.model, "--text", trained.folder / "again"}).out,
      fmt::format("{} tokens\n", sample.out.ends_with("\n\n") ? 32 : 33)));
}

TEST_CASE("char_lm: every optimiser lowers the loss") {
  const std::map<std::string, std::string> rates = {{"sgd", "1"}, {"adagrad", "0.05"}, {"adadelta", "5"}};
  for (const std::string& rule : unroll::optimizer_names()) {
    const auto rate = rates.find(rule);
    const Trained trained(
        {"--optimizer", rule, "--lr", rate == rates.end() ? "0.002" : rate->second, "--epochs", "3"});
    const auto lines = log_lines(trained.model);
    CHECK_MESSAGE(lines.back()["train_loss"] < 0.9 * lines[1]["loss"].get<double>(), rule);
  }
}

TEST_CASE("char_lm: without --text it learns the built-in text") {
  const TemporaryFolder folder;
  const auto outcome = run(folder, {"train", "--out", folder / "m", "--hidden", "4", "--layers", "1",
                                    "--time-limit", "0.01", "--threads", "1"});
  CHECK(outcome.status == 0);
  CHECK(contains(outcome.out, "the built-in text: "));
  CHECK(contains(outcome.out, "out of time after "));
}

TEST_CASE("char_lm: files that are no models are told apart") {
  const TemporaryFolder folder;
  const auto missing = run(folder, {"sample", "--model", folder / "none"});
  CHECK(missing.status == 1);
  CHECK(contains(missing.err, "none: No such file or directory"));
  const auto empty = run(folder, {"sample", "--model", folder.path});
  CHECK(empty.status == 1);
  CHECK(contains(empty.err, "holds no checkpoint"));
  write(folder / "foreign", "hello");
  CHECK(run(folder, {"sample", "--model", folder / "foreign"}).status == 1);
  CHECK(run(folder, {"train", "--text", folder / "gone", "--out", folder / "m"}).status == 1);
}

TEST_CASE("char_lm: a loss that is not finite ends training with its first cause, and nothing is saved") {
  const TemporaryFolder folder;
  write(folder / "text", story(3000));
  for (const auto* every : {"0", "1"}) {  // seen in training, and in validation
    const auto diverged =
        run(folder, training(folder / "text", folder / "model", {"--lr", "3e38", "--eval-every", every}));
    CHECK(diverged.status == 1);
    CHECK(diverged.err.starts_with("char_lm: training has diverged: "));
    CHECK(contains(diverged.err, "first cause: "));
    // An op, or a parameter that the update before has already spoilt.
    CHECK_MESSAGE((contains(diverged.err, " made a bad ") || contains(diverged.err, "the parameter ")),
                  diverged.err);
    CHECK(contains(diverged.err, "there is no checkpoint yet"));
    CHECK(!std::filesystem::exists(folder / "model/last.safetensors"));
  }
}

TEST_CASE("char_lm: numbers have a point whatever the locale") {
  setenv("LC_ALL", "de_DE.UTF-8", 1);
  const Trained trained;
  unsetenv("LC_ALL");
  CHECK(contains(trained.outcome.out, "learning rate 0.002"));
  CHECK(log_lines(trained.model)[0]["config"]["lr"] == 2e-3);
}
