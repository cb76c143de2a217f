#include "common/saved_run.hpp"

#include <fmt/format.h>
#include <malloc.h>
#include <sys/resource.h>
#include <sys/wait.h>

#include <array>
#include <functional>

#include "addition/trainer.hpp"
#include "char_lm/saved_run.hpp"
#include "classify/trainer.hpp"
#include "program.hpp"
#include "tag/tagger.hpp"
#include "translate/trainer.hpp"

namespace {

using namespace program_test;
namespace fs = std::filesystem;
using unroll::DataError;

/// Small models of all programs, trained once.
struct SmallModels {
  TemporaryFolder folder;

  SmallModels() {
    write(folder / "text", "a ship\tun bateau\nthe sea\tla mer\nit sails\til navigue\na sail\tune voile\n");
    write(folder / "classes", "a\tone one\nb\ttwo two\na\tone\nb\ttwo\n");
    write(folder / "series.txt", "up\n1 2 3\n2 3 4\n\ndown\n4 3 2\n3 2 1\n\n");
    write(folder / "tags", "the\tDET\nship\tNOUN\n\nit\tPRON\nsails\tVERB\n");
    train("char_lm", "char_lm", {"--text", folder / "text", "--batch", "2", "--layers", "1"});
    train("classify", "texts", {"--text", folder / "classes", "--min-count", "1", "--valid-fraction", "0"});
    train("classify", "series", {"--series", folder / "series.txt", "--valid-fraction", "0"});
    train("tag", "tag", {"--text", folder / "tags"});
    train("translate", "translate", {"--text", folder / "text", "--min-count", "1"});
    train("addition", "addition", {"--digits", "2", "--steps", "2", "--tests", "5"});
  }
  std::string file(const std::string& run) const { return folder / (run + "/last.safetensors"); }

 private:
  void train(const std::string& program, const std::string& name, const Arguments& more) {
    const Arguments same = {"train",    "--out", folder / name, "--hidden", "4",
                            "--epochs", "1",     "--threads",   "1"};
    const auto outcome = run(program, folder, with(same, more));
    REQUIRE_MESSAGE(outcome.status == 0, outcome.err);
  }
};

const SmallModels& models() {
  static const SmallModels all;
  return all;
}

std::string program_of(const std::string& name) {
  return name == "texts" || name == "series" ? "classify" : name;
}

/// Writes a model whose JSON `change` has changed, with a sound checksum; returns its file.
std::string changed_text(const std::string& name, const std::function<void(std::string&)>& change) {
  auto checkpoint = unroll::io::load_checkpoint(models().file(name), program_of(name));
  change(checkpoint.json);
  const std::string file = models().folder / "changed.safetensors";
  unroll::io::save_checkpoint(file, std::move(checkpoint));
  return file;
}

/// The same with the value at `pointer` replaced, or removed if `value` is empty.
std::string changed(const std::string& name, const std::string& pointer, const std::string& value) {
  return changed_text(name, [&](std::string& text) {
    json all = json::parse(text);
    const json::json_pointer place(pointer);
    REQUIRE(all.contains(place));
    if (value.empty())
      all.at(place.parent_pointer()).erase(place.back());
    else
      all.at(place) = json::parse(value);
    text = all.dump();
  });
}

/// Loads a file as its program does, but for the model.
void load(const std::string& name, const std::string& file) {
  using namespace unroll;
  if (name == "char_lm")
    char_lm::load_run(file);
  else if (name == "tag")
    program::load_run<tag::TrainOptions, tag::Reading>(file);
  else if (name == "translate")
    program::load_run<translate::TrainOptions, translate::Reading>(file);
  else if (name == "addition")
    program::load_run<addition::TrainOptions, addition::Reading>(file);
  else
    program::load_run<classify::TrainOptions, classify::Reading>(file);
}

void check_refused(const std::string& name, const std::string& pointer, const std::string& value,
                   const std::string& message) {
  CAPTURE(name);
  const std::string file = changed(name, pointer, value);
  CHECK_THROWS_WITH_AS(load(name, file), doctest::Contains((file + ": " + message).c_str()), DataError);
}

/// Lets the program of a model use a file.
Outcome use(const std::string& name, const std::string& file) {
  const char* input = name == "series" ? "a\n1 2 3\n1 2 3\n" : name == "addition" ? "1+1\n" : "a ship\n";
  return run(program_of(name), models().folder, {name == "char_lm" ? "sample" : "predict", "--model", file},
             input);
}

const std::vector<std::string> all_models = {"char_lm", "texts", "series", "tag", "translate", "addition"};

}  // namespace

