#include "workloads/report.hpp"

#include <fmt/core.h>

#include <fstream>
#include <nlohmann/json.hpp>

#include "unroll/autograd/error.hpp"
#include "unroll/io/atomic_file.hpp"

namespace bench {

double peak_resident_mib() {
  std::ifstream status("/proc/self/status");
  for (std::string word; status >> word;) {
    double kib = 0;
    if (word == "VmHWM:" && status >> kib) return kib / 1024;
  }
  return 0;
}

std::string line(const Measured& m, double before) {
  std::string text = fmt::format(
      "{:<14} median {:10.3f} ms  p10 {:10.3f}  p90 {:10.3f}  n {:4}  {:12.1f} {:<15}  {:6.1f} GFLOP/s  "
      "{:4.2f} of "
      "the product limit  pool {:8.1f} MiB  {:.1f} allocations/step  resident {:.0f} MiB",
      m.name, m.median, m.p10, m.p90, m.iterations, m.rate, m.unit, m.gflops, m.gflops / m.limit, m.peak_mib,
      m.allocations, m.resident_mib);
  if (before > 0) text += fmt::format("  {:.3f} of before", m.median / before);
  return text;
}

void write_figures(const std::string& file, const Setting& setting, const std::vector<Measured>& all) {
  nlohmann::ordered_json figures{
      {"threads", setting.threads}, {"type", setting.use_double ? "double" : "float"}, {"workloads", {}}};
  for (const Measured& m : all) {
    figures["workloads"].push_back({{"name", m.name},
                                    {"median_ms", m.median},
                                    {"p10_ms", m.p10},
                                    {"p90_ms", m.p90},
                                    {"iterations", m.iterations},
                                    {"rate", m.rate},
                                    {"unit", m.unit},
                                    {"gflops", m.gflops},
                                    {"limit_gflops", m.limit},
                                    {"pool_peak_mib", m.peak_mib},
                                    {"allocations_per_step", m.allocations},
                                    {"resident_peak_mib", m.resident_mib}});
  }
  const std::string text = figures.dump(2) + "\n";
  unroll::io::write_file_atomically(file, std::as_bytes(std::span(text)));
}

std::map<std::string, double> read_medians(const std::string& file) {
  const auto bytes = unroll::io::read_file(file, 1 << 20);
  std::map<std::string, double> medians;
  try {
    const auto* text = reinterpret_cast<const char*>(bytes.data());
    const auto figures = nlohmann::json::parse(text, text + bytes.size());
    for (const auto& w : figures.at("workloads")) medians[w.at("name")] = w.at("median_ms");
  } catch (const nlohmann::json::exception& e) {
    unroll::raise<unroll::DataError>("{}: not a file that --json wrote: {}", file, e.what());
  }
  return medians;
}

}  // namespace bench
