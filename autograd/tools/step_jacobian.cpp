#include "unroll/detail/autograd/tools/step_jacobian.hpp"

#include <limits>

#include "unroll/autograd/anomaly_mode.hpp"
#include "unroll/detail/autograd/base/instantiate.hpp"
#include "unroll/detail/autograd/core/idle_rows.hpp"
#include "unroll/detail/autograd/core/without_hooks.hpp"

namespace unroll::detail {
namespace {

template <class T>
constexpr T factor_one{1};

// Throws where a backward pass from `results` would, without the pass.
template <class T>
void check_backward(const std::vector<Variable<T>>& results) {
  const Variable<T> nothing =
      Variable<T>(T{0}).requires_grad(true);  // that results depend on: no op runs back
  grad<T>(results, {nothing}, {.retain_graph = true, .create_graph = false}, results);
}

}  // namespace

template <class T>
void StepJacobian<T>::clear() {
  of_state_.clear(), of_parameters_.clear();
  numbers_.forget(), indices_.forget();
  values_.clear(), seen_.clear();
  first_piece_.clear(), pieces_.clear(), order_.clear(), path_.clear(), first_column_.clear();
  handled_ = failed_ = false;
}

template <class T>
bool StepJacobian<T>::find(const std::vector<Variable<T>>& before, const std::vector<Variable<T>>& after,
                           const std::vector<Variable<T>>& parameters) {
  clear();
  const auto is_frozen = [](const Variable<T>& p) { return !p.requires_grad(); };
  const auto has_hooks = [](const Variable<T>& s) { return s.tensor()->has_hooks(); };
  if (AnomalyMode::active() || std::any_of(parameters.begin(), parameters.end(), is_frozen) ||
      std::any_of(before.begin(), before.end(), has_hooks))
    return false;
  check_backward(after);
  for (const Variable<T>& s : before) value_of(*s.tensor());
  members_ = first_piece_.size();
  index_t column = 0;
  for (const Variable<T>& p : parameters) {
    value_of(*p.tensor());
    first_column_.push_back(column);
    column += p.size();
  }
  if (first_piece_.size() != before.size() + parameters.size()) return false;  // one of them comes twice
  const StateRows rows(after);
  block_ = rows.block;
  most_pieces_ = 64 + 16 * static_cast<std::size_t>(rows.blocks) * after.size();
  const WithoutHooks<T> without_hooks(parameters);  // they are for the gradient, not for rows of J
  if (!collect(after) || !sweep(rows, after)) {
    clear();
    return false;
  }
  write_parts(rows, before, parameters);
  return true;
}

// All ops that s' depends on, in an order in which each comes behind those that it reads from.
template <class T>
bool StepJacobian<T>::collect(const std::vector<Variable<T>>& after) {
  for (const Variable<T>& s : after) {
    if (!enter(*s.tensor())) return false;
    while (!path_.empty()) {
      Visit& visit = path_.back();
      if (visit.next == visit.node->input_count()) {
        order_.push_back(visit.node);
        path_.pop_back();
      } else if (!enter(visit.node->input(visit.next++))) {
        return false;
      }
    }
  }
  return true;
}

template <class T>
bool StepJacobian<T>::enter(Tensor<T>& t) {
  if (!t.requires_grad || !t.creator) return true;
  Node<T>& node = *t.creator;
  if (t.has_hooks()) return false;
  if (seen_.find(&node) == PointerNumbers::none) {
    seen_.find_or_add(&node, 0);
    path_.push_back({&node, 0});
  }
  return true;
}

template <class T>
bool StepJacobian<T>::sweep(const StateRows& rows, const std::vector<Variable<T>>& after) {
  index_t first = 0;
  for (const Variable<T>& s : after) {
    const index_t width = rows.width(s);
    for (index_t b = 0; s.requires_grad() && b < rows.blocks && width > 0; ++b) {
      const Place to = open(value_of(*s.tensor()),
                            {b * rows.block + first, width, b * width, width, nullptr, width, true});
      std::fill_n(to.values, width, T{1});
    }
    first += width;
  }
  for (std::size_t i = order_.size(); i-- > 0 && !failed_;)
    if (!run_back(*order_[i])) return false;
  return !failed_;
}

template <class T>
bool StepJacobian<T>::run_back(Node<T>& node) {
  bool any = false;
  for (std::size_t m = 0; m < node.output_count(); ++m) any = any || reached(node.output(m));
  if (!any) return true;
  handled_ = false;
  if (const Indices* rows = node.lookup()) look_up(node, *rows);
  if (!handled_) node.plan(*this);  // whether it could run a step does not matter
  if (!handled_) run_back_by_rows(node);
  return !failed_;
}

// An op of which nothing is known but its backward pass. What the rows of one block do not depend on is left out: of
// a cell that keeps the rows of the batch apart, all but one row.
template <class T>
void StepJacobian<T>::run_back_by_rows(Node<T>& node) {
  std::vector<Variable<T>> outputs, inputs;
  index_t begin = std::numeric_limits<index_t>::max(), end = 0;
  for (std::size_t m = 0; m < node.output_count(); ++m) {
    if (!reached(node.output(m))) continue;
    outputs.emplace_back(TensorRef<T>(node.output(m)));
    for_pieces(node.output(m), [&](const MatrixPart<T>& piece) {
      begin = std::min(begin, piece.row), end = std::max(end, piece.row + piece.rows);
    });
  }
  for (std::size_t k = 0; k < node.input_count(); ++k) {
    const Variable<T> in{TensorRef<T>(&node.input(k))};
    const auto is_same = [&](const Variable<T>& other) { return other.same_as(in); };
    if (wants(*in.tensor()) && std::none_of(inputs.begin(), inputs.end(), is_same)) inputs.push_back(in);
  }
  for (index_t row = begin; row < end && !inputs.empty();) {
    const index_t rows = std::min((row / block_ + 1) * block_, end) - row;
    run_block_back(outputs, inputs, row, rows);
    row += rows;
  }
}

template <class T>
void StepJacobian<T>::run_block_back(const std::vector<Variable<T>>& outputs,
                                     const std::vector<Variable<T>>& inputs, index_t first, index_t rows) {
  std::vector<T*> slopes;
  for (const Variable<T>& in : inputs) slopes.push_back(numbers_.take(rows * in.size()));
  for (index_t r = 0; r < rows; ++r) {
    std::vector<Variable<T>> seeds;
    for (const Variable<T>& out : outputs) seeds.push_back(row_of(out, first + r));
    const auto found = grad<T>(outputs, inputs, {.retain_graph = true, .create_graph = false}, seeds);
    for (std::size_t k = 0; k < inputs.size(); ++k)
      std::copy_n(found[k].data(), inputs[k].size(), slopes[k] + r * inputs[k].size());
  }
  for (std::size_t k = 0; k < inputs.size(); ++k) {
    const index_t size = inputs[k].size();
    index_t used = size, last = 0;  // the columns that are not 0 throughout
    for (index_t r = 0; r < rows; ++r) {
      const T* const row = slopes[k] + r * size;
      const auto is_used = [](T d) { return d != T{0}; };
      used = std::min<index_t>(used, std::find_if(row, row + size, is_used) - row);
      for (index_t j = size; j > last; --j)
        if (is_used(row[j - 1])) last = j;
    }
    if (used < last)
      copy_to(value_of(*inputs[k].tensor()), {first, rows, used, last - used, slopes[k] + used, size, false});
  }
}

// One row of ∂s'/∂t.
template <class T>
Variable<T> StepJacobian<T>::row_of(const Variable<T>& t, index_t row) {
  Variable<T> result(t.shape(), T{0});
  T* const to = result.mutable_data();
  for_pieces(t.tensor(), [&](const MatrixPart<T>& piece) {
    const index_t i = row - piece.row;
    if (i < 0 || i >= piece.rows) return;
    if (piece.diagonal)
      to[piece.column + i] += piece.values[i];
    else
      store_or_add<T>(to + piece.column, piece.columns, true, piece.values + i * piece.stride);
  });
  return result;
}

// Whether ∂s'/∂t is of interest.
template <class T>
bool StepJacobian<T>::wants(const Tensor<T>& t) const {
  if (!t.requires_grad || t.creator) return t.requires_grad;
  const int number = values_.find(&t);
  return number != PointerNumbers::none && static_cast<std::size_t>(number) < members_ + first_column_.size();
}

template <class T>
int StepJacobian<T>::value_of(const Tensor<T>& t) {
  const int next = static_cast<int>(first_piece_.size()), number = values_.find_or_add(&t, next);
  if (number == next) first_piece_.push_back(-1);
  return number;
}

template <class T>
bool StepJacobian<T>::reached(const Tensor<T>* t) const {
  const int number = t ? values_.find(t) : PointerNumbers::none;
  return number != PointerNumbers::none && first_piece_[static_cast<std::size_t>(number)] >= 0;
}

// The part of ∂s'/∂(value) in the rows and columns of `at`.
template <class T>
auto StepJacobian<T>::open(int value, const MatrixPart<T>& at) -> Place {
  std::size_t count = 0;
  for (int p = first_piece_[static_cast<std::size_t>(value)]; p >= 0; ++count) {
    const Piece& piece = pieces_[static_cast<std::size_t>(p)];
    if (piece.row == at.row && piece.rows == at.rows && piece.column == at.column &&
        piece.columns == at.columns && piece.diagonal == at.diagonal)
      return {piece.values, piece.stride, true};
    p = piece.next;
  }
  if (count >= most_pieces_) failed_ = true;
  T* const values = numbers_.take(at.diagonal ? at.rows : at.rows * at.columns);
  int& first = first_piece_[static_cast<std::size_t>(value)];
  pieces_.push_back({{at.row, at.rows, at.column, at.columns, values, at.columns, at.diagonal}, first});
  first = static_cast<int>(pieces_.size()) - 1;
  return {values, at.columns, false};
}

template <class T>
void StepJacobian<T>::copy_to(int value, const MatrixPart<T>& part) {
  const Place to = open(value, part);
  for (index_t r = 0; r < (part.diagonal ? 1 : part.rows); ++r)
    store_or_add<T>(to.values + r * to.stride, part.columns, to.add, part.values + r * part.stride);
}

// What has arrived at the members of s and at the parameters.
template <class T>
void StepJacobian<T>::write_parts(const StateRows& rows, const std::vector<Variable<T>>& before,
                                  const std::vector<Variable<T>>& parameters) {
  index_t first = 0;
  for (const Variable<T>& s : before) {
    for_pieces(s.tensor(), [&](const MatrixPart<T>& piece) {
      for_segments(piece, rows.width(s), [&](MatrixPart<T> part, index_t block) {
        part.column += block * rows.block + first;
        of_state_.push_back(part);
      });
    });
    first += rows.width(s);
  }
  for (std::size_t k = 0; k < parameters.size(); ++k) {
    for_pieces(parameters[k].tensor(), [&](const MatrixPart<T>& part) {
      const index_t column = first_column_[k] + part.column;
      if (part.diagonal)
        return of_parameters_.push_back({part.row, 1, column, 1, part.rows, part.values, &factor_one<T>});
      for (index_t r = 0; r < part.rows; ++r)
        of_parameters_.push_back(
            {part.row + r, 0, column, part.columns, 1, &factor_one<T>, part.values + r * part.stride});
    });
  }
}

template <class T>
void StepJacobian<T>::find_by_passes(const std::vector<Variable<T>>& before,
                                     const std::vector<Variable<T>>& after,
                                     const std::vector<Variable<T>>& parameters) {
  clear();
  const WithoutHooks<T> without_hooks(parameters);  // they are for the gradient, not for rows of J
  const StateRows rows(after);
  const index_t m = rows.rows(), columns = before.empty() ? 0 : m;
  T* const d = numbers_.take(m * columns);
  std::fill_n(d, m * columns, T{0});
  std::vector<Variable<T>> wanted = before;
  wanted.insert(wanted.end(), parameters.begin(), parameters.end());
  rows.for_each(after, [&](std::size_t k, index_t i, index_t row) {
    if (!after[k].requires_grad()) return;
    Variable<T> unit(after[k].shape(), T{0});
    unit.mutable_data()[i] = T{1};
    const auto slopes = grad<T>({after[k]}, wanted, {.retain_graph = true, .create_graph = false}, {unit});
    rows.for_each(before, [&](std::size_t member, index_t element, index_t column) {
      d[row * columns + column] = slopes[member].data()[element];
    });
    index_t column = 0;
    for (std::size_t p = before.size(); p < slopes.size(); ++p) {
      const index_t size = slopes[p].size();
      if (!all_zero(slopes[p].data(), size)) {
        T* const copy = numbers_.take(size);
        std::copy_n(slopes[p].data(), size, copy);
        of_parameters_.push_back({row, 0, column, size, 1, &factor_one<T>, copy});
      }
      column += size;
    }
  });
  const index_t n = before.empty() ? 0 : rows.block;
  for (index_t b = 0; b < rows.blocks && n > 0; ++b) {
    for (index_t a = 0; a < rows.blocks; ++a) {
      const MatrixPart<T> part{b * n, n, a * n, n, d + b * n * m + a * n, m, false};
      bool zero = true;
      for (index_t r = 0; zero && r < n; ++r) zero = all_zero(part.values + r * m, n);
      if (!zero) of_state_.push_back(part);
    }
  }
}

UNROLL_COMPILE_TYPES(class StepJacobian)

}  // namespace unroll::detail