TEST_CASE("saved run: all programs load what they have saved") {
  for (const auto& name : all_models) {
    CAPTURE(name);
    CHECK_NOTHROW(load(name, models().file(name)));
    CHECK(use(name, models().file(name)).status == 0);
  }
}

TEST_CASE("saved run: all programs hold options against the ranges of the command line") {
  for (const auto& name : all_models) {
    check_refused(name, "/options/hidden", "1e300", "options: hidden: need a whole number from ");
    check_refused(name, "/options/hidden", "0", "options: hidden: need a whole number from ");
    check_refused(name, "/options/batch", "1.5",
                  "options: batch: need a whole number from 1 to 1000000000; got 1.5");
    check_refused(name, "/options/threads", "1099511627776",
                  "options: threads: need a whole number from 0 to 1024; got 1099511627776");
    check_refused(name, "/options/seed", "-1", "options: seed: need a whole number from 0 to ");
    check_refused(name, "/options/lr", "-1", "options: lr: need a number of at least 0; got -1");
    check_refused(name, "/options/lr", "\"1\"", "options: lr: need a number of at least 0; got \"1\"");
    check_refused(name, "/options/clip", "", "options: there is no clip");
    check_refused(name, "/options/optimizer", "\"none\"",
                  "options: optimizer: need a name that this program knows");
    check_refused(name, "/loop/step", "1e300", "loop: step: need a whole number from 0 to ");
    check_refused(name, "/text_checksum", "1", "text_checksum: need a text; got 1");
    check_refused(name, "/reading", "[]", "reading: need an object; got an array");
  }
  check_refused("char_lm", "/options/layers", "1000000",
                "options: layers: need a whole number from 1 to 1000");
  check_refused("char_lm", "/options/level", "\"line\"",
                "options: level: need one of char, word, token, bpe; got \"line\"");
  check_refused("char_lm", "/options/variational", "1", "options: variational: need true or false; got 1");
  check_refused("char_lm", "/options/dropout", "1e300", "options: dropout: need a number from 0 to 0.99");
  for (const auto* name : {"char_lm", "texts", "tag", "translate"})
    check_refused(name, "/options/cell", "\"\\u001b\"",
                  "options: cell: need a name that this program knows; got \"\\x1b\"");
  check_refused("translate", "/options/decoder", "\"none\"", "options: decoder: need a name that");
}

TEST_CASE("saved run: a reading that would not serve is refused, and the field is named") {
  const std::string no_symbols = "{\"symbols\":[]}", no_special = "{\"symbols\":[\"a\",\"b\"]}";
  check_refused("series", "/reading/scale", "[]",
                "reading: scale: need as many numbers as in mean, 3; got 0");
  check_refused("series", "/reading/scale", "[1,1]",
                "reading: scale: need as many numbers as in mean, 3; got 2");
  check_refused("series", "/reading/mean", "[1,\"a\",1]", "reading: mean: need a finite number; got \"a\"");
  for (const auto* classes : {"[]", "[\"a\"]", "[\"b\",\"a\"]", "[\"a\",\"a\"]"})
    check_refused("series", "/reading/classes", classes,
                  "reading: classes: need two classes or more, in the order");
  check_refused("texts", "/reading/vocabulary", no_special, "reading: vocabulary: it has no unknown symbol");
  check_refused("texts", "/reading/vocabulary/special/end", "", "reading: vocabulary: it has no end symbol");
  check_refused("char_lm", "/reading/vocabulary", no_symbols, "reading: vocabulary: it has no symbols");
  check_refused("char_lm", "/reading/level", "\"word\"",
                "reading: word_rules: its model has learned words by rules 1, and this program cuts texts by "
                "rules 2: train it again");
  check_refused("char_lm", "/reading/encoding", "\"utf16\"",
                "reading: encoding: need one of utf8, bytes; got \"utf16\"");
  for (const auto* field : {"words", "characters"})
    check_refused("tag", fmt::format("/reading/{}", field), no_special,
                  fmt::format("reading: {}: it has no unknown symbol", field));
  check_refused("tag", "/reading/tags", no_symbols, "reading: tags: it has no symbols");
  for (const auto* field : {"source", "target"}) {
    for (const auto* special : {"padding", "unknown", "start", "end"})
      check_refused("translate", fmt::format("/reading/{}/special/{}", field, special), "",
                    fmt::format("reading: {}: it has no {} symbol", field, special));
  }
  for (const auto* digits : {"0", "18", "1000000000000"})
    check_refused("addition", "/reading/digits", digits, "reading: digits: need a whole number from 1 to 17");
}

