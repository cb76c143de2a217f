#include "unroll/layers/truncated_bptt.hpp"

#include "unroll/detail/autograd/base/instantiate.hpp"

#include "unroll/detail/autograd/core/backward_from.hpp"

namespace unroll::detail {

template <class T>
TruncatedWindow<T>::TruncatedWindow(const TruncatedBpttOptions& options) : options_(options) {
  if (options.k1 < 1 || options.k2 < 1)
    raise<UsageError>("truncated_bptt: need k1 ≥ 1 and k2 ≥ 1; got {} and {}", options.k1, options.k2);
  cut_ = (options.k1 - options.k2 % options.k1) % options.k1;
}

template <class T>
Variable<T> TruncatedWindow<T>::add(index_t steps, Variables start, const Variable<T>& output,
                                    Variables last) {
  Variable<T> shown = output.detach().requires_grad(true);
  if (records()) {
    if (pieces_.empty() || at_cut()) {
      pieces_.emplace_back();
      pieces_.back().start = std::move(start);
    }
    Piece& piece = pieces_.back();
    piece.steps += steps;
    piece.last = std::move(last);
    piece.outputs.push_back(output);
    piece.shown.push_back(shown);
  }
  since_ += steps;
  started_ = true;
  return shown;
}

// The gradients that lie in `leaves` are seeds of `recorded`.
template <class T>
void TruncatedWindow<T>::run_back(const Piece& piece, const Piece* next) const {
  Variables results, seeds;
  const auto seed = [&](const Variables& recorded, const Variables& leaves) {
    for (std::size_t k = 0; k < leaves.size(); ++k) {
      if (!leaves[k].has_grad() || !recorded[k].requires_grad()) continue;
      results.push_back(recorded[k]);
      seeds.emplace_back(leaves[k].grad());
    }
  };
  seed(piece.outputs, piece.shown);
  if (next) seed(piece.last, next->start);
  if (results.empty()) return;
  const typename LeafSnapshot<T>::Scope values(piece.parameters.get());
  // What pieces have in common, such as the inputs of a whole sequence, must last for all passes.
  backward_from(results, seeds, overlap() > 0);
}

template <class T>
void TruncatedWindow<T>::backward(index_t keep) {
  for (std::size_t k = pieces_.size(); k-- > 0;)
    run_back(pieces_[k], k + 1 < pieces_.size() ? &pieces_[k + 1] : nullptr);
  index_t steps = 0;
  for (Piece& piece : pieces_) {
    for (Variable<T>& s : piece.start) s.zero_grad();
    piece.outputs.clear();
    piece.shown.clear();
    steps += piece.steps;
  }
  for (; steps > keep; pieces_.pop_front()) steps -= pieces_.front().steps;
  store_parameters();
  since_ = 0;
}

// The update that comes next is to leave the values alone that the pieces were recorded with.
template <class T>
void TruncatedWindow<T>::store_parameters() {
  Variables results, start;
  for (const Piece& piece : pieces_) {
    if (piece.parameters) continue;
    results.insert(results.end(), piece.last.begin(), piece.last.end());
    start.insert(start.end(), piece.start.begin(), piece.start.end());
  }
  if (results.empty()) return;
  const auto stored = std::make_shared<LeafSnapshot<T>>(results, start);
  for (Piece& piece : pieces_)
    if (!piece.parameters) piece.parameters = stored;
}

template <class T>
void TruncatedWindow<T>::clear() {
  pieces_.clear();
  since_ = 0;
  started_ = false;
}

UNROLL_COMPILE_TYPES(class TruncatedWindow)

}  // namespace unroll::detail
