#include "unroll/autograd/precision.hpp"

#include <doctest/doctest.h>

#include <cstring>
#include <memory>
#include <optional>
#include <thread>

#include "arrays.hpp"
#include "unroll/autograd/causal_conv1d.hpp"
#include "unroll/autograd/functions.hpp"
#include "unroll/autograd/linear.hpp"
#include "unroll/autograd/matmul.hpp"
#include "unroll/autograd/recompute.hpp"
#include "unroll/autograd/reduce.hpp"
#include "unroll/autograd/threads.hpp"
#include "unroll/autograd/views.hpp"
#include "unroll/detail/autograd/gemm/bfloat16_rounding.hpp"
#include "unroll/layers/gru.hpp"
#include "unroll/layers/lstm.hpp"
#include "unroll/layers/rtrl.hpp"
#include "unroll/layers/scan_programs.hpp"
#include "unroll/layers/stream.hpp"

using namespace unroll;
using namespace unroll::tests;

namespace {

using V = Variable<float>;
using Lists = std::vector<std::vector<double>>;

/// The elements, rounded.
V rounded(const V& x) {
  V y = x.copy();
  for (index_t j = 0; j < y.size(); ++j) y.mutable_data()[j] = blas::bfloat16_of(x.data()[j]);
  return y.requires_grad(true);
}

/// The value of f(inputs) and the gradients of its square sum, recorded inside a scope if `inside`, with backward inside a
/// scope if `back_inside`.
template <class F>
Lists results_of(std::vector<V> inputs, bool inside, bool back_inside, F&& f) {
  V y;
  {
    const MatmulPrecision scope(inside ? Precision::bfloat16 : Precision::float32);
    y = f(inputs);
  }
  for (V& x : inputs) x.zero_grad();
  const V loss = sum(y * y);
  const MatmulPrecision scope(back_inside ? Precision::bfloat16 : Precision::float32);
  loss.backward();
  Lists lists = {list(y)};
  for (const V& x : inputs) lists.push_back(gradient_list(x));
  return lists;
}

/// What is recorded in a scope has the same gradients outside of it, and what is recorded outside of any is left alone.
template <class F>
void check_kept(const std::vector<V>& inputs, F&& f) {
  const Lists in_in = results_of(inputs, true, true, f), in_out = results_of(inputs, true, false, f),
              out_out = results_of(inputs, false, false, f), out_in = results_of(inputs, false, true, f);
  CHECK(in_in == in_out);
  CHECK(out_out == out_in);
  CHECK(in_out != out_out);
  for (std::size_t k = 0; k < in_out.size(); ++k) {
    CAPTURE(k);
    CHECK(in_out[k] != out_out[k]);
  }
}

std::vector<V> drawn(const std::vector<Shape>& shapes) {
  std::vector<V> inputs;
  for (const Shape& shape : shapes) inputs.push_back(random_parameter<float>(shape, inputs.size() + 1));
  return inputs;
}

/// An LSTM over a sequence: values and all gradients.
Lists lstm_results(index_t hidden, index_t time, index_t batch, const SequenceOptions& options = {}) {
  Generator rng(3);
  Lstm<float> lstm(5, hidden, {}, rng);
  const V x = random_parameter<float>({time, batch, 5}, 4);
  const V h = lstm(x, options).output;
  sum(h * h).backward();
  Lists lists = {list(h), gradient_list(x)};
  for (const auto& p : parameters(lstm)) lists.push_back(gradient_list(p.variable));
  return lists;
}

}  // namespace

TEST_CASE("precision: the innermost scope counts, and the program's outside of all") {
  CHECK(MatmulPrecision::current() == Precision::float32);
  {
    const MatmulPrecision outer(Precision::bfloat16);
    CHECK(MatmulPrecision::current() == Precision::bfloat16);
    {
      const MatmulPrecision inner(Precision::float32);
      CHECK(MatmulPrecision::current() == Precision::float32);
    }
    CHECK(MatmulPrecision::current() == Precision::bfloat16);
  }
  set_matmul_precision(Precision::bfloat16);
  CHECK(MatmulPrecision::current() == Precision::bfloat16);
  {
    const MatmulPrecision exact(Precision::float32);
    CHECK(MatmulPrecision::current() == Precision::float32);
  }
  set_matmul_precision(Precision::float32);
}

