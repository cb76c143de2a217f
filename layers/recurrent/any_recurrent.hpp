#pragma once
/// \file A recurrent layer whose cell is chosen at run time: `AnyRecurrent<float> rnn = Gru(I, H);`.

#include <memory>

#include "unroll/layers/member_list.hpp"
#include "unroll/layers/recurrent.hpp"

namespace unroll {

/// The state of an AnyRecurrent: what the state of its layer visits, by name, and which of it is the output.
/// Without members it stands for initial_state(B).
template <class T>
struct AnyState {
  std::vector<NamedParameter<T>> members = {};
  std::size_t output_number = 0;

  /// Errors: UsageError where there are no members.
  const Variable<T>& output() const;
  template <class V>
  void visit(V&& v) {
    for (auto& member : members) v(member.name.c_str(), member.variable);
  }
};

/// What:   a Recurrent<Cell> of any cell as one type; each does what that of the layer does.
/// A copy shares the parameters, as that of any module. Without a layer it is empty, and cannot run.
/// Errors: as the layer; UsageError where there is none, or where a state has not the layer's members.
template <class T = float>
class AnyRecurrent {
 public:
  using value_type = T;
  using State = AnyState<T>;

  AnyRecurrent() = default;
  template <class Cell>
  requires std::same_as<CellNumber<Cell>, T> AnyRecurrent(Recurrent<Cell> layer)
      : layer_(std::make_unique<LayerOf<Cell>>(std::move(layer))) {}
  AnyRecurrent(const AnyRecurrent& other) : layer_(other.layer_ ? other.layer_->copy() : nullptr) {}
  AnyRecurrent(AnyRecurrent&&) noexcept = default;
  AnyRecurrent& operator=(AnyRecurrent other) noexcept {
    layer_ = std::move(other.layer_);
    return *this;
  }
  ~AnyRecurrent() = default;

  /// All steps of x from `state`, or from initial_state(B).
  /// Shapes: x (T, B, I), output (T, B, D·H), each member of the state (D·L, B, H).
  Scanned<T, State> operator()(const Variable<T>& x, const State& state = {},
                               const SequenceOptions& sequences = {}) const {
    return layer().run(x, state, sequences);
  }
  State initial_state(index_t batch) const { return layer().initial_state(batch); }
  Variable<T> last(const Scanned<T, State>& result) const { return layer().last(result.state); }

  const RecurrentOptions& options() const { return layer().base().options(); }
  int directions() const { return layer().base().directions(); }
  int layers() const { return layer().base().layers(); }
  bool training() const { return layer().base().training(); }
  index_t input_size() const { return layer().base().input_size(); }
  index_t hidden_size() const { return layer().hidden_size(); }
  index_t output_size() const { return layer().output_size(); }
  index_t state_size() const { return layer_ ? layer_->state_size() : 0; }
  explicit operator bool() const { return layer_ != nullptr; }

  template <class V>
  void visit(V&& v) {
    if (layer_) layer_->members().visit(v);
  }

 private:
  struct Layer;
  template <class Cell>
  struct LayerOf;

  const Layer& layer() const {
    if (!layer_) raise<UsageError>("any recurrent: there is no layer; assign one first");
    return *layer_;
  }

  std::unique_ptr<Layer> layer_;
};

template <class Cell>
AnyRecurrent(Recurrent<Cell>) -> AnyRecurrent<CellNumber<Cell>>;

template <class T>
struct AnyRecurrent<T>::Layer {
  virtual ~Layer() = default;
  virtual std::unique_ptr<Layer> copy() const = 0;
  virtual Scanned<T, State> run(const Variable<T>& x, const State& state, const SequenceOptions& o) const = 0;
  virtual State initial_state(index_t batch) const = 0;
  virtual Variable<T> last(const State& state) const = 0;
  virtual MemberList<T> members() = 0;
  virtual const detail::RecurrentLayers<T>& base() const = 0;
  virtual index_t hidden_size() const = 0;
  virtual index_t output_size() const = 0;
  virtual index_t state_size() const = 0;
};

namespace detail {

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

}  // namespace detail

extern template struct AnyState<float>;
extern template struct AnyState<double>;

template <class T>
template <class Cell>
struct AnyRecurrent<T>::LayerOf final : Layer {
  using Own = typename Recurrent<Cell>::State;
  explicit LayerOf(Recurrent<Cell> r) : recurrent(std::move(r)) {}

  std::unique_ptr<Layer> copy() const final { return std::make_unique<LayerOf>(recurrent); }
  Scanned<T, State> run(const Variable<T>& x, const State& state, const SequenceOptions& o) const final {
    auto result = recurrent(x, own(state), o);
    return {std::move(result.output), detail::any_state(std::move(result.state))};
  }
  State initial_state(index_t batch) const final { return detail::any_state(recurrent.initial_state(batch)); }
  Variable<T> last(const State& state) const final {
    return recurrent.last({.output = {}, .state = own(state)});
  }
  MemberList<T> members() final { return MemberList<T>(recurrent); }
  const detail::RecurrentLayers<T>& base() const final { return recurrent; }
  index_t hidden_size() const final { return recurrent.hidden_size(); }
  index_t output_size() const final { return recurrent.output_size(); }
  index_t state_size() const final { return recurrent.state_size(); }

 private:
  Own own(const State& given) const {
    if (given.members.empty()) return {};
    Own state = detail::initial_state_of(recurrent.cell(0), 1);
    const auto members = detail::members_like(detail::named_members(state), given);
    std::size_t k = 0;
    detail::visit_state(state, [&](const char*, Variable<T>& v) { v = members[k++]; });
    return state;
  }

  Recurrent<Cell> recurrent;
};

}  // namespace unroll
