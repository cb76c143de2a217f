#include "unroll/detail/layers/base/checks.hpp"

namespace unroll::detail {

void fail_empty_layer(const char* layer) {
  raise<UsageError>("{}: the layer is empty; assign a constructed one first", layer);
}

void check_lengths(const char* op, const Indices& lengths, index_t time) {
  for (index_t b = 0; b < lengths.size(); ++b) {
    if (lengths[b] >= 0 && lengths[b] <= time) continue;
    raise<IndexError>("{}: need lengths from 0 to {}, the number of time steps; sequence {} has {}", op, time,
                      b, lengths[b]);
  }
}

}  // namespace unroll::detail
