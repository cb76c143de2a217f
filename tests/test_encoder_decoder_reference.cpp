#include <map>

#include "cell_checks.hpp"
#include "unroll/layers/encoder_decoder.hpp"
#include "unroll/layers/lstm.hpp"

// A whole encoder–decoder, computed once more by loops over plain numbers, one pair of sequences after the
// other. Nothing of the library takes part but the values of the parameters.

using namespace unroll;
using namespace unroll::tests;

namespace {

using Model = EncoderDecoder<LstmCell<double>, InputFeedingDecoder>;
using Symbols = std::vector<std::int64_t>;
constexpr std::int64_t start = 0, end = 1;
constexpr int layers = 2;

struct Lstm {
  Vec h, c;
};

class Reference {
 public:
  explicit Reference(const Model& model) {
    for (auto& p : parameters(model)) all_[p.name] = p.variable;
  }

  /// −ln p of a target and of its end.
  double loss(const Symbols& source, const Symbols& target) const {
    std::vector<Vec> outputs;
    std::vector<Lstm> states = bridged(encoded(source, outputs));
    Vec fed(states[0].h.size(), 0.0);
    double sum = 0;
    for (std::size_t t = 0; t <= target.size(); ++t) {
      Vec x = embedded("target_embedding.weight", t == 0 ? start : target[t - 1]);
      x.insert(x.end(), fed.begin(), fed.end());
      for (int k = 0; k < layers; ++k)
        x = (states[static_cast<std::size_t>(k)] =
                 step("decoder.cell.", "_l" + std::to_string(k), x, states[static_cast<std::size_t>(k)]))
                .h;
      fed = attentional(context(x, outputs), x);
      sum +=
          surprise(affine(at("output.weight"), fed, at("output.bias")), t == target.size() ? end : target[t]);
    }
    return sum;
  }

 private:
  const V& at(const std::string& name) const { return all_.at(name); }

  Vec embedded(const std::string& matrix, std::int64_t symbol) const {
    const V& w = at(matrix);
    const index_t size = w.shape()[1];
    return Vec(w.data() + symbol * size, w.data() + (symbol + 1) * size);
  }

  /// i, f, g, o = W_ih x + b_ih + W_hh h + b_hh;  c' = σ(f) c + σ(i) tanh(g);  h' = σ(o) tanh(c').
  Lstm step(const std::string& prefix, const std::string& suffix, const Vec& x, const Lstm& s) const {
    const auto part = [&](const char* name) -> const V& { return at(prefix + name + suffix); };
    const Vec gates =
        plus(affine(part("weight_ih"), x, part("bias_ih")), affine(part("weight_hh"), s.h, part("bias_hh")));
    Lstm next = s;
    const std::size_t n = s.h.size();
    for (std::size_t k = 0; k < n; ++k) {
      next.c[k] = sigma(gates[n + k]) * s.c[k] + sigma(gates[k]) * std::tanh(gates[2 * n + k]);
      next.h[k] = sigma(gates[3 * n + k]) * std::tanh(next.c[k]);
    }
    return next;
  }

  /// The outputs of the top layer, and the final states of layer 0 forward, layer 0 backward, layer 1 …
  std::vector<Lstm> encoded(const Symbols& source, std::vector<Vec>& outputs) const {
    for (const std::int64_t s : source) outputs.push_back(embedded("source_embedding.weight", s));
    std::vector<Lstm> last;
    const std::size_t steps = source.size();
    for (int k = 0; k < layers; ++k) {
      std::vector<Vec> above(steps);
      for (const bool backward : {false, true}) {
        const std::string suffix = "_l" + std::to_string(k) + (backward ? "_reverse" : "");
        const auto hidden = static_cast<std::size_t>(at("encoder.weight_hh" + suffix).shape()[1]);
        Lstm s{Vec(hidden, 0.0), Vec(hidden, 0.0)};
        for (std::size_t t = 0; t < steps; ++t) {
          const std::size_t place = backward ? steps - 1 - t : t;
          s = step("encoder.", suffix, outputs[place], s);
          above[place].insert(above[place].end(), s.h.begin(), s.h.end());
        }
        last.push_back(s);
      }
      outputs = above;
    }
    return last;
  }

  /// tanh(W [forward; backward] + b) for h and c of each layer.
  std::vector<Lstm> bridged(const std::vector<Lstm>& last) const {
    std::vector<Lstm> first;
    int number = 0;
    const auto map = [&](Vec both, const Vec& backward) {
      both.insert(both.end(), backward.begin(), backward.end());
      const std::string name = "bridge.maps." + std::to_string(number++);
      return tanh_of(affine(at(name + ".weight"), both, at(name + ".bias")));
    };
    for (std::size_t k = 0; k < last.size(); k += 2) {
      Vec h = map(last[k].h, last[k + 1].h), c = map(last[k].c, last[k + 1].c);
      first.push_back({std::move(h), std::move(c)});
    }
    return first;
  }

