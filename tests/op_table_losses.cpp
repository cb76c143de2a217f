#include "op_table_rows.hpp"
#include "unroll/autograd/ctc_loss.hpp"
#include "unroll/autograd/likelihood_losses.hpp"
#include "unroll/autograd/losses.hpp"
#include "unroll/autograd/margin_losses.hpp"
#include "unroll/autograd/regression_losses.hpp"

namespace unroll::tests {
namespace {

template <class F, class R>
Row paired_loss(std::string name, F op, R loss, double low) {
  Row row{name, {}, {}, -1, {}};
  for (Reduction reduction : {Reduction::mean, Reduction::sum, Reduction::none}) {
    for (const Shape& s : {Shape{3, 4}, Shape{1}, Shape{}, Shape{2, 1, 19}, Shape{0, 2}}) {
      if (s.size() == 0 && reduction == Reduction::mean) continue;
      const auto reference = [=](const Ps& xs) {
        Plain y(xs[0].shape);
        for (std::size_t i = 0; i < y.x.size(); ++i) y.x[i] = loss(xs[0].x[i], xs[1].x[i]);
        if (reduction == Reduction::none) return y;
        Plain total{Shape{}};
        for (double v : y.x) total[0] += v;
        if (reduction == Reduction::mean) total[0] /= static_cast<double>(y.x.size());
        return total;
      };
      row.cases.push_back(make_case(fmt::format("{} {}", s.str(), static_cast<int>(reduction)),
                                    [=](const auto& xs) { return op(xs[0], xs[1], reduction); }, reference,
                                    {in(s, 6, -2, 2), in(s, 7, low, 1)}));
    }
  }
  row.mistakes = {
      {[=] { op(V(Shape{2}, 1), V(Shape{3}, 1), Reduction::mean); }, name + ": "},
      {[=] { op(V(Shape{0}, 1), V(Shape{0}, 1), Reduction::mean); }, name + ": "},
      {[=] { op(V(), V(Shape{3}, 1), Reduction::mean); }, name + ": argument 1 is an empty Variable"}};
  return row;
}

}  // namespace

Row row_of(Tag<ArrayOp::cross_entropy>) {
  Row row{"cross_entropy", {}, {}, -1, {}};
  struct Use {
    const char* label;
    Shape logits;
    Indices targets;
    CrossEntropyOptions options;
  };
  const Use uses[] = {
      {"mean", {3, 5}, {0, 4, 2}, {}},
      {"sum, smooth", {3, 5}, {0, 4, 2}, {.reduction = Reduction::sum, .label_smoothing = 0.1}},
      {"none, one ignored", {3, 5}, {0, -100, 2}, {.reduction = Reduction::none}},
      {"mean, smooth, one ignored", {4, 3}, {1, 7, 2, 0}, {.ignore_index = 7, .label_smoothing = 0.2}},
      {"rank 3", {2, 2, 4}, Indices(Shape{2, 2}, {0, 1, 2, 3}), {}},
      {"rank 1", {4}, Indices(Shape{}, {2}), {}},
      {"nothing", {0, 4}, Indices(Shape{0}, {}), {.reduction = Reduction::sum}}};
  for (const Use& u : uses) {
    const auto reference = [u](const Ps& xs) {
      Plain losses(u.targets.shape());
      double total = 0, count = 0;
      const index_t classes = u.logits.back(0);
      for (index_t r = 0; r < u.targets.size(); ++r) {
        if (u.targets[r] == u.options.ignore_index) continue;
        const std::vector<double> x(xs[0].x.begin() + r * classes, xs[0].x.begin() + (r + 1) * classes);
        double smooth = 0;
        for (double v : x) smooth += (log_sum(x) - v) / static_cast<double>(classes);
        losses[r] =
            (1 - u.options.label_smoothing) * (log_sum(x) - x[static_cast<std::size_t>(u.targets[r])]) +
            u.options.label_smoothing * smooth;
        total += losses[r], count += 1;
      }
      if (u.options.reduction == Reduction::none) return losses;
      Plain y{Shape{}};
      y[0] = u.options.reduction == Reduction::mean ? total / count : total;
      return y;
    };
    row.cases.push_back(make_case(u.label,
                                  [u](const auto& xs) { return cross_entropy(xs[0], u.targets, u.options); },
                                  reference, {in(u.logits, 5, -2, 2)}));
  }
  const V x(Shape{2, 3}, 1);
  row.mistakes = {{[x] {
                     cross_entropy(x, {0, 1, 2});
                   },
                   "cross_entropy: "},
                  {[x] {
                     cross_entropy(x, {0, 3});
                   },
                   "cross_entropy: "},
                  {[x] {
                     cross_entropy(x, {0, 1}, {.label_smoothing = 2});
                   },
                   "cross_entropy: "},
                  {[] { cross_entropy(V(), {0}); }, "cross_entropy: argument 1 is an empty Variable"}};
  return row;
}

Row row_of(Tag<ArrayOp::mse>) {
  return paired_loss(
      "mse", [](const auto& x, const auto& t, Reduction r) { return mse(x, t, r); },
      [](double x, double t) { return (x - t) * (x - t); }, -1);
}

Row row_of(Tag<ArrayOp::binary_cross_entropy_with_logits>) {
  return paired_loss(
      "binary_cross_entropy_with_logits",
      [](const auto& x, const auto& t, Reduction r) { return binary_cross_entropy_with_logits(x, t, r); },
      [](double x, double t) { return std::log1p(std::exp(x)) - t * x; }, 0);
}

Row row_of(Tag<ArrayOp::l1_loss>) {
  return paired_loss(
      "l1_loss", [](const auto& x, const auto& t, Reduction r) { return l1_loss(x, t, {.reduction = r}); },
      [](double x, double t) { return std::abs(x - t); }, -1);
}

Row row_of(Tag<ArrayOp::huber_loss>) {
  Row row = paired_loss(
      "huber_loss",
      [](const auto& x, const auto& t, Reduction r) {
        return huber_loss(x, t, {.reduction = r, .delta = 0.75});
      },
      [](double x, double t) {
        const double d = std::abs(x - t);
        return d <= 0.75 ? d * d / 2 : 0.75 * (d - 0.375);
      },
      -1);
  const V x(Shape{2}, 1);
  row.mistakes.push_back(
      {[x] { huber_loss(x, x, {.delta = 0}); }, "huber_loss: delta must be above 0; got 0"});
  return row;
}

Row row_of(Tag<ArrayOp::kl_div>) {
  Row row = paired_loss(
      "kl_div", [](const auto& x, const auto& t, Reduction r) { return kl_div(x, t, {.reduction = r}); },
      [](double x, double t) { return t * (std::log(t) - x); }, 0.1);
  const Row logs = paired_loss(
      "kl_div",
      [](const auto& x, const auto& t, Reduction r) {
        return kl_div(x, t, {.reduction = r, .log_target = true});
      },
      [](double x, double t) { return std::exp(t) * (t - x); }, -2);
  row.cases.insert(row.cases.end(), logs.cases.begin(), logs.cases.end());
  return row;
}

Row row_of(Tag<ArrayOp::gaussian_nll_loss>) {
  Row row{"gaussian_nll_loss", {}, {}, -1, {}};
  for (const auto& [shape, variance] : std::vector<std::pair<Shape, Shape>>{
           {{3, 4}, {3, 4}}, {{3, 4}, {3, 1}}, {{3, 4}, {4}}, {{2, 2, 3}, {}}, {{}, {}}, {{0, 2}, {2}}}) {
    for (bool full : {false, true}) {
      const auto reference = [variance = variance, full](const Ps& xs) {
        Plain y{Shape{}};
        for (index_t i = 0; i < xs[0].shape.size(); ++i) {
          std::vector<index_t> at = unravel(xs[0].shape, i);
          at.erase(at.begin(), at.end() - variance.rank());
          for (int k = 0; k < variance.rank(); ++k)
            if (variance[k] == 1) at[static_cast<std::size_t>(k)] = 0;
          const double v = xs[2][ravel(variance, at)], r = xs[0][i] - xs[1][i];
          y[0] += 0.5 * (std::log(v) + r * r / v) + (full ? 0.5 * std::log(2 * 3.14159265358979323846) : 0);
        }
        return y;
      };
      row.cases.push_back(make_case(fmt::format("{}, variance {}, {}", shape.str(), variance.str(), full),
                                    [full](const auto& xs) {
                                      return gaussian_nll_loss(xs[0], xs[1], xs[2],
                                                               {.full = full, .reduction = Reduction::sum});
                                    },
                                    reference, {in(shape, 6), in(shape, 7), in(variance, 8, 0.5, 2)}));
    }
  }
  const V x(Shape{2}, 1);
  row.mistakes = {
      {[x] { gaussian_nll_loss(x, x, V(Shape{3}, 1)); },
       "gaussian_nll_loss: need a variance that broadcasts to (2,); got (3,)"},
      {[x] { gaussian_nll_loss(x, x, V(Shape{2}, -1)); },
       "gaussian_nll_loss: a variance must be at least 0; got -1"},
      {[x] { gaussian_nll_loss(x, x, x, {.eps = -1}); }, "gaussian_nll_loss: eps must be at least 0; got -1"},
      {[x] { gaussian_nll_loss(x, V(Shape{3}, 1), x); },
       "gaussian_nll_loss: shapes must be equal; got (2,) and (3,)"},
      {[x] { gaussian_nll_loss(x, x, V()); }, "gaussian_nll_loss: argument 3 is an empty Variable"}};
  return row;
}

Row row_of(Tag<ArrayOp::hinge_loss>) {
  Row row{"hinge_loss", {}, {}, -1, {}};
  for (const Shape& s : {Shape{3, 4}, Shape{1}, Shape{}, Shape{2, 1, 19}}) {
    const auto reference = [](const Ps& xs) {
      Plain y{Shape{}};
      for (std::size_t i = 0; i < xs[0].x.size(); ++i)
        y[0] += std::max(0.0, 1 - xs[1].x[i] * xs[0].x[i]) / static_cast<double>(xs[0].x.size());
      return y;
    };
    std::vector<double> signs;
    for (index_t i = 0; i < s.size(); ++i) signs.push_back(i % 3 == 1 ? 1 : -1);
    row.cases.push_back(make_case(s.str(), [](const auto& xs) { return hinge_loss(xs[0], xs[1]); }, reference,
                                  {in(s, 6, -2, 2), values(s, signs).detach()}));
  }
  const V x(Shape{2}, 1);
  row.mistakes = {
      {[x] { hinge_loss(x, V(Shape{2}, 0)); }, "hinge_loss: a target must be 1 or -1; got 0"},
      {[x] { hinge_loss(x, V(Shape{3}, 1)); }, "hinge_loss: shapes must be equal; got (2,) and (3,)"},
      {[] { hinge_loss(V(Shape{0}, 1), V(Shape{0}, 1)); }, "hinge_loss: (0,) has no elements"},
      {[x] { hinge_loss(x, V()); }, "hinge_loss: argument 2 is an empty Variable"}};
  return row;
}

Row row_of(Tag<ArrayOp::cosine_embedding_loss>) {
  Row row{"cosine_embedding_loss", {}, {}, -1, {}};
  for (const Shape& s : {Shape{4, 3}, Shape{2, 2, 19}, Shape{5}}) {
    for (double margin : {0.0, -0.9}) {
      const auto reference = [=](const Ps& xs) {
        Plain y{Shape{}};
        const index_t d = s.back(0);
        for (index_t r = 0; r < s.size() / d; ++r) {
          double ab = 0, aa = 0, bb = 0;
          for (index_t k = r * d; k < (r + 1) * d; ++k)
            ab += xs[0][k] * xs[1][k], aa += xs[0][k] * xs[0][k], bb += xs[1][k] * xs[1][k];
          const double c = ab / std::sqrt(aa * bb);
          y[0] += xs[2][r] > 0 ? 1 - c : std::max(0.0, c - margin);
        }
        return y;
      };
      const Shape rows = s.without(s.rank() - 1);
      std::vector<double> signs;
      for (index_t i = 0; i < rows.size(); ++i) signs.push_back(i % 2 == 1 ? 1 : -1);
      row.cases.push_back(make_case(fmt::format("{} margin {}", s.str(), margin),
                                    [margin](const auto& xs) {
                                      return cosine_embedding_loss(
                                          xs[0], xs[1], xs[2],
                                          {.margin = margin, .reduction = Reduction::sum});
                                    },
                                    reference, {in(s, 6), in(s, 7), values(rows, signs).detach()}));
    }
  }
  const V x(Shape{2, 3}, 1), t(Shape{2}, 1);
  row.mistakes = {
      {[=] { cosine_embedding_loss(x, x, x); },
       "cosine_embedding_loss: need a and b (…, D) and target (…); got a (2, 3), b (2, 3), target (2, 3)"},
      {[=] { cosine_embedding_loss(x, x, V(Shape{2}, 0)); },
       "cosine_embedding_loss: a target must be 1 or -1; got 0"},
      {[=] { cosine_embedding_loss(x, x, t, {.margin = 2}); },
       "cosine_embedding_loss: margin must lie in [-1, 1]; got 2"},
      {[=] {
         cosine_embedding_loss(V(Shape{0, 3}, 1), V(Shape{0, 3}, 1), V(Shape{0}, 1));
       },
       "cosine_embedding_loss: (0, 3) has no vectors"},
      {[=] { cosine_embedding_loss(V(), x, t); }, "cosine_embedding_loss: argument 1 is an empty Variable"},
      {[=] { cosine_embedding_loss(x, V(), t); }, "cosine_embedding_loss: argument 2 is an empty Variable"},
      {[=] { cosine_embedding_loss(x, x, V()); }, "cosine_embedding_loss: argument 3 is an empty Variable"}};
  return row;
}

Row row_of(Tag<ArrayOp::nll_loss>) {
  Row row{"nll_loss", {}, {}, -1, {}};
  struct Use {
    const char* label;
    Shape logits;
    Indices targets;
    NllLossOptions options;
  };
  const Use uses[] = {
      {"mean", {3, 5}, {0, 4, 2}, {}},
      {"sum", {3, 5}, {0, 4, 2}, {.reduction = Reduction::sum}},
      {"none, one ignored", {3, 5}, {0, -100, 2}, {.reduction = Reduction::none}},
      {"mean, weights, one ignored", {4, 3}, {1, 7, 2, 1}, {.weight = {1, 2, 0.5}, .ignore_index = 7}},
      {"rank 3", {2, 2, 4}, Indices(Shape{2, 2}, {0, 1, 2, 3}), {.reduction = Reduction::none}},
      {"rank 1", {4}, Indices(Shape{}, {2}), {}},
      {"nothing", {0, 4}, Indices(Shape{0}, {}), {.reduction = Reduction::sum}}};
  for (const Use& u : uses) {
    const auto reference = [u](const Ps& xs) {
      Plain losses(u.targets.shape());
      double total = 0, weights = 0;
      for (index_t r = 0; r < u.targets.size(); ++r) {
        if (u.targets[r] == u.options.ignore_index) continue;
        const double w =
            u.options.weight.empty() ? 1 : u.options.weight[static_cast<std::size_t>(u.targets[r])];
        losses[r] = -w * xs[0][r * u.logits.back(0) + u.targets[r]];
        total += losses[r], weights += w;
      }
      if (u.options.reduction == Reduction::none) return losses;
      Plain y{Shape{}};
      y[0] = u.options.reduction == Reduction::mean ? total / weights : total;
      return y;
    };
    row.cases.push_back(make_case(u.label,
                                  [u](const auto& xs) { return nll_loss(xs[0], u.targets, u.options); },
                                  reference, {in(u.logits, 5, -2, 0)}));
  }
  const V x(Shape{2, 3}, 1);
  row.mistakes = {{[x] {
                     nll_loss(x, {0, 1, 2});
                   },
                   "nll_loss: need log_probs (…, V) and targets (…); got log_probs (2, 3), targets (3,)"},
                  {[x] {
                     nll_loss(x, {0, 3});
                   },
                   "nll_loss: target 3 at position 1 is outside [0, 3)"},
                  {[x] {
                     nll_loss(x, {0, 1}, {.weight = {1}});
                   },
                   "nll_loss: need one weight for each of 3 classes; got 1"},
                  {[x] {
                     nll_loss(x, {0, 1}, {.weight = {1, -1, 1}});
                   },
                   "nll_loss: weight must be finite and at least 0; got -1"},
                  {[] { nll_loss(V(), {0}); }, "nll_loss: argument 1 is an empty Variable"}};
  return row;
}

namespace {

/// Σ over all paths of one class for each step that become `target`.
double probability_of_paths(const std::vector<std::vector<double>>& p,
                            const std::vector<std::int64_t>& target, std::int64_t blank) {
  const std::size_t classes = p.empty() ? 1 : p[0].size();
  std::vector<std::size_t> path(p.size(), 0);
  for (double sum = 0;;) {
    double product = 1;
    std::vector<std::int64_t> reads;
    for (std::size_t t = 0; t < p.size(); ++t) {
      product *= p[t][path[t]];
      const auto symbol = static_cast<std::int64_t>(path[t]);
      if (symbol != blank && (t == 0 || path[t] != path[t - 1])) reads.push_back(symbol);
    }
    if (reads == target) sum += product;
    std::size_t t = 0;
    while (t < p.size() && ++path[t] == classes) path[t++] = 0;
    if (t == p.size()) return sum;
  }
}

}  // namespace

Row row_of(Tag<ArrayOp::ctc_loss>) {
  Row row{"ctc_loss", {}, {}, -1, {}};
  struct Use {
    const char* label;
    Shape x;
    Indices targets, steps, lengths;
    CtcLossOptions options;
  };
  const Use uses[] = {
      {"one symbol", {3, 1, 3}, {2}, {3}, {1}, {}},
      {"two equal ones", {4, 1, 3}, {1, 1}, {4}, {2}, {.reduction = Reduction::sum}},
      {"padded", {4, 3, 3}, Indices(Shape{3, 2}, {1, 2, 2, 99, 1, 1}), {4, 2, 3}, {2, 1, 2}, {}},
      {"in one row, the last class blank",
       {4, 2, 3},
       {0, 1, 1},
       {3, 4},
       {2, 1},
       {.blank = 2, .reduction = Reduction::none}},
      {"an empty target", {3, 2, 2}, {1}, {3, 2}, {0, 1}, {}},
      {"steps and no more", {3, 1, 4}, {1, 2, 3}, {3}, {3}, {}},
      {"no sequences",
       {3, 0, 2},
       Indices(Shape{0}, {}),
       Indices(Shape{0}, {}),
       Indices(Shape{0}, {}),
       {.reduction = Reduction::sum}}};
  for (const Use& u : uses) {
    const auto reference = [u](const Ps& xs) {
      const index_t batch = u.x[1], classes = u.x[2];
      Plain losses(Shape{batch}), y{Shape{}};
      index_t place = 0;
      for (index_t b = 0; b < batch; ++b) {
        if (u.targets.shape().rank() == 2) place = b * u.targets.shape()[1];
        const std::vector<std::int64_t> target(u.targets.begin() + place,
                                               u.targets.begin() + place + u.lengths[b]);
        place += u.lengths[b];
        std::vector<std::vector<double>> p;
        for (index_t t = 0; t < u.steps[b]; ++t) {
          p.emplace_back();
          for (index_t k = 0; k < classes; ++k)
            p.back().push_back(std::exp(xs[0][(t * batch + b) * classes + k]));
        }
        losses[b] = -std::log(probability_of_paths(p, target, u.options.blank));
        y[0] += u.options.reduction != Reduction::mean
                    ? losses[b]
                    : losses[b] / static_cast<double>(std::max<std::int64_t>(u.lengths[b], 1) * batch);
      }
      return u.options.reduction == Reduction::none ? losses : y;
    };
    row.cases.push_back(make_case(
        u.label, [u](const auto& xs) { return ctc_loss(xs[0], u.targets, u.steps, u.lengths, u.options); },
        reference, {in(u.x, 5, -2, 0)}));
  }
  const V x(Shape{3, 1, 2}, 1);
  const auto mistake = [x](const Indices& targets, const Indices& steps, const Indices& lengths,
                           const CtcLossOptions& options, const char* message) {
    return Mistake{[=] { ctc_loss(x, targets, steps, lengths, options); }, message};
  };
  row.mistakes = {
      mistake({1}, {3, 3}, {1}, {},
              "ctc_loss: need log_probs (T, B, V), targets (B, S) or (S,), and both lengths (B,)"),
      mistake({1}, {3}, {2}, {}, "ctc_loss: target_length 2 at position 0 is outside [0, 2)"),
      mistake({1, 1}, {3}, {1}, {},
              "ctc_loss: the target_lengths must sum to the number of targets, 2; got 1"),
      mistake({1}, {4}, {1}, {}, "ctc_loss: input_length 4 at position 0 is outside [0, 4)"),
      mistake({2}, {3}, {1}, {}, "ctc_loss: target 2 at position 0 is outside [0, 2)"),
      mistake({0}, {3}, {1}, {}, "ctc_loss: target 0 is the blank, 0"),
      mistake({1}, {3}, {1}, {.blank = 2}, "ctc_loss: blank must be a class, 0 … 1; got 2"),
      {[] {
         ctc_loss(V(Shape{3, 0, 2}, 1), Indices(Shape{0}, {}), Indices(Shape{0}, {}), Indices(Shape{0}, {}));
       },
       "ctc_loss: (3, 0, 2) has no sequences, so no mean; take Reduction::sum"},
      {[] { ctc_loss(V(), {1}, {3}, {1}); }, "ctc_loss: argument 1 is an empty Variable"}};
  return row;
}

}  // namespace unroll::tests
