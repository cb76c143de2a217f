#ifndef UNROLL_NO_PROGRAM  // it needs a library for its charts

#include <doctest/doctest.h>
#include <signal.h>

#include <filesystem>
#include <set>

#include "char_lm_program.hpp"
#include "unroll/autograd/error.hpp"
#include "unroll/search_space.hpp"
#include "unroll/sweep_table.hpp"
#include "unroll/trial_process.hpp"

using namespace unroll::tool;
using namespace char_lm_test;

namespace {

std::string refusal(const std::string& text) {
  try {
    parse_dimension(text);
  } catch (const unroll::UsageError& error) {
    return error.what();
  }
  return "none";
}

std::vector<Dimension> space(const std::vector<std::string>& texts) {
  std::vector<Dimension> list;
  for (const std::string& text : texts) list.push_back(parse_dimension(text));
  return list;
}

std::vector<std::string> values_of(const std::vector<Setting>& settings) {
  std::vector<std::string> list;
  for (const Setting& setting : settings) list.push_back(setting_text(setting));
  return list;
}

/// A folder with a text, and a search over it.
struct Search {
  TemporaryFolder folder;
  std::string text = folder / "text", out = folder / "sweep";
  Search() { write(text, story(400)); }
  Arguments arguments(const Arguments& options, const Arguments& space, const Arguments& more = {}) const {
    Arguments words = with({"sweep", "--out", out}, options);
    words = with(words, space);
    words = with(words, {"--", path_of("char_lm"), "train", "--text", text, "--seq-length", "8", "--batch",
                         "4", "--threads", "1", "--layers", "1", "--epochs", "1", "--valid-fraction", "0.2"});
    return with(words, more);
  }
  Outcome run(const Arguments& words) const { return program_test::run("unroll", folder, words); }
};

}  // namespace

TEST_CASE("sweep: ranges and lists are read, and what is neither is refused with what is needed") {
  const Dimension rate = parse_dimension("lr=log:1e-4..1e-2");
  CHECK(rate.name == "lr");
  CHECK(rate.log);
  CHECK(!rate.whole);
  CHECK(parse_dimension("--hidden=16..64").whole);
  CHECK(parse_dimension("dropout=0..0.5/6").points == 6);
  CHECK(parse_dimension("cell=lstm,gru").values == Arguments{"lstm", "gru"});
  CHECK(refusal("lr").starts_with("lr: it has no name before a =; need NAME=A,B,C or NAME=LOW..HIGH"));
  CHECK(refusal("lr=a..b").starts_with("lr=a..b: the ends of the range are no numbers"));
  CHECK(refusal("lr=2..1").starts_with("lr=2..1: the range is empty"));
  CHECK(refusal("lr=log:0..1").starts_with("lr=log:0..1: a range of log begins above 0"));
  CHECK(refusal("lr=0..1/0").starts_with("lr=0..1/0: the number of points"));
  CHECK(refusal("cell=a,,b").starts_with("cell=a,,b: a value is empty"));
  CHECK(refusal("cell=a,a").starts_with("cell=a,a: a value is there twice"));
}

TEST_CASE(
    "sweep: settings are drawn inside their ranges, the same for a seed, and a longer search begins as a "
    "shorter one") {
  const auto dimensions = space({"lr=log:1e-4..1e-2", "layers=1..3", "cell=lstm,gru"});
  const auto few = drawn_settings(dimensions, 7, 10), many = drawn_settings(dimensions, 7, 40);
  CHECK(std::equal(few.begin(), few.end(), many.begin()));
  CHECK(drawn_settings(dimensions, 8, 10) != few);
  std::set<std::string> layers;
  int below = 0;
  for (const Setting& setting : many) {
    const double rate = std::stod(setting[0].second);
    CHECK(rate >= 1e-4);
    CHECK(rate <= 1e-2);
    below += rate < 1e-3 ? 1 : 0;
    layers.insert(setting[1].second);
  }
  CHECK(layers == std::set<std::string>{"1", "2", "3"});
  CHECK(below > 10);  // of 40 about half: each factor counts the same
  CHECK(below < 30);
  CHECK(drawn_settings(space({"cell=a,b", "tie=on,off"}), 1, 100).size() == 4);  // each once
}

TEST_CASE("sweep: a grid has every combination") {
  CHECK(values_of(grid_settings(space({"layers=1..2", "lr=log:1e-4..1e-2/3"}))) ==
        Arguments{"layers 1, lr 0.0001", "layers 1, lr 0.001", "layers 1, lr 0.01", "layers 2, lr 0.0001",
                  "layers 2, lr 0.001", "layers 2, lr 0.01"});
  CHECK_THROWS_AS(grid_settings(space({"lr=0.1..0.2"})), unroll::UsageError);
  CHECK_THROWS_AS(grid_settings(space({"a=0.0..1.0/999", "b=0.0..1.0/999"})), unroll::UsageError);
}

