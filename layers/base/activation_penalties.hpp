#pragma once
/// \file What is added to a loss so that hidden states stay small and change slowly.

#include "unroll/autograd/indices.hpp"
#include "unroll/autograd/variable.hpp"

namespace unroll {

/// What:   α · mean of y²: large activations cost. AWD-LSTM takes it of the output of the last layer after dropout.
/// Shapes: y (T, B, …) → a number. With lengths (B,) the mean is over the true steps alone.
/// Errors: ShapeError for y of rank below 2 and lengths of another shape; IndexError for a length outside 0 … T;
///         UsageError for a strength that is negative or not finite.
/// Source: Merity, McCann, Socher 2017, "Revisiting activation regularization for language RNNs", with the mean of
///         squares that AWD-LSTM (Merity, Keskar, Socher 2018) takes.
template <class T>
Variable<T> activation_regularisation(const Variable<T>& y, double strength, const Indices& lengths = {});

/// What:   β · mean of (y_t − y_{t−1})²: what changes fast costs; 0 where no sequence has two steps. AWD-LSTM takes it of
///         the output of the last layer before dropout.
/// Shapes: as above; a sequence of n steps has n − 1 differences.
/// Errors: as above.
/// Source: as above.
template <class T>
Variable<T> temporal_activation_regularisation(const Variable<T>& y, double strength,
                                               const Indices& lengths = {});

}  // namespace unroll
