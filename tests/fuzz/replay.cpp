// The corpora as an ordinary test: every target runs on the files of FOLDER/TARGET.
// usage: fuzz_corpus FOLDER [TARGET]

#include <algorithm>
#include <cstdio>
#include <vector>

#include "fuzz.hpp"
#include "unroll/data/text.hpp"

namespace {

std::vector<std::filesystem::path> files_of(const std::filesystem::path& folder) {
  std::vector<std::filesystem::path> files;
  for (const auto& file : std::filesystem::directory_iterator(folder)) files.push_back(file.path());
  std::sort(files.begin(), files.end());
  return files;
}

/// The number of inputs. The name of each is printed first, so that the last line tells which one ended the process.
std::size_t replay(const unroll::fuzz::Target& target, const std::filesystem::path& folder) {
  const auto files = files_of(folder / target.name);
  for (const auto& file : files) {
    std::printf("%s/%s\n", target.name, file.filename().c_str());
    std::fflush(stdout);
    unroll::fuzz::run(target.run, unroll::read_bytes(file.string()));
  }
  return files.size();
}

}  // namespace

int main(int argc, char** argv) try {
  if (argc < 2 || argc > 3) return std::fputs("usage: fuzz_corpus FOLDER [TARGET]\n", stderr), 2;
  std::size_t inputs = 0, targets = 0;
  for (const auto* target = unroll::fuzz::targets; target; target = target->next)
    if (argc == 2 || argv[2] == std::string_view(target->name)) inputs += replay(*target, argv[1]), ++targets;
  std::printf("%zu targets, %zu inputs\n", targets, inputs);
  return targets > 0 && inputs >= targets ? 0 : 1;
} catch (const std::exception& error) {
  std::fprintf(stderr, "fuzz_corpus: %s\n", error.what());
  return 1;
}
