#include <map>

#include "op_table_rows.hpp"
#include "unroll/autograd/einsum.hpp"
#include "unroll/autograd/views.hpp"

namespace unroll::tests {

Row row_of(Tag<ArrayOp::outer>) {
  Row row{"outer", {}, {}, -1, {}};
  for (const auto& [m, n] : {std::pair{3, 4}, {1, 1}, {5, 1}, {0, 3}, {3, 0}})
    row.cases.push_back(make_case(
        fmt::format("{} by {}", m, n), [](const auto& xs) { return outer(xs[0], xs[1]); },
        [](const Ps& xs) {
          Plain y(Shape{xs[0].shape.size(), xs[1].shape.size()});
          for (index_t i = 0; i < y.shape.size(); ++i)
            y[i] = xs[0][i / xs[1].shape.size()] * xs[1][i % xs[1].shape.size()];
          return y;
        },
        {in({m}, 1), in({n}, 2)}));
  row.cases.push_back(make_case(
      "the same twice", [](const auto& xs) { return outer(xs[0], xs[0]); },
      [](const Ps& xs) {
        Plain y(Shape{3, 3});
        for (index_t i = 0; i < 9; ++i) y[i] = xs[0][i / 3] * xs[0][i % 3];
        return y;
      },
      {in({3}, 1)}));
  row.mistakes = {{[] { outer(V(), V(Shape{2}, 1)); }, "outer: argument 1 is an empty Variable"},
                  {[] { outer(V(Shape{2}, 1), V()); }, "outer: argument 2 is an empty Variable"},
                  {[] {
                     outer(V(Shape{2, 1}, 1), V(Shape{2}, 1));
                   },
                   "outer: need two vectors; got (2, 1) and (2,)"}};
  return row;
}

namespace {

// Σ over all values of all letters.
auto named_products(const std::string& a, const std::string& b, const std::string& out) {
  return [=](const Ps& xs) {
    std::map<char, index_t> extent;
    for (std::size_t k = 0; k < a.size(); ++k) extent[a[k]] = xs[0].shape[static_cast<int>(k)];
    for (std::size_t k = 0; k < b.size(); ++k) extent[b[k]] = xs[1].shape[static_cast<int>(k)];
    const auto shape_of = [&](const std::string& letters) {
      std::vector<index_t> e;
      for (char c : letters) e.push_back(extent[c]);
      return Shape(e.begin(), e.end());
    };
    Plain y(shape_of(out));
    index_t all = 1;
    for (const auto& [letter, n] : extent) all *= n;
    for (index_t i = 0; i < all; ++i) {
      std::map<char, index_t> at;
      index_t rest = i;
      for (const auto& [letter, n] : extent) at[letter] = rest % n, rest /= n;
      const auto place = [&](const std::string& letters, const Shape& shape) {
        std::vector<index_t> index;
        for (char c : letters) index.push_back(at[c]);
        return ravel(shape, index);
      };
      y[place(out, y.shape)] += xs[0][place(a, xs[0].shape)] * xs[1][place(b, xs[1].shape)];
    }
    return y;
  };
}

struct NamedUse {
  const char *equation, *a, *b, *out;
  Shape x, y;
};

const NamedUse named_uses[] = {
    {"ij,jk->ik", "ij", "jk", "ik", {3, 4}, {4, 5}},
    {"ij,jk", "ij", "jk", "ik", {3, 4}, {4, 5}},
    {"ba,ca", "ba", "ca", "bc", {3, 4}, {2, 4}},
    {"bd,da", "bd", "da", "ab", {3, 4}, {4, 2}},
    {" i j , j k -> k i ", "ij", "jk", "ki", {3, 4}, {4, 5}},
    {"bik,bkj->bij", "bik", "bkj", "bij", {2, 3, 4}, {2, 4, 5}},
    {"bik,kj->bij", "bik", "kj", "bij", {2, 3, 4}, {4, 5}},
    {"bqhd,bkhd->bhqk", "bqhd", "bkhd", "bhqk", {2, 3, 2, 4}, {2, 5, 2, 4}},
    {"i,i->", "i", "i", "", {4}, {4}},
    {"i,j", "i", "j", "ij", {3}, {4}},
    {"i,j->ji", "i", "j", "ji", {3}, {4}},
    {"bi,bi->b", "bi", "bi", "b", {3, 4}, {3, 4}},
    {"ij,ij->ij", "ij", "ij", "ij", {3, 4}, {3, 4}},
    {"ij,ji->ij", "ij", "ji", "ij", {3, 4}, {4, 3}},
    {"ij,k->k", "ij", "k", "k", {3, 4}, {2}},
    {"ijs,jt->i", "ijs", "jt", "i", {3, 4, 2}, {4, 2}},
    {",ij->ij", "", "ij", "ij", {}, {3, 4}},
    {",", "", "", "", {}, {}},
    {"aB,Bc", "aB", "Bc", "ac", {2, 3}, {3, 2}},
    {"aB,Cd", "aB", "Cd", "BCad", {2, 3}, {3, 2}},
    {"abcde,edcba->ace", "abcde", "edcba", "ace", {2, 1, 3, 2, 2}, {2, 2, 3, 1, 2}},
    {"ij,jk->ik", "ij", "jk", "ik", {0, 4}, {4, 5}},
    {"ij,jk->ik", "ij", "jk", "ik", {3, 0}, {0, 5}},
    {"bi,bi->b", "bi", "bi", "b", {0, 4}, {0, 4}},
    {"bij,bj->bi", "bij", "bj", "bi", {3, 2, 4}, {3, 4}}};

std::vector<Mistake> named_mistakes() {
  const auto of = [](const char* equation, const Shape& a, const Shape& b) {
    return [=] { einsum(equation, V(a, 1), V(b, 1)); };
  };
  return {
      {[] { einsum("i,i", V(), V(Shape{2}, 1)); }, "einsum: argument 1 is an empty Variable"},
      {[] { einsum("i,i", V(Shape{2}, 1), V()); }, "einsum: argument 2 is an empty Variable"},
      {of("ii,ij", {2, 2}, {2, 2}), "einsum: \"ii,ij\" repeats letter i in operand 1; name "},
      {of("ij,kk", {2, 2}, {2, 2}), "einsum: \"ij,kk\" repeats letter k in operand 2; name "},
      {of("ij,jk->ii", {2, 2}, {2, 2}), "einsum: \"ij,jk->ii\" repeats letter i in the output; name "},
      {of("ij,jk->il", {2, 2}, {2, 2}), "einsum: letter l of the output of \"ij,jk->il\" is in no operand"},
      {of("ij", {2, 2}, {2, 2}), "einsum: \"ij\" must name two operands, as in \"ij,jk->ik\""},
      {of("", {2, 2}, {2, 2}), "einsum: \"\" must name two operands"},
      {of("i,j,k->ijk", {2}, {2}), "einsum: \"i,j,k->ijk\" must name two operands"},
      {of("i.,j", {2, 2}, {2}), "einsum: \"i.,j\" has '.' among its letters; write "},
      {of("i,j->i->j", {2}, {2}), "einsum: \"i,j->i->j\" has '-' among its letters"},
      {of("i,j->i,j", {2}, {2}), "einsum: \"i,j->i,j\" has ',' among its letters"},
      {of("ijk,jk", {2, 3}, {3, 4}), "einsum: \"ijk,jk\" gives operand 1 3 axes; its shape is (2, 3)"},
      {of("ij,j", {2, 3}, {3, 4}), "einsum: \"ij,j\" gives operand 2 1 axes; its shape is (3, 4)"},
      {of("ij,jk->ik", {2, 3}, {4, 5}),
       "einsum: letter j of \"ij,jk->ik\" has extent 3 in (2, 3) and 4 in (4, 5)"},
      {of("abc,def", {1, 1, 1}, {1, 1, 1}), "einsum: the output of \"abc,def\" has 6 axes; at most 5"}};
}

}  // namespace

Row row_of(Tag<ArrayOp::einsum>) {
  Row row{"einsum", {}, {}, -1, {}};
  for (const NamedUse& use : named_uses)
    row.cases.push_back(
        make_case(use.equation + (" of " + use.x.str() + " and " + use.y.str()),
                  [equation = use.equation](const auto& xs) { return einsum(equation, xs[0], xs[1]); },
                  named_products(use.a, use.b, use.out), {in(use.x, 1), in(use.y, 2)}));
  row.cases.push_back(make_case(
      "views with gaps",
      [](const auto& xs) { return einsum("ij,kj->ik", chunk<2>(xs[0])[1], chunk<2>(xs[1])[1]); },
      [](const Ps& xs) {
        return named_products("ij", "kj", "ik")({right_half(xs[0]), right_half(xs[1])});
      },
      {in({3, 8}), in({2, 8}, 2)}));
  row.cases.push_back(make_case(
      "the same twice", [](const auto& xs) { return einsum("ij,jk->ik", xs[0], xs[0]); },
      [](const Ps& xs) {
        return named_products("ij", "jk", "ik")({xs[0], xs[0]});
      },
      {in({3, 3})}));
  row.mistakes = named_mistakes();
  return row;
}

}  // namespace unroll::tests
