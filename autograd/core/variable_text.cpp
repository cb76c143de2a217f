#include "unroll/detail/autograd/core/format.hpp"

#include <ostream>

#include "unroll/autograd/variable.hpp"

namespace unroll {
namespace {

// NumPy's: of arrays with more elements, three at each end of an axis are shown.
constexpr index_t most_elements = 1000, edge = 3;

/// The elements of an array in nested brackets, right-aligned.
class ArrayText {
 public:
  /// `element(i)` is the text of element i, in row-major order.
  template <class F>
  ArrayText(const Shape& shape, F&& element) : shape_(shape), shortened_(shape.size() > most_elements) {
    for_shown(0, 0, [&](index_t i) {
      cells_.push_back(element(i));
      width_ = std::max(width_, cells_.back().size());
    });
  }
  std::string str() {
    write(0);
    return std::move(text_);
  }

 private:
  bool has_gap(int axis) const { return shortened_ && shape_[axis] > 2 * edge; }

  // Calls f(number) for each element that is shown.
  template <class F>
  void for_shown(int axis, index_t first, F&& f) {
    if (axis == shape_.rank()) return f(first);
    for (index_t k = 0; k < shape_[axis]; ++k) {
      if (has_gap(axis) && k == edge) k = shape_[axis] - edge;
      for_shown(axis + 1, first * shape_[axis] + k, f);
    }
  }

  void write(int axis) {
    if (axis == shape_.rank()) {
      text_ += fmt::format("{:>{}}", cells_[next_++], width_);
      return;
    }
    text_ += '[';
    for (index_t k = 0; k < shape_[axis]; ++k) {
      if (k > 0) separate(axis);
      if (has_gap(axis) && k == edge) {
        text_ += "...";
        separate(axis);
        k = shape_[axis] - edge;
      }
      write(axis + 1);
    }
    text_ += ']';
  }

  // Matrices stand an empty line apart.
  void separate(int axis) {
    const int below = shape_.rank() - 1 - axis;
    text_ += below == 0 ? ", " : ",";
    text_.append(static_cast<std::size_t>(below), '\n');
    if (below > 0) text_.append(static_cast<std::size_t>(axis) + 1, ' ');
  }

  Shape shape_;
  bool shortened_;
  std::vector<std::string> cells_;
  std::size_t width_ = 0, next_ = 0;
  std::string text_;
};

}  // namespace

template <class T>
std::string Variable<T>::str() const {
  constexpr std::string_view type = sizeof(T) == sizeof(float) ? "float" : "double";
  if (!tensor_) return fmt::format("Variable<{}>, empty", type);
  const Tensor& t = readable("str");
  ArrayText array(t.shape,
                  [&t](index_t i) { return fmt::format("{:.6g}", t.data[i / t.run * t.pitch + i % t.run]); });
  return fmt::format("Variable<{}> {}{}{}", type, t.shape.str(), t.shape.rank() < 2 ? ' ' : '\n',
                     array.str());
}

template <class T>
std::ostream& operator<<(std::ostream& to, const Variable<T>& x) {
  return to << x.str();
}

template std::string Variable<float>::str() const;
template std::string Variable<double>::str() const;
template std::ostream& operator<<(std::ostream&, const Variable<float>&);
template std::ostream& operator<<(std::ostream&, const Variable<double>&);

}  // namespace unroll
