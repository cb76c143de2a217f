#include "unroll/autograd/recompute.hpp"

#include "unroll/autograd/precision.hpp"
#include "unroll/detail/autograd/base/instantiate.hpp"
#include "unroll/detail/autograd/core/gradient.hpp"
#include "unroll/detail/autograd/core/tape.hpp"

#include <algorithm>

#include "unroll/detail/autograd/core/subpass.hpp"

namespace unroll {
namespace detail {
namespace {

template <class T>
using Function = std::function<std::vector<Variable<T>>()>;

/// Inputs: all that f read from outside; outputs: copies of what it returned.
template <class T>
class RecomputeNode final : public Node<T> {
 public:
  explicit RecomputeNode(Function<T> f) : f_(std::move(f)) {}

  void backward() override {
    std::vector<TensorRef<T>> roots;
    std::vector<Variable<T>> seeds;
    Subpass<T> pass;
    const MatmulPrecision scope(precision_);
    std::vector<Variable<T>> results = f_();
    if (results.size() != this->output_count()) {
      raise<UsageError>("recompute: the function returned {} results, and {} when it ran again",
                        this->output_count(), results.size());
    }
    for (std::size_t k = 0; k < results.size(); ++k) {
      Tensor<T>* out = this->output(k);
      if (!out || !this->output_grad(k)) continue;
      if (!(results[k].shape() == out->shape)) {
        raise<UsageError>("recompute: result {} was {} at first, and {} when the function ran again", k + 1,
                          out->shape.str(), results[k].shape().str());
      }
      if (!results[k].requires_grad()) continue;
      const GradSlot<T> g = grad_layout(*out);
      roots.push_back(std::move(results[k]).ref());
      seeds.push_back(Variable<T>(Tensor<T>::alias(out->grad_storage, g.data, out->shape, g.run, g.pitch)));
    }
    results.clear();
    pass.backward(roots, seeds);
    if (!this->retaining()) f_ = nullptr;
  }

  std::string name() const override { return "recompute"; }

 private:
  Function<T> f_;
  Precision precision_ = MatmulPrecision::current();
};

}  // namespace

}  // namespace detail

template <class T>
std::vector<Variable<T>> recompute(std::function<std::vector<Variable<T>>()> f) {
  using namespace detail;
  if (!f) raise<UsageError>("recompute: the function is empty");
  if (NoGrad::active()) return f();
  std::vector<TensorRef<T>> outside;
  std::vector<Variable<T>> results, copies, outputs;
  bool recorded = false;
  {
    const Subpass<T> pass;
    results = f();
    outside = pass.read_from_outside();
    for (std::size_t k = 0; k < results.size(); ++k) {
      const Variable<T>& r = results[k];
      if (!r) raise<UsageError>("recompute: result {} is an empty Variable", k + 1);
      recorded = recorded || r.requires_grad();
      if (!r.requires_grad() || !pass.is_outside(*r.tensor())) continue;
      const auto same = [&](const TensorRef<T>& t) { return t.get() == r.tensor(); };
      if (std::none_of(outside.begin(), outside.end(), same)) outside.push_back(r.ref());
    }
  }
  for (Variable<T>& r : results) {  // an output allocator may know where they belong
    const Variable<T> copy(Tape<T>::local().allocate_output(r.shape()));
    copy_dense(*r.tensor(), copy.tensor()->data);
    outputs.push_back(r.requires_grad() ? copy : Variable<T>());
    copies.push_back(copy);
    r = {};
  }
  if (!recorded) return copies;
  PoolVector<Tensor<T>*> inputs;
  for (const TensorRef<T>& t : outside) inputs.push_back(t.get());
  record_op<RecomputeNode<T>>(inputs, outputs, std::move(f));
  return copies;
}

UNROLL_COMPILE_FUNCTIONS(recompute)

}  // namespace unroll