TEST_CASE("sweep: a search is saved and read back, and one that is no search is refused by name") {
  const TemporaryFolder folder;
  const std::string file = folder / "sweep.json";
  Sweep sweep{
      .plan = {.program = "tag", .arguments = {"train"}, .space = {"lr=1,2"}, .seed = 3, .grid = true},
      .trials = {}};
  sweep.trials.push_back(
      {.setting = {{"lr", "1"}}, .status = TrialStatus::failed, .exit_status = 2, .last_lines = "a\nb"});
  sweep.trials.push_back({.setting = {{"lr", "2"}}, .status = TrialStatus::running, .last_lines = {}});
  save_sweep(sweep, file);
  const Sweep again = load_sweep(file);
  CHECK(again.plan == sweep.plan);
  CHECK(again.trials[0].last_lines == "a\nb");
  CHECK(again.trials[1].status == TrialStatus::waiting);
  write(file, "{\"unroll_sweep\":1}");
  CHECK_THROWS_AS(load_sweep(file), unroll::DataError);
}

TEST_CASE("sweep: the best evaluation of a log counts, whatever else the log holds") {
  const TemporaryFolder folder;
  const std::string log = folder / "metrics.jsonl";
  write(log,
        "{\"config\":{}}\n{\"step\":5,\"loss\":0.1,\"valid_loss\":0.01}\n"
        "{\"step\":10,\"train_loss\":3,\"valid_loss\":2.5,\"accuracy\":0.5}\n"
        "{\"step\":20,\"train_loss\":2,\"valid_loss\":1.5,\"accuracy\":0.4}\n"
        "{\"step\":30,\"train_loss\":2,\"valid_loss\":null}\n{\"step\":40,\"train_loss\":1,\"valid_lo");
  CHECK(best_figure(log, {})->step == 20);
  CHECK(best_figure(log, {"accuracy", true})->value == 0.5);
  CHECK(!best_figure(log, {"bleu", true}));
  CHECK(!best_figure(folder / "none", {}));
  CHECK(figures_in(log) == "accuracy, train_loss, valid_loss");
}

TEST_CASE("sweep: trials are run, ranked and shown, and a longer search goes on with them") {
  const Search search;
  const Arguments varied{"hidden=2,4", "lr=log:1e-3..1e-1"};
  const Outcome first = search.run(search.arguments({"--trials", "2", "--jobs", "2"}, varied));
  REQUIRE(first.status == 0);
  CHECK(contains(first.out, "trial 002 of 2  begins: hidden "));
  CHECK(contains(first.out, "best so far"));
  CHECK(contains(first.out, "the best is " + search.out + "/trial-00"));
  CHECK(contains(read(search.out + "/sweep.csv"), "rank,trial,valid_loss,step,hidden,lr,seconds,state\n1,"));
  CHECK(contains(read(search.out + "/sweep.svg"), "valid_loss by option"));
  const Outcome longer = search.run({"sweep", "--out", search.out, "--trials", "3"});
  CHECK(longer.status == 0);
  CHECK(contains(longer.out, "going on: 2 of 3 trials are finished"));
  CHECK(!contains(longer.out, "trial 001 of 3  begins"));
  const Outcome other = search.run(search.arguments({"--seed", "5"}, varied));
  CHECK(other.status == 2);
  CHECK(contains(other.err, "is a search with --seed 1; this one would have 5"));
}

TEST_CASE("sweep: a trial that fails shows its last lines, and the others go on") {
  const Search search;
  const Outcome outcome =
      search.run(search.arguments({"--grid"}, {"cell=elman,nonsense"}, {"--hidden", "2"}));
  CHECK(outcome.status == 1);
  CHECK(contains(outcome.out, "trial 002 of 2  failed with status 2; the end of "));
  CHECK(contains(outcome.out, "    char_lm: "));
  CHECK(contains(outcome.out, "nonsense  "));
  CHECK(contains(outcome.out, "failed, status 2"));
}

TEST_CASE("sweep: a search that is stopped goes on where it was, to the runs of one that was not") {
  const Search search, whole;
  const Arguments varied{"lr=0.01,0.02"}, more{"--hidden", "8", "--epochs", "250", "--eval-every", "100000"};
  const pid_t child =
      program_test::start("unroll", search.folder, search.arguments({"--grid"}, varied, more));
  while (!std::filesystem::exists(search.out + "/trial-001/metrics.jsonl")) ::usleep(2000);
  ::usleep(20000);
  ::kill(child, SIGINT);
  CHECK(wait_for(child) == 130);
  CHECK(contains(search.run({"sweep", "--out", search.out}).out, "the best is "));
  REQUIRE(whole.run(whole.arguments({"--grid"}, varied, more)).status == 0);
  for (const char* trial : {"/trial-001", "/trial-002"})
    CHECK(equal(tensors_of(search.out + trial, "char_lm"), tensors_of(whole.out + trial, "char_lm")));
}

TEST_CASE("sweep: mistakes are named before anything is made") {
  const Search search;
  const auto message = [&](const Arguments& words) {
    return search.run(with({"sweep", "--out", search.out}, words)).err;
  };
  CHECK(contains(message({}), "name what varies before the program"));
  CHECK(contains(message({"lr"}), "lr: it has no name before a ="));
  CHECK(contains(message({"lr=1,2"}), "name the program and what does not vary"));
  CHECK(contains(message({"lr=1,2", "--", "no_such", "train"}), "no_such: there is no such program"));
  CHECK(contains(message({"lr=1,2", "--", "char_lm", "sample"}), "need its command train"));
  CHECK(contains(message({"lr=1,2", "--", "char_lm", "train", "--lr", "1"}),
                 "--lr: the search sets this option itself"));
  CHECK(contains(message({"out=1,2", "--", "char_lm", "train"}), "out=1,2: the option cannot vary"));
  CHECK(!std::filesystem::exists(search.out));
}

#endif
