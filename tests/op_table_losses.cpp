#include "op_table_rows.hpp"
#include "unroll/autograd/losses.hpp"

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

}  // namespace unroll::tests
