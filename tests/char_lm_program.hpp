#pragma once
/// \file Runs the char_lm program for the tests.

#include <doctest/doctest.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "temporary_folder.hpp"

namespace char_lm_test {

using Arguments = std::vector<std::string>;
using json = nlohmann::ordered_json;

inline std::string read(const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

inline void write(const std::filesystem::path& path, std::string_view text) {
  std::ofstream(path, std::ios::binary) << text;
}

/// Text with some structure: words of a small vocabulary, sentences and lines, always the same.
inline std::string story(std::size_t length) {
  const char* words[] = {"the", "sea", "was", "calm", "and", "a", "ship", "came", "home", "again"};
  std::string text;
  for (unsigned k = 1; text.size() < length; k = k * 1103515245u + 12345u) {
    text += words[(k >> 16) % 10];
    text += (k >> 20) % 7 == 0 ? ".\n" : " ";
  }
  text.resize(length);
  return text;
}

/// Starts the program, with its output going to files in `folder`.
inline pid_t start(const TemporaryFolder& folder, const Arguments& arguments) {
  std::vector<char*> argv{const_cast<char*>(UNROLL_CHAR_LM)};
  for (const auto& argument : arguments) argv.push_back(const_cast<char*>(argument.c_str()));
  argv.push_back(nullptr);
  const std::string out = folder / "stdout", err = folder / "stderr";
  const pid_t child = fork();
  REQUIRE(child >= 0);
  if (child == 0) {
    // Only what is safe after fork.
    dup2(open(out.c_str(), O_WRONLY | O_CREAT | O_TRUNC, 0666), STDOUT_FILENO);
    dup2(open(err.c_str(), O_WRONLY | O_CREAT | O_TRUNC, 0666), STDERR_FILENO);
    execv(argv[0], argv.data());
    _exit(127);
  }
  return child;
}

/// How the program ended: its exit status, or minus the signal that ended it.
inline int wait_for(pid_t child) {
  int status = 0;
  REQUIRE(waitpid(child, &status, 0) == child);
  return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
}

struct Outcome {
  int status;
  std::string out, err;
};

inline Outcome run(const TemporaryFolder& folder, const Arguments& arguments) {
  const int status = wait_for(start(folder, arguments));
  return {status, read(folder / "stdout"), read(folder / "stderr")};
}

inline bool contains(std::string_view text, std::string_view part) {
  return text.find(part) != std::string_view::npos;
}

/// The command line of a small training run, with more options at the end.
inline Arguments training(const std::string& text, const std::string& out, const Arguments& more = {}) {
  Arguments arguments = {
      "train", "--text",    text, "--out",     out,   "--hidden", "12", "--seq-length",     "8",  "--batch",
      "4",     "--threads", "1",  "--dropout", "0.2", "--epochs", "2",  "--valid-fraction", "0.1"};
  arguments.insert(arguments.end(), more.begin(), more.end());
  return arguments;
}

inline std::vector<json> log_lines(const std::filesystem::path& run) {
  std::vector<json> lines;
  std::ifstream file(run / "metrics.jsonl");
  for (std::string line; std::getline(file, line);) lines.push_back(json::parse(line));
  return lines;
}

}  // namespace char_lm_test
