#pragma once
/// \file Modules: anything that shows its members by name, and what can be done to all of them.

#include <concepts>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "unroll/autograd/random.hpp"
#include "unroll/autograd/variable.hpp"

namespace unroll {

namespace detail {
struct MemberProbe {
  void operator()(std::string_view, auto&) const {}
};
}  // namespace detail

/// A copyable type that shows its members in order:
///
///     template <class V>
///     void visit(V&& v) { v("embedding", embedding), v("lstm", lstm), v("training", training); }
///
/// A member is a Variable (a parameter; an empty one is absent), a Variable that is no parameter, as
/// buffer(mean), a module, a std::vector or std::array of these, the bool that train() and eval() set, or a
/// std::uint64_t or RandomKey that belongs in a checkpoint.
/// Names of members of members are joined: "lstm.weight_ih_l0", "blocks.0.weight". A copy of a module shares
/// its parameters; clone() does not. Modules of double say so: `using value_type = double;`.
///
/// For summary(), where it does not follow from the parameters, a module may have `index_t multiply_adds()
/// const` (for one time step of one sequence, with its members; else O·I for each matrix (O, I), and 0 for products
/// by matmul that no matrix shows) and `index_t state_size() const` (numbers carried from step to step; else 0).
template <class M>
concept Module = std::copy_constructible<M> && requires(M& m, detail::MemberProbe probe) {
  m.visit(probe);
};

/// A parameter of a module.
template <class T>
struct NamedParameter {
  std::string name;      ///< such as "lstm.weight_ih_l0"
  Variable<T> variable;  ///< the parameter itself
};

/// What buffer() gives to a visitor.
template <class T>
struct Buffer {
  Variable<T>* variable;  ///< the member
};
/// What: in visit(), `v("mean", buffer(mean));`, a constant that belongs to the module's weights though it is
///       not learned, such as statistics or scales of its input. It is saved and loaded with the parameters,
///       cloned with them, and counted apart by summary(); parameters() and count_parameters() leave it out.
template <class T>
const Buffer<T> buffer(Variable<T>& member) {  // const, so that visitors that take members as `auto&` take it
  return {&member};
}

namespace detail {

/// A module that states its costs, whose members are the next `members` in the list.
struct CostMark {
  index_t multiply_adds = -1;  ///< −1: by the matrices
  index_t state_size = 0;
  std::size_t members = 0;
};

template <class T>
struct Member {
  std::string name;
  std::variant<Variable<T>*, Buffer<T>, bool*, std::uint64_t*, RandomKey*, CostMark> at;
};
template <class T>
using Members = std::vector<Member<T>>;

/// The Variable of a parameter or a buffer; null for what is neither, and for an absent one.
template <class T>
Variable<T>* array_of(const Member<T>& member);

template <class M>
struct ModuleNumber {
  using type = float;
};
template <class M>
requires requires { typename M::value_type; }
struct ModuleNumber<M> {
  using type = typename M::value_type;
};
template <class M>
using module_number = typename ModuleNumber<M>::type;

template <class X>
concept Sequence = requires(X& x) {
  x.size();
  x[0];
};

/// Lists members; given to visit().
template <class T>
class Lister {
 public:
  Lister(Members<T>& list, std::string prefix, bool with_costs)
      : list_(list), prefix_(std::move(prefix)), with_costs_(with_costs) {}

  template <class X>
  void operator()(std::string_view name, X& member) const {
    constexpr bool is_buffer = std::is_same_v<X, const Buffer<T>>;
    static_assert(is_buffer || !std::is_const_v<X>,
                  "visit() must not be const: members are changed through it");
    if constexpr (is_buffer) {
      add(name, member);
    } else if constexpr (Module<X>) {
      list_module(path_of(name), member);
    } else if constexpr (Sequence<X>) {
      const Lister inner(list_, path_of(name) + ".", with_costs_);
      for (std::size_t k = 0; k < member.size(); ++k) inner(std::to_string(k), member[k]);
    } else {
      static_assert(std::is_constructible_v<Place, X*>,
                    "a module's member must be a Variable of the module's number type (a module of double "
                    "says `using value_type = double;`), buffer() of one, a module, a vector or array of "
                    "these, bool, std::uint64_t or RandomKey");
      add(name, &member);
    }
  }

  template <class M>
  void list_module(const std::string& path, M& module) const {
    constexpr bool multiplies = requires {
      { module.multiply_adds() } -> std::same_as<index_t>;
    };
    constexpr bool has_state = requires {
      { module.state_size() } -> std::same_as<index_t>;
    };
    const std::size_t mark = list_.size();
    const bool marked = (multiplies || has_state) && with_costs_;
    if (marked) list_.push_back({path, cost_mark<multiplies, has_state>(module)});
    module.visit(below(path));
    if (marked) std::get<CostMark>(list_[mark].at).members = list_.size() - mark - 1;
  }

 private:
  using Place = decltype(Member<T>::at);

  std::string path_of(std::string_view name) const;
  void add(std::string_view name, const Place& at) const;
  Lister below(const std::string& path) const;

  template <bool multiplies, bool has_state, class M>
  static CostMark cost_mark(const M& module) {
    CostMark mark;
    if constexpr (multiplies) mark.multiply_adds = module.multiply_adds();
    if constexpr (has_state) mark.state_size = module.state_size();
    return mark;
  }

