#include "unroll/train/training_run.hpp"

#include <doctest/doctest.h>

#include <csignal>
#include <fstream>
#include <memory>
#include <nlohmann/json.hpp>

#include "temporary_folder.hpp"
#include "unroll/autograd/error.hpp"
#include "unroll/autograd/losses.hpp"
#include "unroll/autograd/reduce.hpp"
#include "unroll/io/checkpoint.hpp"
#include "unroll/layers/dropout.hpp"
#include "unroll/layers/linear_layer.hpp"
#include "unroll/train/lr_finder.hpp"

using namespace unroll;

namespace {

/// A line, with dropout, so that random keys count, too.
struct LineModel {
  Generator rng{1};
  Linear<float> line{2, 1, {}, rng};
  Dropout<float> dropout{0.25, rng};
  template <class V>
  void visit(V&& v) {
    v("line", line), v("dropout", dropout);
  }
};

struct LineTask : ModelTask<LineModel> {
  explicit LineTask(const LearningOptions& options = {.lr = 0.05, .schedule = "cosine", .ema = 0.5})
      : ModelTask(LineModel(), options) {}
  std::int64_t steps_per_epoch() const override { return 4; }
  StepResult train_step(std::int64_t epoch, std::int64_t index) override {
    Generator rng(static_cast<std::uint64_t>(epoch * 4 + index));
    auto x = Variable<float>::uninitialised({8, 2});
    rng.fill_normal(std::span(x.mutable_data(), 16), 0, 1);
    const Variable<float> y = sum(x, 1, {.keepdims = true});
    seen += 1;
    if (signal) std::raise(signal);
    return learn(8, [&](const LineModel& m) { return mse(m.line(m.dropout(x)), y); });
  }
  std::optional<Evaluation> evaluate() override {
    const NoGrad off;
    return Evaluation{mse(model().line(Variable<float>({1, 2}, 1.F)), Variable<float>({1, 1}, 2.F)).item()};
  }
  std::string example() override { return "an example"; }
  LogLine facts() const override { return {{"parameters", 3}}; }
  std::int64_t seen = 0;
  int signal = 0;  // that each step sends

 private:
  void save_more(io::TensorFile& to) const override { to.add<std::int64_t>("seen", {}, std::span(&seen, 1)); }
  void load_more(const io::TensorFile& from) override { seen = from.get<std::int64_t>("seen").at(0); }
};

/// Trains, and asks to stop after so many steps of this call.
TrainingResult trained(LineTask& task, const TrainingOptions& options, std::int64_t steps = 1000) {
  const std::unique_ptr<std::FILE, int (*)(std::FILE*)> out(std::tmpfile(), &std::fclose);
  Progress progress(out.get());
  return train_model(task, options, progress, [&] { return --steps <= 0; });
}

io::TensorFile tensors(const std::string& file) { return io::load_checkpoint(file, "model").tensors; }
bool same(const io::TensorFile& a, const io::TensorFile& b) {
  return a.names() == b.names() && std::all_of(a.begin(), a.end(), [&](const auto& entry) {
           return b.at(entry.first) == entry.second;
         });
}

std::vector<nlohmann::ordered_json> lines_of(const std::string& path) {
  std::vector<nlohmann::ordered_json> lines;
  std::ifstream file(path);
  for (std::string text; std::getline(file, text);) lines.push_back(nlohmann::ordered_json::parse(text));
  return lines;
}

}  // namespace

TEST_CASE("training run: stopped anywhere and resumed, it is to the bit the run that was not stopped") {
  const TemporaryFolder folder;
  const TrainingOptions options{.out = folder / "whole", .epochs = 3, .log_every = 3};
  LineTask whole;
  CHECK(trained(whole, options).end == LoopEnd::complete);
  for (const std::int64_t at : {1, 5, 8, 11}) {
    TrainingOptions part = options;
    part.out = folder / ("part" + std::to_string(at));
    LineTask first, second;
    CHECK(trained(first, part, at).end == LoopEnd::stopped);
    part.resume = true;
    CHECK(trained(second, part).end == LoopEnd::complete);
    CHECK(second.seen == whole.seen);
    for (const char* name : {"last.safetensors", "best.safetensors"})
      CHECK(same(tensors((folder / "whole").string() + "/" + name), tensors(part.out + "/" + name)));
  }
}

