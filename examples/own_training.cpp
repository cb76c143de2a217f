// A training program of one's own: a GRU learns to continue sine waves. Progress, a log for `metrics.jsonl`, Ctrl-C,
// --resume, patience, the best model in the end and a falling learning rate come from the library; see
// docs/training_loop.md.
//
//     own_training RUN [--resume]     trains in the folder RUN; stop it with Ctrl-C and go on with --resume

#include <fmt/core.h>

#include <cmath>
#include <string_view>

#include <unroll/autograd/losses.hpp>
#include <unroll/autograd/views.hpp>
#include <unroll/layers/gru.hpp>
#include <unroll/layers/linear_layer.hpp>
#include <unroll/train/training_run.hpp>

using namespace unroll;

namespace {

struct Model {
  Generator rng{1};
  Gru<> gru{1, 32, {.dropout = 0}, rng};
  Linear<> next{32, 1, {}, rng};
  Variable<float> operator()(const Variable<float>& x) const { return next(gru(x).output); }
  template <class V>
  void visit(V&& v) {
    v("gru", gru), v("next", next);
  }
};

/// Waves of random frequency and phase, (T, B, 1), and the values that follow each: a function of `number` alone.
std::pair<Variable<float>, Variable<float>> waves(std::uint64_t number, index_t batch = 32) {
  Generator rng(number);
  xt::xtensor<float, 3> x = xt::zeros<float>({index_t{41}, batch, index_t{1}});
  for (index_t b = 0; b < batch; ++b) {
    const double frequency = rng.uniform(0.1, 0.6), phase = rng.uniform(0, 6.3);
    for (index_t t = 0; t <= 40; ++t)
      x(t, b, 0) = static_cast<float>(std::sin(frequency * double(t) + phase));
  }
  const Variable<float> wave = x;
  return {slice(wave, 0, 0, 40), slice(wave, 0, 1, 41)};
}

struct Waves : ModelTask<Model> {
  Waves() : ModelTask(Model(), LearningOptions{.lr = 0.01, .clip = 1, .schedule = "cosine", .ema = 0.98}) {}
  std::int64_t steps_per_epoch() const override { return 50; }
  std::string unit() const override { return "wave"; }

  StepResult train_step(std::int64_t epoch, std::int64_t index) override {
    const auto [x, y] = waves(static_cast<std::uint64_t>(1 + epoch * steps_per_epoch() + index));
    return learn(32, [&](const Model& model) { return mse(model(x), y); });
  }
  std::optional<Evaluation> evaluate() override {
    const NoGrad off;
    const auto [x, y] = waves(0, 500);
    return Evaluation{mse(model()(x), y).item()};
  }
  std::string example() override {
    const NoGrad off;
    const auto [x, y] = waves(0, 1);
    return fmt::format("  | after 40 values: {:.3f} (the wave goes on with {:.3f})",
                       model()(x).value()(39, 0, 0), y.value()(39, 0, 0));
  }
};

}  // namespace

int main(int argc, char** argv) try {
  const bool resume = argc == 3 && std::string_view(argv[2]) == "--resume";
  if (argc != 2 && !resume) throw UsageError("name the folder of the run, and --resume to go on with it");
  Waves task;
  return train_and_report(task, {.out = argv[1], .epochs = 20, .patience = 4, .resume = resume}, stdout);
} catch (const std::exception& error) {
  fmt::print(stderr, "own_training: {}\n", error.what());
  return 1;
}