TEST_CASE("saved run: a model larger than its file is refused before it is made") {
  for (const auto& name : all_models)
    check_refused(name, "/options/hidden", "30000", "its options are those of a model of at least ");
  for (const auto* name : {"char_lm", "texts", "tag"})
    check_refused(name, "/options/layers", "1000", "its options are those of a model of at least ");
}

TEST_CASE("saved run: programs end with a message and status 1") {
  for (const auto& [name, pointer, value] :
       std::vector<std::array<std::string, 3>>{{"char_lm", "/options/layers", "1000000"},
                                               {"series", "/reading/scale", "[]"},
                                               {"texts", "/reading/vocabulary/special/start", ""},
                                               {"tag", "/reading/words", "{\"symbols\":[\"a\"]}"},
                                               {"translate", "/reading/target/special/start", ""},
                                               {"addition", "/reading/digits", "1000000000000"}}) {
    const std::string file = changed(name, pointer, value);
    const auto outcome = use(name, file);
    CHECK(outcome.status == 1);
    CHECK_MESSAGE(outcome.err.starts_with(program_of(name) + ": " + file + ": "), outcome.err);
  }
}

#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)  // which take memory of their own
TEST_CASE("saved run: whatever a file holds, reading it takes 64 MB and four times its size at most") {
  const auto part_of = [](int count, const std::function<std::string(int)>& part) {
    std::string text;
    for (int k = 0; k < count; ++k) text += (k > 0 ? "," : "") + part(k);
    return text;
  };
  const auto with_part = [](const std::string& part) {
    return changed_text("char_lm",
                        [&](std::string& text) { text.insert(text.size() - 1, ",\"z\":" + part); });
  };
  const auto peak = [](const std::string& file) {  // in bytes
    malloc_trim(0);  // until its program begins, the child counts what this process has
    const pid_t child = start("char_lm", models().folder, {"sample", "--model", file, "--length", "1"});
    int status = 0;
    rusage used{};
    REQUIRE(wait4(child, &status, 0, &used) == child);
    CHECK(WIFEXITED(status));
    return 1024.0 * static_cast<double>(used.ru_maxrss);
  };
  const std::vector<std::function<std::string()>> files = {
      [&] { return with_part("[" + part_of(3'000'000, [](int) { return "[]"; }) + "]"); },
      [&] { return with_part(std::string(5'000'000, '[') + std::string(5'000'000, ']')); },
      [&] {
        return with_part("{" + part_of(1'000'000, [](int k) { return fmt::format("\"{}\":1", k); }) + "}");
      },
      [&] { return with_part("\"" + std::string(30'000'000, 'x') + "\""); },
      [&] {
        const auto symbols = part_of(1'000'000, [](int k) { return fmt::format("\"{}\"", k); });
        return changed("char_lm", "/reading/vocabulary/symbols", "[" + symbols + "]");
      }};
  const double sound = peak(models().file("char_lm"));
  for (const auto& make : files) {
    const std::string file = make();
    CAPTURE(fs::file_size(file));
    CHECK(peak(file) <= sound + 64e6 + 4 * static_cast<double>(fs::file_size(file)));
  }
}
#endif

TEST_CASE("saved run: --resume finds a text from another folder than that in which the run began") {
  const TemporaryFolder folder;
  write(folder / "text", std::string(300, 'a') + std::string(300, 'b'));
  const std::string train = fmt::format(
      "cd '{}' && '{}' train --text text --out run --hidden 4 --batch 2 --threads 1 --epochs 1 >/dev/null",
      std::string(folder.path), path_of("char_lm"));
  REQUIRE(std::system(train.c_str()) == 0);
  const auto resumed =
      run("char_lm", folder, {"train", "--out", folder / "run", "--resume", "--epochs", "2"});
  CHECK_MESSAGE(resumed.status == 0, resumed.err);
  CHECK_MESSAGE(contains(resumed.out, std::string(folder / "text") + ": "), resumed.out);
}
