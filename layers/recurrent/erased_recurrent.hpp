#pragma once  // internal
/// \file A Recurrent<Cell> behind virtual functions, for AnyRecurrent.

#include <memory>

#include "unroll/layers/any_state.hpp"
#include "unroll/layers/member_list.hpp"
#include "unroll/layers/recurrent.hpp"

namespace unroll::detail {

/// What AnyRecurrent asks of its layer.
template <class T>
struct ErasedRecurrent {
  using State = AnyState<T>;
  virtual ~ErasedRecurrent() = default;
  virtual std::unique_ptr<ErasedRecurrent> copy() const = 0;
  virtual Scanned<T, State> run(const Variable<T>& x, const State& state, const SequenceOptions& o) const = 0;
  virtual State initial_state(index_t batch) const = 0;
  virtual Variable<T> last(const State& state) const = 0;
  virtual MemberList<T> members() = 0;
  virtual const RecurrentLayers<T>& base() const = 0;
  virtual index_t hidden_size() const = 0;
  virtual index_t output_size() const = 0;
  virtual index_t state_size() const = 0;
};

/// The state of a layer, with the names of its members.
template <class S>
AnyState<state_number<S>> any_state(S state) {
  AnyState<state_number<S>> any;
  const auto* const output = &output_of(state);
  visit_state(state, [&](const char* name, auto& v) {
    if (&v == output) any.output_number = any.members.size();
    any.members.push_back({name, std::move(v)});
  });
  return any;
}

/// The members of `given` in the order of `expected`, found by name; those of one name in their order.
/// Errors: UsageError naming both.
template <class T>
std::vector<Variable<T>> members_like(const std::vector<NamedParameter<T>>& expected,
                                      const AnyState<T>& given);

/// The layer of a certain cell.
template <class Cell>
struct ErasedRecurrentOf final : ErasedRecurrent<CellNumber<Cell>> {
  using T = CellNumber<Cell>;
  using State = AnyState<T>;
  using Base = ErasedRecurrent<T>;
  using Own = typename Recurrent<Cell>::State;
  explicit ErasedRecurrentOf(Recurrent<Cell> r) : recurrent(std::move(r)) {}

  std::unique_ptr<Base> copy() const final { return std::make_unique<ErasedRecurrentOf>(recurrent); }
  Scanned<T, State> run(const Variable<T>& x, const State& state, const SequenceOptions& o) const final {
    auto result = recurrent(x, own(state), o);
    return {std::move(result.output), any_state(std::move(result.state))};
  }
  State initial_state(index_t batch) const final { return any_state(recurrent.initial_state(batch)); }
  Variable<T> last(const State& state) const final {
    return recurrent.last({.output = {}, .state = own(state)});
  }
  MemberList<T> members() final { return MemberList<T>(recurrent); }
  const RecurrentLayers<T>& base() const final { return recurrent; }
  index_t hidden_size() const final { return recurrent.hidden_size(); }
  index_t output_size() const final { return recurrent.output_size(); }
  index_t state_size() const final { return recurrent.state_size(); }

 private:
  Own own(const State& given) const {
    if (given.members.empty()) return {};
    Own state = initial_state_of(recurrent.cell(0), 1);
    const auto members = members_like(named_members(state), given);
    std::size_t k = 0;
    visit_state(state, [&](const char*, Variable<T>& v) { v = members[k++]; });
    return state;
  }

  Recurrent<Cell> recurrent;
};

}  // namespace unroll::detail
