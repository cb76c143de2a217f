// The reference workloads, one line each; `workloads --help`. See docs/performance.md.

#include <fmt/core.h>

#include "common/command_line.hpp"
#include "unroll/autograd/error.hpp"
#include "unroll/autograd/precision.hpp"
#include "unroll/layers/scan_programs.hpp"
#include "workloads/report.hpp"
#include "workloads/workload.hpp"

namespace {

using namespace bench;

struct Options {
  std::vector<std::string> names;
  Setting setting;
  double seconds = 3;
  bool recorded = false, bfloat16 = false;
  std::string json, compare;
};

template <class T>
Workloads all_workloads() {
  Workloads all;
  for (const auto& family : {character_workloads<T>, layer_workloads<T>, translation_workloads<T>,
                             node_workloads<T>, cell_workloads<T>, growth_workloads<T>}) {
    for (Workload& w : family()) all.push_back(std::move(w));
  }
  std::stable_sort(all.begin(), all.end(), [](const Workload& a, const Workload& b) {
    return a.name.substr(0, 2) < b.name.substr(0, 2);
  });
  return all;
}

/// Those that are called `names`, or belong to a family of that name; all where there are no names.
Workloads chosen(const Workloads& all, const std::vector<std::string>& names) {
  if (names.empty()) return all;
  Workloads some;
  for (const std::string& name : names) {
    const std::size_t before = some.size();
    for (const Workload& w : all)
      if (w.name == name || w.name.starts_with(name + "-")) some.push_back(w);
    if (some.size() == before)
      unroll::raise<unroll::UsageError>("no workload is called '{}'; --help lists them", name);
  }
  return some;
}

template <class T>
void run(const Options& options) {
  const Workloads workloads = chosen(all_workloads<T>(), options.names);
  std::map<std::string, double> before;
  if (!options.compare.empty()) before = read_medians(options.compare);
  unroll::set_num_threads(options.setting.threads);
  std::vector<Measured> all;
  for (const Workload& w : workloads) {
    // Before the workload, so that the operands are gone when its memory is asked for.
    const double limit = product_limit<T>();
    Measured m{w.run(options.seconds), limit, peak_resident_mib()};
    m.name = w.name;
    fmt::print("{}\n", line(m, before.count(m.name) ? before[m.name] : 0));
    std::fflush(stdout);
    all.push_back(m);
  }
  if (!options.json.empty()) write_figures(options.json, options.setting, all);
}

std::string list_of_workloads() {
  std::string text = "Workloads (a name without what follows its hyphen is all of them):\n";
  for (const Workload& w : all_workloads<float>()) text += fmt::format("  {:<15} {}\n", w.name, w.what);
  return text;
}

}  // namespace

int main(int argc, char** argv) {
  Options options;
  unroll::program::CommandLine line("Times the reference workloads and prints one line for each.");
  line.footer(list_of_workloads());
  line.add_words("workloads", options.names, "names as listed below; all by default");
  line.add("threads", options.setting.threads, "threads for a product", {.low = 1, .high = 1024});
  line.add("double,!--float", options.setting.use_double, "float64 instead of float32");
  line.add("bfloat16", options.bfloat16, "products in bfloat16, with the processor's instruction or without");
  line.add("recorded", options.recorded, "record every step of a scan");
  line.add("seconds", options.seconds, "how long to repeat each workload", {.low = 1e-9});
  line.add("json", options.json, "file to write the figures to");
  line.add("compare", options.compare, "file written by --json; each line then ends with the ratio to it");
  if (const auto status = line.read(argc, argv)) return *status;
  const unroll::ScanMode steps(options.recorded ? unroll::ScanSteps::recorded : unroll::ScanSteps::programs);
  if (options.bfloat16) unroll::set_matmul_precision(unroll::Precision::bfloat16);
  try {
    options.setting.use_double ? run<double>(options) : run<float>(options);
  } catch (const std::exception& e) {
    unroll::program::complain("workloads", e.what());
    return 1;
  }
}
