#pragma once
/// \file ArrayView: the elements of a Variable or of a gradient, to be read.

#include "unroll/detail/autograd/core/adapt.hpp"

namespace unroll {
/// Of its own, so that calls inside xtensor with an ArrayView never find this library's `sum` and the like.
namespace arrays {
template <class T>
class ArrayView;
}
using arrays::ArrayView;
}  // namespace unroll

/// xtensor asks whether a class is an expression by its name; this one is one by its base.
template <class T>
struct xt::detail::is_crtp_base_of_impl<xt::xexpression, unroll::arrays::ArrayView<T>> : std::true_type {};

namespace unroll::arrays {

/// An array that belongs to a Variable, in row-major order, as an xtensor expression that cannot be written through.
/// Lifetime: that of the Variable. Of a slice that is not in one piece it is a copy.
template <class T>
class ArrayView : private detail::InOnePiece<T>, public detail::ConstAdaptor<T> {
 public:
  /// Pieces of `run` elements that begin `pitch` elements apart.
  ArrayView(const T* data, const Shape& shape, index_t run, index_t pitch)
      : detail::InOnePiece<T>(data, shape.size(), run, pitch),
        detail::ConstAdaptor<T>(detail::adapt_dense(detail::InOnePiece<T>::first(), shape)) {}
  /// Of the same array.
  ArrayView(const ArrayView&) = default;

  ArrayView& operator=(const ArrayView&) = delete;
  /// Refused.
  template <class E>
  void operator=(E&&) {
    refuse<E>();
  }
  /// Refused.
  template <class E>
  void operator+=(E&&) {
    refuse<E>();
  }
  /// Refused.
  template <class E>
  void operator-=(E&&) {
    refuse<E>();
  }
  /// Refused.
  template <class E>
  void operator*=(E&&) {
    refuse<E>();
  }
  /// Refused.
  template <class E>
  void operator/=(E&&) {
    refuse<E>();
  }

 private:
  template <class E>
  static void refuse() {
    static_assert(detail::never<E>, "value() and grad() are read-only: change a Variable by update()");
  }
};

}  // namespace unroll::arrays
