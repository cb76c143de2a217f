#pragma once  // internal
/// \file The parts of a network that is written as C: what each carries, and how it makes a step.

#include <tuple>

#include "unroll/detail/export/c_script.hpp"
#include "unroll/layers/any_recurrent.hpp"
#include "unroll/layers/embedding.hpp"
#include "unroll/layers/real_time_stream.hpp"
#include "unroll/layers/summary.hpp"

namespace unroll::detail {

template <class T>
using Values = std::vector<Variable<T>>;

/// A part, with its number type taken away.
template <class T>
struct CPart {
  using EndPart = typename ScriptRecorder<T>::EndPart;
  std::string name;
  index_t input = 0;  ///< the size of x; 0 where any will do
  std::vector<ScriptState<T>> first;
  /// Gives the output; `members` are those of the part's state, and become the next ones.
  std::function<Variable<T>(const Variable<T>& x, Values<T>& members, const EndPart&)> step;
  std::vector<std::pair<std::string, Variable<T>>> parameters;
  std::string summary;
};

template <class T>
struct IsAnyRecurrent : std::false_type {};
template <class T>
struct IsAnyRecurrent<AnyRecurrent<T>> : std::true_type {};
template <class Part>
struct IsEmbedding : std::false_type {};
template <class T>
struct IsEmbedding<Embedding<T>> : std::true_type {};
template <class Part>
concept CarriesState = RecurrentNet<Part> || IsAnyRecurrent<Part>::value;

/// Errors: UsageError for a part that looks ahead, or that drops things because it trains.
void check_part(std::string_view caller, bool both_directions, bool training);

template <class T, class Part>
void describe(CPart<T>& to, const Part& part, const std::string& prefix) {
  if constexpr (Module<Part>) {
    for (const auto& p : parameters_of(members(part, true)))
      to.parameters.push_back({prefix + p.name, p.variable});
    to.summary = unroll::summary(part);
  }
}

template <class T, class Net>
CPart<T> c_part_of_net(const Net& net, const std::string& name) {
  CPart<T> part{name, 0, {}, {}, {}, {}};
  check_part("export_c", net.directions() != 1, IsAnyRecurrent<Net>::value && net.training());
  std::vector<typename Net::State> begin;
  if constexpr (IsAnyRecurrent<Net>::value) {
    begin = {net.initial_state(1)};
    part.input = net.input_size();
  } else {
    begin = layer_states(net, net.initial_state(1));
    for (const index_t size : stream_input_sizes<T>(net)) part.input += size;
  }
  for (std::size_t k = 0; k < begin.size(); ++k)
    visit_state(begin[k], [&](const char* member, auto& v) {
      if (v)
        part.first.push_back(
            {begin.size() == 1 ? name + "_" + member : fmt::format("{}_{}_{}", name, k, member), v});
    });
  part.step = [net, begin, name](const Variable<T>& x, Values<T>& values,
                                 const typename CPart<T>::EndPart& end) {
    std::vector<typename Net::State> states;
    auto at = values.begin();
    for (const auto& state : begin) {
      const auto next = at + static_cast<std::ptrdiff_t>(members_of(state).size());
      states.push_back(with_members(state, {at, next}));
      at = next;
    }
    Variable<T> y;
    const auto collect = [&] {
      values.clear();
      for (const auto& state : states)
        for (const Variable<T>& v : members_of(state)) values.push_back(v);
      Values<T> all = values;
      all.push_back(y);
      return all;
    };
    if constexpr (IsAnyRecurrent<Net>::value) {
      const auto result = net(reshape(x, {1, 1, x.size()}), states[0]);
      states[0] = result.state;
      y = reshape(result.output, {1, result.output.size()});
      end(name, collect());
    } else {
      const auto end_layer = [&](int k, const Variable<T>& h) {
        y = h;
        end(net.num_layers() == 1 ? name : fmt::format("{} layer {}", name, k), collect());
      };
      stream_step(net, stream_inputs<T>(net, x), states, end_layer);
    }
    return y;
  };
  return part;
}

template <class T, class Part>
CPart<T> c_part(const Part& p, std::size_t number) {
  const std::string name = fmt::format("{}{}", CarriesState<Part> ? "net" : "part", number);
  CPart<T> part;
  if constexpr (CarriesState<Part>) {
    part = c_part_of_net<T>(p, name);
  } else {
    part.name = name;
    part.step = [&p, name](const Variable<T>& x, Values<T>&, const typename CPart<T>::EndPart& end) {
      const Variable<T> y(p(x));
      end(name, {y});
      return y;
    };
  }
  describe(part, p, name + ".");
  return part;
}

}  // namespace unroll::detail
