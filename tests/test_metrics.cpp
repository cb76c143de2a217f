#include <doctest/doctest.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <csignal>
#include <fstream>
#include <memory>
#include <nlohmann/json.hpp>

#include "system_calls.hpp"
#include "temporary_folder.hpp"
#include "unroll/autograd/error.hpp"
#include "unroll/train/loop.hpp"
#include "unroll/train/metrics_log.hpp"
#include "unroll/train/run_folder.hpp"
#include "unroll/train/signals.hpp"

using namespace unroll;
using json = nlohmann::ordered_json;

namespace {

std::string content(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

void append(const std::string& path, std::string_view text) {
  std::ofstream(path, std::ios::binary | std::ios::app) << text;
}

/// A task whose losses are functions of the step alone, so that runs can be compared.
struct CountingTask : TrainingTask {
  std::vector<std::int64_t> trained, saved, saved_best;
  LoopState last;
  std::int64_t step = 0;
  std::function<double(std::int64_t)> validation = [](std::int64_t k) { return 1.0 / double(k); };

  StepResult train_step(std::int64_t epoch, std::int64_t index) override {
    CHECK(epoch == step / 5);
    trained.push_back(index);
    ++step;
    return {2.0 / double(step), 0.1 * double(step), 10 + step};
  }
  std::optional<Evaluation> evaluate() override { return Evaluation{validation(step)}; }
  void save(const LoopState& state, bool best) override {
    saved.push_back(state.step);
    if (best) saved_best.push_back(state.step);
    last = LoopState::from_json(json::parse(state.to_json().dump()), "state");
  }
};

/// Runs a task to the end, or until it has done `until` steps; returns what was printed.
LoopEnd run(CountingTask& task, const LoopPlan& plan, LoopState state, MetricsLog& log,
            std::int64_t until = 1000, std::string* printed = nullptr) {
  const std::unique_ptr<std::FILE, int (*)(std::FILE*)> out(std::tmpfile(), &std::fclose);
  REQUIRE(out);
  Progress progress(out.get());
  task.step = state.step;
  const LoopEnd end =
      TrainingLoop(plan, std::move(state), task, progress, log).run([&] { return task.step >= until; });
  if (printed) {
    std::rewind(out.get());
    for (int c; (c = std::fgetc(out.get())) != EOF;) *printed += static_cast<char>(c);
  }
  return end;
}

/// The lines of a log without what depends on the clock.
std::vector<json> timeless(const std::string& path) {
  std::vector<json> lines;
  std::ifstream file(path);
  for (std::string line; std::getline(file, line);) {
    lines.push_back(json::parse(line));
    const json all = lines.back();
    for (const auto& [name, value] : all.items())
      if (name.ends_with("seconds") || name.ends_with("_per_second")) lines.back().erase(name);
  }
  return lines;
}

const LoopPlan plan{.steps_per_epoch = 5, .epochs = 3, .evaluate_every = 4, .log_every = 3};

}  // namespace

TEST_CASE("metrics log: the first line is the configuration") {
  const TemporaryFolder folder;
  const auto path = folder / "log";
  auto log = MetricsLog::create(path, {{"lr", 0.002}, {"cell", "lstm"}});
  log.write({{"step", 1}, {"loss", 0.1}});
  log.sync();
  CHECK(content(path) == "{\"config\":{\"lr\":0.002,\"cell\":\"lstm\"}}\n{\"step\":1,\"loss\":0.1}\n");
}

TEST_CASE("metrics log: where and how the run began stands beside the configuration") {
  const TemporaryFolder folder;
  const auto path = folder / "log";
  MetricsLog::create(path, {}, {{"program", "x"}});
  CHECK(content(path) == "{\"config\":{},\"run\":{\"program\":\"x\"}}\n");
  MetricsLog::resume(path, {}, 0, {{"program", "y"}});
  CHECK(content(path) == "{\"config\":{},\"run\":{\"program\":\"x\"}}\n");
}

TEST_CASE("metrics log: resuming cuts off what was written after the checkpoint, whole or in part") {
  const TemporaryFolder folder;
  const auto path = folder / "log";
  const std::string kept = "{\"config\":{}}\n{\"step\":1}\n{\"step\":2}\n";
  append(path, kept + "{\"step\":3}\n{\"st");
  auto log = MetricsLog::resume(path, {{"other", 1}}, 2);
  CHECK(content(path) == kept);
  log.write({{"step", 3}});
  CHECK(content(path) == kept + "{\"step\":3}\n");
}

TEST_CASE("metrics log: a line cut in the middle ends what is kept") {
  const TemporaryFolder folder;
  const auto path = folder / "log";
  append(path, "{\"config\":{}}\n{\"step\":1}\n{\"step\":2}");
  MetricsLog::resume(path, {}, 9);
  CHECK(content(path) == "{\"config\":{}}\n{\"step\":1}\n");
}

TEST_CASE("metrics log: without a usable file resuming begins a new one") {
  const TemporaryFolder folder;
  const auto path = folder / "log";
  MetricsLog::resume(path, {{"a", 1}}, 5);
  CHECK(content(path) == "{\"config\":{\"a\":1}}\n");
  append(folder / "foreign", "hello\n");
  MetricsLog::resume(folder / "foreign", {{"a", 1}}, 5);
  CHECK(content(folder / "foreign") == "{\"config\":{\"a\":1}}\n");
}

TEST_CASE("metrics log: a file that cannot be written is named") {
  CHECK_THROWS_WITH_AS(MetricsLog::create("no/such/folder/log", {}),
                       "no/such/folder/log: No such file or directory", DataError);
  auto full = MetricsLog::create("/dev/null", {});
  full.sync();
  CHECK_THROWS_WITH_AS(MetricsLog::create("/dev/full", {}), "/dev/full: No space left on device", DataError);
}

TEST_CASE("metrics log: a symbolic link is refused, and what it leads to is left alone") {
  const TemporaryFolder folder;
  const std::string line = "{\"config\":{}}\n",
                    message = (folder / "log").string() + ": it is a symbolic link, ";
  append(folder / "precious", line + "more");
  std::filesystem::create_symlink(folder / "precious", folder / "log");
  CHECK_THROWS_WITH_AS(MetricsLog::resume(folder / "log", {}, 5), doctest::Contains(message.c_str()),
                       DataError);
  CHECK_THROWS_WITH_AS(MetricsLog::create(folder / "log", {}), doctest::Contains(message.c_str()), DataError);
  CHECK(content(folder / "precious") == line + "more");
}

TEST_CASE("metrics log: a named pipe is refused at once, and not waited for") {
  const TemporaryFolder folder;
  REQUIRE(mkfifo((folder / "log").c_str(), 0600) == 0);
  const pid_t child = fork();
  REQUIRE(child >= 0);
  if (child == 0) {
    alarm(10);  // ends the child where it waits
    try {
      MetricsLog::resume(folder / "log", {}, 5);
      _exit(1);
    } catch (const DataError&) {
      _exit(MetricsLog::configuration(folder / "log").is_null() ? 0 : 2);
    }
  }
  int status = 0;
  REQUIRE(waitpid(child, &status, 0) == child);
  CHECK(status == 0);
}

TEST_CASE("metrics log: lines with numbers beyond their type or far too deep end what is taken over") {
  for (const std::string& line :
       {std::string("{\"step\":1e300}"), std::string("{\"step\":18446744073709551615}"),
        "{\"step\":1,\"x\":" + std::string(100'000, '[') + std::string(100'000, ']') + "}"}) {
    const TemporaryFolder folder;
    const std::string sound = "{\"config\":{}}\n{\"step\":1}\n";
    append(folder / "log", sound + line + "\n{\"step\":2}\n");
    MetricsLog::resume(folder / "log", {}, 5);
    CHECK(content(folder / "log") == sound);
  }
}

TEST_CASE("metrics log: a signal that interrupts a system call ends nothing") {
  const TemporaryFolder folder;
  const system_calls::Interrupted interrupted;
  MetricsLog::create(folder / "log", {}).sync();
  CHECK(interrupted.count() == 4);  // log and folder opened, both synced
  MetricsLog::resume(folder / "log", {}, 1);
  CHECK(interrupted.count() == 7);  // opened to write, opened to read, cut
  CHECK(content(folder / "log") == "{\"config\":{}}\n");
}

TEST_CASE("metrics log: the name of a new log is synced, so that a checkpoint does not outlive it") {
  const TemporaryFolder folder;
  system_calls::synced();
  MetricsLog::create(folder / "log", {});
  CHECK(system_calls::synced() == std::vector<std::string>{folder.path});
}

TEST_CASE("metrics log: one that cannot be read is an error, and none is not") {
  const TemporaryFolder folder;
  CHECK(MetricsLog::configuration(folder / "log").is_null());
  append(folder / "log", "{\"config\":1}\n");
  CHECK(MetricsLog::configuration(folder / "log") == 1);
  const std::string name = folder / "log";
  {
    const system_calls::Failing failing("pread", EIO);
    CHECK_THROWS_WITH_AS(MetricsLog::configuration(name),
                         (name + ": cannot read: Input/output error").c_str(), DataError);
  }
  const system_calls::Failing failing("stat", EIO);
  CHECK_THROWS_WITH_AS(MetricsLog::configuration(name), (name + ": Input/output error").c_str(), DataError);
}

TEST_CASE("run folder: a new folder and those around it are synced, and signals do not interrupt that") {
  const TemporaryFolder folder;
  const std::string there = folder.path;
  system_calls::synced();
  RunFolder(folder / "a/b/c/").create();
  CHECK(system_calls::synced() == std::vector<std::string>{there + "/a/b", there + "/a", there});
  RunFolder(folder / "a/b/c").create();
  CHECK(system_calls::synced().empty());
  const system_calls::Interrupted interrupted;
  const FolderLock lock = RunFolder(folder / "a").lock();
  CHECK(interrupted.count() == 2);
  CHECK_THROWS_AS(RunFolder(folder / "a").lock(), DataError);
}

TEST_CASE(
    "run folder: a file of which the system tells nothing is an error, and not a file that is missing") {
  const TemporaryFolder folder;
  const RunFolder run(folder.path);
  append(run.last(), "x");
  CHECK(run.holds_run());
  const system_calls::Failing failing("stat", EIO);
  CHECK_THROWS_WITH_AS(run.holds_run(), (run.best() + ": Input/output error").c_str(), DataError);
  CHECK_THROWS_WITH_AS(find_checkpoint(run.last()), (run.last() + ": Input/output error").c_str(), DataError);
}

TEST_CASE("run folder: the disk has forgotten the checkpoints before the log is removed") {
  const TemporaryFolder folder;
  const RunFolder run(folder.path);
  for (const auto& file : {run.log(), run.best(), run.last()}) append(file, "x");
  system_calls::synced();
  {
    const system_calls::Interrupted interrupted;  // and signals do not interrupt that
    run.clear();
  }
  CHECK(system_calls::synced() == std::vector<std::string>{folder.path});
  CHECK_FALSE(run.holds_run());
  CHECK_FALSE(RunFolder::exists(run.log()));
}

TEST_CASE("run folder: a lock that is assigned lets go of its folder and keeps the other") {
  const TemporaryFolder folder;
  for (const char* name : {"a", "b"}) RunFolder(folder / name).create();
  FolderLock lock = RunFolder(folder / "a").lock();
  lock = RunFolder(folder / "b").lock();
  CHECK_THROWS_AS(RunFolder(folder / "b").lock(), DataError);
  RunFolder(folder / "a").lock();
}

TEST_CASE("run folder: the best checkpoint is found, else the last, and none is an error") {
  const TemporaryFolder folder;
  const std::string path = folder.path;
  CHECK_THROWS_WITH_AS(
      find_checkpoint(path),
      (path + ": holds no checkpoint: a training run writes one at its first evaluation").c_str(), DataError);
  append(RunFolder(path).last(), "");
  CHECK(find_checkpoint(path) == RunFolder(path).last());
  append(RunFolder(path).best(), "");
  CHECK(find_checkpoint(path) == RunFolder(path).best());
  CHECK(find_checkpoint(RunFolder(path).last()) == RunFolder(path).last());
  CHECK_THROWS_WITH_AS(find_checkpoint(folder / "none"),
                       ((folder / "none").string() + ": No such file or directory").c_str(), DataError);
}

TEST_CASE("run folder: what cannot be made or removed is named with its reason") {
  const TemporaryFolder folder;
  append(folder / "file", "");
  CHECK_THROWS_WITH_AS(RunFolder(folder / "file").create(),
                       ((folder / "file").string() + ": Not a directory").c_str(), DataError);
  const RunFolder run(folder / "run");
  RunFolder(run.log() + "/x").create();
  CHECK_THROWS_WITH_AS(run.clear(), (run.log() + ": Directory not empty").c_str(), DataError);
}

TEST_CASE("loop: a state with numbers beyond their type or their range is refused by its place") {
  const json sound = LoopState{}.to_json();
  for (const auto& [key, wrong, message] : std::vector<std::array<std::string, 3>>{
           {"step", "1e300", "step: need a whole number from 0 to 1000000000000000000; got 1e+300"},
           {"step", "-1", "step: need a whole number from 0 to 1000000000000000000; got -1"},
           {"stalled", "18446744073709551615", "stalled: need a whole number from 0 to "},
           {"best_step", "0.5", "best_step: need a whole number from 0 to "},
           {"seconds", "\"1\"", "seconds: need a number of at least 0; got \"1\""},
           {"best", "true", "best: need a finite number; got true"},
           {"since_log", "[1]", "since_log: need two numbers; got an array"}}) {
    json state = sound;
    state[key] = json::parse(wrong);
    CHECK_THROWS_WITH_AS(LoopState::from_json(state, "m"), doctest::Contains(("m: loop: " + message).c_str()),
                         DataError);
  }
}

TEST_CASE("loop: steps, evaluations and saves come when the plan says") {
  const TemporaryFolder folder;
  auto log = MetricsLog::create(folder / "log", {});
  CountingTask task;
  CHECK(run(task, plan, {}, log) == LoopEnd::complete);
  CHECK(task.trained == std::vector<std::int64_t>{0, 1, 2, 3, 4, 0, 1, 2, 3, 4, 0, 1, 2, 3, 4});
  CHECK(task.saved == std::vector<std::int64_t>{4, 8, 12, 15});
  CHECK(task.saved_best == task.saved);
  CHECK(task.last.step == 15);
  CHECK(task.last.best == 1.0 / 15);
}

TEST_CASE("loop: without a number it evaluates at the end of each epoch") {
  const TemporaryFolder folder;
  auto log = MetricsLog::create(folder / "log", {});
  CountingTask task;
  run(task, {.steps_per_epoch = 5, .epochs = 3}, {}, log);
  CHECK(task.saved == std::vector<std::int64_t>{5, 10, 15});
}

TEST_CASE("loop: only a lower validation loss is a new best; others count as stalled") {
  const TemporaryFolder folder;
  auto log = MetricsLog::create(folder / "log", {});
  CountingTask task;
  task.validation = [](std::int64_t k) { return k == 8 ? 1.0 : 2.0; };
  std::string printed;
  run(task, plan, {}, log, 1000, &printed);
  CHECK(task.saved == std::vector<std::int64_t>{4, 8, 12, 15});
  CHECK(task.saved_best == std::vector<std::int64_t>{4, 8});
  CHECK(task.last.best_step == 8);
  CHECK(task.last.stalled == 2);
  CHECK(printed.find("epoch 1.60  step 8  train ") != std::string::npos);
  CHECK(printed.find("valid 1.0000  new best\n") != std::string::npos);
  CHECK(printed.find("valid 2.0000  stalled 2 (best 1.0000)\n") != std::string::npos);
}

TEST_CASE("loop: a figure may decide which model is best, the larger; figures are printed and logged") {
  struct Rated : CountingTask {
    std::optional<Evaluation> evaluate() override {
      return Evaluation{1.0 / double(step), {{"accuracy", step == 8 ? 0.75 : 0.5}}};
    }
  } task;
  const TemporaryFolder folder;
  auto log = MetricsLog::create(folder / "log", {});
  std::string printed;
  LoopPlan by_accuracy = plan;
  by_accuracy.best_by = "accuracy";
  run(task, by_accuracy, {}, log, 1000, &printed);
  CHECK(task.saved_best == std::vector<std::int64_t>{4, 8});
  CHECK(task.last.best == 0.75);
  CHECK(printed.find("valid 0.1250  accuracy 0.7500  new best\n") != std::string::npos);
  CHECK(printed.find("valid 0.0833  accuracy 0.5000  stalled 1 (best 0.7500)\n") != std::string::npos);
  CHECK(timeless(folder / "log").back()["accuracy"] == 0.5);
  by_accuracy.best_by = "recall";
  CHECK_THROWS_WITH_AS(
      run(task, by_accuracy, {}, log),
      "training loop: the best model is that with the largest recall, which no evaluation tells", UsageError);
}

TEST_CASE("loop: with keep_last validation measures and does not choose") {
  const TemporaryFolder folder;
  auto log = MetricsLog::create(folder / "log", {});
  CountingTask task;
  task.validation = [](std::int64_t k) { return k == 8 ? 1.0 : 2.0; };
  LoopPlan keep = plan;
  keep.keep_last = true;
  std::string printed;
  run(task, keep, {}, log, 1000, &printed);
  CHECK(task.saved_best == std::vector<std::int64_t>{4, 8, 12, 15});
  CHECK(!task.last.best);
  CHECK(printed.find("valid 1.0000\n") != std::string::npos);
  CHECK(!timeless(folder / "log").back().contains("best"));
}

TEST_CASE("loop: the logged loss is the mean over symbols since the line before") {
  const TemporaryFolder folder;
  auto log = MetricsLog::create(folder / "log", {});
  CountingTask task;
  run(task, plan, {}, log);
  const auto lines = timeless(folder / "log");
  CHECK(lines[1]["step"] == 3);
  // 11, 12 and 13 symbols with losses 2, 1 and 2/3; three roundings.
  CHECK(lines[1]["loss"].get<double>() ==
        doctest::Approx((11 * 2 + 12 * 1 + 13 * 2.0 / 3) / 36).epsilon(1e-15));
}

TEST_CASE("loop: stopped anywhere and continued, it is the loop not interrupted") {
  const TemporaryFolder folder;
  CountingTask whole;
  auto whole_log = MetricsLog::create(folder / "whole", {});
  run(whole, plan, {}, whole_log);
  for (std::int64_t at = 1; at < 15; ++at) {
    const auto path = folder / "parts";
    CountingTask first, second;
    {
      auto log = MetricsLog::create(path, {});
      CHECK(run(first, plan, {}, log, at) == LoopEnd::stopped);
      CHECK(first.last.step == at);
      log.write({{"step", at + 1}, {"lost", true}});
    }
    auto log = MetricsLog::resume(path, {}, first.last.step);
    CHECK(run(second, plan, first.last, log) == LoopEnd::complete);
    auto seconds = whole.last;
    seconds.seconds = second.last.seconds;
    CHECK(second.last.to_json() == seconds.to_json());
    CHECK(timeless(path) == timeless(folder / "whole"));
  }
}

TEST_CASE("loop: an epoch is the share of the data that was read, in both kinds of lines") {
  const TemporaryFolder folder;
  auto log = MetricsLog::create(folder / "log", {});
  CountingTask task;
  run(task, plan, {}, log);
  for (const auto& line : timeless(folder / "log"))
    if (line.contains("step")) CHECK(line["epoch"] == line["step"].get<double>() / 5);
}

TEST_CASE("loop: a line tells rate, norms, the shares of clipped steps and of time since the line before") {
  struct Measured : CountingTask {
    StepResult train_step(std::int64_t epoch, std::int64_t index) override {
      StepResult result = CountingTask::train_step(epoch, index);
      result.learning_rate = 0.5 / double(step), result.clipped = step % 2 == 0, result.skipped = step == 6;
      result.seconds = {.forward = 1, .backward = 2, .update = 3};
      return result;
    }
  } task;
  const TemporaryFolder folder;
  auto log = MetricsLog::create(folder / "log", {});
  run(task, {.steps_per_epoch = 5, .epochs = 2, .log_every = 3}, {}, log);
  std::ifstream file(folder / "log");
  std::string line;
  for (int k = 0; k < 4; ++k) std::getline(file, line);  // configuration, step 3, evaluation, step 6
  const json second = json::parse(line);                 // steps 4 and 5, and 6, which was left out
  CHECK(second["learning_rate"] == 0.5 / 6);
  CHECK(second["gradient_norm"] == (0.1 * 4 + 0.1 * 5) / 2);
  CHECK(second["gradient_norm_max"] == 0.1 * 5);
  CHECK(second["clipped"] == 0.5);
  CHECK(second["skipped"] == 1);
  CHECK(second["forward_seconds"] == 3.0);
  CHECK(second["backward_seconds"] == 6.0);
  CHECK(second["update_seconds"] == 9.0);
  CHECK(second["data_seconds"] == 0.0);  // the task took less than it says
}

TEST_CASE(
    "loop: the run ends after as many evaluations without a new best as patience says, and not before") {
  const TemporaryFolder folder;
  auto log = MetricsLog::create(folder / "log", {});
  CountingTask task;
  task.validation = [](std::int64_t k) { return k == 2 ? 1.0 : 2.0; };
  LoopPlan patient{.steps_per_epoch = 5, .epochs = 3, .evaluate_every = 1, .patience = 3};
  CHECK(run(task, patient, {}, log) == LoopEnd::out_of_patience);
  CHECK(task.last.step == 5);
  CHECK(task.saved_best == std::vector<std::int64_t>{1, 2});
  CHECK(run(task, patient, task.last, log) == LoopEnd::out_of_patience);  // going on changes nothing
  CHECK(task.last.step == 5);
  patient.patience = 5;
  CHECK(run(task, patient, task.last, log) == LoopEnd::out_of_patience);
  CHECK(task.last.step == 7);
  patient.keep_last = true;
  CHECK_THROWS_WITH_AS(run(task, patient, {}, log),
                       doctest::Contains("patience 5: validation does not choose the model to keep"),
                       UsageError);
}

TEST_CASE("loop: averages are in use while it evaluates and shows, and not while it saves") {
  struct Averaging : CountingTask {
    bool in_use = false;
    std::vector<bool> evaluated, shown, observed, in_saves;
    std::shared_ptr<void> averaged() override {
      in_use = true;
      return {nullptr, [this](void*) { in_use = false; }};
    }
    std::optional<Evaluation> evaluate() override { return evaluated.push_back(in_use), Evaluation{1}; }
    std::string example() override { return shown.push_back(in_use), "a sample"; }
    std::string remark(const Evaluation&) override { return "a warning"; }
    void observe(const Evaluation&) override { observed.push_back(in_use); }
    void save(const LoopState&, bool) override { in_saves.push_back(in_use); }
  } task;
  const TemporaryFolder folder;
  auto log = MetricsLog::create(folder / "log", {});
  run(task, {.steps_per_epoch = 5}, {}, log);
  CHECK(task.evaluated == std::vector{true});
  CHECK(task.shown == std::vector{true});
  CHECK(task.observed == std::vector{false});
  CHECK(task.in_saves == std::vector{false});
  const auto line = timeless(folder / "log").back();
  CHECK(line["example"] == "a sample");
  CHECK(line["note"] == "a warning");
}

TEST_CASE("loop: a state that was saved before lines told of norms goes on without them") {
  json state = LoopState{.step = 3}.to_json();
  state.erase("norms_since_log");
  CHECK(LoopState::from_json(state, "m").step == 3);
}

TEST_CASE("loop: when its time is up it evaluates, saves and ends") {
  const TemporaryFolder folder;
  auto log = MetricsLog::create(folder / "log", {});
  CountingTask task;
  CHECK(run(task, {.steps_per_epoch = 5, .epochs = 3, .time_limit = 1e-9}, {}, log) == LoopEnd::out_of_time);
  CHECK(task.saved == std::vector<std::int64_t>{1});
  CHECK(task.last.best == 1.0);
}

TEST_CASE("loop: an exception passes through and nothing is saved after it") {
  struct Failing : CountingTask {
    StepResult train_step(std::int64_t epoch, std::int64_t index) override {
      if (step == 6) raise<DataError>("the loss is not finite");
      return CountingTask::train_step(epoch, index);
    }
  } task;
  const TemporaryFolder folder;
  auto log = MetricsLog::create(folder / "log", {});
  CHECK_THROWS_AS(run(task, plan, {}, log), DataError);
  CHECK(task.saved == std::vector<std::int64_t>{4});
}

TEST_CASE("loop: without validation every evaluation saves the model as the best one") {
  struct Blind : CountingTask {
    std::optional<Evaluation> evaluate() override { return {}; }
  } task;
  const TemporaryFolder folder;
  auto log = MetricsLog::create(folder / "log", {});
  std::string printed;
  run(task, plan, {}, log, 1000, &printed);
  CHECK(task.saved_best == std::vector<std::int64_t>{4, 8, 12, 15});
  CHECK(printed.find("valid") == std::string::npos);
}

TEST_CASE("loop: a plan or state that makes no sense is refused") {
  const TemporaryFolder folder;
  auto log = MetricsLog::create(folder / "log", {});
  CountingTask task;
  CHECK_THROWS_AS(run(task, {.steps_per_epoch = 0}, {}, log), UsageError);
  CHECK_THROWS_AS(run(task, {.epochs = 0}, {}, log), UsageError);
  CHECK_THROWS_AS(run(task, {.time_limit = -1}, {}, log), UsageError);
  LoopState before_it;
  before_it.step = -1;
  CHECK_THROWS_WITH_AS(run(task, {.steps_per_epoch = 1}, before_it, log),
                       "training loop: need a state after 0 or more steps; got -1", UsageError);
  CHECK_THROWS_WITH_AS(run(task, {.steps_per_epoch = std::int64_t{1} << 62, .epochs = 2}, {}, log),
                       "training loop: 2 epochs of 4611686018427387904 steps are too many to count",
                       UsageError);
  CHECK_THROWS_AS(LoopState::from_json(json::parse(R"({"step": 1})"), "m"), DataError);
}

TEST_CASE("signals: SIGINT and SIGTERM are noted, and one object at a time handles them") {
  {
    const StopSignals stop;
    CHECK(stop.received() == 0);
    std::raise(SIGTERM);
    CHECK(stop.received() == SIGTERM);
    CHECK_THROWS_AS(StopSignals(), UsageError);
  }
  const StopSignals stop;
  CHECK(stop.received() == 0);
  std::raise(SIGINT);
  CHECK(stop.received() == SIGINT);
}

TEST_CASE("signals: a terminal that hangs up and output that nobody reads ask to stop too") {
  for (const int signal : {SIGHUP, SIGPIPE}) {
    const StopSignals stop;
    std::raise(signal);
    CHECK(stop.received() == signal);
  }
  const auto before = std::signal(SIGHUP, SIG_IGN);  // as under nohup
  {
    const StopSignals stop;
    std::raise(SIGHUP);
    CHECK(stop.received() == 0);
  }
  std::signal(SIGHUP, before);
}

TEST_CASE("signals: a second SIGINT exits at once") {
  const pid_t child = fork();
  REQUIRE(child >= 0);
  if (child == 0) {
    const StopSignals stop;
    std::raise(SIGINT);
    std::raise(SIGINT);
    _exit(0);
  }
  int status = 0;
  REQUIRE(waitpid(child, &status, 0) == child);
  CHECK(WIFEXITED(status));
  CHECK(WEXITSTATUS(status) == 130);
}
