#include "unroll/layers/embedding.hpp"

#include "unroll/detail/autograd/base/instantiate.hpp"

#include <algorithm>

#include "unroll/layers/init.hpp"

namespace unroll {

template <class T>
Embedding<T>::Embedding(index_t vocabulary, index_t size, const EmbeddingOptions& options, Generator& rng)
    : padding_index_(options.padding_index) {
  if (vocabulary < 1 || size < 1) {
    raise<ShapeError>("embedding: need at least 1 token and 1 feature; got {} and {}", vocabulary, size);
  }
  if (padding_index_ && (*padding_index_ < 0 || *padding_index_ >= vocabulary)) {
    raise<IndexError>("embedding: padding_index must be in [0, {}); got {}", vocabulary, *padding_index_);
  }
  weight = Variable<T>::uninitialised({vocabulary, size});
  init::normal(weight, 0, 1, rng).requires_grad(true);
  if (padding_index_) {
    weight.update([&](auto& w) { std::fill_n(w.data() + *padding_index_ * size, size, T{0}); });
  }
}

UNROLL_COMPILE_TYPES(class Embedding)

}  // namespace unroll
