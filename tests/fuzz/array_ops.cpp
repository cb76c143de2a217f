// The same for ops that rearrange, sort, normalise and compare arrays.

#include "op_machine.hpp"
#include "unroll/autograd/axis_views.hpp"
#include "unroll/autograd/ctc_loss.hpp"
#include "unroll/autograd/cumulative.hpp"
#include "unroll/autograd/einsum.hpp"
#include "unroll/autograd/l2_normalise.hpp"
#include "unroll/autograd/likelihood_losses.hpp"
#include "unroll/autograd/margin_losses.hpp"
#include "unroll/autograd/prod.hpp"
#include "unroll/autograd/rearrange.hpp"
#include "unroll/autograd/regression_losses.hpp"
#include "unroll/autograd/solve_triangular.hpp"
#include "unroll/autograd/sorting.hpp"
#include "unroll/autograd/triangular.hpp"
#include "unroll/autograd/variance.hpp"

using namespace unroll;
using namespace unroll::fuzz;

namespace {

template <class T>
class ArrayMachine : public Machine<T> {
 public:
  using V = Variable<T>;
  using Machine<T>::Machine;

 private:
  using Machine<T>::in_;
  using Machine<T>::any;

  // clang-format off
  V unary(const V& x) {
    switch (in_.below(14)) {
      case 0: return silu(x);
      case 1: return gelu(x);
      case 2: return gelu_tanh(x);
      case 3: return mish(x);
      case 4: return log1p(x);
      case 5: return expm1(x);
      case 6: return erf(x) + erfc(x);
      case 7: return sign(x) + floor(x);
      case 8: return round(x);
      case 9: return tan(x);
      case 10: return log_sigmoid(x);
      case 11: return root_one_minus_square(x);
      case 12: return root_one_minus_exp(x);
      default: return atan2(x, any());
    }
  }
  V rearranged(const V& x) {
    switch (in_.below(8)) {
      case 0: return flip(x, in_.axes());
      case 1: { const int axis = in_.axis(); return roll(x, in_.index(), axis); }
      case 2: {
        std::vector<PadWidth> widths(in_.byte() % 6);
        for (PadWidth& w : widths) w = {in_.index(), in_.index()};
        return pad(x, widths, static_cast<T>(in_.number()));
      }
      case 3: {
        std::vector<index_t> repeats(in_.byte() % 6);
        for (index_t& r : repeats) r = in_.index();
        return tile(x, repeats);
      }
      case 4: return tril(x, in_.index());
      case 5: return triu(x, in_.index());
      case 6: return unsqueeze(x, in_.axis());
      default: return squeeze(x, in_.axes());
    }
  }
  void several(const V& x) {
    const int axis = in_.axis();
    switch (in_.below(3)) {
      case 0: return this->keep(sort(x, axis, {.descending = in_.byte() % 2 == 1}).values);
      case 1: {
        const index_t k = in_.index();
        return this->keep(topk(x, k, axis, {.largest = in_.byte() % 2 == 1}).values);
      }
      default: {
        std::vector<index_t> sizes(in_.byte() % 6);
        for (index_t& s : sizes) s = in_.index();
        return this->keep(split(x, sizes, axis));
      }
    }
  }
  V reduced(const V& x) {
    switch (in_.below(5)) {
      case 0: return prod(x, in_.axes(), {.keepdims = in_.byte() % 2 == 1});
      case 1: {
        const Axes axes = in_.axes();
        return var(x, axes, {.correction = in_.number(), .keepdims = in_.byte() % 2 == 1});
      }
      case 2: { const int axis = in_.axis(); return cumsum(x, axis, {.exclusive = in_.byte() % 2 == 1, .reverse = in_.byte() % 2 == 1}); }
      case 3: { const int axis = in_.axis(); return cumprod(x, axis, {.exclusive = in_.byte() % 2 == 1, .reverse = in_.byte() % 2 == 1}); }
      default: { const int axis = in_.axis(); return l2_normalise(x, axis, in_.number()); }
    }
  }
  V normed(const V& x) {
    const V gamma = any(), beta = any();
    if (in_.byte() % 2) return rms_norm(x, gamma, in_.byte() % 2 ? std::optional(in_.number()) : std::nullopt);
    const index_t groups = in_.index();
    return group_norm(x, groups, gamma, beta, in_.number());
  }
  V product() {
    constexpr std::array equations = {"ij,jk->ik", "bij,bjk->bik", "i,i->", "ii,ij->j", "bthd,bshd->bhts", "ab,cd->abcd", "ij->", "i,j->ijk", "", "a b,b->a"};
    const V a = any(), b = any();
    switch (in_.below(4)) {
      case 0: return outer(a, b);
      case 1: return solve_triangular(a, b, {.upper = in_.byte() % 2 == 1, .unit_diagonal = in_.byte() % 2 == 1, .transpose = in_.byte() % 2 == 1});
      default: return einsum(equations[static_cast<std::size_t>(in_.below(equations.size()))], a, b);
    }
  }
  V loss(const V& a) {
    const auto reduction = static_cast<Reduction>(in_.below(3));
    const V b = any(), c = any();
    switch (in_.below(8)) {
      case 0: { const Indices targets = in_.indices(); return nll_loss(a, targets, {.weight = {}, .ignore_index = in_.index(), .reduction = reduction}); }
      case 1: return kl_div(a, b, {.reduction = reduction, .log_target = in_.byte() % 2 == 1, .mask = c});
      case 2: return l1_loss(a, b, {.reduction = reduction, .mask = c});
      case 3: return huber_loss(a, b, {.reduction = reduction, .delta = in_.number(), .mask = c});
      case 4: return gaussian_nll_loss(a, b, c, {.full = in_.byte() % 2 == 1, .eps = in_.number(), .reduction = reduction});
      case 5: return hinge_loss(a, b, {.reduction = reduction, .mask = c});
      case 6: return cosine_embedding_loss(a, b, c, {.margin = in_.number(), .reduction = reduction});
      default: {
        const Indices targets = in_.indices(), inputs = in_.indices(), counts = in_.indices();
        return ctc_loss(a, targets, inputs, counts, {.blank = in_.index(), .reduction = reduction, .zero_infinity = in_.byte() % 2 == 1});
      }
    }
  }

  void step() override {
    switch (in_.below(12)) {
      case 0:
      case 1: return this->leaf();
      case 2: return this->keep(unary(any()));
      case 3: return this->keep(rearranged(any()));
      case 4: return several(any());
      case 5:
      case 6: return this->keep(reduced(any()));
      case 7: return this->keep(normed(any()));
      case 8: return this->keep(product());
      case 9: return this->keep(loss(any()));
      default: return Machine<T>::step();
    }
  }
  // clang-format on
};

}  // namespace

UNROLL_FUZZ_TARGET(array_ops) { run_either<ArrayMachine>(input); }
