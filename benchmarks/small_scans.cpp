// Gradients of recurrences whose steps are small: by scan, by scan with every step recorded, and by a reverse pass that
// is written by hand in plain loops with libm. Prints milliseconds, medians of interleaved rounds, and how far the
// gradients are apart. The hand-written passes keep what they need of the forward pass.

#include <fmt/core.h>

#include <algorithm>
#include <cmath>
#include <functional>
#include <string>
#include <vector>

#include "common/command_line.hpp"
#include "measure.hpp"
#include "unroll/autograd/functions.hpp"
#include "unroll/autograd/linear.hpp"
#include "unroll/autograd/random.hpp"
#include "unroll/autograd/reduce.hpp"
#include "unroll/autograd/views.hpp"
#include "unroll/layers/scan.hpp"
#include "unroll/layers/scan_programs.hpp"

using namespace unroll;

namespace {

using V = Variable<double>;
using List = std::vector<double>;

double sigma(double x) { return 1 / (1 + std::exp(-x)); }

List draw(index_t n, std::uint64_t seed) {
  Generator rng(seed);
  List x(static_cast<std::size_t>(n));
  rng.fill_uniform(std::span<double>(x), -1.0, 1.0);
  return x;
}
V array(const Shape& shape, const List& values) { return V::from(shape, std::span<const double>(values)); }
void append(List& to, const V& gradient) {
  to.insert(to.end(), gradient.data(), gradient.data() + gradient.size());
}

/// Two ways to the same gradient.
struct Problem {
  std::string name;
  std::function<List()> by_scan, by_hand;
};

// --- GradBench's LSTM: gates of one weight and one bias for each unit, layers one over the other, no batch ---

constexpr index_t width = 14;

struct GateState {
  V h, c;
  template <class F>
  void visit(F&& f) {
    f("h", h);
    f("c", c);
  }
};
struct GateCell {
  V wf, wi, wo, wg, bf, bi, bo, bg;
  GateState step(const V& x, const GateState& s) const {
    V c = s.c * sigmoid(x * wf + bf) + sigmoid(s.h * wi + bi) * tanh(s.h * wg + bg);
    return {sigmoid(x * wo + bo) * tanh(c), c};
  }
};

/// The loss is Σ_t (Σ gold) log(2 + Σ e^y) − gold · y, a mean, with y = h ⊙ e₁ + e₂ and gold the next symbol's bits.
struct GateLstm {
  index_t layers, steps;  ///< one step less than there are symbols
  List weights, extra, state, bits;

  GateLstm(index_t l, index_t symbols)
      : layers(l),
        steps(symbols - 1),
        weights(draw(8 * l * width, 1)),
        extra(draw(3 * width, 2)),
        state(draw(2 * l * width, 3)),
        bits(draw(symbols * width, 4)) {
    for (double& b : bits) b = b > 0 ? 1 : 0;
  }
  double scale() const { return 1.0 / (static_cast<double>(steps) * width); }

  List by_scan() const {
    V w = array({8 * layers, width}, weights), e = array({3, width}, extra);
    w.requires_grad(true), e.requires_grad(true);
    const auto rows = unbind(w), ends = unbind(e), first = unbind(array({2 * layers, width}, state));
    const V sequence = array({steps + 1, width}, bits);
    V x = slice(sequence, 0, 0, steps) * ends[0];
    for (std::size_t l = 0; l < static_cast<std::size_t>(layers); ++l) {
      const V* const r = &rows[8 * l];
      const GateCell cell{r[0], r[1], r[2], r[3], r[4], r[5], r[6], r[7]};
      x = scan(cell, x, GateState{first[2 * l], first[2 * l + 1]}).output;
    }
    const V y = x * ends[1] + ends[2], gold = slice(sequence, 0, 1, steps + 1);
    const V total = sum(exp(y), {1}) + 2.0;
    V((sum(sum(gold, {1}) * log(total)) - sum(gold * y)) * scale()).backward();
    List gradient;
    append(gradient, V(w.grad())), append(gradient, V(e.grad()));
    return gradient;
  }

