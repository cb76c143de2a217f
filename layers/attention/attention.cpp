#include "unroll/layers/attention.hpp"

#include "unroll/detail/autograd/base/instantiate.hpp"

#include <limits>

#include "unroll/autograd/functions.hpp"
#include "unroll/autograd/matmul.hpp"
#include "unroll/autograd/softmax.hpp"
#include "unroll/autograd/views.hpp"
#include "unroll/detail/layers/base/checks.hpp"
#include "unroll/layers/pooling.hpp"
#include "unroll/layers/recurrent_options.hpp"

namespace unroll {

template <class T>
Attention<T>::Attention(AttentionKind kind, const AttentionSizes& sizes, Generator& rng) {
  if (sizes.query < 1 || sizes.memory < 1 || sizes.hidden < 0) {
    raise<ShapeError>("attention: need sizes of query and memory from 1; got {} and {}, hidden {}",
                      sizes.query, sizes.memory, sizes.hidden);
  }
  sizes_ = sizes;
  switch (kind) {
    case AttentionKind::additive:
      score_ = AdditiveScore<T>(sizes, rng);
      break;
    case AttentionKind::dot:
      score_ = DotScore<T>(sizes, rng);
      break;
    case AttentionKind::general:
      score_ = GeneralScore<T>(sizes, rng);
      break;
    case AttentionKind::scaled_dot:
      score_ = ScaledDotScore<T>(sizes, rng);
      break;
  }
}

template <class T>
AttentionMemory<T> Attention<T>::memory(const Variable<T>& outputs, const Indices& lengths) const {
  if (sizes_.memory == 0) detail::fail_empty_layer("attention");
  if (!outputs) detail::fail_empty("attention", 0);
  if (outputs.rank() != 3 || outputs.shape()[2] != sizes_.memory ||
      (lengths.size() > 0 && !(lengths.shape() == Shape{outputs.shape()[1]}))) {
    raise<ShapeError>("attention: need outputs (S, B, {}) and lengths (B,) or none; got {} and {}",
                      sizes_.memory, outputs.shape().str(), lengths.shape().str());
  }
  const index_t steps = outputs.shape()[0], batch = outputs.shape()[1];
  detail::check_lengths("attention", lengths, steps);
  const Variable<T> values = permute(detail::without_padding(outputs, lengths), {1, 0, 2});
  const Variable<T> mask = lengths.size() == 0
                               ? Variable<T>({batch, steps}, T{1})
                               : transpose(reshape(length_mask<T>(lengths, steps), {steps, batch}), 0, 1);
  return {std::visit([&](const auto& score) { return score.keys(values); }, score_), values, mask};
}

template <class T>
Attended<T> Attention<T>::operator()(const Variable<T>& query, const AttentionMemory<T>& memory) const {
  if (sizes_.query == 0) detail::fail_empty_layer("attention");
  if (!query || !memory.values) detail::fail_empty("attention", !query ? 0 : 1);
  const index_t batch = memory.mask.shape()[0], steps = memory.mask.shape()[1];
  if (query.rank() < 2 || query.rank() > 3 || query.shape()[0] != batch || query.shape(-1) != sizes_.query) {
    raise<ShapeError>(
        "attention: need a query (B, {0}) or (B, N, {0}) for a memory of {1} sequences; got {2}",
        sizes_.query, batch, query.shape().str());
  }
  const bool single = query.rank() == 2;
  const Variable<T> queries = single ? reshape(query, query.shape().inserted(1, 1)) : query;
  const Variable<T> scores =
      std::visit([&](const auto& score) { return score(queries, memory.keys); }, score_);
  constexpr T never = -std::numeric_limits<T>::infinity();
  const Variable<T> weights = softmax(where(reshape(memory.mask, {batch, 1, steps}), scores, never));
  const Variable<T> context = matmul(weights, memory.values);
  if (!single) return {context, weights};
  return {reshape(context, context.shape().without(1)), reshape(weights, {batch, steps})};
}

UNROLL_COMPILE_TYPES(class Attention)

}  // namespace unroll
