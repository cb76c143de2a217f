#pragma once
/// \file The cells of the zoo on plain numbers, each written from its paper's equations, with loops.

#include <functional>
#include <map>
#include <string>

#include "cell_checks.hpp"

namespace unroll::tests::zoo_plain {

constexpr std::size_t hidden = 4;  ///< units

/// The weights of a layer, with what the equations on plain numbers do with them.
struct Plain {
  std::map<std::string, V> weights;
  /// One block of W x + b, H numbers.
  Vec x(const Vec& input, index_t block) const {
    const auto bias = weights.find("b_l0");
    return affine(weights.at("w_l0"), input, bias == weights.end() ? V() : bias->second, 4 * block, 4);
  }
  /// One block of a matrix on a state.
  Vec u(const std::string& name, const Vec& h, index_t block = 0) const {
    return affine(weights.at(name + "_l0"), h, {}, 4 * block, 4);
  }
  Vec v(const std::string& name) const { return list(weights.at(name + "_l0")); }
};
using Step = std::function<void(const Plain&, const Vec& x, std::vector<Vec>& state)>;

inline Vec product(Vec a, const Vec& b) {
  for (std::size_t j = 0; j < a.size(); ++j) a[j] *= b[j];
  return a;
}
inline Vec mapped(Vec a, double (*f)(double)) {
  for (double& v : a) v = f(v);
  return a;
}
/// f ⊙ a + (1 − f) ⊙ b.
inline Vec mixed(const Vec& f, const Vec& a, const Vec& b) {
  Vec y;
  for (std::size_t j = 0; j < f.size(); ++j) y.push_back(f[j] * a[j] + (1 - f[j]) * b[j]);
  return y;
}
inline double tanh_of(double x) { return std::tanh(x); }
inline double positive(double x) { return x > 0 ? x : 0; }

/// By name; a step changes the members of the state in their order.
inline const std::map<std::string, Step>& steps() {
  static const std::map<std::string, Step> all = {
      {"mgu",
       [](const Plain& p, const Vec& x, std::vector<Vec>& s) {
         const Vec f = mapped(plus(p.x(x, 0), p.u("u0", s[0])), sigma);
         const Vec n = mapped(plus(p.x(x, 1), p.u("u1", product(f, s[0]))), tanh_of);
         s[0] = mixed(f, n, s[0]);
       }},
      {"mgu1",
       [](const Plain& p, const Vec& x, std::vector<Vec>& s) {
         const Vec f = mapped(plus(p.u("u0", s[0]), p.v("v0")), sigma);
         s[0] = mixed(f, mapped(plus(p.x(x, 0), p.u("u1", product(f, s[0]))), tanh_of), s[0]);
       }},
      {"janet",
       [](const Plain& p, const Vec& x, std::vector<Vec>& s) {
         const Vec g = plus(p.x(x, 0), p.u("u0", s[0], 0)), c = plus(p.x(x, 1), p.u("u0", s[0], 1));
         for (std::size_t j = 0; j < hidden; ++j)
           s[0][j] = sigma(g[j]) * s[0][j] + (1 - sigma(g[j] - 1)) * std::tanh(c[j]);
       }},
      {"ligru",
       [](const Plain& p, const Vec& x, std::vector<Vec>& s) {
         const Vec z = mapped(plus(p.x(x, 0), p.u("u0", s[0], 0)), sigma);
         s[0] = mixed(z, s[0], mapped(plus(p.x(x, 1), p.u("u0", s[0], 1)), positive));
       }},
      {"minimalrnn",
       [](const Plain& p, const Vec& x, std::vector<Vec>& s) {
         const Vec z = mapped(p.x(x, 0), tanh_of);
         s[0] = mixed(mapped(plus(plus(p.u("u0", s[0]), p.u("u1", z)), p.v("v0")), sigma), s[0], z);
       }},
      {"star",
       [](const Plain& p, const Vec& x, std::vector<Vec>& s) {
         const Vec k = mapped(plus(p.x(x, 1), p.u("u0", s[0])), sigma);
         s[0] = mapped(mixed(k, mapped(p.x(x, 0), tanh_of), s[0]), tanh_of);
       }},
      {"sgrn",
       [](const Plain& p, const Vec& x, std::vector<Vec>& s) {
         const Vec a = p.x(x, 0);
         s[0] = mapped(mixed(mapped(plus(a, p.u("u0", s[0])), sigma), s[0], a), tanh_of);
       }},
      {"atr",
       [](const Plain& p, const Vec& x, std::vector<Vec>& s) {
         const Vec a = p.x(x, 0), q = p.u("u0", s[0]);
         for (std::size_t j = 0; j < hidden; ++j)
           s[0][j] = sigma(a[j] + q[j]) * a[j] + sigma(a[j] - q[j]) * s[0][j];
       }},
      {"sgu",
       [](const Plain& p, const Vec& x, std::vector<Vec>& s) {
         const Vec g = p.u("u0", product(p.x(x, 0), s[0])), z = plus(p.x(x, 1), p.u("u1", s[0]));
         for (std::size_t j = 0; j < hidden; ++j) {
           const double rate = std::min(std::max(0.2 * z[j] + 0.5, 0.0), 1.0);
           s[0][j] = (1 - rate) * s[0][j] + rate * std::log(1 + std::exp(std::tanh(g[j]) * s[0][j]));
         }
       }},
      {"t-rnn",
       [](const Plain& p, const Vec& x, std::vector<Vec>& s) {
         s[0] = mixed(mapped(p.x(x, 1), sigma), s[0], p.x(x, 0));
       }},
      {"cfn",
       [](const Plain& p, const Vec& x, std::vector<Vec>& s) {
         const Vec theta = mapped(plus(p.x(x, 0), p.u("u0", s[0], 0)), sigma);
         const Vec eta = mapped(plus(p.x(x, 1), p.u("u0", s[0], 1)), sigma);
         s[0] = plus(product(theta, mapped(s[0], tanh_of)), product(eta, mapped(p.x(x, 2), tanh_of)));
       }},
      {"ran",
       [](const Plain& p, const Vec& x, std::vector<Vec>& s) {
         const Vec i = mapped(plus(p.x(x, 0), p.u("u0", s[0], 0)), sigma);
         const Vec f = mapped(plus(p.x(x, 1), p.u("u0", s[0], 1)), sigma);
         s[1] = plus(product(i, p.x(x, 2)), product(f, s[1]));
         s[0] = mapped(s[1], tanh_of);
       }},
      {"mut1",
       [](const Plain& p, const Vec& x, std::vector<Vec>& s) {
         const Vec r = mapped(plus(p.x(x, 1), p.u("u0", s[0])), sigma);
         const Vec n = plus(p.u("u1", product(r, s[0])), mapped(p.x(x, 2), tanh_of));
         s[0] = mixed(mapped(p.x(x, 0), sigma), mapped(n, tanh_of), s[0]);
       }},
      {"mut3",
       [](const Plain& p, const Vec& x, std::vector<Vec>& s) {
         const Vec z = mapped(plus(p.x(x, 0), p.u("u0", mapped(s[0], tanh_of))), sigma);
         const Vec r = mapped(plus(p.x(x, 1), p.u("u1", s[0])), sigma);
         s[0] = mixed(z, mapped(plus(p.x(x, 2), p.u("u2", product(r, s[0]))), tanh_of), s[0]);
       }},
      {"brc",
       [](const Plain& p, const Vec& x, std::vector<Vec>& s) {
         const Vec a = plus(p.x(x, 0), product(p.v("v0"), s[0])), n = p.x(x, 2);
         const Vec c = mapped(plus(p.x(x, 1), product(p.v("v1"), s[0])), sigma);
         for (std::size_t j = 0; j < hidden; ++j)
           s[0][j] = c[j] * s[0][j] + (1 - c[j]) * std::tanh(n[j] + (1 + std::tanh(a[j])) * s[0][j]);
       }},
      {"nbrc",
       [](const Plain& p, const Vec& x, std::vector<Vec>& s) {
         const Vec a = plus(p.x(x, 0), p.u("u0", s[0], 0)), n = p.x(x, 2);
         const Vec c = mapped(plus(p.x(x, 1), p.u("u0", s[0], 1)), sigma);
         for (std::size_t j = 0; j < hidden; ++j)
           s[0][j] = c[j] * s[0][j] + (1 - c[j]) * std::tanh(n[j] + (1 + std::tanh(a[j])) * s[0][j]);
       }},
      {"tau-gru",
       [](const Plain& p, const Vec& x, std::vector<Vec>& s) {
         const Vec n = mapped(plus(p.x(x, 0), p.u("u0", s[0], 0)), tanh_of);
         const Vec g = mapped(plus(p.x(x, 1), p.u("u0", s[0], 1)), sigma);
         const Vec a = mapped(plus(p.x(x, 2), p.u("u0", s[0], 2)), sigma);
         const Vec z = mapped(plus(p.x(x, 3), p.u("u1", s[1])), tanh_of);
         s[1] = s[0];
         s[0] = mixed(g, plus(n, product(a, z)), s[0]);
       }},
      {"intersection",
       [](const Plain& p, const Vec& x, std::vector<Vec>& s) {
         const auto gate = [&](index_t k) { return plus(p.x(x, k), p.u("u0", s[1], k)); };
         const Vec y = mapped(gate(0), positive), c = mapped(gate(1), tanh_of);
         s[0] = mixed(mapped(gate(2), sigma), p.x(x, 4), y);
         s[1] = mixed(mapped(gate(3), sigma), s[1], c);
       }},
      {"wmc-lstm",
       [](const Plain& p, const Vec& x, std::vector<Vec>& s) {
         const auto gate = [&](index_t k) { return plus(p.x(x, k), p.u("u0", s[0], k)); };
         const Vec i = plus(gate(0), mapped(p.u("u1", s[1], 0), tanh_of));
         const Vec f = plus(gate(1), mapped(p.u("u1", s[1], 1), tanh_of));
         const Vec g = mapped(gate(2), tanh_of), o = gate(3);
         s[1] = plus(product(mapped(f, sigma), s[1]), product(mapped(i, sigma), g));
         const Vec seen = plus(o, mapped(p.u("u2", s[1]), tanh_of));
         s[0] = product(mapped(seen, sigma), mapped(s[1], tanh_of));
       }},
      {"nas",
       [](const Plain& p, const Vec& x, std::vector<Vec>& s) {
         std::vector<Vec> a, m;
         for (index_t k = 0; k < 8; ++k) a.push_back(p.x(x, k)), m.push_back(p.u("u0", s[0], k));
         for (std::size_t j = 0; j < hidden; ++j) {
           const auto sum = [&](std::size_t k) { return a[k][j] + m[k][j]; };
           const double one = std::tanh(sigma(sum(0)) * positive(sum(1)));
           const double two = std::tanh(sigma(sum(2)) + positive(a[3][j] * m[3][j]));
           const double three = std::tanh(std::tanh(sum(4)) * sigma(sum(5)));
           const double four = sigma(std::tanh(sum(6)) + sigma(sum(7)));
           s[1][j] = std::tanh(one + s[1][j]) * two;
           s[0][j] = std::tanh(s[1][j] * std::tanh(three + four));
         }
       }},
      {"antisymmetric",
       [](const Plain& p, const Vec& x, std::vector<Vec>& s) {
         const Vec u = p.v("u0"), a = p.x(x, 0), h = s[0];
         for (std::size_t j = 0; j < hidden; ++j) {
           double sum = a[j] - 0.01 * h[j];
           for (std::size_t k = 0; k < hidden; ++k) sum += (u[j * 4 + k] - u[k * 4 + j]) * h[k];
           s[0][j] = h[j] + 0.5 * std::tanh(sum);
         }
       }},
      {"lipschitz",
       [](const Plain& p, const Vec& x, std::vector<Vec>& s) {
         const Vec h = s[0], x0 = p.x(x, 0);
         const auto row = [&](const Vec& m, std::size_t j) {  // (1 − β)(M + Mᵀ) + β (M − Mᵀ) − γ 1
           double sum = -0.001 * h[j];
           for (std::size_t k = 0; k < hidden; ++k)
             sum += (0.25 * (m[j * 4 + k] + m[k * 4 + j]) + 0.75 * (m[j * 4 + k] - m[k * 4 + j])) * h[k];
           return sum;
         };
         for (std::size_t j = 0; j < hidden; ++j)
           s[0][j] = h[j] + 0.1 * (row(p.v("u0"), j) + std::tanh(x0[j] + row(p.v("u1"), j)));
       }},
      {"fastgrnn",
       [](const Plain& p, const Vec& x, std::vector<Vec>& s) {
         const Vec a = plus(p.x(x, 0), p.u("u0", s[0])), bz = p.v("v0"), bh = p.v("v1");
         const double zeta = sigma(p.v("a")[0]), nu = sigma(p.v("c")[0]);
         for (std::size_t j = 0; j < hidden; ++j) {
           const double z = sigma(a[j] + bz[j]);
           s[0][j] = (zeta * (1 - z) + nu) * std::tanh(a[j] + bh[j]) + z * s[0][j];
         }
       }},
      {"unicornn",
       [](const Plain& p, const Vec& x, std::vector<Vec>& s) {
         const Vec a = p.x(x, 0), w = p.v("v0"), c = p.v("v1");
         for (std::size_t j = 0; j < hidden; ++j) {
           const double dt = 0.5 * (0.5 + 0.5 * std::tanh(c[j] / 2));
           s[1][j] -= dt * (std::tanh(w[j] * s[0][j] + a[j]) + 0.9 * s[0][j]);
           s[0][j] += dt * s[1][j];
         }
       }},
      {"scrn",
       [](const Plain& p, const Vec& x, std::vector<Vec>& s) {  // three fast units, one slow
         const Vec a = p.x(x, 0), r = p.v("r"), q = p.v("p"), z = s[0];
         s[0][3] = 0.05 * a[3] + 0.95 * z[3];
         for (std::size_t j = 0; j < 3; ++j) {
           double sum = a[j] + q[j] * s[0][3];
           for (std::size_t k = 0; k < 3; ++k) sum += r[j * 3 + k] * z[k];
           s[0][j] = sigma(sum);
         }
       }},
      {"rhn",
       [](const Plain& p, const Vec& x, std::vector<Vec>& s) {
         const Vec t = mapped(plus(p.x(x, 1), p.u("u0", s[0], 1)), sigma);
         s[0] = mixed(t, mapped(plus(p.x(x, 0), p.u("u0", s[0], 0)), tanh_of), s[0]);
         const Vec again = mapped(plus(p.v("v1"), p.u("u1", s[0], 1)), sigma);
         s[0] = mixed(again, mapped(plus(p.v("v0"), p.u("u1", s[0], 0)), tanh_of), s[0]);
       }},
      {"mi-rnn",
       [](const Plain& p, const Vec& x, std::vector<Vec>& s) {
         const Vec a = p.x(x, 0), q = p.u("u0", s[0]), alpha = p.v("v0"), b1 = p.v("v1"), b2 = p.v("v2"),
                   b = p.v("v3");
         for (std::size_t j = 0; j < hidden; ++j)
           s[0][j] = std::tanh(alpha[j] * a[j] * q[j] + b1[j] * q[j] + b2[j] * a[j] + b[j]);
       }},
      {"mgu2",
       [](const Plain& p, const Vec& x, std::vector<Vec>& s) {
         const Vec f = mapped(p.u("u0", s[0]), sigma);
         s[0] = mixed(f, mapped(plus(p.x(x, 0), p.u("u1", product(f, s[0]))), tanh_of), s[0]);
       }},
      {"mgu3",
       [](const Plain& p, const Vec& x, std::vector<Vec>& s) {
         const Vec f = mapped(p.v("v0"), sigma);
         s[0] = mixed(f, mapped(plus(p.x(x, 0), p.u("u0", product(f, s[0]))), tanh_of), s[0]);
       }},
      {"miru1",
       [](const Plain& p, const Vec& x, std::vector<Vec>& s) {
         const Vec r = mapped(plus(p.x(x, 0), p.u("u0", s[0])), sigma);
         const Vec n = mapped(plus(p.x(x, 1), p.u("u1", product(r, s[0]))), tanh_of);
         for (std::size_t j = 0; j < hidden; ++j) s[0][j] = (s[0][j] + n[j]) / 2;
       }},
      {"ugrnn",
       [](const Plain& p, const Vec& x, std::vector<Vec>& s) {
         const Vec g = mapped(plus(p.x(x, 0), p.u("u0", s[0], 0)), sigma);
         s[0] = mixed(g, s[0], mapped(plus(p.x(x, 1), p.u("u0", s[0], 1)), tanh_of));
       }},
      {"lightru",
       [](const Plain& p, const Vec& x, std::vector<Vec>& s) {
         const Vec f = mapped(plus(p.x(x, 0), p.u("u0", s[0])), sigma);
         s[0] = mixed(f, mapped(p.x(x, 1), tanh_of), s[0]);
       }},
      {"dsgu",
       [](const Plain& p, const Vec& x, std::vector<Vec>& s) {
         const Vec g = mapped(p.u("u0", product(p.x(x, 0), s[0])), tanh_of);
         const Vec n = mapped(p.u("u2", product(g, s[0])), sigma), z = plus(p.x(x, 1), p.u("u1", s[0]));
         for (std::size_t j = 0; j < hidden; ++j) {
           const double rate = std::min(std::max(0.2 * z[j] + 0.5, 0.0), 1.0);
           s[0][j] = (1 - rate) * s[0][j] + rate * n[j];
         }
       }},
      {"mut2",
       [](const Plain& p, const Vec& x, std::vector<Vec>& s) {
         const Vec z = mapped(plus(p.x(x, 0), p.u("u0", s[0], 0)), sigma);
         const Vec r = mapped(plus(p.x(x, 1), p.u("u0", s[0], 1)), sigma);
         s[0] = mixed(z, mapped(plus(p.x(x, 2), p.u("u1", product(r, s[0]))), tanh_of), s[0]);
       }},
      {"first-lstm",
       [](const Plain& p, const Vec& x, std::vector<Vec>& s) {
         const auto gate = [&](index_t k) { return plus(p.x(x, k), p.u("u0", s[0], k)); };
         s[1] = plus(s[1], product(mapped(gate(0), sigma), mapped(gate(1), tanh_of)));
         s[0] = product(mapped(gate(2), sigma), mapped(s[1], tanh_of));
       }},
      {"cifg-lstm",
       [](const Plain& p, const Vec& x, std::vector<Vec>& s) {
         const auto gate = [&](index_t k) { return plus(p.x(x, k), p.u("u0", s[0], k)); };
         s[1] = mixed(mapped(gate(0), sigma), s[1], mapped(gate(1), tanh_of));
         s[0] = product(mapped(gate(2), sigma), mapped(s[1], tanh_of));
       }},
      {"leaky",
       [](const Plain& p, const Vec& x, std::vector<Vec>& s) {
         const Vec n = mapped(plus(p.x(x, 0), p.u("u0", s[0])), tanh_of);
         for (std::size_t j = 0; j < hidden; ++j) s[0][j] = 0.5 * s[0][j] + 0.5 * n[j];
       }},
      {"antisymmetric-gated",
       [](const Plain& p, const Vec& x, std::vector<Vec>& s) {
         const Vec u = p.v("u0"), z = p.x(x, 0), n = p.x(x, 1), h = s[0];
         for (std::size_t j = 0; j < hidden; ++j) {
           double sum = -0.01 * h[j];
           for (std::size_t k = 0; k < hidden; ++k) sum += (u[j * 4 + k] - u[k * 4 + j]) * h[k];
           s[0][j] = h[j] + 0.5 * sigma(z[j] + sum) * std::tanh(n[j] + sum);
         }
       }},
      {"fastrnn",
       [](const Plain& p, const Vec& x, std::vector<Vec>& s) {
         const Vec n = mapped(plus(p.x(x, 0), p.u("u0", s[0])), tanh_of);
         const double alpha = sigma(p.v("a")[0]), beta = sigma(p.v("c")[0]);
         for (std::size_t j = 0; j < hidden; ++j) s[0][j] = alpha * n[j] + beta * s[0][j];
       }},
      {"multiplicative-rnn",
       [](const Plain& p, const Vec& x, std::vector<Vec>& s) {
         const Vec m = product(p.x(x, 0), p.u("u0", s[0]));
         s[0] = mapped(plus(p.x(x, 1), p.u("u1", m)), tanh_of);
       }},
  };
  return all;
}

}  // namespace unroll::tests::zoo_plain