  Members<T>& list_;
  std::string prefix_;
  bool with_costs_;
};

/// All members of a module and of the modules in it. What only reads them may take a const module.
template <Module M>
Members<module_number<M>> members(const M& module, bool with_costs = false) {
  Members<module_number<M>> list;
  Lister<module_number<M>>(list, "", with_costs).list_module("", const_cast<M&>(module));
  return list;
}

/// Whether `name` is `prefix` or lies below it.
bool below(std::string_view name, std::string_view prefix);

extern template class Lister<float>;
extern template class Lister<double>;

template <class T>
std::vector<NamedParameter<T>> parameters_of(const Members<T>& members);
/// Errors: UsageError where two arrays have one name: a file could hold only one of them.
template <class T>
void check_names(const Members<T>& members);
template <class T>
std::vector<NamedParameter<T>> buffers_of(const Members<T>& members);
/// Adds the members of `module`.
template <class T, Module M>
void append(Members<T>& all, const M& module) {
  constexpr bool same = std::is_same_v<module_number<M>, T>;
  static_assert(same, "parameters: the modules must have the same number type");
  if constexpr (same) {
    const Members<T> more = members(module);
    all.insert(all.end(), more.begin(), more.end());
  }
}
template <class T>
std::vector<NamedParameter<T>> pick(std::vector<NamedParameter<T>> all,
                                    const std::function<bool(std::string_view)>& which);
/// Errors: UsageError listing all names if a prefix that is not empty fits none.
template <class T>
std::vector<NamedParameter<T>> pick(std::vector<NamedParameter<T>> all, std::string_view prefix);
template <class T>
void set_training(const Members<T>& members, bool on);
template <class T>
void set_requires_grad(const Members<T>& members, std::string_view prefix, bool on);
template <class T>
void separate(const Members<T>& members);

}  // namespace detail

/// The parameters in the order of visit(), frozen ones too; tied ones once, under their first name. The names
/// are also given to the Variables, for messages; a Variable keeps the longest it was ever listed under.
/// Errors: UsageError where visit() gives two Variables the same name.
template <Module M>
auto parameters(const M& module) {
  const auto members = detail::members(module);
  detail::check_names(members);
  return detail::parameters_of(members);
}
/// Refuses what is no module.
template <class M>
requires(!Module<M>) std::vector<NamedParameter<float>> parameters(const M&) {
  static_assert(Module<M>,
                "parameters takes a module: a struct that can be copied and that shows its members by "
                "`template <class V> void visit(V&& v) { v(\"w\", w); }`, which is public and not const");
  return {};
}
/// Those that are called `prefix` or begin with "prefix."; a tied one is known by its first name only.
/// Errors: UsageError listing all names if none does.
template <Module M>
auto parameters(const M& module, std::string_view prefix) {
  return detail::pick(parameters(module), prefix);
}
/// Those whose names fulfil `which`; perhaps none.
template <Module M, std::predicate<std::string_view> F>
auto parameters(const M& module, F&& which) {
  return detail::pick(parameters(module), std::function<bool(std::string_view)>(which));
}

/// Those of several modules, under each one's own names; what they share once.
template <Module A, Module B, Module... More>
auto parameters(const A& a, const B& b, const More&... more) {
  auto all = detail::members(a);
  detail::append(all, b);
  (detail::append(all, more), ...);
  return detail::parameters_of(all);
}

/// The buffers in the order of visit(); see buffer().
template <Module M>
auto buffers(const M& module) {
  return detail::buffers_of(detail::members(module));
}

struct CountOptions {
  bool trainable_only = false;  ///< leave out frozen ones: those that do not require a gradient
};
/// The number of elements of all parameters, tied ones once, frozen ones too unless left out.
template <Module M>
index_t count_parameters(const M& module, const CountOptions& options = {}) {
  index_t count = 0;
  for (const auto& p : parameters(module))
    if (p.variable.requires_grad() || !options.trainable_only) count += p.variable.size();
  return count;
}

/// Sets training mode or evaluation mode in all modules that have one, such as Dropout.
template <Module M>
void train(M& module, bool on = true) {
  detail::set_training(detail::members(module), on);
}
/// Sets evaluation mode.
template <Module M>
void eval(M& module) {
  train(module, false);
}

/// Excludes parameters from gradients and updates, or includes them again; all of them, or those under a
/// prefix, among them tied ones of which any name lies there.
/// Errors: UsageError if there is none under it.
template <Module M>
void freeze(M& module, std::string_view prefix = "") {
  detail::set_requires_grad(detail::members(module), prefix, false);
}
/// The opposite of freeze.
template <Module M>
void unfreeze(M& module, std::string_view prefix = "") {
  detail::set_requires_grad(detail::members(module), prefix, true);
}

/// Forgets the gradients of all parameters.
template <Module M>
void zero_grad(const M& module) {
  for (auto& p : parameters(module)) p.variable.zero_grad();
}

/// A module with parameters and buffers of its own: equal values, names and ties, without gradients and
/// hooks.
template <Module M>
M clone(const M& module) {
  M copy = module;
  detail::separate(detail::members(copy));
  return copy;
}

}  // namespace unroll
