#pragma once
/// \file Runs a program for the tests.

#include <doctest/doctest.h>
#include <signal.h>
#include <sys/wait.h>

#include <filesystem>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "temporary_folder.hpp"
#include "unroll/io/checkpoint.hpp"

namespace program_test {

using Arguments = std::vector<std::string>;
using json = nlohmann::ordered_json;

/// Whether a program takes a quarter of a second to start, and not a hundredth. What takes many of them, and is not for
/// the sanitizers to find, starts fewer then.
#ifdef __SANITIZE_ADDRESS__
inline constexpr bool slow_to_start = true;
#else
inline constexpr bool slow_to_start = false;
#endif

/// The file of a program in examples/.
std::string path_of(const std::string& program);

std::string read(const std::filesystem::path& path);
void write(const std::filesystem::path& path, std::string_view text);
bool contains(std::string_view text, std::string_view part);

/// Starts a program that reads `input`, with its output going to files in `folder`.
pid_t start(const std::string& program, const TemporaryFolder& folder, const Arguments& arguments,
            std::string_view input = "");
/// How a program ended: its exit status, or minus the signal that ended it.
int wait_for(pid_t child);

struct Outcome {
  int status;
  std::string out, err;
};
Outcome run(const std::string& program, const TemporaryFolder& folder, const Arguments& arguments,
            std::string_view input = "");

/// A command line with more options at its end.
Arguments with(Arguments arguments, const Arguments& more);

std::vector<json> log_lines(const std::filesystem::path& run);
/// The lines of a log without what depends on the clock or on how long the run was to be.
std::vector<json> timeless(const std::filesystem::path& run);

/// All that a run must agree in: weights, optimiser and random keys.
unroll::io::TensorFile tensors_of(const std::filesystem::path& run, std::string_view kind,
                                  const char* name = "last.safetensors");
bool equal(const unroll::io::TensorFile& a, const unroll::io::TensorFile& b);

}  // namespace program_test
