// Remakes the guides' pictures, in a folder: each is drawn from a network that is run, or trained, here.

#include "pictures/pictures.hpp"

#include <fmt/core.h>

#include <exception>
#include <filesystem>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "common/command_line.hpp"
#include "unroll/report/svg.hpp"

using namespace unroll;

int main(int argc, char** argv) {
  std::string folder = "docs/pictures";
  std::vector<std::string> chosen;
  pictures::Effort effort;
  program::CommandLine line("Remakes the pictures of the guides, all or those that are named.");
  line.add("out", folder, "where they go");
  line.add("effort", effort.share, "share of the updates that the guides' networks are trained by",
           {.low = 0, .high = 100});
  line.add_words("PICTURE", chosen, "its name, without .svg");
  if (const auto status = line.read(argc, argv)) return *status;

  const std::map<std::string, std::function<report::Figure()>> all = {
      {"gradient_by_lag", pictures::gradient_by_lag},
      {"gates_over_a_text", [&] { return pictures::gates_over_a_text(effort); }},
      {"alignment", [&] { return pictures::alignment(effort); }},
      {"losses_of_cells", [&] { return pictures::losses_of_cells(effort); }},
      {"trajectories", pictures::trajectories},
      {"truncation", pictures::truncation}};
  for (const std::string& name : chosen)
    if (!all.contains(name)) {
      std::string names;
      for (const auto& [known, draw] : all) names += " " + known;
      program::complain("pictures", fmt::format("there is no picture '{}'; there are{}", name, names));
      return 2;
    }
  if (chosen.empty())
    for (const auto& [name, draw] : all) chosen.push_back(name);
  try {
    std::filesystem::create_directories(folder);
    for (const std::string& name : chosen) {
      const std::filesystem::path file = std::filesystem::path(folder) / (name + ".svg");
      report::write_svg(file, all.at(name)());
      fmt::print("{}\n", file.string());
    }
  } catch (const std::exception& error) {
    program::complain("pictures", error.what());
    return 1;
  }
}
