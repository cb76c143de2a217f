#include "unroll/detail/layers/cells/cell_inputs.hpp"

#include "unroll/detail/autograd/base/instantiate.hpp"

#include <cmath>
#include <string>

#include "unroll/autograd/gather.hpp"
#include "unroll/autograd/join.hpp"
#include "unroll/autograd/views.hpp"
#include "unroll/detail/autograd/gemm/gemm.hpp"
#include "unroll/detail/layers/base/checks.hpp"

namespace unroll::detail {
namespace {

// Word number k of `names`, or "input k", counted from 1.
std::string name_of_input(std::string_view names, std::size_t k) {
  const std::size_t number = k + 1;
  for (; k > 0; --k) {
    const std::size_t blank = names.find(' ');
    if (blank == std::string_view::npos) return fmt::format("input {}", number);
    names.remove_prefix(blank + 1);
  }
  return std::string(names.substr(0, names.find(' ')));
}

template <class T>
Variable<T> matched(const char* op, const std::string& name, const Variable<T>& x, const Variable<T>& given) {
  if (!given) raise<UsageError>("{}: {} is empty", op, name);
  const Shape axes = x.shape().without(x.rank() - 1);
  const Variable<T> v = given.shape() == axes ? unsqueeze(given, given.rank()) : given;
  const bool fits = v.rank() == x.rank() && v.shape().without(v.rank() - 1) == axes;
  const index_t size = fits ? v.shape().back(0) : 0;
  if (name == "dt" && !(fits && size == 1))
    raise<ShapeError>("{}: need dt {} or {} for x {}; got {}", op, axes.str(),
                      x.shape().with(x.rank() - 1, 1).str(), x.shape().str(), given.shape().str());
  if (name == "mask" && !(v.shape() == x.shape()))
    raise<ShapeError>("{}: need mask {}, as x; got {}", op, x.shape().str(), given.shape().str());
  if (!fits)
    raise<ShapeError>("{}: need {} with the axes of x {} but for the last; got {}", op, name, x.shape().str(),
                      given.shape().str());
  return v;
}

bool has_shape(const Indices& indices, const Shape& shape) {
  return indices.size() > 0 && indices.shape() == shape;
}

}  // namespace

template <class T>
std::vector<Variable<T>> matched_inputs(const char* op, std::string_view names,
                                        std::vector<Variable<T>> inputs) {
  const Variable<T>& x = inputs.front();
  if (!x) fail_empty(op, 1);
  if (x.rank() < 1) raise<ShapeError>("{}: need x (…, I); got {}", op, x.shape().str());
  for (std::size_t k = 1; k < inputs.size(); ++k)
    inputs[k] = matched(op, name_of_input(names, k), x, inputs[k]);
  return inputs;
}

template <class T>
void check_durations(const char* op, std::string_view names, const std::vector<Variable<T>>& inputs,
                     const Indices& lengths) {
  for (std::size_t k = 1; k < inputs.size(); ++k) {
    if (name_of_input(names, k) != "dt") continue;
    const Variable<T> dt = dense(inputs[k]);
    const index_t rows = dt.rank() < 3 ? 1 : dt.shape()[1];
    const bool ragged = dt.rank() == 3 && has_shape(lengths, {rows});
    for (index_t n = 0; n < dt.size(); ++n) {
      const T v = dt.data()[n];
      if ((v >= 0 && std::isfinite(v)) || (ragged && n / rows >= lengths[n % rows])) continue;
      raise<UsageError>("{}: need dt of finite numbers that are not negative; got {} as number {} of {}", op,
                        v, n, dt.shape().str());
    }
  }
}

template <class T>
void reverse_durations(std::string_view names, std::vector<Variable<T>>& inputs, const Indices& lengths,
                       const Indices& resets) {
  for (std::size_t k = 1; k < inputs.size(); ++k) {
    Variable<T>& dt = inputs[k];
    if (name_of_input(names, k) != "dt" || dt.shape()[0] == 0) continue;
    const index_t time = dt.shape()[0], rows = dt.size() / time;
    const bool ragged = has_shape(lengths, {rows}), cut = has_shape(resets, {time, rows});
    std::vector<std::int64_t> from(static_cast<std::size_t>(time * rows));
    for (index_t b = 0; b < rows; ++b) {
      index_t first = 0;  // of the sequence at hand
      for (index_t t = 0; t < time; ++t) {
        const index_t end = ragged ? static_cast<index_t>(lengths[b]) : time;
        if (cut && resets[t * rows + b] != 0) first = t;
        const bool last = t + 1 == end || (cut && t + 1 < end && resets[(t + 1) * rows + b] != 0);
        from[static_cast<std::size_t>(t * rows + b)] = (t >= end ? t : last ? first : t + 1) * rows + b;
      }
    }
    const Variable<T> flat = reshape(dt, {time * rows, 1});
    dt = reshape(gather(flat, Indices({time * rows}, std::move(from))), dt.shape());
  }
}

template <class T>
Variable<T> packed_inputs(const std::vector<Variable<T>>& inputs) {
  return inputs.size() == 1 ? inputs[0] : concat(inputs, -1);
}

template <class T>
std::vector<index_t> projected_sizes(
    const std::function<std::vector<Variable<T>>(const std::vector<Variable<T>>& inputs)>& project,
    const std::vector<index_t>& sizes) {
  const NoGrad off;
  const blas::Counters before = blas::counters();
  std::vector<Variable<T>> row;
  for (const index_t size : sizes) row.push_back(Variable<T>({1, size}, T{0}));
  std::vector<index_t> made;
  for (const Variable<T>& part : project(row)) {
    if (!part || part.rank() != 2 || part.shape()[0] != 1)
      raise<ShapeError>(
          "scan: project must keep the axes of the inputs but for the last: of rows (1, …) it made {}",
          part ? part.shape().str() : "nothing");
    made.push_back(part.shape()[1]);
  }
  blas::counters() = before;
  return made;
}

UNROLL_COMPILE_FUNCTIONS(matched_inputs, check_durations, reverse_durations, packed_inputs, projected_sizes)

}  // namespace unroll::detail
