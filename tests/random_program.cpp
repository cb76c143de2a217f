#include "random_program.hpp"

#include "unroll/autograd/functions.hpp"
#include "unroll/autograd/join.hpp"
#include "unroll/autograd/matmul.hpp"
#include "unroll/autograd/reduce.hpp"
#include "unroll/autograd/views.hpp"
#include "unroll/detail/autograd/ops/reduced_shapes.hpp"

namespace unroll::tests {
namespace {

using V = Variable<double>;

constexpr const char* names[] = {
    "tanh",     "sigmoid",  "sin",    "softplus", "halve_square", "negate",  "add",
    "subtract", "multiply", "divide", "blend",    "tanh_product", "gate",    "two_results",
    "sum",      "mean",     "matmul", "linear",   "two_linears",  "concat",  "stack",
    "chunk",    "unbind",   "slice",  "strided",  "select",       "reshape", "permute"};

double sigmoid_of(double x) { return 1 / (1 + std::exp(-x)); }

template <class F>
Plain elementwise(const std::vector<const Plain*>& in, F f) {
  Shape shape;
  for (const Plain* p : in) shape = broadcast("plain", shape, p->shape);
  Plain y(shape);
  for (index_t i = 0; i < shape.size(); ++i) {
    const std::vector<index_t> index = unravel(shape, i);
    std::vector<double> a;
    for (const Plain* p : in) a.push_back((*p)[ravel(p->shape, index)]);
    y[i] = f(a);
  }
  return y;
}

Plain total(const Plain& x, const Shape& kept) {
  Plain y(kept);
  for (index_t i = 0; i < x.shape.size(); ++i) y[ravel(kept, unravel(x.shape, i))] += x[i];
  return y;
}

// Element i of the result is element from(index of i) of x.
template <class F>
Plain picked(const Plain& x, const Shape& shape, F from) {
  Plain y(shape);
  for (index_t i = 0; i < shape.size(); ++i) y[i] = x[ravel(x.shape, from(unravel(shape, i)))];
  return y;
}

Plain part(const Plain& x, index_t axis, index_t begin, index_t count, index_t step, bool drop) {
  const auto a = static_cast<std::size_t>(axis);
  const Shape shape = x.shape.with(static_cast<int>(axis), count);
  Plain y = picked(x, shape, [&](std::vector<index_t> i) {
    i[a] = begin + i[a] * step;
    return i;
  });
  if (drop) y.shape = x.shape.without(static_cast<int>(axis));
  return y;
}

Plain product(const Plain& x, const Plain& w, bool transposed) {
  const index_t k = x.shape.back(0), n = transposed ? w.shape[0] : w.shape[1];
  Plain y(x.shape.with(x.shape.rank() - 1, n));
  for (index_t r = 0; r < (n == 0 ? 0 : y.shape.size() / n); ++r)
    for (index_t j = 0; j < n; ++j)
      for (index_t i = 0; i < k; ++i)
        y[r * n + j] += x[r * k + i] * (transposed ? w[j * k + i] : w[i * n + j]);
  return y;
}

Plain joined(const std::vector<const Plain*>& in, index_t axis) {
  index_t extent = 0;
  for (const Plain* p : in) extent += p->shape[static_cast<int>(axis)];
  Plain y(in[0]->shape.with(static_cast<int>(axis), extent));
  index_t begin = 0;
  for (const Plain* p : in) {
    for (index_t i = 0; i < p->shape.size(); ++i) {
      std::vector<index_t> index = unravel(p->shape, i);
      index[static_cast<std::size_t>(axis)] += begin;
      y[ravel(y.shape, index)] = (*p)[i];
    }
    begin += p->shape[static_cast<int>(axis)];
  }
  return y;
}

Axes axes_of(const Instruction& s) { return std::vector<int>(s.numbers.begin() + 1, s.numbers.end()); }

Shape kept(const Plain& x, const Axes& axes) { return detail::kept_shape("plain", x.shape, axes); }

}  // namespace

std::vector<index_t> unravel(const Shape& shape, index_t flat) {
  std::vector<index_t> index(static_cast<std::size_t>(shape.rank()));
  for (int k = shape.rank() - 1; k >= 0; --k) {
    index[static_cast<std::size_t>(k)] = flat % shape[k];
    flat /= shape[k];
  }
  return index;
}

index_t ravel(const Shape& shape, const std::vector<index_t>& index) {
  index_t flat = 0, below = 1;
  for (int k = 0; k < shape.rank(); ++k) {
    if (shape.back(k) != 1) flat += index[index.size() - 1 - static_cast<std::size_t>(k)] * below;
    below *= shape.back(k);
  }
  return flat;
}

bool fits(const Shape& a, const Shape& b) {
  for (int k = 0; k < std::min(a.rank(), b.rank()); ++k)
    if (a.back(k) != b.back(k) && a.back(k) != 1 && b.back(k) != 1) return false;
  return true;
}

std::string text_of(const Program& program) {
  std::string text;
  std::size_t number = 0;
  for (const Shape& s : program.inputs) text += fmt::format("r{} = input {}\n", number++, s.str());
  for (const Instruction& s : program.steps) {
    text += fmt::format("{}(", names[static_cast<int>(s.what)]);
    for (std::size_t k : s.in) text += fmt::format("r{} ", k);
    for (index_t n : s.numbers) text += fmt::format("{} ", n);
    text += ")\n";
  }
  text += "outputs:";
  for (std::size_t k : program.outputs) text += fmt::format(" r{}", k);
  return text + "\n";
}

std::vector<Plain> interpret(const Instruction& s, const std::vector<Plain>& registers) {
  std::vector<const Plain*> in;
  for (std::size_t k : s.in) in.push_back(&registers[k]);
  const Plain& x = *in[0];
  const auto map = [&](auto f) { return std::vector{elementwise(in, f)}; };
  using A = const std::vector<double>&;
  switch (s.what) {
    case Do::tanh:
      return map([](A a) { return std::tanh(a[0]); });
    case Do::sigmoid:
      return map([](A a) { return sigmoid_of(a[0]); });
    case Do::sin:
      return map([](A a) { return std::sin(a[0]); });
    case Do::softplus:
      return map([](A a) { return std::log1p(std::exp(a[0])); });
    case Do::halve_square:
      return map([](A a) { return 0.5 * a[0] * a[0]; });
    case Do::negate:
      return map([](A a) { return -a[0]; });
    case Do::add:
      return map([](A a) { return a[0] + a[1]; });
    case Do::subtract:
      return map([](A a) { return a[0] - a[1]; });
    case Do::multiply:
      return map([](A a) { return a[0] * a[1]; });
    case Do::divide:
      return map([](A a) { return a[0] / (2 + a[1] * a[1]); });
    case Do::blend:
      return map([](A a) { return a[0] + 0.3 * (a[1] - a[0]); });
    case Do::tanh_product:
      return map([](A a) { return std::tanh(a[0] * a[1]) + a[1]; });
    case Do::gate:
      return map([](A a) { return sigmoid_of(a[0]) * a[1] + std::tanh(a[1]) * a[2]; });
    case Do::two_results:
      return {elementwise(in, [](A a) { return std::tanh(a[0] * a[1]); }),
              elementwise(in, [](A a) { return a[0] + 2 * std::tanh(a[0] * a[1]); })};
    case Do::sum:
    case Do::mean: {
      const Shape shape = kept(x, axes_of(s));
      Plain y = total(x, shape);
      if (s.what == Do::mean)
        for (double& v : y.x) v /= static_cast<double>(x.shape.size()) / static_cast<double>(shape.size());
      if (s.numbers[0] == 0) y.shape = detail::dropped_shape(x.shape, axes_of(s));
      return {y};
    }
    case Do::matmul:
      return {product(x, *in[1], false)};
    case Do::linear:
    case Do::two_linears: {
      Plain y = product(x, *in[1], true);
      for (std::size_t k = 2; k < in.size(); ++k) {
        Plain more = *in[k];
        if (k == 2 && s.what == Do::two_linears) more = product(*in[2], *in[3], true), ++k;
        const Plain before = y;
        y = elementwise({&before, &more}, [](A a) { return a[0] + a[1]; });
      }
      return {y};
    }
    case Do::concat:
      return {joined(in, s.numbers[0])};
    case Do::stack: {
      std::vector<Plain> rows;
      for (const Plain* p : in) {
        rows.push_back(*p);
        rows.back().shape = p->shape.inserted(static_cast<int>(s.numbers[0]), 1);
      }
      std::vector<const Plain*> pointers;
      for (const Plain& p : rows) pointers.push_back(&p);
      return {joined(pointers, s.numbers[0])};
    }
    case Do::chunk:
    case Do::unbind: {
      const index_t axis = s.numbers[0], extent = x.shape[static_cast<int>(axis)];
      const index_t parts = s.what == Do::chunk ? s.numbers[1] : extent;
      std::vector<Plain> ys;
      for (index_t k = 0; k < parts; ++k)
        ys.push_back(part(x, axis, k * (extent / parts), extent / parts, 1, s.what == Do::unbind));
      return ys;
    }
    case Do::slice:
      return {part(x, s.numbers[0], s.numbers[1], s.numbers[2] - s.numbers[1], 1, false)};
    case Do::strided: {
      const index_t count = (s.numbers[2] - s.numbers[1] + s.numbers[3] - 1) / s.numbers[3];
      return {part(x, s.numbers[0], s.numbers[1], count, s.numbers[3], false)};
    }
    case Do::select:
      return {part(x, s.numbers[0], s.numbers[1], 1, 1, true)};
    case Do::reshape: {
      Plain y = x;
      y.shape = Shape(s.numbers.begin(), s.numbers.end());
      return {y};
    }
    case Do::permute: {
      std::vector<index_t> extents;
      for (index_t a : s.numbers) extents.push_back(x.shape[static_cast<int>(a)]);
      return {picked(x, Shape(extents.begin(), extents.end()), [&](const std::vector<index_t>& i) {
        std::vector<index_t> from(i.size());
        for (std::size_t k = 0; k < i.size(); ++k) from[static_cast<std::size_t>(s.numbers[k])] = i[k];
        return from;
      })};
    }
  }
  return {};
}

std::vector<Plain> interpret(const Program& program, const std::vector<Plain>& inputs) {
  std::vector<Plain> registers = inputs;
  for (const Instruction& s : program.steps)
    for (Plain& y : interpret(s, registers)) registers.push_back(std::move(y));
  return registers;
}

std::vector<V> execute(const Instruction& s, const std::vector<V>& registers) {
  std::vector<V> in;
  for (std::size_t k : s.in) in.push_back(registers[k]);
  const V& x = in[0];
  const auto n = [&](std::size_t k) { return s.numbers[k]; };
  const auto axis = [&] { return static_cast<int>(s.numbers[0]); };
  switch (s.what) {
    case Do::tanh:
      return {tanh(x)};
    case Do::sigmoid:
      return {sigmoid(x)};
    case Do::sin:
      return {sin(x)};
    case Do::softplus:
      return {softplus(x)};
    case Do::halve_square:
      return {0.5 * square(x)};
    case Do::negate:
      return {-x};
    case Do::add:
      return {x + in[1]};
    case Do::subtract:
      return {x - in[1]};
    case Do::multiply:
      return {x * in[1]};
    case Do::divide:
      return {x / (2.0 + square(in[1]))};
    case Do::blend:
      return {lerp(x, in[1], 0.3)};
    case Do::tanh_product:
      return {tanh(x * in[1]) + in[1]};
    case Do::gate:
      return {sigmoid(x) * in[1] + tanh(in[1]) * in[2]};
    case Do::two_results: {
      const auto [a, b] = fuse(
          [](auto u, auto v) {
            auto t = tanh(u * v);
            return std::tuple(t, u + 2.0 * t);
          },
          x, in[1]);
      return {a, b};
    }
    case Do::sum:
      return {sum(x, axes_of(s), {.keepdims = n(0) != 0})};
    case Do::mean:
      return {mean(x, axes_of(s), {.keepdims = n(0) != 0})};
    case Do::matmul:
      return {matmul(x, in[1])};
    case Do::linear:
      return {in.size() > 2 ? linear(x, in[1], in[2]) : linear(x, in[1])};
    case Do::two_linears:
      return {in.size() > 4 ? linear(x, in[1]) + linear(in[2], in[3]) + in[4]
                            : linear(x, in[1]) + linear(in[2], in[3])};
    case Do::concat:
      return {concat(in, axis())};
    case Do::stack:
      return {stack(in, axis())};
    case Do::chunk:
      return chunk(x, n(1), axis());
    case Do::unbind:
      return unbind(x, axis());
    case Do::slice:
      return {slice(x, axis(), n(1), n(2))};
    case Do::strided:
      return {slice(x, axis(), n(1), n(2), n(3))};
    case Do::select:
      return {select(x, axis(), n(1))};
    case Do::reshape:
      return {reshape(x, Shape(s.numbers.begin(), s.numbers.end()))};
    case Do::permute:
      return {permute(x, {s.numbers.begin(), s.numbers.end()})};
  }
  return {};
}

}  // namespace unroll::tests
