#include "unroll/detail/autograd/plan/record_step.hpp"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>

#include "unroll/autograd/no_grad.hpp"
#include "unroll/autograd/random.hpp"
#include "unroll/autograd/views.hpp"
#include "unroll/detail/autograd/base/instantiate.hpp"

namespace unroll::detail {
namespace {

template <class T>
bool same_bits(const T* a, const T* b, index_t n) {
  for (index_t j = 0; j < n; ++j)
    if (std::memcmp(a + j, b + j, sizeof(T)) != 0 && !(std::isnan(a[j]) && std::isnan(b[j]))) return false;
  return true;
}

// Of a program that does some ops by others.
template <class T>
bool close(const T* a, const T* b, index_t n) {
  const T bound = std::sqrt(std::numeric_limits<T>::epsilon()) / 8;
  for (index_t j = 0; j < n; ++j)
    if (std::abs(a[j] - b[j]) > bound * std::max(T{1}, std::abs(b[j]))) return false;
  return true;
}

template <class T>
Variable<T> random_like(const Shape& shape, Generator& rng) {
  auto v = Variable<T>::uninitialised(shape);
  rng.fill_uniform(std::span(v.mutable_data(), static_cast<std::size_t>(v.size())), -1, 1);
  return v;
}

// A few steps from the first state, then some from states drawn at random.
template <class T>
void verify(const std::shared_ptr<const StepProgram<T>>& program, std::string_view caller,
            const StepFunction<T>& step, const Shape& x, const std::vector<Variable<T>>& initial) {
  const NoGrad off;
  Generator rng(1);
  StepRun<T> run(program);
  std::vector<Variable<T>> state = initial;
  std::vector<T> y(static_cast<std::size_t>(program->output_size()));
  for (int n = 0; n < 6; ++n) {
    for (std::size_t k = 0; n >= 3 && k < state.size(); ++k) {
      state[k] = random_like<T>(state[k].shape(), rng);
      std::copy_n(state[k].data(), state[k].size(), run.state(k));
    }
    const Variable<T> in = random_like<T>(x, rng);
    StepValues<T> right = step(in, state);
    run.step(in.data(), y.data());
    state = std::move(right.state);
    const auto agree = [&](const T* ours, const Variable<T>& v) {
      const Variable<T> theirs = dense(v);
      return same_bits(ours, theirs.data(), v.size()) ||
             (!program->exact() && close(ours, theirs.data(), v.size()));
    };
    bool same = agree(y.data(), right.output);
    for (std::size_t k = 0; k < state.size(); ++k) same = same && agree(run.state(k), state[k]);
    if (!same)
      raise<UsageError>(
          "{}: the step does not compute the same from what it is given: it draws random numbers, counts, or "
          "uses a value that was taken out of the graph",
          caller);
  }
}

}  // namespace

template <class T>
std::shared_ptr<const StepProgram<T>> record_step(std::string_view caller, const StepFunction<T>& step,
                                                  const Shape& x, const std::vector<Variable<T>>& initial) {
  const auto program = std::make_shared<StepProgram<T>>();
  StepRecorder<T>(caller, *program).record(step, x, initial);
  verify<T>(program, caller, step, x, initial);
  return program;
}

UNROLL_COMPILE_FUNCTIONS(record_step)

}  // namespace unroll::detail
