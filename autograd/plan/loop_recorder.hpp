#pragma once  // internal
/// \file How a step that has been recorded on the tape is taken down as a program.

#include <span>
#include <string>
#include <unordered_map>

#include "unroll/detail/autograd/core/step_planner.hpp"
#include "unroll/detail/autograd/plan/loop_program.hpp"

namespace unroll::detail {

/// What a step was given and what it returned.
template <class T>
struct LoopStep {
  Variable<T> input;
  std::vector<Variable<T>> before, after;  ///< the members of the state
  const Tensor<T>* output = nullptr;       ///< one of `after`
  std::vector<Node<T>*> nodes = {};        ///< that it recorded, in order
};

/// Takes down one step.
template <class T>
class LoopRecorder final : public StepPlanner<T> {
 public:
  /// Why the step cannot be a program is said by refusal().
  explicit LoopRecorder(const LoopStep<T>& step);
  const std::string& refusal() const { return refusal_; }
  LoopProgram<T>& program() { return program_; }

  void fused(const Node<T>& node, const FusedCode<T>& code, const T* numbers) override;
  void affine(const Node<T>& node, const Tensor<T>* addend,
              std::span<const typename StepPlanner<T>::Term> terms, Precision precision) override;
  void parts(const Node<T>& node) override;
  void other(const Node<T>& node, typename StepPlanner<T>::Run run) override;

 private:
  using Kernel = LoopKernel<T>;
  using Kind = typename Kernel::Kind;
  bool begin(const LoopStep<T>& step);
  void finish(const LoopStep<T>& step);
  void check_cuts();
  void check_weights();
  void check_input(const Tensor<T>& x);
  void check_overlaps(const LoopStep<T>& step);
  Kernel& add_kernel(Kind kind, const Node<T>& node, index_t size);
  void add_outputs(Kernel& kernel, const Node<T>& node);
  LoopPlace place_of(const Tensor<T>& t);
  void refuse(std::string why) {
    if (refusal_.empty()) refusal_ = std::move(why);
  }

  LoopProgram<T> program_;
  std::unordered_map<const Tensor<T>*, LoopPlace> places_;
  std::string refusal_;
};

/// Whether two steps are the same program.
template <class T>
bool same_program(const LoopProgram<T>& a, const LoopProgram<T>& b);

}  // namespace unroll::detail
