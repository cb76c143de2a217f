#pragma once
/// \file Cells that nobody wrote: each step is a random program over its input, the state and parameters.

#include <cmath>
#include <vector>

#include "unroll/autograd/functions.hpp"
#include "unroll/autograd/fuse.hpp"
#include "unroll/autograd/linear.hpp"
#include "unroll/autograd/random.hpp"
#include "unroll/autograd/views.hpp"

namespace unroll::tests {

template <class T>
struct RandomState {
  std::vector<Variable<T>> members;
  template <class V>
  void visit(V&& v) {
    for (Variable<T>& member : members) v("s", member);
  }
  const Variable<T>& output() const { return members[0]; }
};

/// All values have one shape, (H), (B, H) or (1, 1).
template <class T>
class RandomCell {
 public:
  using V = Variable<T>;
  enum class Do {
    tanh,
    product,
    sum,
    gate,
    two_results,
    relu,
    scaled,
    maximum,
    parameter,
    linear,
    sum_of_linears,
    parts,
    number,
    reshaped,
    where,
    last
  };
  struct Instruction {
    Do what;
    std::size_t a, b, c, w;
    double number;
  };

  explicit RandomCell(std::uint64_t seed) : random_(seed) {
    const Shape shapes[] = {{size()}, {1, size()}, {2, size()}, {3, size()}, {1, 1}};
    shape = shapes[random_.below(5)];
    members = 1 + below(3);
    const index_t steps = 1 + random_.below(9);
    for (index_t k = 0; k < steps; ++k) add();
  }

  Shape shape;
  std::size_t members;
  std::vector<Instruction> program;
  std::vector<V> parameters;

  V random(const Shape& s) {
    auto v = V::uninitialised(s);
    random_.fill_uniform(std::span(v.mutable_data(), static_cast<std::size_t>(v.size())), -1, 1);
    return v;
  }
  bool chance(double p) { return random_.uniform(0, 1) < p; }
  std::size_t below(std::size_t n) {
    return static_cast<std::size_t>(random_.below(static_cast<index_t>(n)));
  }

  RandomState<T> step(const V& x, const RandomState<T>& state) const {
    std::vector<V> values = {x};
    values.insert(values.end(), state.members.begin(), state.members.end());
    for (const Instruction& i : program) run(i, values);
    RandomState<T> next;
    for (std::size_t m = 0; m < members; ++m)
      next.members.push_back(values[values.size() - 1 - m % values.size()]);
    if (!computed(next.members, values)) next.members[0] = tanh(values.back() + values[0]);
    return next;
  }

 private:
  index_t size() {
    const index_t sizes[] = {1, 2, 3, 5, 8, 13, 14, 16, 17, 32};
    return sizes[random_.below(10)];
  }
  // Most states are results of the step.
  bool computed(const std::vector<V>& next, const std::vector<V>& values) const {
    return !next[0].same_as(values[0]) && values.size() > members + members;
  }
  std::size_t parameter(const Shape& s) {
    parameters.push_back(random(s));
    return parameters.size() - 1;
  }
  void add() {
    const std::size_t n = 1 + members + program.size();
    Instruction i{static_cast<Do>(below(static_cast<std::size_t>(Do::last))),
                  below(n),
                  below(n),
                  n - 1,
                  0,
                  random_.uniform(-1, 1)};
    const index_t h = shape.back(0);
    if (i.what == Do::parameter) i.w = parameter(chance(0.5) || shape.size() != h ? shape : Shape{h});
    if (i.what == Do::linear) i.w = parameter({h, h}), parameter({h});
    if (i.what == Do::sum_of_linears) i.w = parameter({h, h}), parameter({h, h}), parameter({h});
    if (i.what == Do::parts) i.w = parameter({2 * h, h});
    program.push_back(i);
  }

  void run(const Instruction& i, std::vector<V>& values) const {
    const V &a = values[i.a], &b = values[i.b], &c = values[i.c];
    const T n = static_cast<T>(i.number);
    switch (i.what) {
      case Do::tanh:
        return values.push_back(tanh(a));
      case Do::product:
        return values.push_back(a * b);
      case Do::sum:
        return values.push_back(tanh(a + b * c));
      case Do::gate:
        return values.push_back(sigmoid(a) * b + (T{1} - sigmoid(a)) * tanh(c));
      case Do::two_results: {
        auto [p, q] =
            fuse([](auto u, auto v, auto w) { return std::tuple(tanh(u * v), sigmoid(w) * v); }, a, b, c);
        return values.push_back(i.number > 0 ? V(p * q) : p);
      }
      case Do::relu:
        return values.push_back(relu(a) - abs(b) * n);
      case Do::scaled:
        return values.push_back(a * n + T{0.1f});
      case Do::maximum:
        return values.push_back(tanh(maximum(a, b)));
      case Do::parameter:
        return values.push_back(tanh(a * parameters[i.w] + b));
      case Do::linear:
        return values.push_back(i.number > 0 ? V(tanh(a + linear(c, parameters[i.w], parameters[i.w + 1])))
                                             : V(tanh(linear(c, parameters[i.w]))));
      case Do::sum_of_linears:
        return values.push_back(
            tanh(linear(a, parameters[i.w], parameters[i.w + 2]) + linear(c, parameters[i.w + 1])));
      case Do::parts: {
        const auto [p, q] = chunk<2>(V(linear(c, parameters[i.w])), -1);
        return values.push_back(i.number > 0 ? V(sigmoid(p) * tanh(q)) : V(tanh(p)));
      }
      case Do::number:
        return values.push_back(tanh(a + V(Shape{}, n)));
      case Do::reshaped:
        return values.push_back(reshape(tanh(reshape(a, {shape.size()})), shape));
      case Do::where:
        return values.push_back(tanh(where(a > b, b * c, a)));
      case Do::last:
        break;
    }
  }

  Generator random_;
};

}  // namespace unroll::tests
