#include "op_table_rows.hpp"
#include "unroll/autograd/functions.hpp"
#include "unroll/autograd/gather.hpp"
#include "unroll/autograd/join.hpp"
#include "unroll/autograd/permute.hpp"
#include "unroll/autograd/views.hpp"

namespace unroll::tests {
namespace {

std::vector<Mistake> empty_mistake(const std::string& op, std::function<void()> call) {
  return {{std::move(call), op + ": argument 1 is an empty Variable"}};
}

// Row numbers of a table, flat.
Plain taken(const Plain& x, const Indices& indices, int axis) {
  std::vector<index_t> extents(x.shape.begin(), x.shape.begin() + axis);
  extents.insert(extents.end(), indices.shape().begin(), indices.shape().end());
  extents.insert(extents.end(), x.shape.begin() + axis + 1, x.shape.end());
  Plain y(Shape(extents.begin(), extents.end()));
  const index_t inner = x.shape.product(axis + 1, x.shape.rank()), n = indices.size();
  for (index_t i = 0; i < y.shape.size(); ++i)
    y[i] = x[(i / inner / n * x.shape[axis] + indices[i / inner % n]) * inner + i % inner];
  return y;
}

}  // namespace

Row row_of(Tag<ArrayOp::reshape>) {
  Row row{"reshape", {}, {}, -1, {}};
  const std::pair<Shape, Shape> shapes[] = {
      {{3, 4}, {2, 6}}, {{6}, {1, 2, 1, 3}}, {{}, {1, 1}}, {{0, 3}, {5, 0}}, {{2, 1, 2, 1, 2}, {8}}};
  for (const auto& [from, to] : shapes)
    row.cases.push_back(make_case(
        from.str() + " " + to.str(), [to = to](const auto& xs) { return reshape(Variable(xs[0] * 2.0), to); },
        [to = to](const Ps& xs) {
          Plain y = xs[0];
          y.shape = to;
          for (double& v : y.x) v *= 2;
          return y;
        },
        {in(from)}));
  row.cases.push_back(make_case(
      "view with gaps",
      [](const auto& xs) {
        return reshape(chunk<2>(xs[0])[1], {4, -1});
      },
      [](const Ps& xs) {
        Plain y = right_half(xs[0]);
        y.shape = {4, 3};
        return y;
      },
      {in({3, 8})}));
  row.mistakes = empty_mistake("reshape", [] { reshape(V(), {2}); });
  row.mistakes.push_back({[] { reshape(V(Shape{3}, 1), {2}); }, "reshape: (3,) has 3 elements, (2,) has 2"});
  return row;
}

Row row_of(Tag<ArrayOp::permute>) {
  Row row{"permute", {}, {}, -1, {}};
  const std::pair<Shape, std::vector<index_t>> uses[] = {
      {{3, 4}, {1, 0}}, {{2, 3, 4}, {2, 0, 1}}, {{2, 3, 4}, {0, 2, 1}},
      {{}, {}},         {{2, 0, 3}, {1, 2, 0}}, {{2, 1, 3, 2, 2}, {4, 2, 0, 1, 3}},
      {{1}, {0}},       {{40, 17}, {1, 0}}};
  for (const auto& [shape, order] : uses)
    row.cases.push_back(make_case(shape.str(),
                                  [order = std::vector<int>(order.begin(), order.end())](const auto& xs) {
                                    return permute(xs[0], order);
                                  },
                                  plain(Do::permute, order), {in(shape)}));
  row.cases.push_back(make_case(
      "view with gaps",
      [](const auto& xs) {
        return permute(chunk<2>(xs[0])[1], {1, 0});
      },
      [](const Ps& xs) {
        return plain(Do::permute, {1, 0})({right_half(xs[0])});
      },
      {in({3, 8})}));
  row.mistakes = empty_mistake("permute", [] { permute(V(), {}); });
  row.mistakes.push_back({[] { permute(V(Shape{2, 3}, 1), {0}); }, "permute: "});
  row.mistakes.push_back({[] { permute(V(Shape{2, 3}, 1), {0, 0}); }, "permute: "});
  row.mistakes.push_back({[] { permute(V(Shape{2, 3}, 1), {0, 2}); }, "permute: "});
  return row;
}

Row row_of(Tag<ArrayOp::transpose>) {
  Row row{"transpose", {}, {}, -1, {}};
  row.cases.push_back(make_case("matrix", [](const auto& xs) { return transpose(xs[0]); },
                                plain(Do::permute, {1, 0}), {in({3, 5})}));
  row.cases.push_back(make_case("two axes", [](const auto& xs) { return transpose(xs[0], 0, -1); },
                                plain(Do::permute, {2, 1, 0}), {in({2, 3, 4})}));
  row.cases.push_back(make_case("empty", [](const auto& xs) { return transpose(xs[0]); },
                                plain(Do::permute, {1, 0}), {in({0, 5})}));
  row.mistakes = empty_mistake("transpose", [] { transpose(V()); });
  row.mistakes.push_back({[] { transpose(V(Shape{2}, 1)); }, "transpose: need a matrix"});
  row.mistakes.push_back({[] { transpose(V(Shape{2, 2}, 1), 0, 2); }, "transpose: axis 2 is outside"});
  return row;
}

// Each view of a leaf, of a result beside other uses of it, and of another view.
template <class F, class R>
void add_views(Row& row, const std::string& label, const Shape& shape, F op, R reference) {
  row.cases.push_back(make_case(label, op, reference, {in(shape)}));
  row.cases.push_back(make_case(
      label + " beside its parent",
      [op](const auto& xs) {
        const auto y = as_variable(xs[0] * 1.0);
        return as_variable(op(std::vector{y}) + sum(y));
      },
      [reference](const Ps& xs) {
        Plain y = reference(xs);
        double total = 0;
        for (double v : xs[0].x) total += v;
        for (double& v : y.x) v += total;
        return y;
      },
      {in(shape)}));
  if (shape.rank() == 0 || shape.rank() == Shape::max_rank) return;
  row.cases.push_back(make_case(
      label + " of a view with gaps", [op](const auto& xs) { return op(std::vector{chunk<2>(xs[0])[1]}); },
      [reference](const Ps& xs) { return reference({right_half(xs[0])}); },
      {in(shape.with(shape.rank() - 1, 2 * shape.back(0)))}));
}

Row row_of(Tag<ArrayOp::slice>) {
  Row row{"slice", {}, {}, -1, {}};
  const std::pair<Shape, std::vector<index_t>> uses[] = {
      {{5}, {0, 1, 4}},    {{3, 4}, {0, 1, 2}}, {{3, 4}, {1, 1, 3}},         {{2, 3, 4}, {1, 0, 2}},
      {{3, 4}, {1, 2, 2}}, {{0, 4}, {1, 0, 2}}, {{2, 2, 2, 3, 2}, {3, 1, 3}}};
  for (const auto& [shape, n] : uses)
    add_views(
        row, fmt::format("{} axis {}", shape.str(), n[0]), shape,
        [n = n](const auto& xs) { return slice(xs[0], static_cast<int>(n[0]), n[1], n[2]); },
        plain(Do::slice, n));
  add_views(
      row, "strided", {7, 2}, [](const auto& xs) { return slice(xs[0], 0, 1, 6, 2); },
      plain(Do::strided, {0, 1, 6, 2}));
  row.mistakes = empty_mistake("slice", [] { slice(V(), 0, 0); });
  row.mistakes.push_back({[] { slice(V(Shape{3}, 1), 0, 0, 4); }, "slice: end 4 is outside axis 0 of (3,)"});
  row.mistakes.push_back({[] { slice(V(Shape{3}, 1), 1, 0, 1); }, "slice: axis 1 is outside"});
  return row;
}

Row row_of(Tag<ArrayOp::select>) {
  Row row{"select", {}, {}, -1, {}};
  const std::pair<Shape, std::vector<index_t>> uses[] = {
      {{5}, {0, 3}}, {{3, 4}, {0, 2}}, {{3, 4}, {1, 1}}, {{2, 3, 0}, {1, 1}}, {{2, 2, 3, 2, 2}, {2, 1}}};
  for (const auto& [shape, n] : uses)
    add_views(
        row, fmt::format("{} axis {}", shape.str(), n[0]), shape,
        [n = n](const auto& xs) { return select(xs[0], static_cast<int>(n[0]), n[1]); },
        plain(Do::select, n));
  row.mistakes = empty_mistake("select", [] { select(V(), 0, 0); });
  row.mistakes.push_back({[] { select(V(Shape{3}, 1), 0, 3); }, "select: index 3 is outside axis 0 of (3,)"});
  return row;
}

Row row_of(Tag<ArrayOp::chunk>) {
  Row row{"chunk", {}, {}, -1, {}};
  for (const auto& [shape, axis] : {std::pair{Shape{6}, 0},
                                    {Shape{3, 6}, 1},
                                    {Shape{6, 3}, 0},
                                    {Shape{2, 3, 4}, 1},
                                    {Shape{0, 3}, 0},
                                    {Shape{2, 2, 2, 3, 2}, 3}})
    add_views(
        row, fmt::format("{} axis {}", shape.str(), axis), shape,
        [axis = axis](const auto& xs) {
          const auto parts = chunk(xs[0], 3, axis);
          return as_variable(parts[0] * parts[2] + parts[0]);
        },
        [axis = axis](const Ps& xs) {
          const std::vector<Plain> parts = interpret({Do::chunk, {0}, {axis, 3}}, xs);
          Plain y = parts[0];
          for (std::size_t i = 0; i < y.x.size(); ++i) y.x[i] += y.x[i] * parts[2].x[i];
          return y;
        });
  row.mistakes = empty_mistake("chunk", [] { chunk(V(), 2); });
  row.mistakes.push_back({[] { chunk(V(Shape{3}, 1), 2); }, "chunk: axis 0 of (3,) cannot be cut into 2"});
  return row;
}

Row row_of(Tag<ArrayOp::unbind>) {
  Row row{"unbind", {}, {}, -1, {}};
  for (const auto& [shape, axis] : {std::pair{Shape{3}, 0},
                                    {Shape{3, 4}, 0},
                                    {Shape{4, 3}, 1},
                                    {Shape{2, 3, 2}, 1},
                                    {Shape{3, 0}, 0},
                                    {Shape{2, 2, 3, 1, 2}, 2}})
    add_views(
        row, fmt::format("{} axis {}", shape.str(), axis), shape,
        [axis = axis](const auto& xs) {
          const auto parts = unbind(xs[0], axis);
          return as_variable(parts[0] * parts[2] + parts[0]);
        },
        [axis = axis](const Ps& xs) {
          const std::vector<Plain> parts = interpret({Do::unbind, {0}, {axis}}, xs);
          Plain y = parts[0];
          for (std::size_t i = 0; i < y.x.size(); ++i) y.x[i] += y.x[i] * parts[2].x[i];
          return y;
        });
  row.mistakes = empty_mistake("unbind", [] { unbind(V()); });
  row.mistakes.push_back({[] { unbind(V(Shape{3}, 1), 1); }, "unbind: axis 1 is outside an array of rank 1"});
  return row;
}

Row row_of(Tag<ArrayOp::concat>) {
  Row row{"concat", {}, {}, -1, {}};
  const auto f = [](int axis) { return [axis](const auto& xs) { return concat(xs, axis); }; };
  row.cases.push_back(
      make_case("rows", f(0), plain(Do::concat, {0}), {in({2, 3}), in({1, 3}, 2), in({0, 3}, 3)}));
  row.cases.push_back(
      make_case("columns", f(1), plain(Do::concat, {1}), {in({2, 3}), in({2, 1}, 2), in({2, 20}, 3)}));
  row.cases.push_back(make_case("middle", f(1), plain(Do::concat, {1}), {in({2, 3, 2}), in({2, 1, 2}, 2)}));
  row.cases.push_back(make_case("one", f(-1), plain(Do::concat, {0}), {in({3})}));
  row.cases.push_back(make_case("empty", f(1), plain(Do::concat, {1}), {in({0, 3}), in({0, 1}, 2)}));
  row.cases.push_back(
      make_case("rank 5", f(2), plain(Do::concat, {2}), {in({2, 1, 2, 1, 2}), in({2, 1, 1, 1, 2}, 2)}));
  row.cases.push_back(make_case(
      "views with gaps, one twice",
      [](const auto& xs) {
        const auto part = chunk<2>(xs[0])[1];
        return concat(std::vector{part, part}, 1);
      },
      [](const Ps& xs) {
        return interpret({Do::concat, {0, 0}, {1}}, {right_half(xs[0])})[0];
      },
      {in({3, 8})}));
  row.mistakes = empty_mistake("concat", [] { concat(std::vector{V()}); });
  row.mistakes.push_back({[] { concat(std::vector<V>{}); }, "concat: the list is empty"});
  row.mistakes.push_back({[] {
                            concat(std::vector{V(Shape{2, 3}, 1), V(Shape{2, 4}, 1)});
                          },
                          "concat: shapes must agree but for axis 0; got (2, 3) and (2, 4)"});
  return row;
}

Row row_of(Tag<ArrayOp::stack>) {
  Row row{"stack", {}, {}, -1, {}};
  for (const auto& [shape, axis] : {std::pair{Shape{2, 3}, 0},
                                    {Shape{2, 3}, 1},
                                    {Shape{2, 3}, 2},
                                    {Shape{}, 0},
                                    {Shape{0, 2}, 1},
                                    {Shape{2, 1, 2, 2}, 4}})
    row.cases.push_back(make_case(fmt::format("{} axis {}", shape.str(), axis),
                                  [axis = axis](const auto& xs) { return stack(xs, axis); },
                                  plain(Do::stack, {axis}), {in(shape), in(shape, 2)}));
  row.mistakes = empty_mistake("stack", [] { stack(std::vector{V()}); });
  row.mistakes.push_back({[] {
                            stack(std::vector{V(Shape{2}, 1), V(Shape{3}, 1)});
                          },
                          "stack: shapes must be equal"});
  return row;
}

Row row_of(Tag<ArrayOp::gather>) {
  Row row{"gather", {}, {}, -1, {}};
  const std::tuple<Shape, Indices, int> uses[] = {
      {{5, 3}, {4, 0, 4}, 0}, {{2, 4, 3}, Indices(Shape{2, 2}, {1, 1, 0, 3}), 1},
      {{2, 4}, {2}, 1},       {{4}, Indices(Shape{}, {2}), 0},
      {{4, 2}, Indices(), 0}, {{2, 1, 2, 3, 2}, {2, 2, 0}, 3}};
  for (const auto& [shape, indices, axis] : uses)
    row.cases.push_back(make_case(
        shape.str(),
        [indices = indices, axis = axis](const auto& xs) { return gather(xs[0], indices, axis); },
        [indices = indices, axis = axis](const Ps& xs) { return taken(xs[0], indices, axis); }, {in(shape)}));
  row.mistakes = empty_mistake("gather", [] { gather(V(), {0}); });
  row.mistakes.push_back({[] { gather(V(Shape{3}, 1), {3}); }, "gather: "});
  row.mistakes.push_back({[] { gather(V(Shape{3}, 1), {-1}); }, "gather: "});
  return row;
}

Row row_of(Tag<ArrayOp::scatter_add>) {
  Row row{"scatter_add", {}, {}, -1, {}};
  const std::tuple<Shape, Indices, index_t> uses[] = {{{3, 2}, {4, 0, 4}, 5},
                                                      {{2, 2, 3}, Indices(Shape{2, 2}, {1, 1, 0, 3}), 4},
                                                      {{0, 2}, Indices(), 3},
                                                      {{1}, {0}, 1}};
  for (const auto& [shape, indices, extent] : uses)
    row.cases.push_back(make_case(
        shape.str(),
        [indices = indices, extent = extent](const auto& xs) { return scatter_add(xs[0], indices, extent); },
        [indices = indices, extent = extent](const Ps& xs) {
          const index_t n = indices.size(),
                        inner = xs[0].shape.product(indices.shape().rank(), xs[0].shape.rank());
          std::vector<index_t> e(xs[0].shape.begin() + indices.shape().rank(), xs[0].shape.end());
          e.insert(e.begin(), extent);
          Plain y(Shape(e.begin(), e.end()));
          for (index_t i = 0; i < n * inner; ++i) y[indices[i / inner] * inner + i % inner] += xs[0][i];
          return y;
        },
        {in(shape)}));
  row.mistakes = empty_mistake("scatter_add", [] { scatter_add(V(), {0}, 2); });
  row.mistakes.push_back({[] { scatter_add(V(Shape{2}, 1), {0, 5}, 3); }, "scatter_add: "});
  return row;
}

Row row_of(Tag<ArrayOp::embedding>) {
  Row row{"embedding", {}, {}, -1, {}};
  for (const Indices& indices : {Indices{4, 0, 4}, Indices(Shape{2, 3}, {0, 1, 2, 2, 2, 0}), Indices()})
    row.cases.push_back(make_case(
        indices.shape().str(), [indices](const auto& xs) { return embedding(xs[0], indices); },
        [indices](const Ps& xs) { return taken(xs[0], indices, 0); }, {in({5, 3})}));
  row.mistakes = empty_mistake("embedding", [] { embedding(V(), {0}); });
  row.mistakes.push_back({[] { embedding(V(Shape{3}, 1), {0}); }, "embedding: "});
  row.mistakes.push_back({[] { embedding(V(Shape{3, 2}, 1), {3}); }, "embedding: "});
  return row;
}

Row row_of(Tag<ArrayOp::one_hot>) {
  Row row{"one_hot", {}, {}, -1, {}};
  const Indices indices(Shape{2, 2}, {1, 0, 2, 1});
  const auto f = [indices](const auto& xs) {
    using T = typename std::decay_t<decltype(xs[0])>::value_type;
    return one_hot<T>(indices, 3);
  };
  row.cases.push_back(make_case("(2, 2)", f,
                                [indices](const Ps&) {
                                  Plain y(Shape{2, 2, 3});
                                  for (index_t n = 0; n < 4; ++n) y[n * 3 + indices[n]] = 1;
                                  return y;
                                },
                                {constant({1}, 1, 0, 1)}));
  row.mistakes = {{[] { one_hot<double>({3}, 3); }, "one_hot: "}};
  return row;
}

}  // namespace unroll::tests
