#include "char_lm/memory.hpp"

#include "common/memory.hpp"
#include "common/optimizers.hpp"

namespace unroll::char_lm {

double least_memory(const ModelOptions& model, const std::string& optimizer, std::int64_t symbols) {
  // The weight, its gradient and its mean.
  const double numbers = 2 + optimizer_numbers(optimizer) + (model.averaged ? 1 : 0);
  const double gates = cell_kind(model.cell).input_weights * static_cast<double>(model.recurrent.hidden);
  const double activations = model.recurrent.layers * gates + static_cast<double>(model.vocabulary);
  return sizeof(float) * (numbers * count_weights(model) + static_cast<double>(symbols) * activations);
}

void check_memory(const TrainOptions& options, const ModelOptions& model, std::int64_t symbols) {
  constexpr double gigabyte = 1e9;
  const double need = least_memory(model, options.optimizer, symbols), have = machine_memory();
  if (need <= have) return;
  raise<UsageError>(
      "--hidden {}, --layers {}, --batch {}, --seq-length {}: training needs at least {:.1f} GB of memory, "
      "and "
      "this machine has {:.1f}; make some of them smaller",
      options.hidden, options.layers, options.batch, options.seq_length, need / gigabyte, have / gigabyte);
}

}  // namespace unroll::char_lm
