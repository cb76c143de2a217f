#include "unroll/autograd/creation.hpp"

#include <cmath>

#include "unroll/detail/autograd/base/instantiate.hpp"
#include "unroll/detail/autograd/core/nested_list.hpp"

namespace unroll {
namespace {

template <class T>
std::span<T> elements(const Variable<T>& x) {
  return {x.tensor()->data, static_cast<std::size_t>(x.size())};
}

// The extents of a nested list, as far as the first element of each list tells.
template <class T>
Shape shape_of(const detail::NestedList<T>& list) {
  std::vector<index_t> extents;
  const detail::NestedList<T>* at = &list;
  while (at && at->nested) {
    extents.push_back(static_cast<index_t>(at->items.size()));
    at = at->items.begin() == at->items.end() ? nullptr : at->items.begin();
  }
  return Shape(extents.begin(), extents.end());
}

// Writes the numbers in row-major order.
// Errors: ShapeError where the list is not a whole array of this shape.
template <class T>
void write(const detail::NestedList<T>& list, const Shape& shape, int axis, T*& to) {
  const bool fits = axis == shape.rank()
                        ? !list.nested
                        : list.nested && static_cast<index_t>(list.items.size()) == shape[axis];
  if (!fits)
    raise<ShapeError>("from: the lists must have equal lengths and depths; the first ones give {}",
                      shape.str());
  if (!list.nested) *to++ = list.value;
  for (const detail::NestedList<T>& item : list.items) write(item, shape, axis + 1, to);
}

}  // namespace

template <class T>
Variable<T> Variable<T>::from(const Shape& shape, std::span<const T> values) {
  if (static_cast<std::size_t>(shape.size()) != values.size())
    raise<ShapeError>("from: need {} elements for the shape {}; got {}", shape.size(), shape.str(),
                      values.size());
  Variable x = uninitialised(shape);
  std::copy(values.begin(), values.end(), x.tensor()->data);
  return x;
}

template <class T>
Variable<T> Variable<T>::from(const detail::NestedList<T>& list) {
  Variable x = uninitialised(shape_of(list));
  T* to = x.tensor()->data;
  write(list, x.shape(), 0, to);
  return x;
}

template <class T>
Variable<T> full(const Shape& shape, std::type_identity_t<T> fill) {
  return Variable<T>(shape, fill);
}

template <class T>
Variable<T> zeros(const Shape& shape) {
  return Variable<T>(shape, T{0});
}

template <class T>
Variable<T> ones(const Shape& shape) {
  return Variable<T>(shape, T{1});
}

template <class T>
Variable<T> randn(const Shape& shape, Generator& generator, double mean, double deviation) {
  auto x = Variable<T>::uninitialised(shape);
  generator.fill_normal(elements(x), mean, deviation);
  return x;
}

template <class T>
Variable<T> uniform(const Shape& shape, Generator& generator, double low, double high) {
  auto x = Variable<T>::uninitialised(shape);
  generator.fill_uniform(elements(x), low, high);
  return x;
}

template <class T>
Variable<T> arange(std::type_identity_t<T> begin, std::type_identity_t<T> end, std::type_identity_t<T> step) {
  const double count =
      std::ceil((static_cast<double>(end) - static_cast<double>(begin)) / static_cast<double>(step));
  if (!(std::abs(count) < 1e15))
    raise<UsageError>("arange: from {} to {} in steps of {} is no finite number of elements", begin, end,
                      step);
  auto x = Variable<T>::uninitialised({std::max(index_t{0}, static_cast<index_t>(count))});
  for (index_t k = 0; T & element : elements(x)) element = begin + static_cast<T>(k++) * step;
  return x;
}

template Variable<float> Variable<float>::from(const Shape&, std::span<const float>);
template Variable<double> Variable<double>::from(const Shape&, std::span<const double>);
template Variable<float> Variable<float>::from(const detail::NestedList<float>&);
template Variable<double> Variable<double>::from(const detail::NestedList<double>&);
UNROLL_COMPILE_FUNCTIONS(zeros, ones, full, randn, uniform)
template Variable<float> arange<float>(float, float, float);
template Variable<double> arange<double>(double, double, double);

}  // namespace unroll
