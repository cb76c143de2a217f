#include "common/program.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <exception>
#include <new>
#include <system_error>

#include "unroll/autograd/error.hpp"

namespace unroll::program {
namespace {

constexpr int broken_pipe = 128 + SIGPIPE;

/// Where a standard stream is closed, the next file that is opened takes its number, and what is meant for
/// the stream goes into that file. This keeps the number, for nothing to be written to or read from.
void keep_standard_streams() {
  for (const int descriptor : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO})
    if (fcntl(descriptor, F_GETFD) == -1 && errno == EBADF)
      // The lowest number that is free is this one.
      if (open("/dev/null", descriptor == STDIN_FILENO ? O_WRONLY : O_RDONLY) == -1) _exit(1);
}

const char* program_name = "";

/// A destructor that gets no memory, as that of nlohmann::json, ends the process: not without a word.
[[noreturn]] void end_without_memory() {
  try {
    if (const auto thrown = std::current_exception()) std::rethrow_exception(thrown);
  } catch (const std::bad_alloc&) {
    complain(program_name, "not enough memory");
    _exit(1);
  } catch (...) {
  }
  std::abort();
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

int Program::main(int argc, char** argv) { return run(argc, argv); }

namespace internal {

void prepare_process(const char* program) noexcept {
  program_name = program;
  keep_standard_streams();
  std::set_terminate(end_without_memory);
  std::signal(SIGXFSZ, SIG_IGN);  // a file that may not grow is an error of write(), with its name
}

int status_of_exception(const char* program) noexcept {
  try {
    throw;
  } catch (const UsageError& error) {
    complain(program, error.what());
    return 2;
  } catch (const std::bad_alloc&) {
    complain(program, "not enough memory");
  } catch (const std::system_error& error) {
    if (error.code() == std::errc::broken_pipe) return broken_pipe;
    // What prints throws this, and end_of_output() says it.
    if (std::ferror(stdout) != 0)
      note_lost_output(error.code().value());
    else
      complain(program, error.what());
  } catch (const std::exception& error) {
    complain(program, error.what());
  }
  return 1;
}

int end_of_output(const char* program, int status) noexcept {
  const bool fine = std::ferror(stdout) == 0 && lost_output() == 0;
  const bool flushed = std::fflush(stdout) == 0;
  if (!flushed) note_lost_output(errno);
  const int error = lost_output();
  if (status == broken_pipe || error == EPIPE) {
    std::signal(SIGPIPE, SIG_IGN);  // the end of the process writes once more what was left
    return status == 0 ? broken_pipe : status;
  }
  if (fine && flushed) return status;
  const char* reason = error == 0 ? "could not be written" : std::strerror(error);
  std::array<char, 200> text{};
  std::snprintf(text.data(), text.size(), "standard output: %s", reason);
  complain(program, text.data());
  return status == 0 ? 1 : status;
}

}  // namespace internal

void add_model(CLI::App& app, std::string& model) {
  AddOption{app}("model", model, "folder of a run (its best model), or a checkpoint",
                 {.named = true, .required = true});
}

void add_threads(CLI::App& app, int& threads) {
  AddOption{app}("threads", threads,
                 "threads that share the work while the machine has time for them; 0: as in training",
                 {.low = 0, .high = 1024});
}

}  // namespace unroll::program
