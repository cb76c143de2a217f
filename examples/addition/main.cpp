/// \file addition: learns to add numbers that it is shown as texts, "345+678" and "1023".

#include <map>

#include "common/program.hpp"

#include "addition/trainer.hpp"
#include "common/line_reader.hpp"

using namespace unroll;
using namespace unroll::addition;

namespace {

struct Options {
  std::string model;
  std::int64_t tests = 10000;
  int threads = 0;
};

int eval_command(const Options& options) {
  const auto run = load_run<TrainOptions, Reading>(find_checkpoint(options.model));
  use_threads(options.threads > 0 ? options.threads : run.options.threads);
  const Model model = trained_model(run);
  Generator rng(run.options.seed + 1);
  const auto sums = run.reading.tests(options.tests, rng);
  std::map<std::size_t, std::pair<double, double>> by_digits;  // of the shorter number: right, and all
  double right = 0;
  for (auto from = sums.begin(); from != sums.end();) {
    const std::vector<Sum> some(from, from + std::min<std::ptrdiff_t>(1000, sums.end() - from));
    const auto said = answers(model, run.reading, some);
    for (std::size_t k = 0; k < some.size(); ++k) {
      const bool fine = said[k] == std::to_string(some[k].a + some[k].b);
      auto& [fine_ones, all] = by_digits[std::to_string(std::min(some[k].a, some[k].b)).size()];
      fine_ones += fine, all += 1, right += fine;
    }
    from += std::ssize(some);
  }
  const auto all = static_cast<double>(sums.size());
  fmt::print("exact       {:.2f} %  ({:.0f} of {} that training has not seen)\n", 100 * right / all, right,
             grouped(std::ssize(sums)));
  for (const auto& [digits, counts] : by_digits)
    fmt::print("  {:<9} {:.2f} %  ({:.0f} of {:.0f} whose shorter number has {})\n", digits,
               100 * counts.first / counts.second, counts.first, counts.second, counted(digits, "digit"));
  return 0;
}

/// A line that is no sum is told and gets an empty answer, so that each answer stands in its question's line.
int predict_command(const Options& options) {
  const auto run = load_run<TrainOptions, Reading>(find_checkpoint(options.model));
  use_threads(options.threads > 0 ? options.threads : run.options.threads);
  const Model model = trained_model(run);
  program::LineReader lines(program::standard_input(), "standard input", program::note_to_stderr("addition"));
  int status = 0;
  while (const auto line = lines.next()) {
    const auto sum = run.reading.parse(*line);
    if (!sum) {
      program::complain("addition", fmt::format("standard input:{}: need NUMBER+NUMBER of up to {} each",
                                                lines.number(), counted(run.reading.digits, "digit")));
      status = 1;
    }
    program::write_out((sum ? answers(model, run.reading, {*sum}).front() : "") + "\n");
  }
  return status;
}

}  // namespace

int main(int argc, char** argv) {
  return program::guarded("addition", [&] {
    program::Program frame("addition", "Sequence to sequence: learns to add numbers from examples.");
    TrainOptions train_options;
    Options options;
    frame.train("Learn to add; the model goes to the folder --out", train_options,
                [&](const Given& given) { return program::run_training<Trainer>(train_options, given); });
    CLI::App& eval = frame.command("eval", "Measure how many unseen sums the model gets right",
                                   [&] { return eval_command(options); });
    program::AddOption{eval}("tests", options.tests, "sums to try", size_from(1));
    CLI::App& predict = frame.command("predict", "Answer the lines of standard input",
                                      [&] { return predict_command(options); });
    for (CLI::App* app : {&eval, &predict}) {
      program::add_model(*app, options.model);
      program::add_threads(*app, options.threads);
    }
    return frame.main(argc, argv);
  });
}
