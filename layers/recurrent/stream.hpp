#pragma once
/// \file One step at a time, for programs that only run a network.

#include "unroll/layers/recurrent.hpp"

namespace unroll {

namespace detail {
/// A Recurrent, or a layer made of it.
template <class Net>
concept RecurrentNet = requires(const Net& net) {
  net.cell(0);
  net.directions();
};
/// One whose cells take several inputs.
template <class Net>
concept SeveralInputsNet = RecurrentNet<Net> &&(Net::inputs > 1);
/// Whether it is one; a class, so that the mistake is reported once.
template <class Net>
struct CheckStream {
  static constexpr bool passed = RecurrentNet<Net>;
  static_assert(passed,
                "stream takes a recurrent layer, not a cell: stream(Recurrent<Cell>(input, hidden)), or "
                "Recurrent(input, [&](index_t) { return cell; }) for a cell that is there already");
};
}  // namespace detail

namespace detail {

template <class T>
const Variable<T>& first_input(const Variable<T>& x) {
  return x;
}
template <class... X>
const auto& first_input(const std::tuple<X...>& inputs) {
  return std::get<0>(inputs);
}
/// What layer k of a stack is given: y, the output of the one below, or that and the other inputs.
template <class Cell, class T>
const Variable<T>& layer_input(const Cell&, int, const Variable<T>& y, const Variable<T>&) {
  return y;
}
template <class Cell, class T, class... X>
std::tuple<X...> layer_input(const Cell& cell, int k, const Variable<T>& y, const std::tuple<X...>& inputs) {
  return k == 0 ? inputs : inputs_of_layer_above(cell, y, inputs);
}

/// One time step of a stack in evaluation mode. `inputs` are x, or a tuple of all inputs; `states` has those of the layers, and
/// gets the next ones. Calls end_layer(k, y) after each layer.
template <class Net, class In, class F>
auto stream_step(const Net& net, const In& inputs, std::vector<typename Net::State>& states, F&& end_layer) {
  using T = typename Net::value_type;
  const RecurrentOptions& o = net.options();
  const StateNoise noise{.zoneout = o.zoneout, .zoneout_memory = o.zoneout_memory, .training = false};
  Variable<T> y = first_input(inputs);
  for (int k = 0; k < net.num_layers(); ++k) {
    auto& s = states[static_cast<std::size_t>(k)];
    const auto next = whole_step(net.cell(k), layer_input(net.cell(k), k, y, inputs), s);
    s = noise.zones() ? zone_out_state(noise, {}, 0, s, next) : next;
    const Variable<T>& h = output_of(s);
    y = o.residual && h.shape() == y.shape() ? Variable<T>(h + y) : h;
    end_layer(k, y);
  }
  return y;
}
template <class Net, class In>
auto stream_step(const Net& net, const In& inputs, std::vector<typename Net::State>& states) {
  return stream_step(net, inputs, states, [](int, const auto&) {});
}

/// The sizes of what a step takes, of one sequence: that of x, and of each other input.
template <class T, class Net>
std::vector<index_t> stream_input_sizes(const Net& net) {
  if constexpr (SeveralInputsNet<Net>) {
    std::vector<index_t> sizes;
    const Variable<T> x({1, net.input_size()}, T{0});
    for (const auto& input : input_list<T>(completed_inputs(net.cell(0), x)))
      sizes.push_back(input.shape().back(0));
    return sizes;
  } else {
    return {net.input_size()};
  }
}
/// All inputs of a step from one array that has them one after another.
template <class T, class Net>
auto stream_inputs(const Net& net, const Variable<T>& all) {
  if constexpr (SeveralInputsNet<Net>)
    return input_tuple<Net::inputs>(split(all, stream_input_sizes<T>(net), -1));
  else
    return all;
}

/// The states (L, B, H) of a stack, layer by layer, in memory of their own.
template <class Net>
std::vector<typename Net::State> layer_states(const Net& net, const typename Net::State& state) {
  using T = typename Net::value_type;
  std::vector<typename Net::State> states;
  for (int k = 0; k < net.num_layers(); ++k)
    states.push_back(map_state(detach_state(state),
                               [k](const Variable<T>& v) { return Variable<T>(select(v, 0, k)).copy(); }));
  return states;
}

/// Errors: UsageError for a stack that runs in both directions.
template <class Net>
void check_one_direction(const char* op, const Net& net) {
  if (net.directions() != 1)
    raise<UsageError>("{}: a bidirectional layer needs the whole sequence; run it on x (T, B, {})", op,
                      net.input_size());
}

}  // namespace detail

/// What:   runs a stack step by step in evaluation mode, without a tape: `auto s = stream(rnn, B);
///         h = s.step(x);`. What it returns equals the output of rnn(x) at that step, but for the last bits
///         where rnn(x) multiplies the inputs of many steps at once.
/// Shapes: x (B, I) → (B, H).
/// Errors: UsageError for a bidirectional stack, whose output needs the whole sequence; ShapeError for x.
/// Cost:   after the first two steps nothing is asked of the system.
/// Lifetime: shares the parameters of rnn.
template <class Net>
class Stream {
  static_assert(detail::CheckStream<Net>::passed);

 public:
  using T = typename Net::value_type;
  using State = typename Net::State;

  /// A stream of `batch` sequences from their beginning.
  explicit Stream(const Net& net, index_t batch = 1) : net_(net), batch_(batch) {
    detail::check_one_direction("stream", net);
    reset();
  }

  /// Begins anew, from the initial state or from `state` (L, B, H).
  void reset() { reset(net_.initial_state(batch_)); }
  /// Goes on from `state`.
  void reset(const State& state) {
    const NoGrad off;
    states_ = detail::layer_states(net_, state);
  }

  /// One time step. Returns the output.
  Variable<T> step(const Variable<T>& x) {
    const NoGrad off;
    check_input(x);
    return detail::stream_step(net_, x, states_);
  }
  /// One step of a net whose cells take several inputs: `s.step(x, dt)`. Returns the output.
  /// Shapes: x (B, I), dt (B,) or (B, 1), mask (B, I).
  /// Errors: as scan.
  template <std::convertible_to<Variable<T>>... X>
  requires(sizeof...(X) > 0 && sizeof...(X) + 1 == Net::inputs) Variable<T> step(const Variable<T>& x,
                                                                                 const X&... others) {
    const NoGrad off;
    check_input(x);
    return detail::stream_step(
        net_, detail::step_inputs_of<std::decay_t<decltype(net_.cell(0))>>("stream", x, others...), states_);
  }

  /// The states of all layers, each (B, H).
  const std::vector<State>& states() const { return states_; }

 private:
  void check_input(const Variable<T>& x) const {
    if (!x) detail::fail_empty("stream", 0);
    if (!(x.shape() == Shape{batch_, net_.input_size()}))
      raise<ShapeError>("stream: need x ({}, {}); got {}", batch_, net_.input_size(), x.shape().str());
  }

  Net net_;
  index_t batch_;
  std::vector<State> states_;
};

/// A Stream over `net`, a Recurrent or one of the layers made of it.
template <class Net>
auto stream(const Net& net, index_t batch = 1) {
  if constexpr (detail::CheckStream<Net>::passed) return Stream<Net>(net, batch);
}

}  // namespace unroll
