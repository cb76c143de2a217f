#include "op_table_rows.hpp"
#include "unroll/autograd/axis_views.hpp"
#include "unroll/autograd/rearrange.hpp"
#include "unroll/autograd/triangular.hpp"
#include "unroll/autograd/views.hpp"

namespace unroll::tests {
namespace {

using Index = std::vector<index_t>;

Mistake refuses_empty(const std::string& op, std::function<void()> call) {
  return {std::move(call), op + ": argument 1 is an empty Variable"};
}

// Element `at` of the result is x's element from(at), or `rest` where `from` gives no index.
template <class F>
Plain moved(const Plain& x, const Shape& shape, F from, double rest = 0) {
  Plain y(shape);
  for (index_t i = 0; i < shape.size(); ++i) {
    const Index at = from(unravel(shape, i));
    y[i] = at.empty() && shape.rank() > 0 ? rest : x[ravel(x.shape, at)];
  }
  return y;
}

// op(x) of a leaf, and of a view with gaps where there is one of this shape.
template <class F, class R>
void add_move(Row& row, const std::string& label, const Shape& shape, F op, R reference) {
  row.cases.push_back(make_case(
      label, [op](const auto& xs) { return op(xs[0]); },
      [reference](const Ps& xs) { return reference(xs[0]); }, {in(shape, 7)}));
  if (shape.rank() == 0) return;
  row.cases.push_back(make_case(
      label + " of a view with gaps", [op](const auto& xs) { return op(chunk<2>(xs[0])[1]); },
      [reference](const Ps& xs) { return reference(right_half(xs[0])); },
      {in(shape.with(shape.rank() - 1, 2 * shape.back(0)), 7)}));
}

template <class F>
Row triangle_row(const std::string& name, F op, bool lower) {
  Row row{name, {}, {}, -1, {}};
  for (const Shape& shape : {Shape{4, 4}, {3, 5}, {5, 3}, {1, 1}, {2, 3, 4}, {0, 3}, {3, 0}, {2, 1, 2, 3, 2}})
    for (index_t diagonal : {index_t{0}, index_t{1}, index_t{-2}, std::numeric_limits<index_t>::max(),
                             std::numeric_limits<index_t>::min()})
      add_move(
          row, fmt::format("{} {}", shape.str(), diagonal), shape,
          [=](const auto& x) { return op(x, diagonal); },
          [=](const Plain& x) {
            return moved(x, x.shape, [=, rank = x.shape.rank()](const Index& at) {
              const auto r = static_cast<std::size_t>(rank);
              const auto d = static_cast<long double>(at[r - 1] - at[r - 2]);
              return (lower ? d <= static_cast<long double>(diagonal)
                            : d >= static_cast<long double>(diagonal))
                         ? at
                         : Index{};
            });
          });
  row.mistakes = {refuses_empty(name, [=] { op(V(), index_t{0}); }),
                  {[=] { op(V(Shape{3}, 1), index_t{0}); }, name + ": need matrices (…, R, C); got (3,)"}};
  return row;
}

}  // namespace

Row row_of(Tag<ArrayOp::tril>) {
  return triangle_row(
      "tril", [](const auto& x, index_t diagonal) { return tril(x, diagonal); }, true);
}

Row row_of(Tag<ArrayOp::triu>) {
  return triangle_row(
      "triu", [](const auto& x, index_t diagonal) { return triu(x, diagonal); }, false);
}

Row row_of(Tag<ArrayOp::flip>) {
  Row row{"flip", {}, {}, -1, {}};
  const std::pair<Shape, std::vector<int>> uses[] = {
      {{5}, {0}},       {{3, 4}, {0}},       {{3, 4}, {-1}},
      {{2, 3, 4}, {1}}, {{2, 3, 4}, {0, 2}}, {{2, 3, 4}, {}},
      {{}, {}},         {{0, 3}, {1}},       {{3, 1}, {1}},
      {{3, 0}, {0}},    {{2, 3, 4}, {0, 1}}, {{2, 1, 3, 2, 2}, {4, 2}}};
  for (const auto& [shape, axes] : uses)
    add_move(
        row, fmt::format("{} {} axes", shape.str(), axes.size()), shape,
        [axes = axes](const auto& x) { return flip(x, axes); },
        [axes = axes](const Plain& x) {
          return moved(x, x.shape, [&](Index at) {
            for (int a = 0; a < x.shape.rank(); ++a) {
              const bool named = axes.empty() || std::find(axes.begin(), axes.end(), a) != axes.end() ||
                                 std::find(axes.begin(), axes.end(), a - x.shape.rank()) != axes.end();
              auto& i = at[static_cast<std::size_t>(a)];
              if (named) i = x.shape[a] - 1 - i;
            }
            return at;
          });
        });
  row.mistakes = {refuses_empty("flip", [] { flip(V()); }),
                  {[] {
                     flip(V(Shape{2, 3}, 1), 2);
                   },
                   "flip: axis 2 is outside an array of rank 2"},
                  {[] {
                     flip(V(Shape{2, 3}, 1), {0, -2});
                   },
                   "flip: axis -2 is named twice"}};
  return row;
}

Row row_of(Tag<ArrayOp::roll>) {
  Row row{"roll", {}, {}, -1, {}};
  for (index_t shift : {0, 1, -1, 3, -5, 1000})
    for (const auto& [shape, axis] : {std::pair{Shape{5}, 0},
                                      {{3, 4}, 0},
                                      {{3, 4}, -1},
                                      {{2, 3, 4}, 1},
                                      {{0, 3}, 0},
                                      {{2, 1, 3, 2, 2}, 2}})
      add_move(
          row, fmt::format("{} axis {} by {}", shape.str(), axis, shift), shape,
          [shift, axis = axis](const auto& x) { return roll(x, shift, axis); },
          [shift, axis = axis](const Plain& x) {
            return moved(x, x.shape, [&](Index at) {
              const int a = axis < 0 ? axis + x.shape.rank() : axis;
              const index_t n = x.shape[a];
              index_t& i = at[static_cast<std::size_t>(a)];
              i = (i - shift + 1000 * n) % n;
              return at;
            });
          });
  row.mistakes = {refuses_empty("roll", [] { roll(V(), 1, 0); }),
                  {[] { roll(V(Shape{2}, 1), 1, 1); }, "roll: axis 1 is outside an array of rank 1"}};
  return row;
}

Row row_of(Tag<ArrayOp::pad>) {
  Row row{"pad", {}, {}, -1, {}};
  const std::pair<Shape, std::vector<PadWidth>> uses[] = {
      {{3}, {{2, 1}}},
      {{3, 4}, {{0, 0}, {0, 0}}},
      {{3, 4}, {{1, 2}, {0, 0}}},
      {{3, 4}, {{0, 0}, {1, 0}}},
      {{3, 4}, {{1, 0}, {2, 3}}},
      {{2, 3, 4}, {{0, 1}, {1, 1}, {0, 0}}},
      {{2, 3, 2}, {{1, 0}, {0, 0}, {0, 1}}},
      {{}, {}},
      {{0, 2}, {{1, 1}, {0, 1}}},
      {{2, 0}, {{0, 0}, {2, 0}}},
      {{2, 0}, {{1, 0}, {0, 0}}},
      {{1, 2, 1, 2, 1}, {{0, 1}, {1, 0}, {0, 0}, {2, 0}, {0, 1}}}};
  for (const auto& [shape, widths] : uses)
    add_move(
        row, shape.str(), shape, [widths = widths](const auto& x) { return pad(x, widths, 0.5F); },
        [widths = widths](const Plain& x) {
          Shape to = x.shape;
          for (int a = 0; a < to.rank(); ++a)
            to = to.with(a, to[a] + widths[static_cast<std::size_t>(a)].before +
                                widths[static_cast<std::size_t>(a)].after);
          return moved(
              x, to,
              [&](Index at) {
                for (std::size_t a = 0; a < at.size(); ++a) {
                  at[a] -= widths[a].before;
                  if (at[a] < 0 || at[a] >= x.shape[static_cast<int>(a)]) return Index{};
                }
                return at;
              },
              0.5);
        });
  constexpr index_t most = std::numeric_limits<index_t>::max();
  row.mistakes = {refuses_empty("pad", [] { pad(V(), {}); }),
                  {[] {
                     pad(V(Shape{2, 3}, 1), {{1, 1}});
                   },
                   "pad: (2, 3) has 2 axes, but 1 widths are given"},
                  {[] {
                     pad(V(Shape{2, 3}, 1), {{1, 1}, {0, -1}});
                   },
                   "pad: the widths of axis 1 must not be negative; got 0 and -1"},
                  {[] {
                     pad(V(Shape{2}, 1), {{most, 0}});
                   },
                   "pad: (2,) with "},
                  {[] {
                     pad(V(Shape{2, 3}, 1), {{most / 2, 0}, {most / 2, 0}});
                   },
                   "shape: "}};
  return row;
}

Row row_of(Tag<ArrayOp::tile>) {
  Row row{"tile", {}, {}, -1, {}};
  const std::pair<Shape, Index> uses[] = {{{3}, {2}},
                                          {{3}, {1}},
                                          {{3, 4}, {2, 1}},
                                          {{3, 4}, {1, 3}},
                                          {{3, 4}, {2, 3}},
                                          {{3, 4}, {2}},
                                          {{3}, {2, 2}},
                                          {{}, {3}},
                                          {{}, {}},
                                          {{2, 3, 2}, {1, 2, 1}},
                                          {{3}, {0}},
                                          {{0, 2}, {3, 2}},
                                          {{2, 1, 2, 1, 2}, {1, 3, 1, 2, 2}},
                                          {{1}, {40}}};
  for (const auto& [shape, repeats] : uses)
    add_move(
        row, fmt::format("{} {} numbers", shape.str(), repeats.size()), shape,
        [repeats = repeats](const auto& x) { return tile(x, repeats); },
        [repeats = repeats](const Plain& x) {
          std::vector<index_t> extents(x.shape.begin(), x.shape.end()), times = repeats;
          while (extents.size() < times.size()) extents.insert(extents.begin(), 1);
          while (times.size() < extents.size()) times.insert(times.begin(), 1);
          Plain from = x;
          from.shape = Shape(extents.begin(), extents.end());
          std::vector<index_t> result = extents;
          for (std::size_t a = 0; a < result.size(); ++a) result[a] *= times[a];
          return moved(from, Shape(result.begin(), result.end()), [&](Index at) {
            for (std::size_t a = 0; a < at.size(); ++a) at[a] %= extents[a];
            return at;
          });
        });
  constexpr index_t most = std::numeric_limits<index_t>::max();
  row.mistakes = {
      refuses_empty("tile", [] { tile(V(), {2}); }),
      {[] { tile(V(Shape{2}, 1), {-1}); }, "tile: a number of repeats must not be negative; got -1"},
      {[] { tile(V(Shape{2}, 1), {most}); }, "tile: axis 0 of (2,) cannot be repeated "},
      {[] {
         tile(V(Shape{1, 1}, 1), {most / 2, most / 2});
       },
       "shape: "},
      {[] {
         tile(V(Shape{2}, 1), {1, 1, 1, 1, 1, 1});
       },
       "shape: "}};
  return row;
}

Row row_of(Tag<ArrayOp::unsqueeze>) {
  Row row{"unsqueeze", {}, {}, -1, {}};
  const std::tuple<Shape, int, Shape> uses[] = {{{3}, 0, {1, 3}},       {{3}, 1, {3, 1}},
                                                {{3}, -1, {3, 1}},      {{}, 0, {1}},
                                                {{2, 3}, 1, {2, 1, 3}}, {{2, 3}, -3, {1, 2, 3}},
                                                {{0, 2}, 2, {0, 2, 1}}, {{1, 2, 1, 2}, 4, {1, 2, 1, 2, 1}}};
  for (const auto& [from, axis, to] : uses)
    add_move(
        row, fmt::format("{} axis {}", from.str(), axis), from,
        [axis = axis](const auto& x) { return unsqueeze(x, axis); },
        [to = to](Plain x) {
          x.shape = to;
          return x;
        });
  row.mistakes = {refuses_empty("unsqueeze", [] { unsqueeze(V(), 0); }),
                  {[] { unsqueeze(V(Shape{2}, 1), 2); }, "unsqueeze: axis 2 is outside an array of rank 2"},
                  {[] {
                     unsqueeze(V(Shape{1, 1, 1, 1, 1}, 1), 0);
                   },
                   "shape: "}};
  return row;
}

Row row_of(Tag<ArrayOp::squeeze>) {
  Row row{"squeeze", {}, {}, -1, {}};
  const std::tuple<Shape, std::vector<int>, Shape> uses[] = {{{1, 3, 1}, {}, {3}},
                                                             {{1, 3, 1}, {0}, {3, 1}},
                                                             {{1, 3, 1}, {-1}, {1, 3}},
                                                             {{1, 1}, {0, 1}, {}},
                                                             {{2, 3}, {}, {2, 3}},
                                                             {{0, 1}, {1}, {0}},
                                                             {{1, 2, 1, 2, 1}, {2, 4}, {1, 2, 2}}};
  for (const auto& [from, axes, to] : uses)
    add_move(
        row, fmt::format("{} {} axes", from.str(), axes.size()), from,
        [axes = axes, from = from](const auto& x) { return squeeze(reshape(x, from), axes); },
        [to = to](Plain x) {
          x.shape = to;
          return x;
        });
  row.mistakes = {refuses_empty("squeeze", [] { squeeze(V()); }),
                  {[] {
                     squeeze(V(Shape{2, 1}, 1), 0);
                   },
                   "squeeze: axis 0 of (2, 1) has 2 elements, not one"},
                  {[] {
                     squeeze(V(Shape{2, 1}, 1), 2);
                   },
                   "squeeze: axis 2 is outside an array of rank 2"},
                  {[] {
                     squeeze(V(Shape{1, 1}, 1), {1, -1});
                   },
                   "squeeze: axis -1 is named twice"}};
  return row;
}

Row row_of(Tag<ArrayOp::split>) {
  Row row{"split", {}, {}, -1, {}};
  for (const auto& [shape, axis] :
       {std::pair{Shape{6}, 0}, {{6, 2}, 0}, {{2, 6}, -1}, {{2, 6, 3}, 1}, {{6, 0}, 0}, {{2, 2, 6, 1, 2}, 2}})
    for (std::size_t which : {0u, 1u, 2u})
      add_move(
          row, fmt::format("{} axis {} piece {}", shape.str(), axis, which), shape,
          [axis = axis, which, shape = shape](const auto& x) {
            return split(reshape(x, shape), {2, 1, 0, 3}, axis)[which == 2 ? 3 : which];
          },
          [axis = axis, which, shape = shape](Plain x) {
            x.shape = shape;
            const index_t at = axis < 0 ? axis + shape.rank() : axis;
            const index_t bounds[] = {0, 2, 3, 6};
            return plain(Do::slice, {at, bounds[which], bounds[which + 1]})({x});
          });
  row.mistakes = {
      refuses_empty("split", [] { split(V(), {1}); }),
      {[] {
         split(V(Shape{3}, 1), {1, 1});
       },
       "split: the extents add up to 2, but axis 0 of (3,) has 3"},
      {[] {
         split(V(Shape{3}, 1), {1, 3});
       },
       "split: the extents exceed axis 0 of (3,)"},
      {[] {
         split(V(Shape{3}, 1), {4, -1});
       },
       "split: the extents exceed axis 0 of (3,)"},
      {[] {
         split(V(Shape{3}, 1), {-1, 4});
       },
       "split: an extent must not be negative; got -1"},
      {[] { split(V(Shape{3}, 1), {}); }, "split: the extents add up to 0, but axis 0 of (3,) has 3"},
      {[] { split(V(Shape{3}, 1), {3}, 1); }, "split: axis 1 is outside an array of rank 1"}};
  return row;
}

}  // namespace unroll::tests
