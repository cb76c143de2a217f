#pragma once
/// \file One step at a time where nothing may wait: audio, control, sensors.

#include <span>

#include "unroll/detail/autograd/plan/record_step.hpp"
#include "unroll/layers/stream.hpp"

namespace unroll {

/// What:   runs a stack and what follows it step by step in evaluation mode, from a record of one step:
///         `auto s = real_time_stream(gru, readout); s.step(x, y);`. The results are those of Stream for one
///         sequence, bit for bit; but to rounding for cells with heads, convolutions or states that are linear in themselves.
/// Shapes: x (I), y (O), where O is what the last function gives, H without one. Of cells that take several inputs, all of
///         them one after another: x, dt and mask (I + 1 + I).
/// Cost:   step() and reset() allocate nothing, lock nothing and do not call the system, from the first call on.
/// Lifetime: has a copy of the parameters: it does not see later updates, and outlives the network.
///
/// It may be built on one thread, run on another and destroyed on a third, by one at a time. Copies share the weights and
/// have states of their own, so that each can have a thread.
template <class T>
class RealTimeStream {
 public:
  /// `then` are applied to the output of `net` at each step, one after the other: a Linear, or any function of a Variable
  /// (1, H).
  /// Errors: UsageError for a bidirectional stack, and for a step that cannot be recorded: it names the op.
  template <class Net, class... Then>
  requires detail::RecurrentNet<Net>
  explicit RealTimeStream(const Net& net, const Then&... then) : run_(record(net, then...)) {}

  /// I
  index_t input_size() const { return run_.program().input_size(); }
  /// O
  index_t output_size() const { return run_.program().output_size(); }

  /// One time step. Returns whether x and y have input_size() and output_size() elements; else nothing is changed. They
  /// may overlap.
  bool step(std::span<const T> x, std::span<T> y) noexcept {
    if (static_cast<index_t>(x.size()) != input_size() || static_cast<index_t>(y.size()) != output_size())
      return false;
    run_.step(x.data(), y.data());
    return true;
  }
  /// Begins anew, from the initial state.
  void reset() noexcept { run_.reset(); }

  /// The kernels of a step, a line for each.
  std::string str() const { return run_.program().str(); }

 private:
  template <class Net, class... Then>
  static std::shared_ptr<const detail::StepProgram<T>> record(const Net& net, const Then&... then) {
    detail::check_one_direction("real_time_stream", net);
    const NoGrad off;
    const std::vector<typename Net::State> begin = detail::layer_states(net, net.initial_state(1));
    std::vector<Variable<T>> initial;
    for (const auto& state : begin)
      for (const Variable<T>& v : detail::members_of(state)) initial.push_back(v);
    const auto step = [&](const Variable<T>& x, const std::vector<Variable<T>>& members) {
      std::vector<typename Net::State> states;
      auto at = members.begin();
      for (const auto& state : begin) {
        const auto end = at + static_cast<std::ptrdiff_t>(detail::members_of(state).size());
        states.push_back(detail::with_members(state, {at, end}));
        at = end;
      }
      Variable<T> y = detail::stream_step(net, detail::stream_inputs<T>(net, x), states);
      ((y = then(y)), ...);
      detail::StepValues<T> values{std::move(y), {}};
      for (const auto& state : states)
        for (const Variable<T>& v : detail::members_of(state)) values.state.push_back(v);
      return values;
    };
    index_t inputs = 0;
    for (const index_t size : detail::stream_input_sizes<T>(net)) inputs += size;
    return detail::record_step<T>("real_time_stream", step, Shape{1, inputs}, initial);
  }

  detail::StepRun<T> run_;
};

/// A RealTimeStream over `net`, a Recurrent or one of the layers made of it, and what follows it.
template <class Net, class... Then>
auto real_time_stream(const Net& net, const Then&... then) {
  if constexpr (detail::CheckStream<Net>::passed)
    return RealTimeStream<typename Net::value_type>(net, then...);
}

}  // namespace unroll
