#include "unroll/layers/decoding.hpp"

#include "unroll/detail/autograd/base/instantiate.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

#include "unroll/autograd/gather.hpp"
#include "unroll/autograd/views.hpp"

namespace unroll::detail {
namespace {

void check_symbol(std::int64_t symbol, std::size_t count) {
  if (symbol < 0 || symbol >= static_cast<std::int64_t>(count))
    raise<IndexError>("decoding: symbol {} is outside [0, {})", symbol, count);
}

}  // namespace

template <class T>
Said<T> ask(const AnyModel<T>& model, const std::vector<std::int64_t>& symbols,
            const std::vector<Variable<T>>& state) {
  auto [log_probs, next] = model(Indices(symbols), state);
  const auto rows = static_cast<index_t>(symbols.size());
  if (!log_probs || log_probs.rank() != 2 || log_probs.shape()[0] != rows) {
    raise<ShapeError>("decoding: a step must return log probabilities ({}, V); got {}", rows,
                      log_probs ? log_probs.shape().str() : "none");
  }
  Said<T> said{dense(log_probs), std::move(next)};
  if (std::any_of(said.row(0), said.row(rows), [](T x) { return std::isnan(x); }))
    raise<DataError>("decoding: the model's output is not finite");
  return said;
}

template <class T>
std::vector<Variable<T>> choose_rows(std::vector<Variable<T>> state, const std::vector<std::int64_t>& rows) {
  const Indices indices(rows);
  for (Variable<T>& v : state) v = gather(v, indices);
  return state;
}

template <class T>
index_t rows_of(const std::vector<Variable<T>>& state) {
  if (state.empty() || state[0].rank() < 1)
    raise<UsageError>("decoding: the state needs a row for each sequence");
  return state[0].shape()[0];
}

Allowed::Allowed(const DecodingOptions& options, std::size_t sequences) : options_(options) {
  if (options.max_lengths.empty()) check_length(options.max_length);
  if (!options.max_lengths.empty() && options.max_lengths.size() != sequences)
    raise<UsageError>("decoding: need a maximal length for each of {} rows; got {}", sequences,
                      options.max_lengths.size());
  for (const index_t longest : options.max_lengths) check_length(longest);
}

void Allowed::check_length(index_t longest) const {
  if (options_.min_length < 0 || longest < std::max<index_t>(options_.min_length, 1)) {
    raise<UsageError>("decoding: need 0 ≤ min_length ≤ max_length and max_length ≥ 1; got {} and {}",
                      options_.min_length, longest);
  }
}

template <class T>
void Allowed::mask(std::vector<T>& log_probs, index_t length, std::size_t sequence) const {
  constexpr T never = -std::numeric_limits<T>::infinity();
  for (const std::int64_t s : options_.forbidden) {
    check_symbol(s, log_probs.size());
    log_probs[static_cast<std::size_t>(s)] = never;
  }
  if (!options_.end) return;
  check_symbol(*options_.end, log_probs.size());
  T& end = log_probs[static_cast<std::size_t>(*options_.end)];
  if (length < options_.min_length) end = never;
  if (length < longest(sequence)) return;
  const T kept = end;
  std::fill(log_probs.begin(), log_probs.end(), never);
  end = kept;
}

template <class T>
std::vector<Hypothesis> decode(const AnyModel<T>& model, std::vector<Variable<T>> state,
                               const DecodingOptions& options, const SamplingOptions& drawing,
                               Generator* rng) {
  const NoGrad off;
  check_sampling(drawing);
  std::vector<Hypothesis> result(static_cast<std::size_t>(rows_of(state)));
  const Allowed allowed(options, result.size());
  std::vector<std::size_t> live(result.size());  // the hypothesis of each row
  for (std::size_t k = 0; k < live.size(); ++k) live[k] = k;
  std::vector<std::int64_t> symbols(live.size(), options.start);
  for (index_t length = 0; !live.empty(); ++length) {
    const Said<T> said = ask(model, symbols, state);
    std::vector<std::int64_t> rows;  // those that go on
    for (std::size_t r = 0; r < live.size(); ++r) {
      const T* const log_probs = said.row(static_cast<index_t>(r));
      std::vector<T> choice(log_probs, log_probs + said.symbols());
      allowed.mask(choice, length, live[r]);
      const std::int64_t s = draw_symbol(std::span<const T>(choice), drawing, rng ? rng->uniform() : 0);
      Hypothesis& h = result[live[r]];
      h.score = h.log_probability += static_cast<double>(log_probs[s]);
      if (options.end == s) continue;
      h.symbols.push_back(s);
      if (!options.end && length + 1 == allowed.longest(live[r])) continue;
      live[rows.size()] = live[r], symbols[rows.size()] = s;
      rows.push_back(static_cast<std::int64_t>(r));
    }
    live.resize(rows.size()), symbols.resize(rows.size());
    if (!rows.empty()) state = choose_rows(said.state, rows);
  }
  return result;
}

template <class T>
std::vector<double> rescore(const AnyModel<T>& model, std::vector<Variable<T>> state,
                            const std::vector<std::vector<std::int64_t>>& sequences,
                            const DecodingOptions& options) {
  const NoGrad off;
  if (rows_of(state) != static_cast<index_t>(sequences.size()))
    raise<UsageError>("decoding: need a sequence for each of {} rows; got {}", rows_of(state),
                      sequences.size());
  std::vector<double> result(sequences.size());
  std::vector<std::size_t> live;
  const auto expected = [&](std::size_t k, std::size_t n) -> std::optional<std::int64_t> {
    if (n < sequences[k].size()) return sequences[k][n];
    return n == sequences[k].size() ? options.end : std::nullopt;
  };
  std::vector<std::int64_t> symbols, rows;
  for (std::size_t k = 0; k < sequences.size(); ++k)
    if (expected(k, 0)) live.push_back(k), rows.push_back(static_cast<std::int64_t>(k));
  symbols.assign(live.size(), options.start);
  for (std::size_t n = 0; !live.empty(); ++n) {
    const Said<T> said = ask(model, symbols, choose_rows(std::move(state), rows));
    state = said.state;
    rows.clear();
    for (std::size_t r = 0; r < live.size(); ++r) {
      const std::int64_t s = *expected(live[r], n);
      check_symbol(s, static_cast<std::size_t>(said.symbols()));
      result[live[r]] += static_cast<double>(said.row(static_cast<index_t>(r))[s]);
      if (!expected(live[r], n + 1)) continue;
      live[rows.size()] = live[r], symbols[rows.size()] = s;
      rows.push_back(static_cast<std::int64_t>(r));
    }
    live.resize(rows.size()), symbols.resize(rows.size());
  }
  return result;
}

UNROLL_COMPILE_FUNCTIONS(ask, choose_rows, rows_of, decode, rescore)
template void Allowed::mask(std::vector<float>&, index_t, std::size_t) const;
template void Allowed::mask(std::vector<double>&, index_t, std::size_t) const;

}  // namespace unroll::detail
