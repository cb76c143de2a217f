#pragma once  // internal
/// \file The Jacobian of one recorded step of a recurrence, in the parts that are not zero.

#include <span>
#include <vector>

#include "unroll/detail/autograd/core/step_planner.hpp"
#include "unroll/detail/autograd/tools/jacobian_parts.hpp"
#include "unroll/detail/autograd/tools/pointer_numbers.hpp"

namespace unroll::detail {

/// What:     ∂s'/∂s and ∂s'/∂θ as sums of parts, for a state s' (`after`) that was recorded from the leaves s (`before`)
///           and θ. The tape is walked once, from s' back; each value t on the way gets ∂s'/∂t, for all numbers of s' at a
///           time, in parts: an elementwise op scales them by its slopes, a product with a weight W makes rows of W of a
///           diagonal one; and the derivative with respect to W is left as the products that it consists of. An op of
///           another kind runs backward once for each number of s'.
/// Lifetime: the parts hold until the next call, and as long as what was recorded.
template <class T>
class StepJacobian final : private StepPlanner<T> {
 public:
  /// Returns false, with nothing found, where the walk does not apply, and find_by_passes() does: in anomaly mode; where
  /// a value on the way has hooks; where the weight of a product is a part of s or itself computed from θ or s;
  /// where a parameter is given twice or no longer requires a gradient; and where there would be too many parts.
  /// Errors: as grad().
  bool find(const std::vector<Variable<T>>& before, const std::vector<Variable<T>>& after,
            const std::vector<Variable<T>>& parameters);
  /// The same by one backward pass through the whole step for each number of s'.
  /// Errors: as grad().
  void find_by_passes(const std::vector<Variable<T>>& before, const std::vector<Variable<T>>& after,
                      const std::vector<Variable<T>>& parameters);
  /// Forgets the parts.
  void clear();

  /// ∂s'/∂s, rows and columns as StateRows says.
  std::span<const MatrixPart<T>> of_state() const { return of_state_; }
  /// ∂s'/∂θ, a column for each element of the parameters one after another.
  std::span<const OuterPart<T>> of_parameters() const { return of_parameters_; }

 private:
  using Term = typename StepPlanner<T>::Term;
  /// A part of ∂s'/∂t; its columns are the elements of t.
  struct Piece : MatrixPart<T> {
    int next;  ///< the next one of the same value, or −1
  };
  /// Numbers to be stored or added to.
  struct Place {
    T* values;
    index_t stride;
    bool add;
  };

  void fused(const Node<T>& node, const FusedCode<T>& code, const T* numbers) override;
  void affine(const Node<T>& node, const Tensor<T>* addend, std::span<const Term> terms, Precision) override;
  void parts(const Node<T>& node) override;
  void other(const Node<T>&, typename StepPlanner<T>::Run) override {}

  bool collect(const std::vector<Variable<T>>& after);
  bool enter(Tensor<T>& t);
  bool sweep(const StateRows& rows, const std::vector<Variable<T>>& after);
  bool run_back(Node<T>& node);
  void look_up(const Node<T>& node, const Indices& rows);
  void run_back_by_rows(Node<T>& node);
  void run_block_back(const std::vector<Variable<T>>& outputs, const std::vector<Variable<T>>& inputs,
                      index_t first, index_t rows);
  void write_parts(const StateRows& rows, const std::vector<Variable<T>>& before,
                   const std::vector<Variable<T>>& parameters);

  int value_of(const Tensor<T>& t);
  bool reached(const Tensor<T>* t) const;
  bool wants(const Tensor<T>& t) const;
  Variable<T> row_of(const Variable<T>& t, index_t row);
  Place open(int value, const MatrixPart<T>& at);
  void copy_to(int value, const MatrixPart<T>& part);
  void pass(const MatrixPart<T>& from, int value, const T* slopes, const index_t* elements);
  void pass_run(const MatrixPart<T>& from, int value, const T* slopes, index_t element, bool same);
  void multiply_back(const MatrixPart<T>& from, const Term& term, index_t row);
  void outer(const MatrixPart<T>& from, const Term& term, index_t row);
  /// f(part) for the parts of ∂s'/∂t, which may get new ones meanwhile.
  template <class F>
  void for_pieces(const Tensor<T>* t, F&& f);
  /// f(part, n) for what of a part lies in columns [n width, (n + 1) width), counted from there.
  template <class F>
  static void for_segments(const MatrixPart<T>& whole, index_t width, F&& f);

  std::vector<MatrixPart<T>> of_state_;
  std::vector<OuterPart<T>> of_parameters_;
  NumberStore<T> numbers_;
  NumberStore<index_t> indices_;

  // The walk. Values have numbers: members of s, parameters, then all others.
  PointerNumbers values_, seen_;
  std::vector<int> first_piece_;  // of each value
  std::vector<Piece> pieces_;
  std::vector<Node<T>*> order_;  // each op behind those that it reads from
  struct Visit {
    Node<T>* node;
    std::size_t next;
  };
  std::vector<Visit> path_;
  std::vector<index_t> first_column_;  // of each parameter
  std::size_t members_ = 0, most_pieces_ = 0;
  index_t block_ = 0;  // rows of ∂s'/∂s for each row of the batch
  bool handled_ = false, failed_ = false;
};

template <class T>
template <class F>
void StepJacobian<T>::for_pieces(const Tensor<T>* t, F&& f) {
  if (!reached(t)) return;
  for (int at = first_piece_[static_cast<std::size_t>(values_.find(t))]; at >= 0;) {
    const Piece piece = pieces_[static_cast<std::size_t>(at)];  // a copy: others may be added
    f(piece);
    at = piece.next;
  }
}

template <class T>
template <class F>
void StepJacobian<T>::for_segments(const MatrixPart<T>& whole, index_t width, F&& f) {
  for (index_t at = whole.column, end = at + whole.columns; at < end;) {
    const index_t n = at / width, count = std::min((n + 1) * width, end) - at, skip = at - whole.column;
    MatrixPart<T> part = whole;
    part.column = at - n * width, part.columns = count, part.values += skip;
    if (whole.diagonal) part.row += skip, part.rows = count;
    f(part, n);
    at += count;
  }
}

extern template class StepJacobian<float>;
extern template class StepJacobian<double>;

}  // namespace unroll::detail
