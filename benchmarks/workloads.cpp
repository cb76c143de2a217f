/// \file The reference workloads, one line each; `workloads --help`. See docs/performance.md.

#include <fmt/core.h>

#include <CLI/CLI.hpp>
#include <map>

#include "autograd/losses.hpp"
#include "autograd/reduce.hpp"
#include "benchmarks/measure.hpp"
#include "layers/embedding.hpp"
#include "layers/linear_layer.hpp"
#include "layers/lstm.hpp"
#include "layers/module.hpp"
#include "optim/adam.hpp"
#include "optim/clip.hpp"

using namespace unroll;

namespace {

template <class T>
Variable<T> uniform(const Shape& shape, Generator& rng, bool requires_grad = false) {
  auto v = Variable<T>::uninitialised(shape);
  for (index_t i = 0; i < v.size(); ++i) v.data()[i] = static_cast<T>(rng.uniform(-0.5, 0.5));
  return v.requires_grad(requires_grad);
}

double lstm_flops(index_t batch, index_t steps, index_t input, index_t hidden, bool input_gradient) {
  const double step = 2.0 * static_cast<double>(batch * 4 * hidden);
  const auto t = static_cast<double>(steps), i = static_cast<double>(input), h = static_cast<double>(hidden);
  return step * t * (3 * h + (input_gradient ? 3 : 2) * i);
}

template <class T>
struct CharModel {
  using value_type = T;
  Embedding<T> embedding;
  Lstm<T> lstm;
  Linear<T> out;
  void visit(auto&& v) { v("embedding", embedding), v("lstm", lstm), v("out", out); }
};

/// W1: a character language model, two LSTM layers of 128, with clipping and Adam.
template <class T>
bench::Result w1(double seconds) {
  constexpr index_t V = 65, H = 128, steps = 50, B = 50;
  Generator rng(1);
  CharModel<T> model{{V, V, {}, rng}, {V, H, {.layers = 2}, rng}, {H, V, {}, rng}};
  const auto ps = parameters(model);
  Adam<T> adam(ps, {.lr = 2e-3});
  const auto tokens = [&](const Shape& shape) {
    std::vector<std::int64_t> values(static_cast<std::size_t>(shape.size()));
    for (auto& v : values) v = static_cast<std::int64_t>(rng.below(V));
    return Indices(shape, values);
  };
  const Indices x = tokens({steps, B}), y = tokens({steps, B});
  const double flops =
      lstm_flops(B, steps, V, H, true) + lstm_flops(B, steps, H, H, true) + 6.0 * steps * B * H * V;
  return bench::measure(
      "W1",
      [&] {
        adam.zero_grad();
        const auto h = model.lstm(model.embedding(x)).output;
        cross_entropy(model.out(h), y).backward();
        clip_grad_norm(ps, 5.0);
        adam.step();
      },
      steps * B, "chars/s", flops, seconds);
}

/// The user's LSTM, all in `step`: x_t W in each time step.
template <class T>
struct StepLstm : LstmCell<T> {
  using LstmCell<T>::LstmCell;
  using State = LstmState<T>;
  State step(const Variable<T>& x, const State& s) const {
    Variable gates = linear(x, this->weight_ih, this->bias_ih) + linear(s.h, this->weight_hh);
    auto [i, f, g, o] = chunk<4>(gates);
    Variable c = sigmoid(f) * s.c + sigmoid(i) * tanh(g);
    Variable h = sigmoid(o) * tanh(c);
    return {h, c};
  }
  void project() const = delete;
};

template <class T, class Cell>
bench::Result layer(const std::string& name, index_t H, index_t B, index_t steps, bool input_gradient,
                    double seconds) {
  Generator rng(1);
  const Cell cell(H, H, true, rng);
  const Variable<T> x = uniform<T>({steps, B, H}, rng, input_gradient);
  auto weights = cell;
  const auto step = [&] {
    weights.visit([](std::string_view, auto& p) { p.zero_grad(); });
    if (input_gradient) Variable<T>(x).zero_grad();
    sum(scan(cell, x, cell.initial_state(B)).output).backward();
  };
  return bench::measure(name, step, static_cast<double>(steps * B), "steps/s",
                        lstm_flops(B, steps, H, H, input_gradient), seconds);
}

template <class T>
std::map<std::string, std::function<bench::Result(double)>> workloads() {
  return {
      {"W1", [](double s) { return w1<T>(s); }},
      {"W2", [](double s) { return layer<T, LstmCell<T>>("W2", 512, 32, 100, true, s); }},
      {"W2n", [](double s) { return layer<T, LstmCell<T>>("W2n", 512, 32, 100, false, s); }},
      {"W4", [](double s) { return layer<T, LstmCell<T>>("W4", 256, 32, 100, true, s); }},
      {"W4n", [](double s) { return layer<T, LstmCell<T>>("W4n", 256, 32, 100, false, s); }},
      {"W4s", [](double s) { return layer<T, StepLstm<T>>("W4s", 256, 32, 100, true, s); }},
  };
}

template <class T>
int run(std::vector<std::string> names, double seconds) {
  const auto all = workloads<T>();
  if (names.empty())
    for (const auto& [name, f] : all) names.push_back(name);
  for (const std::string& name : names) {
    const auto found = all.find(name);
    if (found == all.end()) {
      fmt::print(stderr, "workloads: no workload is called '{}'; --help lists them\n", name);
      return 2;
    }
    const bench::Result r = found->second(seconds);
    const double limit = bench::product_limit<T>();
    fmt::print(
        "{:<4} median {:9.3f} ms  p10 {:9.3f}  p90 {:9.3f}  n {:4}  {:11.1f} {:<8} {:6.1f} GFLOP/s  {:4.2f} "
        "of the "
        "product limit  peak {:7.1f} MiB  {:.1f} allocations/step\n",
        r.name, r.median, r.p10, r.p90, r.iterations, r.rate, r.unit, r.gflops, r.gflops / limit, r.peak_mib,
        r.allocations);
    std::fflush(stdout);
  }
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  CLI::App app{"Times the reference workloads, forward, backward and update, and prints one line each."};
  std::vector<std::string> names;
  int threads = 1;
  double seconds = 3;
  bool use_double = false;
  app.add_option("workloads", names,
                 "W1 character model 2 x LSTM 128, T 50, B 50; W2 LSTM 512, T 100, B 32; W4 LSTM 256, T 100, "
                 "B 32; n: no "
                 "input gradient; s: x W in every step. All by default");
  app.add_option("--threads", threads, "threads that one product may use")->check(CLI::Range(1, 1024));
  app.add_option("--seconds", seconds, "how long to repeat each workload")->check(CLI::PositiveNumber);
  app.add_flag("--double", use_double, "float64 instead of float32");
  CLI11_PARSE(app, argc, argv);
  blas::set_num_threads(threads);
  return use_double ? run<double>(names, seconds) : run<float>(names, seconds);
}
