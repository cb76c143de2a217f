#include "unroll/layers/beam_search.hpp"

#include "unroll/detail/autograd/base/instantiate.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

namespace unroll::detail {
namespace {

/// A hypothesis that goes on with a symbol.
struct Candidate {
  double log_probability;
  std::size_t row;
  std::int64_t symbol;
};

/// The hypotheses of one sequence.
struct Beam {
  std::size_t sequence;
  std::vector<Hypothesis> live, ended;
};

/// Keeps the best candidates, best first; of equal ones the first that was offered.
class Best {
 public:
  explicit Best(std::size_t room) : room_(room) {}
  void offer(const Candidate& c) {
    if (c.log_probability == -std::numeric_limits<double>::infinity()) return;
    if (kept_.size() == room_ && !better(c, kept_.back())) return;
    if (kept_.size() == room_) kept_.pop_back();
    kept_.insert(std::upper_bound(kept_.begin(), kept_.end(), c, better), c);
  }
  const std::vector<Candidate>& kept() const { return kept_; }

 private:
  static bool better(const Candidate& a, const Candidate& b) { return a.log_probability > b.log_probability; }
  std::size_t room_;
  std::vector<Candidate> kept_;
};

template <class T>
class Search {
 public:
  Search(const DecodingOptions& options, const BeamOptions& beam, std::size_t sequences)
      : options_(options), beam_(beam), allowed_(options, sequences), sequences_(sequences) {
    if (beam.beam < 1 || beam.best < 1 || beam.best > beam.beam)
      raise<UsageError>("beam search: need 1 ≤ best ≤ beam; got {} and {}", beam.best, beam.beam);
    if (!(beam.alpha >= 0)) raise<UsageError>("beam search: need α ≥ 0; got {}", beam.alpha);
    if (std::isinf(beam.alpha)) raise<UsageError>("beam search: need a finite α; got {}", beam.alpha);
  }

  std::vector<std::vector<Hypothesis>> run(const AnyModel<T>& model, std::vector<Variable<T>> state) {
    std::vector<Beam> beams;
    for (std::size_t k = 0; k < sequences_; ++k) beams.push_back({k, {Hypothesis{}}, {}});
    std::vector<std::int64_t> symbols(beams.size(), options_.start);
    for (index_t length = 0; !symbols.empty(); ++length) {
      const Said<T> said = ask(model, symbols, state);
      std::vector<std::int64_t> rows;
      symbols.clear();
      std::size_t row = 0;  // the first of the beam
      for (Beam& beam : beams) {
        const std::vector<Hypothesis> before = std::move(beam.live);
        beam.live.clear();
        for (const Candidate& c : candidates(said, row, before, beam, length)) {
          if (!extend(beam, before[c.row - row], c, length)) continue;
          rows.push_back(static_cast<std::int64_t>(c.row));
          symbols.push_back(c.symbol);
        }
        row += before.size();
        if (beam.live.empty() || !hopeless(beam)) continue;
        rows.resize(rows.size() - beam.live.size()), symbols.resize(rows.size());
        beam.live.clear();
      }
      if (!rows.empty()) state = choose_rows(said.state, rows);
    }
    std::vector<std::vector<Hypothesis>> result;
    for (Beam& beam : beams) result.push_back(finish(beam));
    return result;
  }

 private:
  std::vector<Candidate> candidates(const Said<T>& said, std::size_t first,
                                    const std::vector<Hypothesis>& before, const Beam& beam,
                                    index_t length) const {
    Best best(static_cast<std::size_t>(beam_.beam) - beam.ended.size());
    for (std::size_t k = 0; k < before.size(); ++k) {
      const T* const log_probs = said.row(static_cast<index_t>(first + k));
      std::vector<T> choice(log_probs, log_probs + said.symbols());
      allowed_.mask(choice, length, beam.sequence);
      for (std::size_t s = 0; s < choice.size(); ++s) {
        const double p = before[k].log_probability + static_cast<double>(choice[s]);
        best.offer({p, first + k, static_cast<std::int64_t>(s)});
      }
    }
    return best.kept();
  }

  /// Whether the new hypothesis lives on.
  bool extend(Beam& beam, Hypothesis h, const Candidate& c, index_t length) const {
    h.log_probability = c.log_probability;
    const bool ends = options_.end == c.symbol;
    if (!ends) h.symbols.push_back(c.symbol);
    h.score = h.log_probability / penalty(static_cast<double>(length) + 1);
    const bool lives = !ends && (options_.end || length + 1 < allowed_.longest(beam.sequence));
    (lives ? beam.live : beam.ended).push_back(std::move(h));
    return lives;
  }

  double penalty(double length) const {
    return std::pow(beam_.penalty == LengthPenalty::wu ? (5 + length) / 6 : length, beam_.alpha);
  }

  // Probabilities only fall, and the longest sequence has the largest penalty.
  bool hopeless(const Beam& beam) const {
    const double longest = static_cast<double>(allowed_.longest(beam.sequence)) + 1;
    const double bound = beam.live.front().log_probability / penalty(longest);
    const auto better = [&](const Hypothesis& h) { return h.score >= bound; };
    return std::count_if(beam.ended.begin(), beam.ended.end(), better) >= beam_.best;
  }

  std::vector<Hypothesis> finish(Beam& beam) const {
    if (beam.ended.empty()) raise<DataError>("decoding: no symbol that is allowed has a probability above 0");
    std::stable_sort(beam.ended.begin(), beam.ended.end(),
                     [](const Hypothesis& a, const Hypothesis& b) { return a.score > b.score; });
    if (std::ssize(beam.ended) > beam_.best) beam.ended.resize(static_cast<std::size_t>(beam_.best));
    return std::move(beam.ended);
  }

  const DecodingOptions& options_;
  const BeamOptions& beam_;
  Allowed allowed_;
  std::size_t sequences_;
};

}  // namespace

template <class T>
std::vector<std::vector<Hypothesis>> search(const AnyModel<T>& model, std::vector<Variable<T>> state,
                                            const DecodingOptions& options, const BeamOptions& beam) {
  const NoGrad off;
  const auto sequences = static_cast<std::size_t>(rows_of(state));
  return Search<T>(options, beam, sequences).run(model, std::move(state));
}

UNROLL_COMPILE_FUNCTIONS(search)

}  // namespace unroll::detail
