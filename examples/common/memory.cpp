#include "common/memory.hpp"

#include <unistd.h>

#include "common/optimizers.hpp"

namespace unroll::program {

double machine_memory() {
  return static_cast<double>(sysconf(_SC_PHYS_PAGES)) * static_cast<double>(sysconf(_SC_PAGESIZE));
}

double count_weights(const std::string& cell, const CellOptions& o) {
  const CellKind& kind = cell_kind(cell);
  const double directions = o.bidirectional ? 2 : 1, hidden = static_cast<double>(o.hidden);
  const double inputs = static_cast<double>(o.input) + (o.layers - 1) * directions * kind.outputs * hidden;
  const double of_unit =
      kind.input_weights * inputs + o.layers * (kind.recurrent_weights * hidden + kind.unit_weights);
  return directions * (hidden * of_unit + kind.input_rows * inputs);
}

void check_memory(double weights, const std::string& optimizer, std::string_view sizes) {
  constexpr double gigabyte = 1e9;
  const double need = sizeof(float) * weights * (2 + optimizer_numbers(optimizer)), have = machine_memory();
  if (need <= have) return;
  raise<UsageError>(
      "{}: training needs at least {:.1f} GB of memory, and this machine has {:.1f}; make some of them "
      "smaller",
      sizes, need / gigabyte, have / gigabyte);
}

}  // namespace unroll::program