TEST_CASE("precision: a scope is that of its thread, and the program's setting that of all") {
  const auto elsewhere = [] {
    Precision found{};
    std::thread([&] { found = MatmulPrecision::current(); }).join();
    return found;
  };
  {
    const MatmulPrecision scope(Precision::bfloat16);
    CHECK(elsewhere() == Precision::float32);
  }
  set_matmul_precision(Precision::bfloat16);
  CHECK(elsewhere() == Precision::bfloat16);
  set_matmul_precision(Precision::float32);
}

TEST_CASE("precision: a product in bfloat16 is that of its rounded operands") {
  const V x = random_parameter<float>({9, 20}, 1), w = random_parameter<float>({7, 20}, 2);
  const V exact = linear(rounded(x), rounded(w));
  const MatmulPrecision scope(Precision::bfloat16);
  // Twenty products of numbers below 1, each sum rounded: 20 × 2⁻²⁴ × 20 at most.
  CHECK(distance(list(V(linear(x, w))), list(exact)) < 3e-5);
  CHECK(distance(list(matmul(x, transpose(w))), list(exact)) < 3e-5);
}

TEST_CASE("precision: linear keeps that in which it was recorded, for few rows and for many") {
  for (index_t rows : {1, 5, 300})
    check_kept(drawn({{rows, 20}, {11, 20}, {11}}),
               [](const auto& in) { return V(linear(in[0], in[1], in[2])); });
}

TEST_CASE("precision: so do sums of several products, and weights by heads") {
  check_kept(drawn({{4, 6}, {5, 6}, {4, 8}, {5, 8}}),
             [](const auto& in) { return V(linear(in[0], in[1]) + linear(in[2], in[3])); });
  check_kept(drawn({{4, 6}, {3, 5, 2}}), [](const auto& in) { return V(linear(in[0], in[1])); });
}

TEST_CASE("precision: so does a weight that is computed") {
  check_kept(drawn({{4, 6}, {5, 6}}), [](const auto& in) { return V(linear(in[0], V(in[1] * in[1]))); });
}

TEST_CASE("precision: so do matmul and the full convolution") {
  check_kept(drawn({{3, 4, 6}, {3, 6, 5}}), [](const auto& in) { return matmul(in[0], in[1]); });
  check_kept(drawn({{6, 2, 4}, {5, 4, 3}}),
             [](const auto& in) { return causal_conv1d(in[0], in[1]).output; });
}

TEST_CASE("precision: a recomputed piece is computed again in that in which it was at first") {
  const std::vector<V> inputs = drawn({{4, 6}, {5, 6}});
  const auto f = [](const std::vector<V>& in) {
    return recompute<float>([in] { return std::vector<V>{tanh(linear(in[0], in[1]))}; })[0];
  };
  check_kept(inputs, f);
  const auto plain = [](const std::vector<V>& in) { return V(tanh(linear(in[0], in[1]))); };
  CHECK(results_of(inputs, true, false, f) == results_of(inputs, true, false, plain));
}

TEST_CASE("precision: uses of one weight in both precisions add up") {
  V w = random_parameter<float>({5, 6}, 1);
  const V x = random_parameter<float>({4, 6}, 2);
  const auto gradient = [&](bool first, bool second) {
    w.zero_grad();
    V y;
    for (const bool rounds : {first, second}) {
      const MatmulPrecision scope(rounds ? Precision::bfloat16 : Precision::float32);
      const V term = linear(x, w);
      y = y ? V(y + term) : term;
    }
    sum(y).backward();
    return gradient_list(w);
  };
  const auto mixed = gradient(true, false), exact = gradient(false, false), half = gradient(true, true);
  for (std::size_t j = 0; j < mixed.size(); ++j)
    CHECK(mixed[j] == doctest::Approx((exact[j] + half[j]) / 2).epsilon(1e-6));  // a few roundings of float
}

TEST_CASE("precision: products of double do not change") {
  const auto x = random_parameter<double>({4, 6}, 1), w = random_parameter<double>({5, 6}, 2);
  const auto before = list(Variable<double>(linear(x, w))), product = list(matmul(x, transpose(w)));
  const MatmulPrecision scope(Precision::bfloat16);
  CHECK(list(Variable<double>(linear(x, w))) == before);
  CHECK(list(matmul(x, transpose(w))) == product);
}

