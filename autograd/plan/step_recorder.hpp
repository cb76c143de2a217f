#pragma once  // internal
/// \file How a step is taken down: the nodes that it records become kernels, their tensors places in memory.

#include <functional>
#include <string>
#include <unordered_map>

#include "unroll/detail/autograd/core/step_planner.hpp"
#include "unroll/detail/autograd/plan/step_program.hpp"

namespace unroll::detail {

/// What a step gives: an output, and each member of the state after it.
template <class T>
struct StepValues {
  Variable<T> output;
  std::vector<Variable<T>> state;
};
/// A step as a function of an input and of the state's members.
template <class T>
using StepFunction = std::function<StepValues<T>(const Variable<T>&, const std::vector<Variable<T>>&)>;

/// Writes the kernels of one step into a program.
template <class T>
class StepRecorder final : public StepPlanner<T> {
 public:
  using Place = typename StepProgram<T>::Place;
  using Kernel = typename StepProgram<T>::Kernel;
  StepRecorder(std::string_view caller, StepProgram<T>& program) : caller_(caller), program_(program) {}

  /// Records the step.
  void record(const StepFunction<T>& step, const Shape& x, const std::vector<Variable<T>>& initial);

  void fused(const Node<T>& node, const FusedCode<T>& code, const T* numbers) override;
  void affine(const Node<T>& node, const Tensor<T>* addend,
              std::span<const typename StepPlanner<T>::Term> terms, Precision precision) override;
  void parts(const Node<T>& node) override;
  void other(const Node<T>& node, typename StepPlanner<T>::Run run) override;
  void sums(const Node<T>& node, const Shape& kept) override;
  void products(const Node<T>& node, StepProducts products) override;

 private:
  using Kind = typename Kernel::Kind;
  void take_down(const Node<T>& node);
  void take_down_ops_of(const Node<T>& node);
  void carry(const std::vector<Variable<T>>& after);
  Kernel& add_kernel(Kind kind, index_t size, std::vector<Place> in, std::vector<Place> out);
  bool is_constant(const Tensor<T>& t) const { return !places_.contains(&t); }
  Place place_of(const Tensor<T>& t);
  Place spread(const Tensor<T>& t);
  Place repeated(const Tensor<T>& t, const Shape& shape);
  Place moved(const Place& from, StepMove move, index_t size);
  Place new_value(const Tensor<T>& t);
  Place new_constant(const T* from, index_t size, index_t copies = 1);
  Place add(const Place& a, const Place& b, index_t size);
  [[noreturn]] void refuse(const std::string& why) const;

  std::string_view caller_;
  StepProgram<T>& program_;
  std::unordered_map<const Tensor<T>*, Place> places_, constants_;
  std::unordered_map<const Tensor<T>*, std::shared_ptr<const blas::RowProduct<T>>> weights_, weights16_;
  std::vector<T> numbers_;         // the constants so far
  std::vector<Variable<T>> kept_;  // the results of simpler ops
};

}  // namespace unroll::detail
