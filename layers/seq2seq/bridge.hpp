#pragma once
/// \file The bridge from an encoder's final state to a decoder's first.

#include "unroll/layers/linear_layer.hpp"

namespace unroll {

/// What:   each member of the state of layer k, s_k = tanh(W_k [forward; backward] + b_k), from the final
///         states of the encoder's layer k in all its directions.
/// Shapes: final members (D·L, B, F), as Recurrent returns them → (B, G), for each layer its members.
/// Source: Bahdanau, Cho, Bengio 2015, appendix A.2.2, where it is the backward state of the only layer.
template <class T = float>
class Bridge {
 public:
  using value_type = T;

  Bridge() = default;
  /// `from` and `to` have F and G of each member.
  /// Errors: UsageError for layers below 1 or above 65,536, or directions other than 1 and 2; ShapeError for sizes
  ///         out of range.
  Bridge(int layers, int directions, const std::vector<index_t>& from, const std::vector<index_t>& to,
         Generator& rng = default_generator());

  std::vector<Variable<T>> operator()(const std::vector<Variable<T>>& final_members) const;

  template <class V>
  void visit(V&& v) {
    v("maps", maps_);
  }

 private:
  int layers_ = 0, directions_ = 0;
  std::vector<Linear<T>> maps_;
};

extern template class Bridge<float>;
extern template class Bridge<double>;

}  // namespace unroll