TEST_CASE("precision: the backward pass that is itself recorded multiplies in float32") {
  const V x = random_parameter<float>({4, 6}, 1), w = random_parameter<float>({5, 6}, 2),
          dy = random_parameter<float>({4, 5}, 3);
  std::optional<MatmulPrecision> scope(Precision::bfloat16);
  const V y = linear(x, w);
  const V dx = grad<float>({y}, {x}, {.retain_graph = true, .create_graph = true}, {dy})[0];
  scope.reset();
  CHECK(list(dx) == list(matmul(dy, w)));
}

TEST_CASE("precision: exact real-time learning multiplies in float32") {
  const auto influence = [](Precision precision) {
    Generator rng(1);
    GruCell<float> cell(3, 4, true, rng);
    const MatmulPrecision scope(precision);
    Rtrl learner(cell, cell.initial_state(2));
    V h;
    for (int t = 0; t < 3; ++t) h = learner.step(random_parameter<float>({2, 3}, 5).detach());
    learner.backward(sum(h));
    Lists lists;
    for (const auto& p : parameters(cell)) lists.push_back(gradient_list(p.variable));
    return lists;
  };
  CHECK(influence(Precision::bfloat16) == influence(Precision::float32));
}

TEST_CASE("precision: steps by a program have the bits of recorded ones") {
  const MatmulPrecision scope(Precision::bfloat16);
  Lists recorded;
  {
    const ScanMode all(ScanSteps::recorded);
    recorded = lstm_results(6, 40, 1);
  }
  Lists planned;
  const std::string told = dump_plan([&] { planned = lstm_results(6, 40, 1); });
  CHECK_MESSAGE(told.find("by this program") != std::string::npos, told);
  CHECK(planned == recorded);
  const MatmulPrecision exact(Precision::float32);
  CHECK(lstm_results(6, 40, 1) != recorded);
}

TEST_CASE("precision: recomputation of a scan changes no bit of outputs and of the input's gradient") {
  const MatmulPrecision scope(Precision::bfloat16);
  const Lists whole = lstm_results(6, 20, 3), pieces = lstm_results(6, 20, 3, {.segment = 6});
  CHECK(pieces[0] == whole[0]);
  CHECK(pieces[1] == whole[1]);
  // The sums of weights' gradients are cut at the pieces' ends: some roundings of sums of 60 products.
  for (std::size_t k = 2; k < whole.size(); ++k) CHECK(distance(pieces[k], whole[k]) < 1e-5);
}

TEST_CASE("precision: shards of a batch compute in that of the thread that divides it") {
  const auto by_threads = [](int threads, Precision precision) {
    const MatmulPrecision scope(precision);
    set_num_threads(threads);
    Lists lists = lstm_results(48, 20, 40);
    set_num_threads(1);
    return lists;
  };
  const Lists one = by_threads(1, Precision::bfloat16), two = by_threads(2, Precision::bfloat16);
  CHECK(one[0] == two[0]);  // outputs and the gradient of the input, to the bit
  CHECK(one[1] == two[1]);
  // Sums over the batch are cut elsewhere.
  for (std::size_t k = 2; k < one.size(); ++k) CHECK(distance(one[k], two[k]) < 1e-4);
  CHECK(by_threads(2, Precision::float32)[0] != two[0]);
}

TEST_CASE("precision: a stream that steps without a tape has the bits of the layer") {
  Generator rng(2);
  Lstm<float> lstm(5, 7, {}, rng);
  const V x = random_parameter<float>({6, 1, 5}, 4).detach();
  const MatmulPrecision scope(Precision::bfloat16);
  const V h = lstm(x).output;
  auto network = stream(lstm);
  for (index_t t = 0; t < 6; ++t) CHECK(list(network.step(select(x, 0, t))) == list(select(h, 0, t)));
}

TEST_CASE("precision: a weight is packed anew in both precisions when it changes") {
  V w = random_parameter<float>({5, 6}, 1);
  const V x = random_parameter<float>({4, 6}, 2);
  const auto product = [&](Precision precision) {
    const MatmulPrecision scope(precision);
    return list(V(linear(x, w)));
  };
  const auto exact = product(Precision::float32), half = product(Precision::bfloat16);
  CHECK(product(Precision::float32) == exact);
  CHECK(product(Precision::bfloat16) == half);
  w.update([](auto& a) { a *= 2; });
  const auto twice = [](std::vector<double> v) {
    for (double& e : v) e *= 2;
    return v;
  };
  CHECK(product(Precision::float32) == twice(exact));
  CHECK(product(Precision::bfloat16) == twice(half));
}
