#include "forecast/commands.hpp"
#include "forecast/comparison.hpp"
#include "forecast/saved_model.hpp"

namespace unroll::forecast {

int eval_command(const EvalOptions& options) {
  const SavedModel saved = load_model(options.model, options.data, options.threads);
  check_level(options.level, saved.run.options);
  const auto steps = chosen_steps(options.steps, saved.run.options.horizon);
  const auto rows = saved.rows_from(options.from);
  const std::int64_t season = options.season > 0 ? options.season : saved.reading().season;
  const auto compared = compare(
      saved.model, saved.source, saved.reading(), saved.preparation, saved.origins(rows), saved.trained,
      {.steps = steps, .season = season, .order = options.order, .level = options.level});
  for (const Compared& c : compared) {
    if (c.rows.truth.empty()) {
      fmt::print("{} ahead: no row has enough before it\n", counted(c.step, "step"));
      continue;
    }
    fmt::print("\n{} ahead: {}, {} to {}\n{}", counted(c.step, "step"),
               counted(std::ssize(c.rows.truth), "value"), c.first, c.last,
               describe(c.rows, c.methods, c.step, options.level));
  }
  return 0;
}

}  // namespace unroll::forecast
