#include "unroll/detail/layers/scan/stack_output.hpp"

#include "unroll/detail/autograd/base/instantiate.hpp"

namespace unroll::detail {

template <class T>
void StackOutput<T>::check_output(const Variable<T>& h) {
  if (!h) raise<UsageError>("scan: the step returned an empty state; return one Variable for each member");
  if (steps_ == 0) {
    if (joined_ && (h.rank() < 1 || h.shape()[0] != count_)) {
      raise<ShapeError>(
          "scan: with lengths or recomputation the hidden state must have a row for each of {} sequences; "
          "got {}",
          count_, h.shape().str());
    }
    unit_ = joined_ ? h.shape().without(0) : h.shape();
    if (unit_.rank() == Shape::max_rank)
      raise<ShapeError>("scan: states have at most rank {}; got {}", Shape::max_rank - 1, unit_.str());
    return;
  }
  const Shape expected = joined_ ? unit_.inserted(0, count_) : unit_;
  if (!(h.shape() == expected)) {
    raise<ShapeError>("scan: the hidden state changed its shape from {} to {} after {} steps", expected.str(),
                      h.shape().str(), steps_);
  }
}

UNROLL_COMPILE_TYPES(class StackOutput)

}  // namespace unroll::detail
