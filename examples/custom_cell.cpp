// A custom cell, the minimal gated unit (Zhou et al. 2016), in a bidirectional stack over sequences of different
// lengths. The cell is its equations, the size of its state, and the list of its parameters. The task: for each
// number of a sequence, is the sum of the numbers before it greater than the sum of those after it?
//
//     g++ -std=c++20 -O2 custom_cell.cpp -o custom_cell $(pkg-config --cflags --libs unroll)
//     ./custom_cell [UPDATES]

#include <fmt/core.h>

#include <cstdlib>

#include <unroll/autograd/losses.hpp>
#include <unroll/autograd/xtensor.hpp>
#include <unroll/layers/check_visit.hpp>
#include <unroll/layers/init.hpp>
#include <unroll/layers/linear_layer.hpp>
#include <unroll/layers/recurrent.hpp>
#include <unroll/optim/adam.hpp>

using namespace unroll;

template <class T>
struct MinimalGatedCell {
  using value_type = T;
  using State = Variable<T>;
  Variable<T> w_f, u_f, w, u;

  State step(const Variable<T>& x, const State& h) const {
    Variable f = sigmoid(linear(x, w_f) + linear(h, u_f));
    Variable n = tanh(linear(x, w) + linear(f * h, u));
    return lerp(h, n, f);  // (1 − f) h + f n
  }
  index_t hidden_size() const { return u.shape(0); }
  template <class V>
  void visit(V&& v) {
    v("w_f", w_f);
    v("u_f", u_f);
    v("w", w);
    v("u", u);
  }
};

template <class T>
auto make_layer(index_t hidden) {
  const auto weight = [&](index_t columns) {
    Variable<T> w({hidden, columns}, 0);
    return init::xavier_uniform(w).requires_grad(true);
  };
  const auto cell = [&](index_t input) {
    return MinimalGatedCell<T>{weight(input), weight(hidden), weight(input), weight(hidden)};
  };
  return Recurrent(1, cell, {.num_layers = 2, .bidirectional = true});
}

struct Batch {
  Variable<float> x;  // (T, B, 1)
  Indices lengths;    // (B,)
  Indices target;     // (T, B): 1 for greater, else 0; −100, which the loss ignores, where there is padding
};

Batch draw(index_t time, index_t batch, Generator& rng) {
  xt::xtensor<float, 3> x = xt::zeros<float>({time, batch, index_t{1}});
  xt::xtensor<std::int64_t, 2> target = xt::ones<std::int64_t>({time, batch}) * -100;
  std::vector<std::int64_t> lengths;
  for (index_t b = 0; b < batch; ++b) {
    const index_t length = 3 + static_cast<index_t>(rng.below(static_cast<std::uint64_t>(time - 2)));
    lengths.push_back(length);
    float after = 0;
    for (index_t t = 0; t < length; ++t) {
      x(t, b, 0) = static_cast<float>(rng.normal());
      after += x(t, b, 0);
    }
    float before = 0;
    for (index_t t = 0; t < length; ++t) {
      after -= x(t, b, 0);
      target(t, b) = before > after ? 1 : 0;
      before += x(t, b, 0);
    }
  }
  return {x, lengths, target};
}

int main(int argc, char** argv) {
  const int steps = argc > 1 ? std::atoi(argv[1]) : 600;
  manual_seed(1);
  const auto small = make_layer<double>(2);
  const Variable<double> xs(xt::xtensor<double, 3>{{{0.1}, {-0.4}}, {{0.3}, {0.9}}, {{-0.7}, {0.2}}});
  gradcheck(small, [&] {
    return small(xs, {.lengths = {3, 2}}).output;
  });  // throws where visit() or a gradient is wrong
  fmt::print("the gradient agrees with finite differences\n");

  Generator data(1);
  const auto rnn = make_layer<float>(24);
  const Linear<> answer(2 * 24, 2);
  Adam adam(parameters(rnn, answer), {.lr = 5e-3});
  const auto logits = [&](const Batch& b) { return answer(rnn(b.x, {.lengths = b.lengths}).output); };
  for (int step = 1; step <= steps; ++step) {
    const Batch batch = draw(20, 50, data);
    const Variable<float> loss = cross_entropy(logits(batch), batch.target);
    loss.backward();
    adam.step();
    adam.zero_grad();
    if (step % 100 == 0) fmt::print("step {:4}  loss {:.4f}\n", step, loss.item());
  }
  const Batch batch = draw(20, 1000, data);
  const Variable<float> p = logits(batch);
  double right = 0, asked = 0;
  for (index_t k = 0; k < batch.target.size(); ++k) {
    if (batch.target[k] < 0) continue;  // padding
    const bool says_greater = p.data()[2 * k + 1] > p.data()[2 * k];
    asked += 1;
    right += says_greater == (batch.target[k] == 1);
  }
  fmt::print("right for {:.1f} % of the numbers of new sequences (by chance: 50 %)\n", 100 * right / asked);
}
