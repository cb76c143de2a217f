#include "unroll/detail/data/byte_window.hpp"

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "unroll/autograd/error.hpp"

namespace unroll::detail {

ByteWindow::ByteWindow(const std::string& path) : path_(path) {
  std::FILE* opened = std::fopen(path.c_str(), "rb");  // of a pipe it waits for the writer
  while (!opened && errno == EINTR) opened = std::fopen(path.c_str(), "rb");
  if (!opened) raise<DataError>("{}: {}", path, std::strerror(errno));
  file_.reset(opened);
  buffer_.resize(1 << 18);
  begin_ = end_ = buffer_.data();
}

bool ByteWindow::more() {
  if (!file_) return false;
  const auto kept = static_cast<std::size_t>(end_ - begin_);
  std::copy(begin_, end_, buffer_.data());
  if (kept == buffer_.size()) buffer_.resize(2 * kept);
  begin_ = buffer_.data();
  end_ = begin_ + kept;
  for (;;) {
    errno = 0;
    const std::size_t got = std::fread(buffer_.data() + kept, 1, buffer_.size() - kept, file_.get());
    end_ += got;
    if (got > 0) return true;
    if (std::feof(file_.get())) return false;
    if (errno != EINTR) raise<DataError>("{}: {}", path_, std::strerror(errno));
    std::clearerr(file_.get());
  }
}

}  // namespace unroll::detail
