// The log of a run that goes on: lines of JSON, the last of which may be cut off.

#include <fstream>
#include <nlohmann/json.hpp>

#include "fuzz.hpp"
#include "unroll/data/text.hpp"
#include "unroll/train/metrics_log.hpp"

namespace {

using namespace unroll;

/// The log after a run has gone on from `step` and written a line.
std::string continued(std::int64_t step) {
  const std::string path = fuzz::scratch_file().string();
  MetricsLog log = MetricsLog::resume(path, {{"new", true}}, step);
  const std::string kept = read_bytes(path);
  log.write({{"step", step}});
  fuzz::require(read_bytes(path).starts_with(kept), "a line is appended");
  return kept;
}

}  // namespace

UNROLL_FUZZ_TARGET(metrics) {
  fuzz::Bytes bytes(input);
  const std::int64_t step = bytes.byte();
  const std::string path = fuzz::scratch_file().string();
  std::ofstream(path, std::ios::binary) << bytes.rest();
  MetricsLog::configuration(path);
  const std::string kept = continued(step);
  const bool is_new = kept == "{\"config\":{\"new\":true}}\n";
  fuzz::require(is_new || bytes.rest().starts_with(kept), "the beginning of a log is kept");
  fuzz::require(!MetricsLog::configuration(path).is_null() || !is_new, "a new log has its configuration");
  const std::string again = continued(step);
  fuzz::require(again == kept + fmt::format("{{\"step\":{}}}\n", step), "what was written is kept, too");
}
