// What a user's program does with the installed library: a cell of its own beside the library's LSTM,
// trained.
#include <unroll/autograd/losses.hpp>
#include <unroll/autograd/xtensor.hpp>
#include <unroll/io/safetensors.hpp>
#include <unroll/layers/linear_layer.hpp>
#include <unroll/layers/lstm.hpp>
#include <unroll/optim/adam.hpp>
//
#include <fmt/core.h>

using V = unroll::Variable<float>;

namespace {

// h' = tanh(W x + U h), with a leak: h' = 0.9 h + 0.1 tanh(…)
struct LeakyCell {
  V w, u;
  V step(const V& x, const V& h) const { return 0.9 * h + 0.1 * tanh(linear(x, w) + linear(h, u)); }
  void visit(auto&& v) { v("w", w), v("u", u); }
};

struct Model {
  unroll::Lstm<float> lstm{1, 8};
  LeakyCell leaky{V({8, 8}, 0.1F).requires_grad(true), V({8, 8}, 0.1F).requires_grad(true)};
  unroll::Linear<float> out{8, 1};
  void visit(auto&& v) { v("lstm", lstm), v("leaky", leaky), v("out", out); }

  V operator()(const V& x) const {
    const V h = lstm(x).output;
    return out(unroll::scan(leaky, h, V({x.shape()[1], 8}, 0.F)).output);
  }
};

}  // namespace

int main() {
  const V x = xt::reshape_view(xt::sin(xt::arange<float>(0.F, 30.F)), {15, 2, 1});
  const V y = xt::reshape_view(xt::cos(xt::arange<float>(0.F, 30.F)), {15, 2, 1});
  Model model;
  unroll::Adam adam(unroll::parameters(model), {.lr = 1e-2});
  float first = 0, last = 0;
  for (int i = 0; i < 300; ++i) {
    const V loss = mse(model(x), y);
    loss.backward();
    adam.step();
    adam.zero_grad();
    last = loss.item();
    if (i == 0) first = last;
  }
  unroll::io::TensorFile file("memory");
  file.add<float>("x", {30}, std::vector<float>(x.data(), x.data() + 30));
  const auto back = unroll::io::parse_safetensors(unroll::io::serialise_safetensors(file));
  fmt::print("loss {:.4f} -> {:.4f}\n", first, last);
  return last < 0.5F * first && back.get<float>("x").size() == 30 ? 0 : 1;
}
