#include "examples/common/saved_run.hpp"

#include <algorithm>
#include <thread>

#include "autograd/gemm.hpp"
#include "io/checksum.hpp"

namespace unroll::program {

std::string checksum_of(std::string_view text) {
  io::Checksum sum;
  sum.update(std::as_bytes(std::span(text)));
  return fmt::format("{:016x}", sum.value());
}

int use_threads(int threads) {
  if (threads == 0) threads = static_cast<int>(std::max(1u, std::thread::hardware_concurrency()));
  blas::set_num_threads(threads);
  return threads;
}

}  // namespace unroll::program
