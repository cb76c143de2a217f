#include <doctest/doctest.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <unistd.h>

#include <chrono>
#include <csignal>
#include <new>
#include <thread>

#include "char_lm_program.hpp"
#include "common/line_reader.hpp"
#include "common/program.hpp"
#include "unroll/autograd/error.hpp"
#include "unroll/data/text.hpp"

namespace {

using namespace char_lm_test;
namespace fs = std::filesystem;
using unroll::DataError;

const std::vector<std::string> all_programs = {"char_lm", "classify", "tag", "translate", "addition"};

/// The exit status of a shell's command line; minus the signal that ended it.
int shell(const std::string& command) {
  const int status = std::system(command.c_str());
  return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
}

/// Runs `body` in a child whose standard error goes to `file`, and returns how it ended.
template <class Body>
int status_of_child(const std::string& file, Body body) {
  const pid_t child = fork();
  REQUIRE(child >= 0);
  if (child == 0) {
    dup2(open(file.c_str(), O_WRONLY | O_CREAT | O_TRUNC, 0666), STDERR_FILENO);
    _exit(unroll::program::guarded("p", body));
  }
  return wait_for(child);
}

void get_no_memory() { throw std::bad_alloc(); }

/// Interrupts this thread every millisecond; calls are not restarted.
struct Alarms {
  struct sigaction before {};
  Alarms() {
    struct sigaction action {};
    action.sa_handler = [](int) {};
    sigaction(SIGALRM, &action, &before);
    const itimerval every{{0, 1000}, {0, 1000}};
    setitimer(ITIMER_REAL, &every, nullptr);
  }
  ~Alarms() {
    const itimerval never{};
    setitimer(ITIMER_REAL, &never, nullptr);
    sigaction(SIGALRM, &before, nullptr);
  }
};

}  // namespace

TEST_CASE("program end: a wrong option is status 2 though standard error is full or closed") {
  auto programs = all_programs;
  programs.push_back("copy_memory");  // one of those without commands
  for (const auto& program : programs)
    for (const auto* stream : {"2>/dev/full", "2>&-"}) {
      if (!fs::exists(path_of(program))) continue;  // single files are not built with sanitizers
      CHECK_MESSAGE(shell(fmt::format("'{}' --bogus {} >/dev/null", path_of(program), stream)) == 2, program);
    }
}

TEST_CASE("program end: an error is status 1 though standard error is full or closed") {
  for (const auto& program : all_programs)
    for (const auto* stream : {"2>/dev/full", "2>&-"})
      CHECK_MESSAGE(shell(fmt::format("'{}' {} --model /none {}", path_of(program),
                                      program == "char_lm" ? "sample" : "predict", stream)) == 1,
                    program);
}

TEST_CASE(
    "program end: output that a full disk does not take is one message with the reason, and the run goes "
    "on") {
  const TemporaryFolder folder;
  write(folder / "text", story(500));
  const std::string err = folder / "stderr", out = folder / "run";
  const auto lost = [&](const Arguments& arguments) {
    std::string command = "'" + path_of("char_lm") + "'";
    for (const auto& argument : arguments) command += " '" + argument + "'";
    CHECK(shell(fmt::format("{} >/dev/full 2>'{}'", command, err)) == 1);
    CHECK(read(err) == "char_lm: standard output: No space left on device\n");
  };
  lost(training(folder / "text", out));
  CHECK(fs::exists(out + "/last.safetensors"));
  // More layers than the stream's buffer has room for.
  lost(training(folder / "text", folder / "large", {"--layers", "40"}));
  lost({"sample", "--model", out, "--length", "3"});
  lost({"--help"});
}

TEST_CASE("program end: a plot that cannot be written is an error") {
  if (!fs::exists(path_of("vanishing_gradients"))) return;  // single files are not built with sanitizers
  for (const auto* file : {"/none/plot", "/dev/full"})
    CHECK_MESSAGE(shell(fmt::format("'{}' --length 2 --plot {} >/dev/null 2>&1",
                                    path_of("vanishing_gradients"), file)) == 1,
                  file);
}

