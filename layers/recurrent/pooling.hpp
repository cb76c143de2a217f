#pragma once
/// \file One vector for a whole sequence: mean or maximum over its true length. The last hidden state is
/// Recurrent::last().

#include "unroll/autograd/indices.hpp"

namespace unroll {

/// What:   1 at the steps of each sequence, 0 beyond its end, as a constant.
/// Shapes: lengths (B,) → (T, B, 1).
/// Errors: IndexError for a length outside 0 … T.
template <class T>
Variable<T> length_mask(const Indices& lengths, index_t time);

/// What:   the mean of y over the steps of each sequence; 0 for an empty one.
/// Shapes: y (T, B, F), lengths (B,), or empty where all are T → (B, F).
/// Without lengths the zeros beyond a sequence's end take part.
/// Errors: ShapeError and IndexError where they do not fit.
template <class T>
Variable<T> mean_over_time(const Variable<T>& y, const Indices& lengths = {});

/// What:   the largest value of each feature over the steps of each sequence.
/// Shapes: as above.
/// Without lengths the zeros beyond a sequence's end take part.
/// Errors: UsageError for an empty sequence; as above.
template <class T>
Variable<T> max_over_time(const Variable<T>& y, const Indices& lengths = {});

}  // namespace unroll
