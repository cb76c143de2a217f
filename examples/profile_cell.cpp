// Where the time of a cell of one's own goes: what a training step records, multiplies and copies, and how
// long it takes. The minimal gated unit (Zhou et al. 2016), written straight from its equations, and written
// again after a look at that. docs/performance.md reads the output.

#include <fmt/core.h>

#include <algorithm>
#include <chrono>
#include <map>

#include <unroll/autograd/creation.hpp>
#include <unroll/autograd/dump.hpp>
#include <unroll/autograd/join.hpp>
#include <unroll/autograd/products.hpp>
#include <unroll/autograd/reduce.hpp>
#include <unroll/autograd/trace.hpp>
#include <unroll/autograd/traffic.hpp>
#include <unroll/io/write_trace.hpp>
#include <unroll/layers/init.hpp>
#include <unroll/layers/scan.hpp>
#include "common/command_line.hpp"

using namespace unroll;
using V = Variable<float>;

/// f = σ(W_f [x; h] + b_f);  n = tanh(W_n [x; f ⊙ h] + b_n);  h' = (1 − f) ⊙ h + f ⊙ n.
struct StraightCell {
  V w_f, w_n, b_f, b_n;

  V operator()(const V& x, const V& h) const {
    V f = sigmoid(linear(concat<float>({x, h}, 1), w_f, b_f));
    V n = tanh(linear(concat<float>({x, f * h}, 1), w_n, b_n));
    return lerp(h, n, f);
  }
};

/// The same: the columns of W for x stand apart and are applied to all steps at once; what lies between two
/// products is one loop.
struct ProjectingCell {
  V w, b, u_f, u_n;

  V project(const V& xs) const { return linear(xs, w, b); }
  V step(const V& x, const V& h) const {
    auto [x_f, x_n] = chunk<2>(x);
    V h_f = linear(h, u_f);
    auto [f, reset] = fuse(
        [](auto x, auto y, auto h) {
          auto f = sigmoid(x + y);
          return std::tuple(f, f * h);
        },
        x_f, h_f, h);
    V h_n = linear(reset, u_n);
    return lerp(h, tanh(x_n + h_n), f);
  }
};

template <class Cell>
void profile(const Cell& cell, index_t size, index_t batch, index_t length, double seconds,
             const std::string& trace_file) {
  Generator rng(1);
  const V x = randn<float>({length, batch, size}, rng);
  const V h({batch, size}, 0.0F);
  sum(scan(cell, x, h).output).backward();  // packs weights, fills the pool

  std::map<blas::Product, int> products;
  const Traffic before = traffic();
  {
    const blas::ProductLog log;
    const V loss = sum(scan(cell, x, h).output);
    fmt::print("{}", dump_tape<float>());
    loss.backward();
    for (const blas::Product& p : log.products()) ++products[p];
  }
  for (const auto& [p, count] : products)
    fmt::print("{:4} products ({}, {}) x ({}, {}){}\n", count, p.m, p.k, p.k, p.n,
               p.packed ? ", packed" : "");
  fmt::print("{:.1f} KiB copied\n", static_cast<double>(traffic().copied - before.copied) / 1024);

  using Clock = std::chrono::steady_clock;
  std::vector<double> ms;
  const auto elapsed = [](Clock::time_point since) {
    return std::chrono::duration<double, std::milli>(Clock::now() - since).count();
  };
  for (const auto start = Clock::now(); ms.empty() || elapsed(start) < seconds * 1000;) {
    const auto begin = Clock::now();
    sum(scan(cell, x, h).output).backward();
    ms.push_back(elapsed(begin));
  }
  std::nth_element(ms.begin(), ms.begin() + static_cast<std::ptrdiff_t>(ms.size() / 2), ms.end());
  fmt::print("median {:.3f} ms, forward and backward\n", ms[ms.size() / 2]);
  if (trace_file.empty()) return;
  const Trace trace;
  sum(scan(cell, x, h).output).backward();
  write_trace(trace_file, trace);
}

int main(int argc, char** argv) {
  index_t size = 128, batch = 32, length = 100;
  double seconds = 1;
  bool straight = false;
  std::string trace;
  program::CommandLine line("Where the time of a custom cell goes");
  line.add("size", size, "inputs and hidden size", program::at_least(1));
  line.add("batch", batch, "sequences", program::at_least(1));
  line.add("length", length, "time steps", program::at_least(1));
  line.add("seconds", seconds, "how long to repeat the step");
  line.add("straight", straight, "profile the first version of the cell");
  line.add("trace", trace, "a file for the timeline of one step, which ui.perfetto.dev opens");
  if (const auto status = line.read(argc, argv)) return *status;

  Generator rng(1);
  const auto draw = [&](const Shape& shape) {
    V p(shape, 0.0F);
    return init::fan_uniform(p, size, rng).requires_grad(true);
  };
  if (straight) {
    const StraightCell cell{draw({size, 2 * size}), draw({size, 2 * size}), draw({size}), draw({size})};
    profile(cell, size, batch, length, seconds, trace);
  } else {
    const ProjectingCell cell{draw({2 * size, size}), draw({2 * size}), draw({size, size}),
                              draw({size, size})};
    profile(cell, size, batch, length, seconds, trace);
  }
}
