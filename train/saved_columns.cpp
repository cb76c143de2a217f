#include "unroll/train/saved_columns.hpp"

#include <cmath>
#include <limits>

namespace unroll {
namespace {

/// The number that a buffer keeps as a sum of two.
template <class T>
double whole_of(const T* parts) {
  return static_cast<double>(parts[0]) + static_cast<double>(parts[1]);
}

template <class T>
void keep_whole(double value, T* parts) {
  if (!(std::abs(value) <= static_cast<double>(std::numeric_limits<T>::max())))
    raise<DataError>("SavedColumns: need numbers that the model's type can hold; got {}", value);
  parts[0] = static_cast<T>(value);
  parts[1] = static_cast<T>(value - static_cast<double>(parts[0]));
}

/// A number below `count` that a buffer keeps as one of T.
template <class T>
int choice_of(T value, int count, std::string_view what) {
  if (!(value >= T(0) && value < T(count)) || value != std::floor(value))
    raise<DataError>("saved columns: need a {} from 0 to {}; got {}", what, count - 1, value);
  return static_cast<int>(value);
}

double finite_whole(double value, std::string_view what) {
  if (!std::isfinite(value)) raise<DataError>("saved columns: need a finite {}; got {}", what, value);
  return value;
}

}  // namespace

template <class T>
SavedColumns<T>::SavedColumns(std::int64_t count) {
  if (count < 0)
    raise<UsageError>("SavedColumns: need a number of columns that is not negative; got {}", count);
  kinds_ = Variable<T>({count, 3}, T(0));
  scaling_ = Variable<T>({count, 4}, T(0));
  filling_ = Variable<T>({count, 2}, T(0));
  for (std::int64_t c = 0; c < count; ++c) scaling_.mutable_data()[4 * c + 2] = 1;
}

template <class T>
SavedColumns<T>::SavedColumns(const std::vector<ColumnScaling>& scaling,
                              const std::vector<ColumnFilling>& filling)
    : SavedColumns(std::ssize(scaling)) {
  if (scaling.size() != filling.size())
    raise<UsageError>("SavedColumns: need as many fillings as scalings; got {} and {}", filling.size(),
                      scaling.size());
  T *kinds = kinds_.mutable_data(), *scales = scaling_.mutable_data(), *means = filling_.mutable_data();
  for (std::size_t c = 0; c < scaling.size(); ++c) {
    kinds[3 * c] = static_cast<T>(static_cast<int>(scaling[c].kind));
    kinds[3 * c + 1] = static_cast<T>(static_cast<int>(filling[c].rule));
    kinds[3 * c + 2] = filling[c].indicator ? T(1) : T(0);
    keep_whole(scaling[c].shift, scales + 4 * c);
    keep_whole(scaling[c].scale, scales + 4 * c + 2);
    keep_whole(filling[c].mean, means + 2 * c);
  }
}

template <class T>
std::int64_t SavedColumns<T>::columns() const {
  return kinds_.shape()[0];
}

template <class T>
std::vector<ColumnScaling> SavedColumns<T>::scaling() const {
  std::vector<ColumnScaling> scaling;
  for (std::int64_t c = 0; c < columns(); ++c) {
    const T* const numbers = scaling_.data() + 4 * c;
    const auto kind = static_cast<ScalingKind>(choice_of(kinds_.data()[3 * c], 5, "kind of scaling"));
    const double scale = finite_whole(whole_of(numbers + 2), "scale");
    if (!(scale > 0)) raise<DataError>("saved columns: need a scale above 0; got {}", scale);
    scaling.push_back({kind, finite_whole(whole_of(numbers), "shift"), scale});
  }
  return scaling;
}

template <class T>
std::vector<ColumnFilling> SavedColumns<T>::filling() const {
  std::vector<ColumnFilling> filling;
  for (std::int64_t c = 0; c < columns(); ++c) {
    const T* const kinds = kinds_.data() + 3 * c;
    filling.push_back({static_cast<FillRule>(choice_of(kinds[1], 2, "rule of filling")),
                       finite_whole(whole_of(filling_.data() + 2 * c), "mean"),
                       choice_of(kinds[2], 2, "mark of an indicator") == 1});
  }
  return filling;
}

template class SavedColumns<float>;
template class SavedColumns<double>;

}  // namespace unroll
