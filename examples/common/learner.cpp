#include "common/learner.hpp"

namespace unroll::program {
namespace {

/// Errors: UsageError with the names that the command line has.
const RunOptions& going_together(const RunOptions& o) {
  if (o.ema > 0 && o.average_after > 0)
    raise<UsageError>("--ema {} and --average-after {} are two averages of the weights: take one", o.ema,
                      o.average_after);
  if (o.schedule == "one-cycle" && o.warmup > 0)
    raise<UsageError>("--warmup {}: --schedule one-cycle rises by itself; leave it out", o.warmup);
  if (o.patience > 0 && o.keep == "last")
    raise<UsageError>("--patience {}: needs --keep best: with --keep last no model is better than the latest",
                      o.patience);
  return o;
}

}  // namespace

ProgramLearner::ProgramLearner(const RunOptions& options, std::vector<Variable<float>> parameters)
    : Learner<float>(
          learning_options(going_together(options)),
          make_optimizer(options.optimizer, options.lr, parameters, learning_options(options).weight_decay)),
      folder_(options.out) {}

std::string ProgramLearner::remedy() const {
  const auto kept = folder_.holds_run() ? fmt::format("the last good checkpoint is {}", folder_.last())
                                        : std::string("there is no checkpoint yet");
  const double clip = options().clip;
  return fmt::format("{}\n  remedy: a smaller --lr than {:g}, {}", kept, options().lr,
                     clip > 0 ? fmt::format("or a smaller --clip than {:g}", clip)
                              : std::string("or a limit for gradients, such as --clip 1"));
}

}  // namespace unroll::program
