#include <sys/stat.h>

#include <chrono>
#include <cstdlib>
#include <fstream>
#include <thread>

#include "char_lm_program.hpp"

using namespace char_lm_test;
namespace fs = std::filesystem;

namespace {

/// A text, and a finished run over it.
struct Finished {
  TemporaryFolder folder;
  std::string text = folder / "text", out = folder / "run";

  Finished() {
    write(text, story(3000));
    REQUIRE(run(folder, training(text, out, {"--epochs", "1"})).status == 0);
  }
  std::string last() const { return read(fs::path(out) / "last.safetensors"); }
  std::string log() const { return read(fs::path(out) / "metrics.jsonl"); }
};

/// A run that takes long and evaluates at its end only, started and seen to train.
pid_t start_long(const TemporaryFolder& folder, const std::string& out) {
  write(folder / "text", story(3000));
  const pid_t child =
      start(folder, training(folder / "text", out,
                             {"--epochs", "1000000", "--eval-every", "100000000", "--time-limit", "60"}));
  siginfo_t ended{};
  while (!fs::exists(fs::path(out) / "metrics.jsonl")) {
    REQUIRE(waitid(P_PID, static_cast<id_t>(child), &ended, WEXITED | WNOHANG | WNOWAIT) == 0);
    REQUIRE(ended.si_pid == 0);
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
  return child;
}

/// Runs the program with `stream` as its standard output: a path, or nothing for one that is closed.
int run_into(const char* stream, const TemporaryFolder& folder, const Arguments& arguments) {
  std::string command = "'" + path_of("char_lm") + "'";
  for (const auto& argument : arguments) command += " '" + argument + "'";
  command += stream ? std::string(" >") + stream : std::string(" >&-");
  command += " 2>'" + std::string(folder / "stderr") + "'";
  const int status = std::system(command.c_str());
  return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

}  // namespace

TEST_CASE("char_lm: a run that is stopped before its first evaluation says so, and has its checkpoint") {
  const TemporaryFolder folder;
  const std::string out = folder / "run";
  for (const int signal : {SIGINT, SIGTERM}) {
    const pid_t child = start_long(folder, out);
    kill(child, signal);
    CHECK(wait_for(child) == 128 + signal);
    CHECK(read(folder / "stderr").empty());
    CHECK(contains(read(folder / "stdout"), "stopped after "));
    CHECK(contains(read(folder / "stdout"), "the model is " + out + "/last.safetensors\ntrain --out " + out +
                                                " --resume goes on with it\n"));
    CHECK(run(folder, {"sample", "--model", out, "--length", "9"}).status == 0);
    fs::remove_all(out);
  }
}

TEST_CASE("char_lm: --overwrite touches nothing before the new run can begin") {
  const Finished finished;
  const std::string last = finished.last(), log = finished.log();
  write(finished.folder / "brief", "abc");
  for (const Arguments& wrong : std::vector<Arguments>{{"--text", finished.folder / "none"},
                                                       {"--text", finished.folder / "brief"},
                                                       {"--cell", "none"},
                                                       {"--optimizer", "none"},
                                                       {"--batch", "3000"},
                                                       {"--min-count", "1000000"},
                                                       {"--hidden", "1000000000"}}) {
    Arguments arguments = training(finished.text, finished.out, {"--overwrite"});
    arguments.insert(arguments.end(), wrong.begin(), wrong.end());
    CHECK_MESSAGE(run(finished.folder, arguments).status != 0, wrong[0]);
    CHECK_MESSAGE(finished.last() == last, wrong[0]);
    CHECK_MESSAGE(finished.log() == log, wrong[0]);
  }
}

TEST_CASE("char_lm: a run that cannot begin leaves no folder behind") {
  const TemporaryFolder folder;
  CHECK(run(folder, {"train", "--text", folder / "none", "--out", folder / "a/b"}).status == 1);
  CHECK(!fs::exists(folder / "a"));
}

TEST_CASE("char_lm: output that is lost is a failure, with its reason on standard error") {
  const Finished finished;
  const std::vector<Arguments> commands = {
      {"--help"},
      {"sample", "--model", finished.out, "--length", "9"},
      {"eval", "--model", finished.out, "--text", finished.text},
      {"train", "--out", finished.out, "--resume", "--epochs", "1"},
      training(finished.text, finished.folder / "other", {"--epochs", "1"})};
  for (const auto* stream : {"/dev/full", static_cast<const char*>(nullptr)})
    for (const Arguments& command : commands) {
      fs::remove_all(finished.folder / "other");
      CHECK_MESSAGE(run_into(stream, finished.folder, command) == 1, command[0]);
      CHECK_MESSAGE(contains(read(finished.folder / "stderr"), "char_lm: standard output: "), command[0]);
    }
  // What was trained meanwhile is whole.
  CHECK(run(finished.folder, {"sample", "--model", finished.folder / "other"}).status == 0);
}

TEST_CASE("char_lm: numbers out of range are refused, and the message names the option and the range") {
  const TemporaryFolder folder;
  write(folder / "text", story(500));
  const auto train = [&](const Arguments& more) {
    Arguments arguments = {"train", "--text", folder / "text", "--out", folder / "m", "--time-limit", "0.1"};
    arguments.insert(arguments.end(), more.begin(), more.end());
    return run(folder, arguments);
  };
  int pair = 0;
  for (const auto* option : {"--batch", "--seq-length", "--epochs", "--hidden", "--embedding", "--eval-every",
                             "--min-count", "--layers", "--threads"})
    for (const auto* value : {"9223372036854775807", "99999999999999999999", "-1", "1.5", "ten"}) {
      if (pair++ % (slow_to_start ? 4 : 1) != 0) continue;  // of 45 still each option and each value
      const auto outcome = train({option, value});
      CHECK(outcome.status == 2);
      CHECK_MESSAGE(contains(outcome.err, std::string(option) + ": need a whole number from "), outcome.err);
      CHECK_MESSAGE(contains(outcome.err, std::string("; got ") + value), outcome.err);
    }
  const auto seed = train({"--seed", "18446744073709551616"});
  CHECK(seed.status == 2);
  CHECK(contains(seed.err, "--seed: need a whole number from 0 to 18446744073709551615"));
  const auto twice = train({"--hidden", "16", "--hidden", "1.5"});
  CHECK(contains(twice.err, "--hidden: need a whole number from 1 to 1000000000; got 1.5\n"));
  CHECK(!fs::exists(folder / "m"));
}

TEST_CASE("char_lm: the largest numbers that are allowed do no harm") {
  const TemporaryFolder folder;
  write(folder / "text", story(500));
  const auto outcome =
      run(folder, training(folder / "text", folder / "m",
                           {"--seq-length", "1000000000", "--epochs", "1000000000", "--eval-every",
                            "1000000000000000", "--seed", "18446744073709551615", "--time-limit", "0.01"}));
  CHECK_MESSAGE(outcome.status == 0, outcome.err);
  CHECK(contains(outcome.out, "out of time after "));
}

TEST_CASE("char_lm: an empty --out or --model is refused") {
  const TemporaryFolder folder;
  for (const Arguments& wrong :
       std::vector<Arguments>{{"train", "--out", ""}, {"sample", "--model", ""}, {"eval", "--model", ""}}) {
    const auto outcome = run(folder, wrong);
    CHECK(outcome.status == 2);
    CHECK_MESSAGE(contains(outcome.err, wrong[1] + ": need a name; got an empty one"), outcome.err);
  }
}

TEST_CASE("char_lm: a --min-count that no symbol reaches is refused") {
  const TemporaryFolder folder;
  write(folder / "text", story(500));
  const auto outcome = run(folder, training(folder / "text", folder / "m", {"--min-count", "1000000"}));
  CHECK(outcome.status == 2);
  CHECK(contains(outcome.err, "--min-count 1000000: no character of "));
  CHECK(!fs::exists(folder / "m"));
}

TEST_CASE("char_lm: a model that no memory can hold is refused before anything is made") {
  const TemporaryFolder folder;
  write(folder / "text", story(500));
  const auto outcome = run(folder, training(folder / "text", folder / "m", {"--hidden", "1000000000"}));
  CHECK(outcome.status == 2);
  CHECK_MESSAGE(contains(outcome.err, "--hidden 1000000000, --layers 2, "), outcome.err);
  CHECK(contains(outcome.err, "GB of memory"));
}

TEST_CASE("char_lm: --resume goes on from the best model where it is the only one left") {
  const Finished finished;
  fs::remove(fs::path(finished.out) / "last.safetensors");
  const auto resumed = run(finished.folder, {"train", "--out", finished.out, "--resume"});
  CHECK(resumed.status == 0);
  CHECK(contains(resumed.out, "last.safetensors is missing: going on from the best model"));
  CHECK(fs::exists(fs::path(finished.out) / "last.safetensors"));
  const auto again = run(finished.folder, {"train", "--out", finished.out, "--resume"});
  CHECK(again.status == 0);
  CHECK_FALSE(contains(again.out, "is missing"));
}

TEST_CASE("char_lm: --resume begins a run anew that has left its log alone, but not as another run") {
  const Finished finished;
  for (const auto* file : {"last.safetensors", "best.safetensors"}) fs::remove(fs::path(finished.out) / file);
  const std::string log = finished.log();
  const auto other =
      run(finished.folder, training(finished.text, finished.out, {"--resume", "--hidden", "13"}));
  CHECK(other.status == 2);
  CHECK_MESSAGE(contains(other.err, "is of a run with hidden 12, which has left no checkpoint"), other.err);
  CHECK(finished.log() == log);
  const auto same = run(finished.folder, training(finished.text, finished.out, {"--resume"}));
  CHECK(same.status == 0);
  CHECK(contains(same.out, "training begins anew"));
}

TEST_CASE("char_lm: a folder that a run is writing to is refused to a second one") {
  const TemporaryFolder folder, other;
  const std::string out = folder / "run";
  const pid_t child = start_long(folder, out);
  for (const auto* how : {"--resume", "--overwrite"}) {
    const auto second = run(other, training(folder / "text", out, {how}));
    CHECK(second.status == 1);
    CHECK_MESSAGE(contains(second.err, "another program is writing a run there"), second.err);
  }
  kill(child, SIGINT);
  CHECK(wait_for(child) == 128 + SIGINT);
  CHECK(fs::exists(fs::path(out) / "last.safetensors"));
}

TEST_CASE("char_lm: eval says what is wrong with a text that gives nothing to predict") {
  const Finished finished;
  const auto evaluate = [&](const std::string& text) {
    write(finished.folder / "other", text);
    return run(finished.folder, {"eval", "--model", finished.out, "--text", finished.folder / "other"});
  };
  const auto one = evaluate("s");
  CHECK(one.status == 1);
  CHECK_MESSAGE(contains(one.err, "1 character to predict from, and none to predict: at least 2 are needed"),
                one.err);
  const auto unknown = evaluate("QQQQ");
  CHECK(unknown.status == 1);
  CHECK_MESSAGE(contains(unknown.err, "the model knows no character of it"), unknown.err);
}

TEST_CASE("char_lm: one of something is not called several") {
  const TemporaryFolder folder;
  write(folder / "text", std::string(9, 'a'));
  const auto outcome =
      run(folder, training(folder / "text", folder / "m",
                           {"--epochs", "1", "--batch", "1", "--seq-length", "8", "--valid-fraction", "0"}));
  CHECK(outcome.status == 0);
  CHECK(contains(outcome.out, "vocabulary  1 different character\n"));
  CHECK(contains(outcome.out, "windows     1 an epoch, of 8 steps in 1 stream\n"));
  CHECK(contains(outcome.out, "training    1 epoch, "));
  CHECK(contains(outcome.out, ", 1 thread\n"));
  CHECK(contains(outcome.out, "complete after 1 step and "));
}

TEST_CASE(
    "char_lm: a run that another program begins in the same folder while the text is read is left alone") {
  const TemporaryFolder folder;
  const std::string text = folder / "text", out = folder / "run";
  REQUIRE(mkfifo(text.c_str(), 0600) == 0);
  const pid_t child = start(folder, training(text, out));
  std::ofstream pipe(text);  // it waits for the program, which looks for a run before it opens the text
  fs::create_directory(out);
  write(fs::path(out) / "last.safetensors", "another run");
  pipe << story(3000) << std::flush;
  pipe.close();
  CHECK(wait_for(child) == 1);
  CHECK(read(folder / "stderr") == "char_lm: --out " + out + ": another program has written a run there\n");
  CHECK(read(fs::path(out) / "last.safetensors") == "another run");
}
