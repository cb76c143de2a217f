// Linear attention, forward and backward: each rule, by chunks of time.

#include <fmt/core.h>

#include <cmath>
#include <string>

#include "common/command_line.hpp"
#include "measure.hpp"
#include "unroll/autograd/functions.hpp"
#include "unroll/autograd/linear_attention.hpp"
#include "unroll/autograd/random.hpp"
#include "unroll/autograd/reduce.hpp"
#include "unroll/autograd/threads.hpp"

using namespace unroll;

namespace {

struct Sizes {
  index_t steps = 1024, batch = 8, heads = 4, size = 64, chunk = 64;
};

template <class T>
Variable<T> draw(const Shape& shape, std::uint64_t seed, double low, double high) {
  Generator rng(seed);
  auto x = Variable<T>::uninitialised(shape);
  rng.fill_uniform(std::span<T>(x.mutable_data(), static_cast<std::size_t>(x.size())), low, high);
  x.requires_grad(true);
  return x;
}

template <class T>
void time_rule(const std::string& name, LinearAttentionRule rule, bool keyed, const Sizes& s,
               double seconds) {
  using R = LinearAttentionRule;
  const Shape keys{s.steps, s.batch, s.heads, s.size}, one = keys.without(3);
  const double unit = std::sqrt(3.0 / static_cast<double>(s.size));  // keys of length 1 on the average
  const auto q = draw<T>(keys, 1, -unit, unit), k = draw<T>(keys, 2, -unit, unit),
             v = draw<T>(keys, 3, -1, 1);
  LinearAttentionOptions<T> options{.rule = rule, .chunk = s.chunk};
  if (rule != R::linear && rule != R::delta) options.decay = draw<T>(keyed ? keys : one, 4, -0.2, 0);
  if (rule == R::delta || rule == R::gated_delta) options.beta = draw<T>(one, 5, 0, 1);
  if (rule == R::rank_one) {
    options.a = draw<T>(keys, 6, -unit, unit);
    options.b = draw<T>(keys, 7, -unit, unit);
  }
  const auto weights = draw<T>(keys, 8, -1, 1).detach();
  std::vector<Variable<T>> inputs{q, k, v};
  for (const auto& x : {options.decay, options.beta, options.a, options.b})
    if (x) inputs.push_back(x);
  const auto forward = bench::measure(
      name, [&] { linear_attention(q, k, v, options); }, 1, "", 0, seconds / 3);
  const auto both = bench::measure(
      name, [&] { grad<T>({linear_attention(q, k, v, options).output}, inputs, {}, {weights}); }, 1, "", 0,
      seconds);
  fmt::print(
      "{:6} {:18} chunk {:4}, threads {}: forward {:7.2f} ms, forward and backward {:7.2f} ms (p10 {:.2f}), "
      "peak {:.0f} MiB\n",
      sizeof(T) == 4 ? "float" : "double", name, s.chunk, num_threads(), forward.median, both.median,
      both.p10, both.peak_mib);
}

template <class T>
void time_rules(const Sizes& s, double seconds) {
  using R = LinearAttentionRule;
  time_rule<T>("linear", R::linear, false, s, seconds);
  time_rule<T>("gated", R::gated, false, s, seconds);
  time_rule<T>("gated per key", R::gated, true, s, seconds);
  time_rule<T>("delta", R::delta, false, s, seconds);
  time_rule<T>("gated delta", R::gated_delta, false, s, seconds);
  time_rule<T>("gated delta per key", R::gated_delta, true, s, seconds);
  time_rule<T>("rank one", R::rank_one, false, s, seconds);
  time_rule<T>("rank one per key", R::rank_one, true, s, seconds);
}

}  // namespace

int main(int argc, char** argv) {
  int steps = 1024, batch = 8, chunk = 64;
  double seconds = 1;
  program::CommandLine line(
      "Linear attention, 4 heads of 64: every rule in float and double, with 1 and 2 threads");
  line.add("steps", steps, "time steps", {.low = 1, .high = 1000000});
  line.add("batch", batch, "sequences", {.low = 1, .high = 10000});
  line.add("chunk", chunk, "steps computed together", {.low = 1, .high = 100000});
  line.add("seconds", seconds, "for each");
  if (const auto status = line.read(argc, argv)) return *status;
  const Sizes s{.steps = steps, .batch = batch, .chunk = chunk};
  for (int threads : {1, 2}) {
    set_num_threads(threads);
    time_rules<float>(s, seconds);
    time_rules<double>(s, seconds);
  }
}
