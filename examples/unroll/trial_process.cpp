#include "trial_process.hpp"

#include <fcntl.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <utility>

#include "unroll/autograd/error.hpp"

namespace unroll::tool {
namespace {

/// Between fork and exec: nothing but calls of the system.
[[noreturn]] void become(char* const* words, int output, pid_t parent) {
  ::setpgid(0, 0);
  ::prctl(PR_SET_PDEATHSIG, SIGTERM);
  if (::getppid() != parent) ::_exit(127);  // it has gone already
  const int input = ::open("/dev/null", O_RDONLY | O_CLOEXEC);
  if (input >= 0) ::dup2(input, STDIN_FILENO);
  ::dup2(output, STDOUT_FILENO);
  ::dup2(output, STDERR_FILENO);
  for (const int signal : {SIGINT, SIGTERM, SIGHUP, SIGPIPE, SIGXFSZ}) ::signal(signal, SIG_DFL);
  ::execv(words[0], words);
  const char message[] = "the program could not be started\n";
  if (::write(STDERR_FILENO, message, sizeof message - 1) < 0) ::_exit(126);
  ::_exit(127);
}

bool is_program(const std::filesystem::path& path) {
  std::error_code error;
  return std::filesystem::is_regular_file(path, error) && ::access(path.c_str(), X_OK) == 0;
}

}  // namespace

TrialProcess::TrialProcess(const std::string& program, const std::vector<std::string>& arguments,
                           const std::string& output) {
  const int file = ::open(output.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOFOLLOW, 0666);
  if (file < 0) raise<DataError>("{}: it cannot be opened: {}", output, std::strerror(errno));
  std::vector<std::string> all{program};
  all.insert(all.end(), arguments.begin(), arguments.end());
  std::vector<char*> words;
  for (std::string& word : all) words.push_back(word.data());
  words.push_back(nullptr);
  const pid_t parent = ::getpid();
  child_ = ::fork();
  if (child_ == 0) become(words.data(), file, parent);
  const int error = errno;
  ::close(file);
  if (child_ < 0) raise<DataError>("{}: it cannot be started: {}", program, std::strerror(error));
}

TrialProcess::TrialProcess(TrialProcess&& other) noexcept
    : child_(std::exchange(other.child_, -1)), status_(other.status_) {}
TrialProcess& TrialProcess::operator=(TrialProcess&& other) noexcept {
  std::swap(child_, other.child_);
  std::swap(status_, other.status_);
  return *this;
}
TrialProcess::~TrialProcess() {
  if (child_ < 0 || status_) return;
  stop();
  int ended = 0;
  while (::waitpid(child_, &ended, 0) < 0 && errno == EINTR) continue;
}

std::optional<int> TrialProcess::status() {
  int ended = 0;
  if (!status_ && ::waitpid(child_, &ended, WNOHANG) == child_)
    status_ = WIFEXITED(ended) ? WEXITSTATUS(ended) : 128 + WTERMSIG(ended);
  return status_;
}

void TrialProcess::stop() const {
  if (child_ > 0 && !status_) ::kill(child_, SIGTERM);
}

std::string find_program(const std::string& name) {
  namespace fs = std::filesystem;
  std::vector<fs::path> places;
  if (name.find('/') != name.npos) {
    places.emplace_back(name);
  } else {
    std::error_code error;
    const fs::path beside = fs::read_symlink("/proc/self/exe", error).parent_path();
    std::string with_dashes = name;
    std::ranges::replace(with_dashes, '_', '-');
    if (!error) places = {beside / name, beside / ("unroll-" + with_dashes)};
    std::string path = std::getenv("PATH") ? std::getenv("PATH") : "";
    for (std::size_t begin = 0; begin <= path.size();) {
      const std::size_t end = std::min(path.find(':', begin), path.size());
      const std::string folder = path.substr(begin, end - begin);
      if (!folder.empty())
        places.insert(places.end(), {fs::path(folder) / name, fs::path(folder) / ("unroll-" + with_dashes)});
      begin = end + 1;
    }
  }
  for (const fs::path& place : places)
    if (is_program(place)) return place.string();
  raise<UsageError>(
      "{}: there is no such program; name one such as char_lm, classify or tag, or give its path", name);
}

}  // namespace unroll::tool
