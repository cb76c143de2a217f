#pragma once
/// \file Initial values of parameters. Each function overwrites a leaf in place and returns it.
///
/// For a weight of shape (O, I, …): fan_in = I · …, fan_out = O · …. Where an array stacks the weights of G gates,
/// orthogonal() and identity() fill it as G blocks of O / G rows with `.blocks = G`; the others know no blocks.
/// Errors: UsageError for a result of an op, an empty Variable or a number out of range; ShapeError for a
///         shape that does not fit.

#include "unroll/autograd/variable.hpp"
#include "unroll/layers/default_generator.hpp"

namespace unroll::init {

/// Every element `value`.
template <class T>
Variable<T>& constant(Variable<T>& p, double value);
/// Uniform in [low, high), also where few numbers of T lie there; low itself where none does.
template <class T>
Variable<T>& uniform(Variable<T>& p, double low, double high, Generator& rng = default_generator());
/// N(mean, deviation²).
template <class T>
Variable<T>& normal(Variable<T>& p, double mean, double deviation, Generator& rng = default_generator());

/// U(−1/√n, 1/√n): PyTorch's default for linear layers with n = fan_in, for recurrent ones with n = H.
template <class T>
Variable<T>& fan_uniform(Variable<T>& p, index_t n, Generator& rng = default_generator());

/// U(−a, a), a = gain √(6 / (fan_in + fan_out)).
/// Source: Glorot and Bengio 2010.
template <class T>
Variable<T>& xavier_uniform(Variable<T>& p, double gain = 1, Generator& rng = default_generator());
/// N(0, s²), s = gain √(2 / (fan_in + fan_out)).
template <class T>
Variable<T>& xavier_normal(Variable<T>& p, double gain = 1, Generator& rng = default_generator());

/// The number of inputs or outputs of a unit.
enum class Fan { in, out };
struct KaimingOptions {
  double slope = 0;   ///< of the leaky_relu that follows; 0 for relu
  Fan fan = Fan::in;  ///< whose number keeps the variance
};
/// U(−a, a), a = √(6 / ((1 + slope²) fan)).
/// Source: He et al. 2015.
template <class T>
Variable<T>& kaiming_uniform(Variable<T>& p, const KaimingOptions& options = {},
                             Generator& rng = default_generator());
/// N(0, s²), s = √(2 / ((1 + slope²) fan)).
template <class T>
Variable<T>& kaiming_normal(Variable<T>& p, const KaimingOptions& options = {},
                            Generator& rng = default_generator());

struct BlockOptions {
  double gain = 1;  ///< a factor on all
  int blocks = 1;   ///< blocks of rows, each filled by itself: 4 for weight_hh of an LSTM
};
/// Each block with orthonormal rows or, where it has more rows than columns, columns, times gain; uniform
/// among all such matrices.
/// Source: Saxe et al. 2014.
template <class T>
Variable<T>& orthogonal(Variable<T>& p, const BlockOptions& options = {},
                        Generator& rng = default_generator());
/// Each block with gain on its diagonal, else 0.
/// Source: Le, Jaitly, Hinton 2015 (recurrent ReLU networks).
template <class T>
Variable<T>& identity(Variable<T>& p, const BlockOptions& options = {});

/// Sets the forget gate's block (the second of i, f, g, o) of an LSTM's bias (4H,). An LSTM adds two biases:
/// set one of them to the wanted sum and the other to 0.
/// Source: Jozefowicz et al. 2015.
template <class T>
Variable<T>& forget_bias(Variable<T>& bias, double value = 1);

}  // namespace unroll::init
