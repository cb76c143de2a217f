// Writes every cell of the programs as C, and cells of one's own, with inputs and outputs to check the C by.
//
// write_all FOLDER STEPS: for each network NAME.c, NAME.h and NAME.h.in, what driver.c includes.

#include <fmt/core.h>
#include <fmt/os.h>

#include <filesystem>

#include "common/recurrent.hpp"
#include "unroll/autograd/functions.hpp"
#include "unroll/autograd/matmul.hpp"
#include "unroll/autograd/permute.hpp"
#include "unroll/autograd/reduce.hpp"
#include "unroll/autograd/views.hpp"
#include "unroll/detail/export/c_text.hpp"
#include "unroll/export/export_c.hpp"
#include "unroll/layers/gru.hpp"
#include "unroll/layers/layer_norm.hpp"
#include "unroll/layers/linear_layer.hpp"
#include "unroll/layers/lstm.hpp"
#include "unroll/layers/min_gru.hpp"

using namespace unroll;

namespace {

std::filesystem::path folder;
int steps = 0;

/// A latch: keeps its state unless the gate opens.
struct LatchCell {
  Variable<double> w, u;
  index_t hidden_size() const { return u.shape()[0]; }
  using State = Variable<double>;
  Variable<double> step(const Variable<double>& x, const Variable<double>& h) const {
    const Variable<double> gate(linear(x, w) + linear(h, u));
    return lerp(h, tanh(x), sigmoid(gate));
  }
  template <class V>
  void visit(V&& v) {
    v("w", w);
    v("u */ \"\n", u);  // a hostile name
  }
};
/// Two members that take each other's place.
struct SwapState {
  Variable<double> h, older;
  template <class V>
  void visit(V&& v) {
    v("h", h);
    v("older", older);
  }
};
struct SwapCell {
  Variable<double> w;
  using State = SwapState;
  index_t hidden_size() const { return w.shape()[0]; }
  SwapState step(const Variable<double>& x, const SwapState& s) const {
    return {tanh(linear(x, w) + 0.5 * s.older), s.h};
  }
  template <class V>
  void visit(V&& v) {
    v("w", w);
  }
};
/// Many of the scalar ops.
struct OpsCell {
  Variable<double> w;
  using State = Variable<double>;
  index_t hidden_size() const { return w.shape()[0]; }
  Variable<double> step(const Variable<double>& x, const Variable<double>& h) const {
    const Variable<double> a(linear(x, w) + 0.3 * h), b(softplus(a) + log1p(square(a)) + expm1(-abs(a)));
    const Variable<double> c(silu(a) + gelu(b) + mish(a) - erf(a) * cos(b) + sin(a) / (1.0 + exp(-b)));
    const Variable<double> d(minimum(c, 1.5) + maximum(c, -1.5) + clamp(c, -0.5, 0.5) + leaky_relu(c, 0.1) +
                             elu(c, 0.7) + where(c > 0.1, a, b) + sqrt(square(c) + 0.1) + relu(c));
    return tanh(0.1 * d + floor(c) * 0.01 + round(c) * 0.02 + sign(c) * 0.01 + atan2(a, b) * 0.1);
  }
  template <class V>
  void visit(V&& v) {
    v("w", w);
  }
};
/// The scalar ops that need no libm with CMath::fast.
struct FastOpsCell {
  Variable<float> w;
  using State = Variable<float>;
  index_t hidden_size() const { return w.shape()[0]; }
  State step(const Variable<float>& x, const State& h) const {
    const State a(linear(x, w) + 0.3f * h), b(softplus(a) + log1p(square(a)) + expm1(-abs(a)));
    const State c(sqrt(square(a) + 0.1f) + log(1.f + square(b)) + erf(a) + exp(-square(a)));
    return tanh(0.1f * c + floor(c) * 0.01f + round(c) * 0.02f + sigmoid(b));
  }
  template <class V>
  void visit(V&& v) {
    v("w", w);
  }
};
/// Rows, means, products of two results.
struct RowsCell {
  Variable<double> w, initial;
  using State = Variable<double>;
  index_t hidden_size() const { return w.shape()[0]; }
  Variable<double> initial_state(index_t batch) const {
    return Variable<double>(initial + Variable<double>({batch, hidden_size()}, 0.0));
  }
  Variable<double> step(const Variable<double>& x, const Variable<double>& h) const {
    const Variable<double> rows(reshape(Variable<double>(linear(x, w) + h), {1, 2, hidden_size() / 2}));
    const Variable<double> centred(rows - sum(rows, -1, {.keepdims = true}) *
                                              (2.0 / static_cast<double>(hidden_size())));
    const Variable<double> products(matmul(centred, transpose(centred, 1, 2)));
    return tanh(reshape(Variable<double>(matmul(products, rows)), {1, hidden_size()}));
  }
  template <class V>
  void visit(V&& v) {
    v("w", w);
    v("initial", initial);
  }
};

template <class T>
Variable<T> random(const Shape& shape, Generator& rng, double scale = 0.7) {
  auto v = Variable<T>::uninitialised(shape);
  rng.fill_uniform(std::span(v.mutable_data(), static_cast<std::size_t>(v.size())), static_cast<T>(-scale),
                   static_cast<T>(scale));
  return v;
}

template <class T>
void print_array(fmt::ostream& file, const char* name, const std::vector<T>& numbers) {
  file.print("static const REAL {}[] = {{", name);
  for (std::size_t k = 0; k < numbers.size(); ++k)
    file.print("{}{:.17g},", k % 8 == 0 ? "\n" : " ", static_cast<double>(numbers[k]));
  file.print("\n}};\n");
}

/// What driver.c needs to know, beside what the header says.
template <class T>
void write_case(const std::string& name, double bound, const std::vector<T>& inputs,
                const std::vector<T>& outputs, const std::vector<T>& jacobian, bool symbols) {
  std::string upper = name;
  for (char& c : upper) c = static_cast<char>(std::toupper(c));
  fmt::ostream file = fmt::output_file((folder / (name + ".h.in")).string());
  file.print("#include \"{0}.h\"\n#define STATE {0}_state\n#define RESET {0}_reset\n#define STEP {0}_step\n",
             name);
  file.print("#define JACOBIAN_OF {0}_step_jacobian\n#define OUTPUTS {1}_OUTPUTS\n", name, upper);
  file.print("#define NAME \"{}\"\n#define REAL {}\n#define STEPS {}\n#define BOUND {}\n", name,
             sizeof(T) == 4 ? "float" : "double", steps, bound);
  if (symbols)
    file.print("#define SYMBOLS\n");
  else
    file.print("#define INPUTS {}_INPUTS\n", upper);
  print_array(file, "inputs", inputs);
  print_array(file, "outputs", outputs);
  if (jacobian.empty()) return;
  file.print("#define JACOBIAN {}_JACOBIAN_ROWS * {}_JACOBIAN_COLUMNS\n", upper, upper);
  print_array(file, "jacobian", jacobian);
}

/// 1e-6 in float, the rounding of sums in another order, but for cells that amplify it.
double bound_of(const std::string& kind) {
  // Their norm divides by small deviations, or they compare with a threshold: a last place becomes much more.
  if (kind == "layer-norm-lstm" || kind == "skip") return 2e-2;
  // Their states keep what was rounded for hundreds of steps, and outputs are as large as 2.
  for (const char* keeps : {"xlstm", "deltanet", "hgrn2", "lru", "gated-delta", "mamba"})
    if (kind.find(keeps) != std::string::npos) return 5e-6;
  return 1e-6;
}

void of_any(const std::string& kind, const program::CellKind& cell) {
  Generator rng(1);
  program::CellOptions o{};
  o.input = 4, o.hidden = 8, o.layers = 2;
  AnyRecurrent<float> net = cell.make(o, rng);
  eval(net);
  const Linear<float> readout(net.output_size(), 3, {}, rng);
  const std::string name = "cell_" + detail::c_identifier(kind, "x");
  export_c(std::tie(net, readout), (folder / (name + ".c")).string());
  std::vector<float> inputs, outputs;
  auto state = net.initial_state(1);
  const NoGrad off;
  for (int t = 0; t < steps; ++t) {
    const Variable<float> x = random<float>({1, 1, 4}, rng, 1);
    const auto run = net(x, state);
    state = run.state;
    const Variable<float> y = readout(Variable<float>(reshape(run.output, {1, net.output_size()})));
    inputs.insert(inputs.end(), x.data(), x.data() + 4);
    outputs.insert(outputs.end(), y.data(), y.data() + 3);
  }
  write_case(name, bound_of(kind), inputs, outputs, {}, false);
}

template <class Net>
void of_net(const std::string& name, const Net& net, index_t inputs, bool fast = false,
            bool jacobian = true) {
  using T = typename Net::value_type;
  Generator rng(5);
  const Linear<T> readout(net.hidden_size(), 2, {}, rng);
  const auto scale = [](const Variable<T>& y) { return Variable<T>(T{3} * y + T{1}); };
  export_c(std::tie(net, readout, scale), (folder / (name + ".c")).string(),
           {.math = fast ? CMath::fast : CMath::exact,
            .jacobian = jacobian,
            .notes = {"a note that ends */ the comment \\",
                      "int injected; // ?"
                      "?/"}});
  auto s = stream(net);
  std::vector<T> xs, ys, slopes;
  const auto begin = detail::layer_states(net, net.initial_state(1));
  for (int t = 0; t < steps; ++t) {
    const Variable<T> x = random<T>({1, inputs}, rng, 1);
    const Variable<T> y = scale(readout(s.step(x)));
    xs.insert(xs.end(), x.data(), x.data() + inputs);
    ys.insert(ys.end(), y.data(), y.data() + 2);
  }
  if (jacobian) {  // of the last step, from the state after the others: of outputs and members by inputs and members
    auto again = stream(net);
    for (int t = 0; t + 1 < steps; ++t) {
      auto x = Variable<T>::from({1, inputs}, std::span(xs).subspan(static_cast<std::size_t>(t * inputs),
                                                                    static_cast<std::size_t>(inputs)));
      again.step(x);
    }
    std::vector<Variable<T>> leaves{
        Variable<T>::from({1, inputs}, std::span(xs).last(static_cast<std::size_t>(inputs)))};
    std::vector<typename Net::State> states = again.states();
    for (const auto& state : states)
      for (const Variable<T>& v : detail::members_of(state)) leaves.push_back(v.copy());
    for (auto& leaf : leaves) leaf.requires_grad(true);
    auto at = leaves.begin() + 1;
    for (auto& state : states) {
      const auto end = at + static_cast<std::ptrdiff_t>(detail::members_of(state).size());
      state = detail::with_members(state, {at, end});
      at = end;
    }
    std::vector<Variable<T>> results{
        scale(readout(Variable<T>(detail::stream_step(net, leaves[0], states))))};
    for (const auto& state : states)
      for (const Variable<T>& v : detail::members_of(state)) results.push_back(v);
    for (const Variable<T>& result : results)
      for (index_t k = 0; k < result.size(); ++k) {
        for (auto& leaf : leaves) leaf.zero_grad();
        Variable<T>(slice(reshape(result, {result.size()}), 0, k, k + 1)).backward(true);
        for (const auto& leaf : leaves) {
          const std::vector<T> g = leaf.has_grad()
                                       ? std::vector<T>(leaf.grad().data(), leaf.grad().data() + leaf.size())
                                       : std::vector<T>(static_cast<std::size_t>(leaf.size()), T{0});
          slopes.insert(slopes.end(), g.begin(), g.end());
        }
      }
  }
  write_case(name, fast ? 3e-6 : sizeof(T) == 4 ? 1e-6 : 1e-13, xs, ys, slopes, false);
}

void of_symbols() {
  Generator rng(3);
  const Embedding<float> embedding(11, 6, {}, rng);
  Gru<float> net(6, 8, {.num_layers = 2}, rng);
  eval(net);
  const LayerNorm<float> norm(8);
  const Linear<float> readout(8, 11, {}, rng);
  const std::string name = "symbols";
  export_c(std::tie(embedding, net, norm, readout), (folder / (name + ".c")).string());
  auto s = stream(net);
  std::vector<float> xs, ys;
  for (int t = 0; t < steps; ++t) {
    const auto symbol = static_cast<std::int64_t>(rng.below(11));
    const Variable<float> y = readout(norm(s.step(embedding(Indices({1}, {symbol})))));
    xs.push_back(static_cast<float>(symbol));
    ys.insert(ys.end(), y.data(), y.data() + 11);
  }
  write_case(name, 1e-6, xs, ys, {}, true);
}

template <class Cell>
auto layer_of(Cell cell, index_t inputs) {
  Generator rng(1);
  auto net = Recurrent(
      inputs, [&](index_t) { return cell; }, {}, rng);
  eval(net);
  return net;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 3) return 2;
  folder = argv[1], steps = std::atoi(argv[2]);
  for (const auto& [name, cell] : program::cell_kinds()) of_any(name, cell);
  of_symbols();
  Generator rng(7);
  using D = double;
  of_net("user_latch", layer_of(LatchCell{random<D>({6, 6}, rng), random<D>({6, 6}, rng)}, 6), 6);
  of_net("user_swap", layer_of(SwapCell{random<D>({6, 3}, rng)}, 3), 3);
  of_net("user_ops", layer_of(OpsCell{random<D>({6, 3}, rng)}, 3), 3);
  of_net("user_rows", layer_of(RowsCell{random<D>({6, 3}, rng), random<D>({6}, rng)}, 3), 3);
  Recurrent stack(
      3,
      [&](index_t in) {
        return LatchCell{random<D>({3, in}, rng), random<D>({3, 3}, rng)};
      },
      {.num_layers = 2}, rng);
  of_net("user_stack", stack, 3);
  Lstm<D> lstm(3, 8, {.num_layers = 2}, rng);
  Gru<D> gru(3, 7, {.num_layers = 2}, rng);
  MinGru<D> min_gru(3, 8, {.num_layers = 2}, rng);
  Lstm<float> small(3, 8, {}, rng);
  eval(lstm), eval(gru), eval(min_gru), eval(small);
  of_net("lstm_double", lstm, 3);
  of_net("gru_double", gru, 3);
  of_net("min_gru_double", min_gru, 3);
  of_net("lstm_fast", small, 3, true, false);
  of_net("fast_ops", layer_of(FastOpsCell{random<float>({6, 3}, rng)}, 3), 3, true, false);
  Lstm<float> for_boards(1, 16, {}, rng);
  eval(for_boards);
  of_net("lstm16", for_boards, 1, false, false);
  of_net("lstm16_fast", for_boards, 1, true, false);
}
