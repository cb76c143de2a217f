#pragma once  // internal
/// \file The counts behind traffic().

#include "unroll/autograd/traffic.hpp"

namespace unroll::detail {

[[gnu::tls_model("initial-exec")]] extern thread_local constinit Traffic current_traffic;

template <class T, class Count>
std::uint64_t bytes_of(Count elements) {
  return static_cast<std::uint64_t>(elements) * sizeof(T);
}

}  // namespace unroll::detail
