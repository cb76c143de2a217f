#include "unroll/autograd/dropout.hpp"

#include "unroll/detail/autograd/base/instantiate.hpp"

#include <algorithm>

#include "unroll/autograd/views.hpp"
#include "unroll/detail/autograd/core/gradient.hpp"
#include "unroll/detail/autograd/core/runs.hpp"
#include "unroll/detail/autograd/core/tape.hpp"
#include "unroll/detail/autograd/ops/op.hpp"

namespace unroll {
namespace detail {
namespace {

/// What happens to each element: 0 with probability p, else times 1 / (1 − p).
template <class T>
struct Mask {
  RandomKey key;
  double p;

  // to (+)= mask ⊙ from. NaN and ∞ are not swallowed: the mask is a factor.
  void apply(const T* from, index_t size, T* to, bool add) const {
    constexpr index_t stretch = 512;
    const auto threshold = static_cast<std::uint32_t>(std::min(std::nearbyint(p * 0x1p32), 0x1p32 - 1));
    const T scale = p < 1 ? static_cast<T>(1 / (1 - p)) : T{0};
    std::uint32_t words[stretch];
    T factors[stretch];
    RandomKey at = key;
    for (index_t i = 0; i < size; i += stretch, at.first += stretch) {
      const index_t n = std::min(stretch, size - i);
      random_words(at, {words, static_cast<std::size_t>(n)});
      for (index_t j = 0; j < n; ++j) factors[j] = words[j] < threshold ? T{0} : scale;
      store_or_add(to + i, n, add, [&](index_t j) { return from[i + j] * factors[j]; });
    }
  }
};

template <class T>
class DropoutNode final : public Node<T> {
 public:
  explicit DropoutNode(const Mask<T>& mask) : mask_(mask) {}
  static constexpr bool reads(std::size_t) { return false; }

  void backward() override {
    const T* dy = this->output_grad();
    if (!dy || !this->wants(0)) return;
    const GradSlot<T> g = open_grad(this->input(0));
    mask_.apply(dy, this->output()->shape.size(), g.data, g.add);
  }
  std::vector<Variable<T>> record_backward(const std::vector<Variable<T>>& dy) override {
    return {dropout(dy[0], mask_.p, mask_.key)};
  }
  std::string name() const override { return "dropout"; }

 private:
  Mask<T> mask_;
};

}  // namespace
}  // namespace detail

template <class T>
Variable<T> dropout(const Variable<T>& x, double p, const RandomKey& key) {
  using namespace detail;
  if (!x) fail_empty("dropout", 0);
  if (!(p >= 0 && p <= 1)) raise<UsageError>("dropout: p must lie in [0, 1]; got {}", p);
  if (key.first < 0 || key.first > (index_t{1} << 34) - x.size())
    raise<UsageError>("dropout: elements from {} on do not lie in [0, 2^34); give key.first", key.first);
  if (p == 0) return x;
  const Variable<T> from = dense(x);
  Tensor<T>* const inputs[] = {from.tensor()};
  const bool recorded = begin_op<T>("dropout", inputs);
  const TensorRef<T> out = Tape<T>::local().allocate_output(x.shape());
  const Mask<T> mask{key, p};
  mask.apply(from.tensor()->data, x.size(), out->data, false);
  return finish_op<DropoutNode<T>>(recorded, inputs, out, mask);
}

UNROLL_COMPILE_FUNCTIONS(dropout)

}  // namespace unroll
