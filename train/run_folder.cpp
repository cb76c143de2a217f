#include "unroll/train/run_folder.hpp"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <vector>

#include "unroll/autograd/error.hpp"
#include "unroll/detail/io/system_call.hpp"
#include "unroll/io/atomic_file.hpp"

namespace unroll {
namespace {

/// What stands at `path`: not_found is no error.
/// Errors: DataError if that cannot be told.
std::filesystem::file_type kind_of(const std::string& path) {
  std::error_code error;
  const auto kind = std::filesystem::status(path, error).type();
  if (kind == std::filesystem::file_type::none) raise<DataError>("{}: {}", path, error.message());
  return kind;
}

}  // namespace

FolderLock::FolderLock(const std::string& folder)
    : descriptor_(
          io::uninterrupted([&] { return open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC); })) {
  if (descriptor_ == -1) raise<DataError>("{}: {}", folder, std::strerror(errno));
  if (io::uninterrupted([&] { return flock(descriptor_, LOCK_EX | LOCK_NB); }) == 0 || errno != EWOULDBLOCK)
    return;
  close(descriptor_);
  raise<DataError>("{}: another program is writing a run there; wait for its end, or take another folder",
                   folder);
}

FolderLock::~FolderLock() {
  if (descriptor_ != -1) close(descriptor_);
}

void RunFolder::create() const {
  std::error_code error;
  std::vector<std::filesystem::path> missing;  // from the innermost on
  for (auto folder = path_; !folder.empty() && !std::filesystem::exists(folder, error);
       folder = folder.parent_path())
    if (folder.has_filename()) missing.push_back(folder);
  std::filesystem::create_directories(path_, error);
  if (error) raise<DataError>("{}: {}", path_.string(), error.message());
  for (const auto& folder : missing) io::sync_name(folder);
}

bool RunFolder::exists(const std::string& file) {
  return kind_of(file) != std::filesystem::file_type::not_found;
}

void RunFolder::clear() const {
  const auto remove = [](const std::string& file) {
    std::error_code error;
    std::filesystem::remove(file, error);
    if (error) raise<DataError>("{}: {}", file, error.message());
  };
  remove(best());
  remove(last());
  remove(details());
  io::sync_name(log());  // a checkpoint that a crash brings back must not find the log of another run
  remove(log());
}

std::string find_checkpoint(const std::string& path) {
  const auto kind = kind_of(path);
  if (kind == std::filesystem::file_type::not_found) raise<DataError>("{}: No such file or directory", path);
  if (kind != std::filesystem::file_type::directory) return path;
  const RunFolder folder(path);
  for (const auto& file : {folder.best(), folder.last()})
    if (RunFolder::exists(file)) return file;
  raise<DataError>("{}: holds no checkpoint: a training run writes one at its first evaluation", path);
}

}  // namespace unroll
