#include "unroll/io/write_trace.hpp"

#include <span>

#include "unroll/io/atomic_file.hpp"

namespace unroll {

void write_trace(const std::filesystem::path& file, const Trace& trace) {
  const std::string text = trace.json();
  io::write_file_atomically(file, std::as_bytes(std::span(text)));
}

}  // namespace unroll
