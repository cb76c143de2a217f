#include "program.hpp"

#include <doctest/doctest.h>
#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <fstream>
#include <iterator>

namespace program_test {

std::string path_of(const std::string& program) { return UNROLL_EXAMPLES "/" + program; }

std::string read(const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

void write(const std::filesystem::path& path, std::string_view text) {
  std::ofstream(path, std::ios::binary) << text;
}

pid_t start(const std::string& program, const TemporaryFolder& folder, const Arguments& arguments,
            std::string_view input) {
  const std::string path = path_of(program);
  std::vector<char*> argv{const_cast<char*>(path.c_str())};
  for (const auto& argument : arguments) argv.push_back(const_cast<char*>(argument.c_str()));
  argv.push_back(nullptr);
  const std::string in = folder / "stdin", out = folder / "stdout", err = folder / "stderr";
  write(in, input);
  const pid_t child = fork();
  REQUIRE(child >= 0);
  if (child == 0) {
    // Only what is safe after fork.
    dup2(open(in.c_str(), O_RDONLY), STDIN_FILENO);
    dup2(open(out.c_str(), O_WRONLY | O_CREAT | O_TRUNC, 0666), STDOUT_FILENO);
    dup2(open(err.c_str(), O_WRONLY | O_CREAT | O_TRUNC, 0666), STDERR_FILENO);
    execv(argv[0], argv.data());
    _exit(127);
  }
  return child;
}

int wait_for(pid_t child) {
  int status = 0;
  REQUIRE(waitpid(child, &status, 0) == child);
  return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
}

Outcome run(const std::string& program, const TemporaryFolder& folder, const Arguments& arguments,
            std::string_view input) {
  const int status = wait_for(start(program, folder, arguments, input));
  return {status, read(folder / "stdout"), read(folder / "stderr")};
}

bool contains(std::string_view text, std::string_view part) {
  return text.find(part) != std::string_view::npos;
}

Arguments with(Arguments arguments, const Arguments& more) {
  arguments.insert(arguments.end(), more.begin(), more.end());
  return arguments;
}

std::vector<json> log_lines(const std::filesystem::path& run) {
  std::vector<json> lines;
  std::ifstream file(run / "metrics.jsonl");
  for (std::string line; std::getline(file, line);) lines.push_back(json::parse(line));
  return lines;
}

std::vector<json> timeless(const std::filesystem::path& run) {
  auto lines = log_lines(run);
  for (auto& line : lines) {
    const json all = line;
    for (const auto& [name, value] : all.items())
      if (name.ends_with("seconds") || name.ends_with("_per_second") || name == "run") line.erase(name);
    if (line.contains("config")) line["config"].erase("epochs");
  }
  return lines;
}

unroll::io::TensorFile tensors_of(const std::filesystem::path& run, std::string_view kind, const char* name) {
  return unroll::io::load_checkpoint(run / name, kind).tensors;
}

bool equal(const unroll::io::TensorFile& a, const unroll::io::TensorFile& b) {
  return a.names() == b.names() && std::all_of(a.begin(), a.end(), [&](const auto& entry) {
           return b.at(entry.first) == entry.second;
         });
}

}  // namespace program_test