  /// Σ_s softmax_s(hᵀ W o_s) o_s; zero where nothing is read.
  Vec context(const Vec& h, const std::vector<Vec>& outputs) const {
    Vec context(static_cast<std::size_t>(at("decoder.attention.weight").shape()[1]), 0.0), weights;
    double total = 0;
    for (const Vec& o : outputs) {
      weights.push_back(std::exp(product(h, affine(at("decoder.attention.weight"), o))));
      total += weights.back();
    }
    for (std::size_t s = 0; s < outputs.size(); ++s)
      for (std::size_t k = 0; k < context.size(); ++k) context[k] += weights[s] / total * outputs[s][k];
    return context;
  }

  Vec attentional(const Vec& context, const Vec& h) const {
    return tanh_of(
        plus(affine(at("decoder.weight_context"), context), affine(at("decoder.weight_hidden"), h)));
  }

  static double surprise(const Vec& logits, std::int64_t symbol) {
    double total = 0;
    for (const double x : logits) total += std::exp(x);
    return std::log(total) - logits[static_cast<std::size_t>(symbol)];
  }
  static Vec tanh_of(Vec x) {
    for (double& v : x) v = std::tanh(v);
    return x;
  }
  static double product(const Vec& a, const Vec& b) {
    double sum = 0;
    for (std::size_t k = 0; k < a.size(); ++k) sum += a[k] * b[k];
    return sum;
  }

  std::map<std::string, V> all_;
};

Model made() {
  Generator rng(11);
  Model model({.source_symbols = 5,
               .target_symbols = 6,
               .start = start,
               .end = end,
               .embedding = 3,
               .hidden = 4,
               .num_layers = layers},
              rng);
  scatter(model, 12);
  return model;
}

}  // namespace

TEST_CASE("encoder-decoder: two layers, both directions, ragged: the loss of loops over plain numbers") {
  const Model model = made();
  const std::vector<Symbols> sources = {{3, 4}, {2, 1, 3, 2}, {}, {4}},
                             targets = {{2, 4, 5}, {3}, {}, {5, 2}};
  const SequencePairs batch{Indices({4, 4}, {3, 2, 0, 4, 4, 1, 0, 0, 0, 3, 0, 0, 0, 2, 0, 0}),
                            {2, 4, 0, 1},
                            Indices({3, 4}, {2, 3, 0, 5, 4, 0, 0, 2, 5, 0, 0, 0}),
                            {3, 1, 0, 2}};
  const Reference reference(model);
  double sum = 0, count = 0;
  for (std::size_t b = 0; b < sources.size(); ++b) {
    const double loss = reference.loss(sources[b], targets[b]);
    sum += loss, count += static_cast<double>(targets[b].size() + 1);
  }
  // Some hundred roundings of numbers of order 1.
  CHECK(std::abs(model.loss(batch).item() - sum / count) < 1e-12);
}

TEST_CASE("encoder-decoder: each pair alone has the loss of loops over plain numbers") {
  const Model model = made();
  const Reference reference(model);
  const SequencePairs pair{Indices({3, 1}, {4, 2, 2}), {3}, Indices({2, 1}, {5, 3}), {2}};
  CHECK(std::abs(model.loss(pair).item() - reference.loss({4, 2, 2}, {5, 3}) / 3) < 1e-12);
}

TEST_CASE("encoder-decoder: the gradients are the differences of the loss of plain numbers") {
  Model model = made();
  const SequencePairs batch{
      Indices({3, 2}, {4, 3, 2, 1, 2, 0}), {3, 2}, Indices({2, 2}, {5, 2, 3, 0}), {2, 1}};
  const std::vector<V> all = leaves(model), gradients = grad<double>({model.loss(batch)}, all);
  const auto loss = [&] {
    const Reference reference(model);
    return (reference.loss({4, 2, 2}, {5, 3}) + reference.loss({3, 1}, {2})) / 5;
  };
  // Central differences: h²/6 of a third derivative of order 1, and 1e-16 / h of rounding.
  constexpr double h = 1e-5;
  for (std::size_t k = 0; k < all.size(); ++k) {
    Vec numeric;
    for (index_t i = 0; i < all[k].size(); ++i) {
      const double x = all[k].data()[i];
      const auto at = [&](double value) {
        V(all[k]).update([&](auto& w) { *(w.begin() + i) = value; });
        return loss();
      };
      numeric.push_back((at(x + h) - at(x - h)) / (2 * h));
      at(x);
    }
    CHECK(distance(list(gradients[k]), numeric) < 1e-9);
  }
}
