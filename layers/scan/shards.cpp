#include "unroll/detail/layers/scan/shards.hpp"

#include "unroll/detail/autograd/base/instantiate.hpp"

#include <algorithm>

#include "unroll/autograd/gather.hpp"
#include "unroll/autograd/threads.hpp"
#include "unroll/detail/autograd/ops/batch_shards.hpp"
#include "unroll/detail/autograd/ops/lookup.hpp"

namespace unroll::detail {
namespace {

// Fewer rows than these make slow products, and less work than this is done before the threads have begun.
constexpr index_t least_rows = 4;
constexpr double least_work = 4e6;  // multiply-adds of all steps

template <class T>
std::vector<Variable<T>> parameters_in(const AnyCell<T>& cell) {
  std::vector<Variable<T>> parameters;
  cell.with_parameters([&](const Variable<T>& p) {
    parameters.push_back(p);
    return p;
  });
  return parameters;
}

template <class T>
bool pays(const std::vector<Variable<T>>& parameters, const Variable<T>& xs) {
  index_t weights = 0;
  for (const Variable<T>& p : parameters) weights += p.size();
  return static_cast<double>(weights * xs.shape()[0] * xs.shape()[1]) >= least_work;
}

/// The table of an embedding that xs comes from, where its projection is cheaper than that of xs.
template <class T>
std::optional<Lookup<T>> small_table(const Variable<T>& xs) {
  std::optional<Lookup<T>> lookup = lookup_of(xs);
  if (lookup && 2 * lookup->table.shape()[0] > lookup->rows.size()) lookup.reset();
  return lookup;
}

template <class T>
std::vector<BatchArray<T>> results_of(AnyScanned<T> scanned) {
  std::vector<BatchArray<T>> results = {{std::move(scanned.output), 1}};
  for (Variable<T>& member : scanned.state) results.push_back({std::move(member), 0});
  return results;
}

/// scan of some rows. Of `shared`, the parameters are the cell's; a table that the inputs are looked up in comes
/// last.
template <class T>
ShardFunction<T> scan_of_rows(const AnyCell<T>& cell, const ScanOptions& options,
                              const std::optional<Lookup<T>>& lookup, BatchRows rows,
                              const std::vector<Variable<T>>& shared) {
  auto parameter = shared.begin();
  const std::shared_ptr<const AnyCell<T>> own =
      cell.with_parameters([&](const Variable<T>&) { return *parameter++; });
  const Variable<T> table = lookup ? shared.back() : Variable<T>();
  return [&options, &lookup, own, rows, table](const std::vector<Variable<T>>& divided) {
    ScanOptions mine = options;
    if (mine.lengths.size() > 0) mine.lengths = rows.of(mine.lengths, 0);
    const Variable<T> x = table ? gather(table, rows.of(lookup->rows, 1)) : divided.front();
    std::vector<Variable<T>> state(divided.begin() + (table ? 0 : 1), divided.end());
    return results_of(scan_any<T>(own, plan_scan(x, mine), mine, x, std::move(state), {}, nullptr));
  };
}

}  // namespace

int shard_count(const SequencePlan& plan, const ScanOptions& options, const Observed& observed) {
  const bool divisible = options.resets.size() == 0 && !options.noise.drops() && !options.noise.zones() &&
                         options.segment == 0 && options.memory == 0;
  if (observed || !divisible || plan.steps == 0) return 1;
  return static_cast<int>(std::clamp<index_t>(plan.batch / least_rows, 1, num_threads()));
}

template <class T>
std::optional<AnyScanned<T>> scan_shards(const AnyCell<T>& cell, int count, const ScanOptions& options,
                                         const Variable<T>& xs, const std::vector<Variable<T>>& state) {
  if (xs.rank() < 2) return {};
  const index_t batch = xs.shape()[1];
  for (const Variable<T>& v : state)
    if (v.rank() < 1 || v.shape()[0] != batch) return {};  // scan says what is wrong
  ShardedComputation<T> computation{"scan", batch, parameters_in(cell), {}, {}};
  if (!pays(computation.shared, xs)) return {};
  const std::optional<Lookup<T>> lookup = small_table(xs);
  if (lookup) {
    computation.shared.push_back(lookup->table);
  } else {
    computation.divided.push_back({xs, 1});
  }
  for (const Variable<T>& v : state) computation.divided.push_back({v, 0});

  computation.prepare = [&](BatchRows rows, const std::vector<Variable<T>>& shared) {
    return scan_of_rows(cell, options, lookup, rows, shared);
  };
  std::vector<Variable<T>> results = compute_in_shards(computation, count);
  AnyScanned<T> scanned{std::move(results.front()), {}};
  scanned.state.assign(std::next(results.begin()), results.end());
  return scanned;
}

UNROLL_COMPILE_FUNCTIONS(scan_shards)

}  // namespace unroll::detail
