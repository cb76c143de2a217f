// What a report reads of a run: its log, and what it says of its model.

#include "unroll/report/run_log.hpp"

#include "fuzz.hpp"
#include "unroll/report/csv.hpp"
#include "unroll/train/run_details.hpp"

UNROLL_FUZZ_TARGET(run_log) {
  using namespace unroll;
  const report::RunLog log =
      fuzz::attempt([&] { return report::read_run_log(fuzz::file_of(input), {.buckets = 16}); });
  for (const auto& [key, curve] : log.curves)
    fuzz::require(curve.steps.size() == curve.values.size() && curve.values.size() <= 3 * 16 + 2,
                  "curves are short");
  fuzz::require(log.clock_steps.size() == log.seconds.size(), "each step has its time");
  fuzz::attempt([&] { return report::log_as_csv(fuzz::file_of(input), [](std::string_view) {}), 0; });
  const RunDetails details = fuzz::attempt([&] { return read_run_details(fuzz::file_of(input)); });
  for (const auto& c : details.confusions)
    fuzz::require(c.counts.size() == c.names.size() * c.names.size(), "a count for each pair");
}
