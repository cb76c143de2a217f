#include "unroll/detail/layers/scan/sequence_plan.hpp"

#include <algorithm>
#include <numeric>

#include "unroll/detail/layers/base/checks.hpp"

namespace unroll::detail {
namespace {

Indices column(std::vector<std::int64_t> values) {
  const Shape shape{static_cast<index_t>(values.size())};
  return {shape, std::move(values)};
}

void pack(SequencePlan& plan, const Indices& lengths) {
  std::vector<std::int64_t> order(static_cast<std::size_t>(plan.batch)), inverse(order.size()), pick;
  std::iota(order.begin(), order.end(), std::int64_t{0});
  std::stable_sort(order.begin(), order.end(), [&](auto a, auto b) { return lengths[a] > lengths[b]; });
  for (std::size_t r = 0; r < order.size(); ++r)
    inverse[static_cast<std::size_t>(order[r])] = static_cast<std::int64_t>(r);
  plan.packed = true;
  plan.steps = order.empty() ? 0 : lengths[order[0]];
  for (index_t k = 0; k <= plan.steps; ++k) {
    plan.first.push_back(static_cast<index_t>(pick.size()));
    for (std::size_t r = 0; k < plan.steps && r < order.size() && lengths[order[r]] > k; ++r) {
      const index_t t = plan.reverse ? lengths[order[r]] - 1 - k : k;
      pick.push_back(t * plan.batch + order[r]);
    }
  }
  plan.pick = column(std::move(pick));
  plan.order = column(std::move(order));
  plan.inverse = column(std::move(inverse));
}

}  // namespace

SequencePlan plan_sequences(index_t time, index_t batch, bool reverse, const Indices& lengths) {
  SequencePlan plan{.time = time, .batch = batch, .steps = time, .reverse = reverse};
  if (lengths.size() == 0) return plan;
  if (!(lengths.shape() == Shape{batch})) {
    raise<ShapeError>("scan: need a length for each of {} sequences; got lengths {}", batch,
                      lengths.shape().str());
  }
  check_lengths("scan", lengths, time);
  const bool full = std::all_of(lengths.begin(), lengths.end(), [&](auto n) { return n == time; });
  if (!full) pack(plan, lengths);
  return plan;
}

std::vector<char> rows_that_begin(const SequencePlan& plan, const Indices& begins, index_t k) {
  std::vector<char> rows;
  for (index_t r = 0; r < plan.rows(k); ++r) {
    const index_t t = plan.time_of(k, r) + (plan.reverse ? 1 : 0);
    if (t >= plan.time || begins[t * plan.batch + plan.row_of(r)] == 0) continue;
    // In reverse, a sequence's own last step has nothing after it.
    if (plan.reverse && k == 0) continue;
    rows.resize(static_cast<std::size_t>(plan.rows(k)));
    rows[static_cast<std::size_t>(r)] = 1;
  }
  return rows;
}

}  // namespace unroll::detail
