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

void RunFolder::clear() const {
  std::error_code error;
  for (const auto& file : {log(), last(), best()}) {
    std::filesystem::remove(file, error);
    if (error) raise<DataError>("{}: {}", file, error.message());
  }
}

std::string find_checkpoint(const std::string& path) {
  std::error_code error;
  if (!std::filesystem::exists(path, error)) raise<DataError>("{}: No such file or directory", path);
  if (!std::filesystem::is_directory(path)) return path;
  const RunFolder folder(path);
  for (const auto& file : {folder.best(), folder.last()})
    if (std::filesystem::exists(file)) return file;
  raise<DataError>("{}: holds no checkpoint: a training run writes one at its first evaluation", path);
}

}  // namespace unroll
