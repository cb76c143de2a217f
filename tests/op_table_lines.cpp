#include "op_table_rows.hpp"
#include "unroll/autograd/cumulative.hpp"
#include "unroll/autograd/sorting.hpp"
#include "unroll/autograd/views.hpp"

namespace unroll::tests {
namespace {

using Lines = std::vector<std::pair<Shape, int>>;
const Lines lines_of_all_kinds{{{5}, 0},      {{3, 4}, 0}, {{3, 4}, -1}, {{2, 3, 4}, 1},
                               {{1}, 0},      {{0, 3}, 1}, {{3, 0}, 1},  {{2, 0, 3}, 0},
                               {{2, 300}, 0}, {{40}, 0},   {{3, 1}, 1},  {{2, 1, 3, 2, 2}, 2}};

std::vector<Mistake> line_mistakes(const std::string& op, std::function<void(const V&, int)> call) {
  return {{[call] { call(V(), 0); }, op + ": argument 1 is an empty Variable"},
          {[call] {
             call(V(Shape{2, 3}, 1), 2);
           },
           op + ": axis 2 is outside an array of rank 2"},
          {[call] {
             call(V(Shape{2, 3}, 1), -3);
           },
           op + ": axis -3 is outside an array of rank 2"},
          {[call] { call(V(Shape{}, 1), 0); }, op + ": axis 0 is outside an array of rank 0"}};
}

// op(x, axis), which changes each line along the axis as `change` does.
template <class F, class R>
void add_lines(Row& row, const std::string& label, F op, R change) {
  for (const auto& [shape, axis] : lines_of_all_kinds)
    row.cases.push_back(make_case(
        fmt::format("{}{} axis {}", label, shape.str(), axis),
        [op, axis = axis](const auto& xs) { return op(xs[0], axis); },
        [change, axis = axis](const Ps& xs) { return along(xs[0], axis, change); }, {in(shape, 5)}));
  row.cases.push_back(make_case(
      label + "view with gaps", [op](const auto& xs) { return op(chunk<2>(xs[0])[1], 0); },
      [change](const Ps& xs) { return along(right_half(xs[0]), 0, change); }, {in({3, 8}, 5)}));
}

// By the definition: each result for itself.
template <class Fold>
auto running(const CumulativeOptions& options, double start, Fold fold) {
  return [=](std::vector<double>& line, std::size_t) {
    const std::vector<double> x = line;
    for (std::size_t k = 0; k < x.size(); ++k) {
      line[k] = start;
      for (std::size_t j = 0; j < x.size(); ++j)
        if ((options.reverse ? j > k : j < k) || (j == k && !options.exclusive))
          line[k] = fold(line[k], x[j]);
    }
  };
}

template <class F, class Fold>
Row running_row(const std::string& name, F op, double start, Fold fold) {
  Row row{name, {}, {}, -1, {}};
  for (const CumulativeOptions options :
       {CumulativeOptions{}, {.exclusive = true}, {.reverse = true}, {.exclusive = true, .reverse = true}})
    add_lines(
        row, fmt::format("exclusive {}, reverse {}: ", options.exclusive, options.reverse),
        [=](const auto& x, int axis) { return op(x, axis, options); }, running(options, start, fold));
  row.mistakes = line_mistakes(name, [op](const V& x, int axis) { op(x, axis, CumulativeOptions{}); });
  return row;
}

auto in_order(bool descending) {
  return [=](std::vector<double>& line, std::size_t) {
    std::stable_sort(line.begin(), line.end(),
                     [=](double a, double b) { return descending ? a > b : a < b; });
  };
}

}  // namespace

Row row_of(Tag<ArrayOp::cumsum>) {
  return running_row(
      "cumsum", [](const auto& x, int axis, const CumulativeOptions& o) { return cumsum(x, axis, o); }, 0,
      std::plus<>());
}

Row row_of(Tag<ArrayOp::cumprod>) {
  return running_row(
      "cumprod", [](const auto& x, int axis, const CumulativeOptions& o) { return cumprod(x, axis, o); }, 1,
      std::multiplies<>());
}

Row row_of(Tag<ArrayOp::sort>) {
  Row row{"sort", {}, {}, -1, {}};
  for (bool descending : {false, true})
    add_lines(
        row, descending ? "descending " : "ascending ",
        [=](const auto& x, int axis) { return sort(x, axis, {descending}).values; }, in_order(descending));
  row.mistakes = line_mistakes("sort", [](const V& x, int axis) { sort(x, axis); });
  return row;
}

Row row_of(Tag<ArrayOp::topk>) {
  Row row{"topk", {}, {}, -1, {}};
  for (bool largest : {true, false})
    for (index_t k : {0, 1, 3})
      for (const auto& [shape, axis] :
           Lines{{{5}, 0}, {{3, 4}, 0}, {{0, 3}, 1}, {{2, 7, 4}, 1}, {{2, 1, 3, 2, 3}, 4}})
        row.cases.push_back(make_case(
            fmt::format("{} of {} axis {}", k, shape.str(), axis),
            [=, axis = axis](const auto& xs) { return topk(xs[0], k, axis, {largest}).values; },
            [=, axis = axis](const Ps& xs) {
              return plain(Do::slice, {axis, 0, k})({along(xs[0], axis, in_order(largest))});
            },
            {in(shape, 6)}));
  row.mistakes = line_mistakes("topk", [](const V& x, int axis) { topk(x, 1, axis); });
  row.mistakes.push_back({[] {
                            topk(V(Shape{2, 3}, 1), 4);
                          },
                          "topk: k must be 0 to 3 for axis -1 of (2, 3); got 4"});
  row.mistakes.push_back({[] { topk(V(Shape{2, 3}, 1), -1, 0); }, "topk: k must be 0 to 2 for axis 0"});
  return row;
}

}  // namespace unroll::tests