TEST_CASE("training run: in the end the model has the best weights, averaged") {
  const TemporaryFolder folder;
  LineTask task({.lr = 0.3, .ema = 0.5});
  const auto result =
      trained(task, {.out = folder / "run", .epochs = 20, .evaluate_every = 1, .patience = 5});
  CHECK(result.end == LoopEnd::out_of_patience);
  CHECK(result.model == (folder / "run").string() + "/best.safetensors");
  CHECK(task.evaluate()->loss == *result.state.best);
  LineModel other;
  load_trained(other, folder / "run");
  CHECK(other.line.weight.value() == task.model().line.weight.value());
}

TEST_CASE("training run: the log tells options, facts, and where it ran") {
  const TemporaryFolder folder;
  LineTask task;
  trained(task, {.out = folder / "run", .epochs = 1, .log_every = 2, .config = {{"hidden", 7}}});
  const auto lines = lines_of((folder / "run").string() + "/metrics.jsonl");
  REQUIRE(lines.size() == 4);
  const auto &config = lines[0]["config"], &run = lines[0]["run"];
  CHECK(config["hidden"] == 7);
  CHECK(config["parameters"] == 3);
  CHECK(config["steps_per_epoch"] == 4);
  CHECK(run["unit"] == "example");
  CHECK(run["started"].get<std::string>().size() == 20);
  for (const char* key : {"loss", "learning_rate", "gradient_norm", "clipped", "examples_per_second",
                          "data_seconds", "forward_seconds", "backward_seconds", "update_seconds"})
    CHECK_MESSAGE(lines[1].contains(key), key);
  CHECK(lines[3]["averaged"] == true);
  CHECK(lines[3]["example"] == "an example");
}

TEST_CASE("training run: a folder that holds a run is left alone unless it is to be resumed or overwritten") {
  const TemporaryFolder folder;
  TrainingOptions options{.out = folder / "run", .epochs = 1};
  LineTask task;
  trained(task, options);
  CHECK_THROWS_WITH_AS(trained(task, options), doctest::Contains("holds a run already"), UsageError);
  options.overwrite = true;
  LineTask other;
  CHECK(trained(other, options).state.step == 4);
  options.resume = true;
  CHECK_THROWS_WITH_AS(trained(task, options), doctest::Contains("take one"), UsageError);
  CHECK_THROWS_WITH_AS(trained(task, {}), doctest::Contains("name the folder"), UsageError);
}

TEST_CASE("training run: a run that another program is writing is refused") {
  const TemporaryFolder folder;
  RunFolder(folder / "run").create();
  const FolderLock lock = RunFolder(folder / "run").lock();
  LineTask task;
  CHECK_THROWS_WITH_AS(trained(task, {.out = folder / "run"}),
                       doctest::Contains("another program is writing"), DataError);
}

TEST_CASE("training run: train_and_report tells how it ended, on the screen and by its status") {
  const TemporaryFolder folder;
  const std::unique_ptr<std::FILE, int (*)(std::FILE*)> out(std::tmpfile(), &std::fclose);
  LineTask task;
  CHECK(train_and_report(task, {.out = folder / "run", .epochs = 1}, out.get()) == 0);
  std::string shown(4096, 0);
  std::rewind(out.get());
  shown.resize(std::fread(shown.data(), 1, shown.size(), out.get()));
  CHECK(shown.find("complete after 4 steps") != shown.npos);
  CHECK(shown.ends_with("the model is " + (folder / "run").string() + "/best.safetensors\n"));
  task.signal = SIGTERM;
  CHECK(train_and_report(task, {.out = folder / "stopped", .epochs = 1}, out.get()) == 128 + SIGTERM);
}

TEST_CASE("training run: how it ended is one sentence") {
  CHECK(end_text(LoopEnd::out_of_patience, {.step = 1200, .seconds = 35, .best = 1.25, .best_step = 1000}) ==
        "out of patience after 1,200 steps and 0:35 of training; best validation loss 1.2500 at step 1000");
  CHECK(end_text(LoopEnd::stopped, {.step = 1}) ==
        "stopped after 1 step and 0:00 of training; no validation");
  CHECK(end_text(LoopEnd::complete, {.step = 1}, "", false) == "complete after 1 step and 0:00 of training");
}

TEST_CASE("training run: a rate can be looked for with any task that has a learner") {
  LineTask task({.optimizer = "sgd", .lr = 1});
  const auto finder = find_learning_rate(task, LrFinderOptions{.lowest = 1e-4, .highest = 1e4, .steps = 60});
  CHECK(finder.points().size() < 60);  // it diverges
  REQUIRE(finder.suggestion());
  CHECK(*finder.suggestion() < 1);
}