TEST_CASE("program end: whatever is thrown, even before a program is made, becomes a message and a status") {
  const TemporaryFolder folder;
  const std::string file = folder / "stderr";
  CHECK(status_of_child(file, []() -> int { throw std::bad_alloc(); }) == 1);
  CHECK(read(file) == "p: not enough memory\n");
  CHECK(status_of_child(file, []() -> int { unroll::raise<unroll::UsageError>("do\n  that\x1b[31m"); }) == 2);
  CHECK(read(file) == "p: do\n  that\\x1B[31m\n");
  CHECK(status_of_child(file, [] { return 7; }) == 7);
  struct Greedy {
    ~Greedy() { get_no_memory(); }  // where nothing may be thrown
  };
  CHECK(status_of_child(file, [] {
          const Greedy greedy;
          return 0;
        }) == 1);
  CHECK(read(file) == "p: not enough memory\n");
}

TEST_CASE("program end: a file that may not grow is an error with its name") {
  const TemporaryFolder folder;
  write(folder / "text", story(3000));
  std::string command = fmt::format("ulimit -f 8; '{}'", path_of("char_lm"));
  for (const auto& argument : training(folder / "text", folder / "run")) command += " '" + argument + "'";
  const std::string err = folder / "stderr";
  CHECK(shell(fmt::format("{} >/dev/null 2>'{}'", command, err)) == 1);
  CHECK_MESSAGE(contains(read(err), "/run/"), read(err));
  CHECK_MESSAGE(contains(read(err), ": File too large\n"), read(err));
}

TEST_CASE("program end: a run whose output nobody reads saves and ends without a message") {
  const TemporaryFolder folder;
  write(folder / "text", story(3000));
  std::string command = path_of("char_lm");
  for (const auto& argument :
       training(folder / "text", folder / "run",
                {"--epochs", "1000000", "--eval-every", "100000000", "--time-limit", "60"}))
    command += " '" + argument + "'";
  const std::string err = folder / "stderr", status = folder / "status";
  shell(fmt::format("({{ {} 2>'{}'; echo $? >'{}'; }} | true)", command, err, status));
  CHECK(read(status) == "141\n");
  CHECK(read(err).empty());
  CHECK(fs::exists(folder / "run/last.safetensors"));
}

TEST_CASE("program end: a sample that nobody reads ends without a message") {
  const TemporaryFolder folder;
  write(folder / "text", story(500));
  REQUIRE(run(folder, training(folder / "text", folder / "run")).status == 0);
  const std::string err = folder / "stderr", status = folder / "status";
  for (const auto* before : {"", "trap '' PIPE; "}) {
    shell(fmt::format(
        "{}({{ '{}' sample --model '{}' --length 1000000 2>'{}'; echo $? >'{}'; }} | head -c 9 >/dev/null)",
        before, path_of("char_lm"), std::string(folder / "run"), err, status));
    CHECK(read(status) == "141\n");
    CHECK(read(err).empty());
  }
}

TEST_CASE("program end: standard input that cannot be read is an error, not its end") {
  const TemporaryFolder folder;
  write(folder / "classes", "a\tone one\nb\ttwo two\na\tone\nb\ttwo\n");
  write(folder / "series", "up\n1 2 3\n2 3 4\n\ndown\n4 3 2\n3 2 1\n\n");
  write(folder / "tags", "the\tDET\nship\tNOUN\n\nit\tPRON\nsails\tVERB\n");
  write(folder / "pairs", "a ship\tun bateau\na ship\tun bateau\na sail\tun bateau\n");
  const std::vector<std::pair<std::string, Arguments>> programs = {
      {"classify", {"--text", folder / "classes", "--min-count", "1", "--valid-fraction", "0"}},
      {"classify", {"--series", folder / "series", "--valid-fraction", "0"}},
      {"tag", {"--text", folder / "tags"}},
      {"translate", {"--text", folder / "pairs", "--min-count", "1"}},
      {"addition", {"--digits", "1", "--steps", "1", "--tests", "5"}}};
  for (const auto& [program, more] : programs) {
    const Arguments train = {
        "train", "--out", folder / "run", "--overwrite", "--hidden", "4", "--epochs", "1", "--threads", "1"};
    REQUIRE_MESSAGE(run(program, folder, with(train, more)).status == 0, program);
    const std::string err = folder / "stderr";
    CHECK(shell(fmt::format("'{}' predict --model '{}' <'{}' 2>'{}'", path_of(program),
                            std::string(folder / "run"), std::string(folder.path), err)) == 1);
    CHECK(read(err) == program + ": standard input: Is a directory\n");
  }
}

