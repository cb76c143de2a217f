// One step of a GRU or LSTM with a linear layer behind it, batch 1, as a program that ships does it: by
// real_time_stream, by stream, and by plain loops whose sizes the compiler knows. Prints nanoseconds, medians of
// interleaved rounds.

#include <fmt/core.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "common/command_line.hpp"
#include "measure.hpp"
#include "unroll/layers/gru.hpp"
#include "unroll/layers/linear_layer.hpp"
#include "unroll/layers/lstm.hpp"
#include "unroll/layers/real_time_stream.hpp"

using namespace unroll;

namespace {

float sigma(float x) { return 1 / (1 + std::exp(-x)); }

/// y = b + W x for sizes that are known; W as stored.
template <int I, int O>
void affine(const float* w, const float* b, const float* x, float* y) {
  for (int o = 0; o < O; ++o) {
    float sum = b[o];
    for (int i = 0; i < I; ++i) sum += w[o * I + i] * x[i];
    y[o] = sum;
  }
}

/// The same step by hand, with the parameters of the layer.
template <int H, class Layer>
struct ByHand {
  static constexpr bool is_gru = std::is_same_v<Layer, Gru<float>>;
  static constexpr int gates = is_gru ? 3 : 4;
  const Layer net;
  const Linear<float> readout;
  std::array<float, H> h{}, c{};
  std::array<float, gates * H> from_x{}, from_h{};

  float step(float x) {
    const auto& cell = net.cell(0);
    affine<1, gates * H>(cell.weight_ih.data(), cell.bias_ih.data(), &x, from_x.data());
    affine<H, gates * H>(cell.weight_hh.data(), cell.bias_hh.data(), h.data(), from_h.data());
    for (std::size_t k = 0; k < H; ++k) {
      const auto sum = [&](std::size_t gate) { return from_x[gate * H + k] + from_h[gate * H + k]; };
      if constexpr (is_gru) {
        const float r = sigma(sum(0)), z = sigma(sum(1));
        const float n = std::tanh(from_x[2 * H + k] + r * from_h[2 * H + k]);
        h[k] = (1 - z) * n + z * h[k];
      } else {
        c[k] = sigma(sum(1)) * c[k] + sigma(sum(0)) * std::tanh(sum(2));
        h[k] = sigma(sum(3)) * std::tanh(c[k]);
      }
    }
    float y = 0;
    affine<H, 1>(readout.weight.data(), readout.bias.data(), h.data(), &y);
    return y;
  }
};

/// One way to do a step: x of this step gives y.
struct Way {
  std::string name;
  std::function<float(float)> step;
  std::vector<double> nanoseconds{};
};

template <int H, class Layer>
void time_layer(const char* name, int rounds) {
  Generator rng(1);
  const Layer net(1, H, {}, rng);
  const Linear<float> readout(H, 1, {}, rng);
  auto fast = std::make_shared<RealTimeStream<float>>(net, readout);
  auto plain = std::make_shared<Stream<Layer>>(net);
  auto hand = std::make_shared<ByHand<H, Layer>>(ByHand<H, Layer>{net, readout});
  std::vector<Way> ways;
  ways.push_back({"real_time_stream", [fast](float x) {
                    float y = 0;
                    fast->step({&x, 1}, {&y, 1});
                    return y;
                  }});
  ways.push_back({"stream", [plain, readout](float x) {
                    const NoGrad off;
                    return readout(plain->step(Variable<float>({1, 1}, x))).item();
                  }});
  ways.push_back({"by hand, libm", [hand](float x) { return hand->step(x); }});
  constexpr int steps = 4000;
  double differs = 0;
  for (int t = 0; t < 100; ++t) {
    const float x = static_cast<float>(t % 13) * 0.1F - 0.6F, y = ways[0].step(x);
    for (const Way& way : {ways[1], ways[2]}) differs = std::max<double>(differs, std::abs(way.step(x) - y));
  }
  for (int r = 0; r < rounds; ++r)
    for (Way& way : ways)
      way.nanoseconds.push_back(1e6 / steps * bench::milliseconds([&] {
                                  float sum = 0;
                                  for (int t = 0; t < steps; ++t)
                                    sum += way.step(static_cast<float>(t % 13) * 0.1F);
                                  if (std::isnan(sum)) fmt::print("not a number\n");
                                }));
  for (Way& way : ways) std::sort(way.nanoseconds.begin(), way.nanoseconds.end());
  const auto median = [](const Way& way) { return way.nanoseconds[way.nanoseconds.size() / 2]; };
  fmt::print("{:5} {:4}", name, H);
  for (const Way& way : ways) fmt::print("   {} {:8.0f}", way.name, median(way));
  fmt::print("   largest difference {:.1e}\n", differs);
}

template <int... H>
void time_sizes(int rounds) {
  (time_layer<H, Gru<float>>("GRU", rounds), ...);
  (time_layer<H, Lstm<float>>("LSTM", rounds), ...);
}

}  // namespace

int main(int argc, char** argv) {
  int rounds = 25;
  program::CommandLine line("One streamed step of a GRU and an LSTM, in nanoseconds");
  line.add("rounds", rounds, "how often each is timed", {.low = 1, .high = 100000});
  if (const auto status = line.read(argc, argv)) return *status;
  time_sizes<8, 16, 32, 64>(rounds);
  time_layer<512, Lstm<float>>("LSTM", std::max(1, rounds / 5));
}
