#pragma once  // internal
/// \file A step of a network as a list of statements over arrays, which are then written as C.

#include <map>
#include <string>
#include <unordered_map>
#include <vector>

#include "unroll/detail/autograd/core/step_planner.hpp"
#include "unroll/detail/autograd/fused/code.hpp"

namespace unroll::detail {

/// An array of a script: a constant, an input of the step, a member of the state, or what a statement makes; or a part of
/// another one.
template <class T>
struct ScriptValue {
  enum class Kind : std::uint8_t { constant, input, state, made };
  Kind kind;
  Shape shape;
  std::string name;
  std::vector<T> numbers = {};  ///< of a constant
  int whole = -1;               ///< the value that it is a part of, from `first` on
  index_t first = 0;
};

/// What one op does; values by their numbers.
template <class T>
struct ScriptStatement {
  enum class Kind : std::uint8_t { fused, affine, moves, sums, products, normalised };
  struct Term {
    int x, w, b;  ///< b: −1 if there is none
  };
  Kind kind;
  std::string op;     ///< its name in the library
  std::size_t group;  ///< the part of the network that it belongs to
  std::vector<int> in, out;
  const FusedCode<T>* code = nullptr;  ///< fused
  std::vector<T> numbers = {};         ///< fused
  int addend = -1;                     ///< affine
  std::vector<Term> terms = {};        ///< affine
  std::vector<StepMove> move = {};     ///< moves; sums: from the sum to its terms
  StepProducts product = {};           ///< products
  StepNorm norm = {};                  ///< normalised
};

template <class T>
struct Script {
  struct Carried {
    std::string name;
    int before, after;
    std::vector<T> first;  ///< its initial value
  };
  std::vector<ScriptValue<T>> values;
  std::vector<ScriptStatement<T>> statements;
  std::vector<std::string> groups;  ///< the parts of the network, in the order in which they run
  std::vector<Carried> carried;
  int input = 0, output = 0;
};

/// A member of the state that a step begins with.
template <class T>
struct ScriptState {
  std::string name;
  Variable<T> first;
};

/// Runs and records a step.
template <class T>
class ScriptRecorder final : public StepPlanner<T> {
 public:
  /// `parameters` by name, for comments.
  ScriptRecorder(std::string_view caller, std::vector<std::pair<std::string, Variable<T>>> parameters);
  ~ScriptRecorder();

  /// Given the input and the members of the state, the step calls `end_part` after each part of the network, with all that it
  /// has computed and goes on with; it returns the output, and the members of the next state.
  using EndPart = std::function<void(const std::string& name, const std::vector<Variable<T>>& values)>;
  using Step = std::function<std::pair<Variable<T>, std::vector<Variable<T>>>(
      const Variable<T>& x, const std::vector<Variable<T>>& state, const EndPart& end_part)>;
  /// Errors: UsageError for an op that cannot be written as C.
  Script<T> record(const Step& step, const Shape& x, const std::vector<ScriptState<T>>& state);

  void fused(const Node<T>& node, const FusedCode<T>& code, const T* numbers) override;
  void affine(const Node<T>& node, const Tensor<T>* addend,
              std::span<const typename StepPlanner<T>::Term> terms, Precision precision) override;
  void parts(const Node<T>& node) override;
  void other(const Node<T>& node, typename StepPlanner<T>::Run run) override;
  void moves(const Node<T>& node, std::vector<StepMove> moves) override;
  void sums(const Node<T>& node, const Shape& kept) override;
  void products(const Node<T>& node, StepProducts products) override;
  void normalised(const Node<T>& node, const StepNorm& norm, typename StepPlanner<T>::Run run) override;

 private:
  using Statement = ScriptStatement<T>;
  void take_down(const Node<T>& node);
  Statement& add(typename Statement::Kind kind, const Node<T>& node);
  bool is_constant(const Tensor<T>& t) const { return !numbers_.contains(&t); }
  int number_of(const Tensor<T>& t);
  int new_value(const Tensor<T>& t, typename ScriptValue<T>::Kind kind, std::string name);

  std::string_view caller_;
  Script<T> script_;
  std::vector<std::pair<std::string, Variable<T>>> parameters_;
  std::unordered_map<const Tensor<T>*, int> numbers_, constants_;
  std::map<const Node<T>*, std::size_t> groups_;
  std::size_t group_ = 0;
  std::vector<Variable<T>> kept_;
};

extern template class ScriptRecorder<float>;
extern template class ScriptRecorder<double>;

}  // namespace unroll::detail
