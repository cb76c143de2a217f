#include "unroll/piece_file.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "unroll/autograd/error.hpp"
#include "unroll/io/atomic_file.hpp"

namespace unroll::tool {
namespace {

/// Not through a link, and nothing that is there already but the rest of a killed run.
std::FILE* open_new(const std::filesystem::path& path) {
  const int descriptor =
      ::open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC, 0666);
  return descriptor == -1 ? nullptr : ::fdopen(descriptor, "wb");
}

}  // namespace

PieceFile::PieceFile(std::filesystem::path path)
    : path_(std::move(path)), temporary_(io::temporary_path(path_)), file_(open_new(temporary_)) {
  if (!file_) refuse();
}

PieceFile::~PieceFile() {
  if (!file_) return;
  std::fclose(file_);
  ::unlink(temporary_.c_str());
}

void PieceFile::refuse() const { raise<DataError>("{}: {}", path_.string(), std::strerror(errno)); }

void PieceFile::write(std::string_view bytes) {
  if (std::fwrite(bytes.data(), 1, bytes.size(), file_) != bytes.size()) refuse();
}

void PieceFile::finish() {
  if (std::fflush(file_) != 0 || (::fsync(::fileno(file_)) != 0 && errno != EINVAL)) refuse();
  if (std::rename(temporary_.c_str(), path_.c_str()) != 0) refuse();
  std::fclose(file_);
  file_ = nullptr;
  io::sync_name(path_);
}

}  // namespace unroll::tool
