#pragma once
/// \file Scaling and filling of columns, saved with a model.

#include <vector>

#include "unroll/data/scaling.hpp"
#include "unroll/layers/module.hpp"

namespace unroll {

/// A module that has no parameters, but buffers: the scaling and the filling of each column of a model's data. As a member
/// of a model it is saved and loaded with the weights.
/// Numbers are kept as two of T, so that a model of float has them in (almost) double: to 48 bits. A fresh one and a loaded
/// one give the same.
template <class T>
class SavedColumns {
 public:
  using value_type = T;  ///< for the module conventions

  /// Room for the numbers of `columns` columns, to be loaded.
  /// Errors: UsageError if columns < 0.
  explicit SavedColumns(std::int64_t columns = 0);
  /// Those that were fitted.
  /// Errors: UsageError if there are more of one than of the other; DataError for a number that T cannot hold.
  SavedColumns(const std::vector<ColumnScaling>& scaling, const std::vector<ColumnFilling>& filling);

  template <class V>
  void visit(V&& v) {
    v("kinds", buffer(kinds_)), v("scaling", buffer(scaling_)), v("filling", buffer(filling_));
  }

  /// The number of columns.
  std::int64_t columns() const;
  /// The scaling of each column.
  /// Errors: DataError if what was loaded is none.
  std::vector<ColumnScaling> scaling() const;
  /// The filling of each column.
  /// Errors: DataError if what was loaded is none.
  std::vector<ColumnFilling> filling() const;

 private:
  Variable<T> kinds_;    // (columns, 3): kind of scaling, rule of filling, indicator
  Variable<T> scaling_;  // (columns, 4): shift and scale, each as a sum of two
  Variable<T> filling_;  // (columns, 2): the mean, as a sum of two
};

extern template class SavedColumns<float>;
extern template class SavedColumns<double>;

}  // namespace unroll
