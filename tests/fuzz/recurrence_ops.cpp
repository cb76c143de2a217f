// The same for recurrences over whole sequences, whose arguments mostly fit one another.

#include "op_machine.hpp"
#include "unroll/autograd/causal_conv1d.hpp"
#include "unroll/autograd/linear_attention.hpp"
#include "unroll/autograd/linear_recurrence.hpp"
#include "unroll/autograd/selective_scan.hpp"

using namespace unroll;
using namespace unroll::fuzz;

namespace {

template <class T>
class RecurrenceMachine : public Machine<T> {
 public:
  using V = Variable<T>;
  using Machine<T>::Machine;

 private:
  using Machine<T>::in_;
  using Machine<T>::any;

  struct Sizes {
    index_t steps, batch, heads, keys, values;
  };
  Sizes sizes() {
    return {in_.byte() % 9, in_.byte() % 4, in_.byte() % 3 + 1, in_.byte() % 4, in_.byte() % 4};
  }
  /// An array of this shape; rarely another, or none.
  V array(const Shape& shape, double most = 1e300) {
    const int which = in_.below(16);
    if (which == 0) return any();
    V x(which == 1 ? in_.shape() : shape, T{1});
    if (x.size() > 4096) return {};
    for (index_t k = 0; k < x.size(); ++k)
      x.mutable_data()[k] =
          static_cast<T>(std::min(most, which < 4 ? in_.number() : (in_.byte() - 120) / 40.0));
    x.requires_grad(which % 4 > 0);
    return x;
  }
  V perhaps(const Shape& shape, double most = 1e300) { return in_.byte() % 2 ? array(shape, most) : V(); }
  Indices lengths(const Sizes& s) {
    const int which = in_.below(8);
    if (which > 2) return {};
    if (which == 2) return in_.indices();
    std::vector<std::int64_t> all(static_cast<std::size_t>(s.batch));
    for (auto& l : all) l = in_.byte() % 4 ? in_.byte() % (s.steps + 1) : in_.index();
    return {{s.batch}, std::move(all)};
  }
  Indices resets(const Sizes& s) {
    const int which = in_.below(8);
    if (which > 2) return {};
    if (which == 2) return in_.indices();
    std::vector<std::int64_t> all(static_cast<std::size_t>(s.steps * s.batch));
    for (auto& r : all) r = in_.byte() % 5 == 0;
    return {{s.steps, s.batch}, std::move(all)};
  }
  RecurrenceOptions options(const Sizes& s) {
    const bool reverse = in_.byte() % 2 == 1;
    Indices l = lengths(s);
    return {reverse, std::move(l), resets(s)};
  }
  void keep_both(V output, V state) {
    this->keep(std::move(output));
    this->keep(std::move(state));
  }

  void recurrence() {
    const Sizes s = sizes();
    const Shape full{s.steps, s.batch, s.keys}, one{s.batch, s.keys}, units{s.keys};
    const auto operand = [&] {
      const int which = in_.below(4);
      return array(which == 0 ? units : which == 1 ? one : full);
    };
    if (in_.byte() % 2) {
      const V a = operand(), b = operand(), h = array(one);
      auto [y, state] = linear_recurrence(a, b, h, options(s));
      return keep_both(y, state);
    }
    const auto pair = [&] {
      const V re = operand();
      return ComplexPair<T>{re, operand()};
    };
    const ComplexPair<T> a = pair(), b = pair();
    const V h = array(one);
    auto [y, state] = linear_recurrence(a, b, ComplexPair<T>{h, array(one)}, options(s));
    keep_both(y.re, y.im), keep_both(state.re, state.im);
  }
  void selective() {
    const Sizes s = sizes();
    const Shape channels{s.steps, s.batch, s.heads * s.keys},
        states =
            in_.byte() % 2 ? Shape{s.steps, s.batch, s.values} : Shape{s.steps, s.batch, s.heads, s.values};
    const V u = array(channels), delta = array(channels), a = array({s.heads * s.keys, s.values}),
            b = array(states), c = array(states), state = perhaps({s.batch, s.heads * s.keys, s.values});
    Indices l = lengths(s);
    auto [y, last] = selective_scan(u, delta, a, b, c, {state, std::move(l), resets(s)});
    keep_both(y, last);
  }
  void attention() {
    const Sizes s = sizes();
    const Shape keys{s.steps, s.batch, s.heads, s.keys}, values = keys.with(3, s.values),
                                                         one = keys.without(3);
    const V q = array(keys), k = array(keys), v = array(values);
    LinearAttentionOptions<T> o{.rule = static_cast<LinearAttentionRule>(in_.below(5))};
    using R = LinearAttentionRule;
    if (o.rule != R::linear && o.rule != R::delta) o.decay = array(in_.byte() % 2 ? one : keys, 0);
    if (o.rule == R::delta || o.rule == R::gated_delta) o.beta = array(one);
    if (o.rule == R::rank_one) o.a = array(keys), o.b = array(keys);
    if (in_.byte() % 4 == 0) o.bonus = array({s.heads, s.keys});
    if (in_.byte() % 4 == 0) o.scale = in_.number();
    o.state = perhaps({s.batch, s.heads, s.keys, s.values});
    if (in_.byte() % 2) o.chunk = in_.index();
    o.growth = in_.byte() % 4 == 0;
    o.lengths = lengths(s);
    auto [y, state] = linear_attention(q, k, v, o);
    keep_both(y, state);
  }
  void convolution() {
    const Sizes s = sizes();
    const index_t taps = in_.byte() % 4 + 1;
    const V x = array({s.steps, s.batch, s.keys}),
            w = array(in_.byte() % 2 ? Shape{s.keys, taps} : Shape{s.values, s.keys, taps}),
            bias = perhaps({w ? w.shape()[0] : 1}), state = perhaps({taps - 1, s.batch, s.keys});
    Indices l = lengths(s);
    auto [y, last] = causal_conv1d(x, w, bias, {state, std::move(l), resets(s)});
    keep_both(y, last);
  }

  void step() override {
    switch (in_.below(8)) {
      case 0:
        return this->leaf();
      case 1:
        return recurrence();
      case 2:
        return selective();
      case 3:
      case 4:
        return attention();
      case 5:
        return convolution();
      default:
        return Machine<T>::step();
    }
  }
};

}  // namespace

UNROLL_FUZZ_TARGET(recurrence_ops) { run_either<RecurrenceMachine>(input); }
