#include "common/program.hpp"

#include <fcntl.h>
#include <fmt/core.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <new>

#include "unroll/autograd/error.hpp"

namespace unroll::program {
namespace {

/// Where a standard stream is closed, the next file that is opened takes its number, and what is meant for
/// the stream goes into that file. This keeps the number, for nothing to be written to or read from.
void keep_standard_streams() {
  for (const int descriptor : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO})
    if (fcntl(descriptor, F_GETFD) == -1 && errno == EBADF)
      // The lowest number that is free is this one.
      if (open("/dev/null", descriptor == STDIN_FILENO ? O_WRONLY : O_RDONLY) == -1) _exit(1);
}

}  // namespace

Program::Program(std::string name, const std::string& description)
    : name_(std::move(name)), line_(description) {}

CLI::App& Program::command(const std::string& name, const std::string& help, Action action) {
  return command_with_given(name, help, [action = std::move(action)](const Given&) { return action(); });
}

CLI::App& Program::command_with_given(const std::string& name, const std::string& help,
                                      std::function<int(const Given&)> action) {
  commands_.emplace_back(&line_.command(name, help), std::move(action));
  return *commands_.back().first;
}

int Program::run(int argc, char** argv) {
  if (const auto status = line_.read(argc, argv, name_)) return *status;
  int status = 0;
  for (const auto& [command, action] : commands_)
    if (const auto given = CommandLine::given(*command)) status = action(*given);
  return status;
}

int Program::complain(std::string_view what) const {
  fmt::print(stderr, "{}: {}\n", name_, what);
  return 1;
}

int Program::run_and_explain(int argc, char** argv) {
  try {
    return run(argc, argv);
  } catch (const UsageError& error) {
    complain(error.what());
    return 2;
  } catch (const std::bad_alloc&) {
    return complain("not enough memory");
  } catch (const std::exception& error) {
    return complain(error.what());
  }
}

int Program::main(int argc, char** argv) {
  keep_standard_streams();
  const int status = run_and_explain(argc, argv);
  errno = 0;
  const bool lost = std::ferror(stdout) != 0;
  if (std::fflush(stdout) == 0 && !lost) return status;
  const int failed = complain(errno == 0 ? "standard output: could not be written"
                                         : fmt::format("standard output: {}", std::strerror(errno)));
  return status == 0 ? failed : status;
}

void add_model(CLI::App& app, std::string& model) {
  AddOption{app}("model", model, "folder of a run (its best model), or a checkpoint",
                 {.named = true, .required = true});
}

void add_threads(CLI::App& app, int& threads) {
  AddOption{app}("threads", threads, "threads; 0: as in training", {.low = 0, .high = 1024});
}

}  // namespace unroll::program
