// Vanishing and exploding gradients, measured (Bengio, Simard, Frasconi 1994; Pascanu, Mikolov, Bengio 2013):
// how much of the gradient of a loss on the last state of a recurrent network arrives at the states before
// it.

#include <fmt/core.h>

#include <cerrno>
#include <cstring>
#include <fstream>

#include <unroll/autograd/reduce.hpp>
#include <unroll/layers/elman.hpp>
#include <unroll/layers/gate_saturation.hpp>
#include <unroll/layers/gradient_norms.hpp>
#include <unroll/layers/gru.hpp>
#include <unroll/layers/lstm.hpp>
#include <unroll/layers/spectral_radius.hpp>
#include "common/command_line.hpp"

using namespace unroll;
using V = Variable<double>;

struct Curve {
  std::string name;
  double radius = 0, saturated = 0;  // the largest of the blocks; share of the activations
  std::vector<double> share = {};    // of the gradient, by lag
};

template <class Layer>
Curve measure(const std::string& name, const Layer& rnn, index_t length) {
  Generator rng(2);
  V x({length, 16, rnn.input_size()}, 0), direction({16, rnn.hidden_size()}, 0);
  init::normal(x, 0, 1, rng), init::normal(direction, 0, 1, rng);
  const GradientNorms<double> norms;
  const GateSaturation saturation;
  // Of an LSTM's members c comes last, and includes what goes through h.
  const auto by_lag = norms.per_lag(sum(select(rnn(x).output, 0, -1) * direction)).back().norms;
  Curve curve{.name = name};
  for (const double norm : by_lag) curve.share.push_back(norm / by_lag[0]);
  for (const auto& r : spectral_radii(rnn)) curve.radius = std::max(curve.radius, r.radius);
  const auto gates = saturation.gates();  // ReLU has none
  for (const auto& g : gates)
    curve.saturated += (g.low_share() + g.high_share()) / static_cast<double>(gates.size());
  return curve;
}
template <class Layer>
Layer with(Layer rnn, void (*begin)(V&)) {
  begin(rnn.cell(0).weight_hh);
  return rnn;
}

std::vector<Curve> measure_all(index_t I, index_t H, index_t T) {
  const auto orthogonal = [](V& w) { init::orthogonal(w); };
  const auto eye = [](V& w) { init::identity(w); };
  Lstm<double> open(I, H);
  init::forget_bias(open.cell(0).bias_ih, 3);
  return {measure("tanh", Elman<double>(I, H), T),
          measure("tanh, orthogonal", with(Elman<double>(I, H), orthogonal), T),
          measure("tanh, identity", with(Elman<double>(I, H), eye), T),
          measure("ReLU", Elman<double, Relu>(I, H), T),
          measure("ReLU, orthogonal", with(Elman<double, Relu>(I, H), orthogonal), T),
          measure("ReLU, identity (IRNN)", Irnn<double>(I, H), T),
          measure("GRU", Gru<double>(I, H), T),
          measure("LSTM", Lstm<double>(I, H), T),
          measure("LSTM, forget bias 3", open, T)};
}

/// Whether the file was written.
bool write_plot(const std::string& path, const std::vector<Curve>& curves) {
  std::ofstream file(path);
  file << "set terminal svg size 900,500\nset output '" << path << ".svg'\nset logscale y\nset key outside\n"
       << "set xlabel 'steps back'\nset ylabel 'share of the gradient'\nset yrange [1e-20:]\n$data << "
          "EOD\nlag";
  for (const Curve& c : curves) file << " \"" << c.name << "\"";
  for (std::size_t k = 0; k < curves[0].share.size(); ++k) {
    file << "\n" << k;
    for (const Curve& c : curves) file << " " << c.share[k];
  }
  file << "\nEOD\nplot for [k=2:" << curves.size() + 1
       << "] $data using 1:k with lines title columnhead(k)\n";
  file.close();
  return file.good();
}

int main(int argc, char** argv) {
  index_t length = 101;
  std::string plot;
  program::CommandLine line("How gradients vanish and explode in recurrent networks before training.");
  line.add("length", length, "time steps", {.low = 2, .high = 100000});
  line.add("plot", plot, "write a gnuplot script to this file; it draws the table to FILE.svg");
  if (const auto status = line.read(argc, argv)) return *status;
  manual_seed(1);
  const std::vector<Curve> curves = measure_all(8, 64, length);
  fmt::print("{:23}{:>8}{:>11}   share of the gradient at steps\n{:42}", "", "radius", "saturated", "");
  for (index_t lag = 1; lag < length; lag *= 3) fmt::print("{:>9}", -lag);
  for (const Curve& c : curves) {
    fmt::print("\n{:23}{:8.2f}{:9.1f} %", c.name, c.radius, 100 * c.saturated);
    for (std::size_t lag = 1; lag < c.share.size(); lag *= 3) fmt::print("{:9.1e}", c.share[lag]);
  }
  fmt::print(
      "\nAfter {} steps tanh has kept {:.1e} of the gradient, LSTM {:.1e}, with open forget gates {:.1e}.\n",
      length - 1, curves[0].share.back(), curves[7].share.back(), curves[8].share.back());
  if (plot.empty() || write_plot(plot, curves)) return 0;
  fmt::print(stderr, "--plot {}: {}\n", plot, std::strerror(errno));
  return 1;
}