TEST_CASE("program end: signals interrupt neither the reading of a pipe nor that of standard input") {
  const TemporaryFolder folder;
  const std::string pipe = folder / "pipe";
  REQUIRE(mkfifo(pipe.c_str(), 0600) == 0);
  const auto slowly = [&] {
    std::thread writer([&] {
      sigset_t alarms;
      sigemptyset(&alarms);
      sigaddset(&alarms, SIGALRM);
      pthread_sigmask(SIG_BLOCK, &alarms, nullptr);
      std::this_thread::sleep_for(std::chrono::milliseconds(20));
      std::FILE* file = std::fopen(pipe.c_str(), "w");
      for (const auto* part : {"one\n", "two\n"}) {
        std::fputs(part, file);
        std::fflush(file);
        std::this_thread::sleep_for(std::chrono::milliseconds(20));
      }
      std::fclose(file);
    });
    return writer;
  };
  auto writer = slowly();
  {
    const Alarms alarms;
    CHECK(unroll::read_bytes(pipe) == "one\ntwo\n");
  }
  writer.join();
  writer = slowly();
  const int before = dup(STDIN_FILENO), input = open(pipe.c_str(), O_RDONLY);
  dup2(input, STDIN_FILENO);
  std::vector<std::string> lines;
  {
    const Alarms alarms;
    unroll::program::LineReader reader(unroll::program::standard_input(), "input", [](const std::string&) {});
    while (const auto line = reader.next()) lines.push_back(*line);
  }
  dup2(before, STDIN_FILENO), close(before), close(input);
  writer.join();
  CHECK(lines == std::vector<std::string>{"one", "two"});
}

TEST_CASE("program end: a terminal that hangs up saves and ends the run") {
  const TemporaryFolder folder;
  write(folder / "text", story(3000));
  const pid_t child =
      start(folder, training(folder / "text", folder / "run",
                             {"--epochs", "1000000", "--eval-every", "100000000", "--time-limit", "60"}));
  while (!fs::exists(folder / "run/metrics.jsonl")) std::this_thread::sleep_for(std::chrono::milliseconds(1));
  kill(child, SIGHUP);
  CHECK(wait_for(child) == 128 + SIGHUP);
  CHECK(read(folder / "stderr").empty());
  CHECK(fs::exists(folder / "run/last.safetensors"));
}

TEST_CASE("program end: --resume overwrites nothing through a symbolic link in the place of the log") {
  const TemporaryFolder folder;
  write(folder / "text", story(500));
  const Arguments train = training(folder / "text", folder / "run", {"--epochs", "1"});
  REQUIRE(run(folder, train).status == 0);
  const std::string log = read(folder / "run/metrics.jsonl") + "{\"step\": 1000000}\n";
  write(folder / "precious", log);
  fs::remove(folder / "run/metrics.jsonl");
  fs::create_symlink(folder / "precious", folder / "run/metrics.jsonl");
  const auto resumed = run(folder, {"train", "--out", folder / "run", "--resume", "--epochs", "2"});
  CHECK(resumed.status == 1);
  CHECK_MESSAGE(contains(resumed.err, "metrics.jsonl: it is a symbolic link"), resumed.err);
  CHECK(read(folder / "precious") == log);
}
