#include "unroll/layers/state_noise.hpp"

#include "unroll/detail/autograd/base/instantiate.hpp"

#include <cmath>

#include "unroll/autograd/functions.hpp"

namespace unroll::detail {
namespace {

// Fills `rows` rows with `yes` (with probability p) or `no`; row r has the random numbers of element
// place(r) · row size and those after it.
template <class T, class Place>
Variable<T> mask(RandomKey key, index_t rows, const Shape& shape, double p, T yes, T no, Place&& place) {
  auto m = Variable<T>::uninitialised(shape);
  const index_t size = rows == 0 ? 0 : m.size() / rows;
  const auto bound = static_cast<std::uint32_t>(std::min(std::floor(p * 0x1p32), 4294967295.0));
  PoolVector<std::uint32_t> words(static_cast<std::size_t>(size));
  T* const to = m.mutable_data();
  for (index_t r = 0; r < rows; ++r) {
    key.first = place(r) * size;
    random_words(key, words);
    for (index_t j = 0; j < size; ++j)
      to[r * size + j] = words[static_cast<std::size_t>(j)] < bound ? yes : no;
  }
  return m;
}

void check(const char* what, double p) {
  if (!(p >= 0 && p < 1)) raise<UsageError>("scan: need 0 ≤ {} < 1; got {}", what, p);
}

}  // namespace

void check_noise(const StateNoise& noise) {
  check("recurrent dropout", noise.dropout);
  check("zoneout", noise.zoneout);
  check("zoneout_memory", noise.zoneout_memory);
}

template <class T>
Variable<T> dropout_mask(const StateNoise& noise, const SequencePlan& plan, const Shape& h) {
  const index_t rows = plan.steps == 0 ? 0 : plan.rows(0);
  RandomKey key = noise.key;
  key.layer += 0x10000;
  const T kept = static_cast<T>(1 / (1 - noise.dropout));
  return mask<T>(key, rows, h.rank() == 0 ? h : h.with(0, rows), noise.dropout, T{0}, kept,
                 [&](index_t r) { return plan.row_of(r); });
}

// 1 where the value from before step k is kept, else 0.
template <class T>
Variable<T> zoneout_mask(const StateNoise& noise, const SequencePlan& plan, index_t k, const Shape& member,
                         std::size_t number, double p) {
  RandomKey key = noise.key;
  key.layer += 0x10000 * (2 + static_cast<std::uint32_t>(number));
  return mask<T>(key, plan.rows(k), member, p, T{1}, T{0},
                 [&](index_t r) { return plan.time_of(k, r) * plan.batch + plan.row_of(r); });
}

template <class T>
std::vector<Variable<T>> zone_out(const StateNoise& noise, const SequencePlan& plan, index_t k,
                                  const std::vector<Variable<T>>& before, std::vector<Variable<T>> after,
                                  std::size_t output) {
  for (std::size_t m = 0; m < after.size(); ++m) {
    const double p = m == output ? noise.zoneout : noise.zoneout_memory;
    if (p == 0) continue;
    if (noise.training) {
      after[m] = where(zoneout_mask<T>(noise, plan, k, after[m].shape(), m, p), before[m], after[m]);
    } else {
      after[m] = lerp(after[m], before[m], p);
    }
  }
  return after;
}

UNROLL_COMPILE_FUNCTIONS(dropout_mask, zone_out)

}  // namespace unroll::detail
