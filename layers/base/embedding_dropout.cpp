#include "unroll/layers/embedding_dropout.hpp"

#include "unroll/detail/autograd/base/instantiate.hpp"

#include "unroll/autograd/dropout.hpp"
#include "unroll/autograd/functions.hpp"

namespace unroll {

template <class T>
EmbeddingDropout<T>::EmbeddingDropout(double p, const RandomKey& key) : p_(p), key_(key) {
  if (!(p >= 0 && p <= 1)) raise<UsageError>("embedding_dropout: p must be in [0, 1]; got {}", p);
}

template <class T>
Variable<T> EmbeddingDropout<T>::operator()(const Embedding<T>& table, const Indices& tokens) const {
  Variable<T> y = table(tokens);
  if (!training_ || p_ == 0) return y;
  // A factor for each row of the table, looked up as the rows are: the table itself is not copied.
  const Variable<T> rows = dropout(Variable<T>({table.weight.shape()[0], 1}, T{1}), p_, key_);
  ++key_.step;
  return y * embedding(rows, tokens);
}

UNROLL_COMPILE_TYPES(class EmbeddingDropout)

}  // namespace unroll