  List by_hand() const {
    enum { f, i, o, g, c, y, h, all };  // gates, c, tanh c, h
    const auto n = static_cast<std::size_t>(width), depth = static_cast<std::size_t>(layers),
               length = static_cast<std::size_t>(steps);
    static List kept;  // from call to call
    kept.resize(length * depth * all * n);
    const auto at = [&](std::size_t t, std::size_t l, int what) {
      return kept.data() + ((t * depth + l) * all + static_cast<std::size_t>(what)) * n;
    };
    const auto before = [&](std::size_t t, std::size_t l, int what) -> const double* {
      return t > 0 ? at(t - 1, l, what) : state.data() + (2 * l + (what == c)) * n;
    };
    List gradient(weights.size() + extra.size()), x(n), dx(n), dh(depth * n), dc(depth * n), totals(length),
        golds(length);
    const double *in = extra.data(), *out = in + n, *bias = out + n;
    for (std::size_t t = 0; t < length; ++t) {
      for (std::size_t j = 0; j < n; ++j) x[j] = bits[t * n + j] * in[j];
      const double* input = x.data();
      for (std::size_t l = 0; l < depth; ++l) {
        const double *w = &weights[8 * n * l], *b = w + 4 * n, *h0 = before(t, l, h), *c0 = before(t, l, c);
        double* __restrict forget = at(t, l, f), * __restrict write = at(t, l, i), * __restrict show = at(t, l, o);
        double* __restrict value = at(t, l, g), * __restrict cell = at(t, l, c), * __restrict squashed = at(t, l, y);
        double* __restrict hidden = at(t, l, h);
        for (std::size_t j = 0; j < n; ++j) {
          forget[j] = sigma(input[j] * w[j] + b[j]);
          write[j] = sigma(h0[j] * w[n + j] + b[n + j]);
          show[j] = sigma(input[j] * w[2 * n + j] + b[2 * n + j]);
          value[j] = std::tanh(h0[j] * w[3 * n + j] + b[3 * n + j]);
          cell[j] = c0[j] * forget[j] + write[j] * value[j];
          squashed[j] = std::tanh(cell[j]);
          hidden[j] = show[j] * squashed[j];
        }
        input = at(t, l, h);
      }
      totals[t] = 2, golds[t] = 0;
      for (std::size_t j = 0; j < n; ++j) {
        totals[t] += std::exp(input[j] * out[j] + bias[j]);
        golds[t] += bits[(t + 1) * n + j];
      }
    }
    double *d_in = &gradient[weights.size()], *d_out = d_in + n, *d_bias = d_out + n;
    for (std::size_t t = length; t-- > 0;) {
      const double* top = at(t, depth - 1, h);
      for (std::size_t j = 0; j < n; ++j) {
        const double share = golds[t] / totals[t] * std::exp(top[j] * out[j] + bias[j]);
        const double dz = scale() * (share - bits[(t + 1) * n + j]);
        d_out[j] += dz * top[j], d_bias[j] += dz;
        dx[j] = dz * out[j];
        x[j] = bits[t * n + j] * in[j];
      }
      for (std::size_t l = depth; l-- > 0;) {
        const double *w = &weights[8 * n * l], *h0 = before(t, l, h), *c0 = before(t, l, c);
        const double* input = l > 0 ? at(t, l - 1, h) : x.data();
        const double *F = at(t, l, f), *W = at(t, l, i), *O = at(t, l, o), *G = at(t, l, g), *Y = at(t, l, y);
        double* __restrict dw = &gradient[8 * n * l], * __restrict db = dw + 4 * n;
        double* __restrict dhl = &dh[l * n], * __restrict dcl = &dc[l * n], * __restrict dxl = dx.data();
        for (std::size_t j = 0; j < n; ++j) {
          const double d = dxl[j] + dhl[j], e = dcl[j] + d * O[j] * (1 - Y[j] * Y[j]);
          const double zf = e * c0[j] * F[j] * (1 - F[j]), zi = e * G[j] * W[j] * (1 - W[j]);
          const double zo = d * Y[j] * O[j] * (1 - O[j]), zg = e * W[j] * (1 - G[j] * G[j]);
          dw[j] += zf * input[j], dw[n + j] += zi * h0[j], dw[2 * n + j] += zo * input[j],
              dw[3 * n + j] += zg * h0[j];
          db[j] += zf, db[n + j] += zi, db[2 * n + j] += zo, db[3 * n + j] += zg;
          dxl[j] = zf * w[j] + zo * w[2 * n + j];
          dhl[j] = zi * w[n + j] + zg * w[3 * n + j];
          dcl[j] = e * F[j];
        }
      }
      for (std::size_t j = 0; j < n; ++j) d_in[j] += dx[j] * bits[t * n + j];
    }
    return gradient;
  }
};

// --- Elman, batch 1: h' = tanh(x + U h) ---

struct Elman {
  index_t hidden, steps;
  List u, x;
  Elman(index_t h, index_t t) : hidden(h), steps(t), u(draw(h * h, 1)), x(draw(t * h, 2)) {
    for (double& v : u) v *= 0.2;
  }
  List by_scan() const {
    V w = array({hidden, hidden}, u), xs = array({steps, 1, hidden}, x);
    w.requires_grad(true);
    const auto run =
        scan([&](const V& in, const V& h) { return V(tanh(in + linear(h, w))); }, xs, V({1, hidden}, 0.0));
    sum(square(run.output)).backward();
    List gradient;
    append(gradient, V(w.grad()));
    return gradient;
  }
  List by_hand() const {
    const auto n = static_cast<std::size_t>(hidden), length = static_cast<std::size_t>(steps);
    static List h;
    h.assign((length + 1) * n, 0);
    for (std::size_t t = 0; t < length; ++t)
      for (std::size_t j = 0; j < n; ++j) {
        double z = x[t * n + j];
        for (std::size_t k = 0; k < n; ++k) z += u[j * n + k] * h[t * n + k];
        h[(t + 1) * n + j] = std::tanh(z);
      }
    List gradient(n * n), dh(n), dz(n);
    for (std::size_t t = length; t-- > 0;) {
      for (std::size_t j = 0; j < n; ++j) {
        const double y = h[(t + 1) * n + j];
        dz[j] = (dh[j] + 2 * y) * (1 - y * y);
      }
      std::fill(dh.begin(), dh.end(), 0.0);
      for (std::size_t j = 0; j < n; ++j)
        for (std::size_t k = 0; k < n; ++k) {
          gradient[j * n + k] += dz[j] * h[t * n + k];
          dh[k] += dz[j] * u[j * n + k];
        }
    }
    return gradient;
  }
};

// --- a chain of 50 numbers: s_k' = tanh(a_k s_k + b_k s_{k−1}) ---

constexpr std::size_t links = 50;

struct ChainState {
  std::vector<V> s = std::vector<V>(links);
  const V& output() const { return s.back(); }
  template <class F>
  void visit(F&& f) {
    for (V& v : s) f("s", v);
  }
};

struct Chain {
  index_t steps;
  List a = draw(links, 1), b = draw(links, 2), x;
  explicit Chain(index_t t) : steps(t), x(draw(t, 3)) {}
  List by_scan() const {
    std::vector<V> as, bs;
    for (double v : a) as.push_back(V({1, 1}, v)), as.back().requires_grad(true);
    for (double v : b) bs.push_back(V({1, 1}, v)), bs.back().requires_grad(true);
    ChainState zero;
    for (V& v : zero.s) v = V({1, 1}, 0.0);
    const auto step = [&](const V& in, const ChainState& before) {
      ChainState next;
      for (std::size_t k = 0; k < links; ++k)
        next.s[k] = tanh(before.s[k] * as[k] + (k > 0 ? before.s[k - 1] : in) * bs[k]);
      return next;
    };
    sum(scan(step, array({steps, 1, 1}, x), zero).output).backward();
    List gradient;
    for (const V& v : as) append(gradient, V(v.grad()));
    for (const V& v : bs) append(gradient, V(v.grad()));
    return gradient;
  }
  List by_hand() const {
    const auto length = static_cast<std::size_t>(steps);
    static List s;
    s.assign((length + 1) * links, 0);
    for (std::size_t t = 0; t < length; ++t)
      for (std::size_t k = 0; k < links; ++k)
        s[(t + 1) * links + k] =
            std::tanh(a[k] * s[t * links + k] + b[k] * (k > 0 ? s[t * links + k - 1] : x[t]));
    List gradient(2 * links), ds(links), before(links);
    for (std::size_t t = length; t-- > 0;) {
      ds[links - 1] += 1;
      std::fill(before.begin(), before.end(), 0.0);
      for (std::size_t k = links; k-- > 0;) {
        const double y = s[(t + 1) * links + k], d = ds[k] * (1 - y * y);
        gradient[k] += d * s[t * links + k];
        gradient[links + k] += d * (k > 0 ? s[t * links + k - 1] : x[t]);
        before[k] += d * a[k];
        if (k > 0) before[k - 1] += d * b[k];
      }
      ds.swap(before);
    }
    return gradient;
  }
};

template <class P>
Problem problem(std::string name, P p) {
  return {std::move(name), [p] { return p.by_scan(); }, [p] { return p.by_hand(); }};
}

double distance(const List& a, const List& b) {
  double most = 0, largest = 0;
  for (std::size_t k = 0; k < a.size(); ++k) {
    most = std::max(most, std::abs(a[k] - b[k]));
    largest = std::max(largest, std::abs(b[k]));
  }
  return most / largest;
}

void time_problem(const Problem& p, int rounds) {
  const double apart = distance(p.by_scan(), p.by_hand());
  std::vector<double> ms[3];
  for (int r = 0; r < rounds; ++r) {
    ms[0].push_back(bench::milliseconds(p.by_scan));
    {
      const ScanMode recorded(ScanSteps::recorded);
      ms[1].push_back(bench::milliseconds(p.by_scan));
    }
    ms[2].push_back(bench::milliseconds(p.by_hand));
  }
  std::vector<double> ratios;
  for (std::size_t r = 0; r < ms[0].size(); ++r) ratios.push_back(ms[0][r] / ms[2][r]);
  const auto median = [](std::vector<double>& x) {
    std::sort(x.begin(), x.end());
    return x[x.size() / 2];
  };
  fmt::print(
      "{:22} scan {:9.3f} ms   recorded {:9.3f} ms   by hand {:9.3f} ms   ratio {:5.2f}   apart {:.0e}\n",
      p.name, median(ms[0]), median(ms[1]), median(ms[2]), median(ratios), apart);
}

}  // namespace

int main(int argc, char** argv) {
  int rounds = 11;
  program::CommandLine line("Gradients of recurrences with small steps, beside passes written by hand");
  line.add("rounds", rounds, "how often each is timed", {.low = 1, .high = 100000});
  if (const auto status = line.read(argc, argv)) return *status;
  for (const auto& [layers, symbols] : {std::pair{2, 1024}, {4, 4096}, {6, 8192}, {1, 512}, {1, 16384}})
    time_problem(problem(fmt::format("GradBench LSTM {}x{}", layers, symbols), GateLstm(layers, symbols)),
                 rounds);
  time_problem(problem("Elman 32, T 1000", Elman(32, 1000)), rounds);
  time_problem(problem("50 numbers, T 1000", Chain(1000)), rounds);
}
