/// \file forecast: learns to forecast time series from a table, with intervals.

#include "common/program.hpp"
#include "forecast/commands.hpp"
#include "forecast/trainer.hpp"

using namespace unroll;
using namespace unroll::forecast;

namespace {

/// What eval, predict and plot have in common.
template <class Options>
void add_common(CLI::App& app, Options& options, const char* from_help) {
  program::add_model(app, options.model);
  const program::AddOption add{app};
  add("data", options.data, "another table with the same columns; without, that of the run");
  add("from", options.from, from_help);
  add("level", options.level, "share of the values that are to lie within the interval",
      {.low = 0.01, .high = 0.999});
  program::add_threads(app, options.threads);
}

}  // namespace

int main(int argc, char** argv) {
  return program::guarded("forecast", [&] {
    program::Program frame("forecast", "Recurrent networks that forecast time series, with intervals.");
    TrainOptions train_options;
    frame.train("Learn from a table; the model goes to the folder --out", train_options,
                [&](const Given& given) { return program::run_training<Trainer>(train_options, given); });

    TrainOptions validated;
    ValidateOptions validation;
    CLI::App& validate = frame.command("validate",
                                       "Train on the beginning of the data and forecast what follows, from "
                                       "several origins: to choose options by",
                                       [&] { return validate_command(validated, validation); });
    const program::AddOption add_to_validate{validate};
    validated.visit_changeable(validated, add_to_validate);
    validated.visit_fixed(validated, add_to_validate);
    add_to_validate("folds", validation.folds, "times to train, each on more of the data",
                    {.low = 1, .high = 100});
    add_to_validate("rows", validation.rows, "rows that each fold forecasts; 0: half of the data by --folds",
                    count_from(0));

    EvalOptions eval_options;
    CLI::App& eval = frame.command("eval", "Measure how well the model forecasts what it was not trained on",
                                   [&] { return eval_command(eval_options); });
    add_common(eval, eval_options, "the first time to forecast; without, what follows the part that trained");
    const program::AddOption add_to_eval{eval};
    add_to_eval("steps", eval_options.steps, "steps ahead to look at; without, 1 and the whole horizon",
                {.low = 1, .high = 10000});
    add_to_eval("season", eval_options.season, "rows of a season; 0: as in training", count_from(0));
    add_to_eval(
        "order", eval_options.order,
        "of the autoregression to compare with; 0: what forecasts the last fifth of training best, up to 30",
        {.low = 0, .high = 1000});

    PredictOptions predict_options;
    CLI::App& predict = frame.command("predict", "Write forecasts with intervals as CSV",
                                      [&] { return predict_command(predict_options); });
    add_common(predict, predict_options,
               "forecast rolling, from every origin that this time and later ones can be forecast from; "
               "without, what follows the end of the data");
    program::AddOption{predict}("out", predict_options.out, "the file to write; without, standard output");

    PlotOptions plot_options;
    CLI::App& plot = frame.command("plot", "Draw forecasts, intervals and what came true, as SVG",
                                   [&] { return plot_command(plot_options); });
    add_common(plot, plot_options,
               "the first time to draw forecasts of; without, what follows the part that trained, "
               "or if there is nothing the end of the data");
    const program::AddOption add_to_plot{plot};
    add_to_plot("out", plot_options.out, "the file to write", {.named = true, .required = true});
    add_to_plot("series", plot_options.series,
                "the series to draw, if there are several; without, the first");
    add_to_plot("steps", plot_options.steps,
                "steps ahead, with a panel for each; without, 1 and the whole horizon",
                {.low = 1, .high = 10000});
    add_to_plot("rows", plot_options.rows, "the most rows to draw, the last ones", size_from(2));
    return frame.main(argc, argv);
  });
}
