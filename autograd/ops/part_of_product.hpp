#pragma once  // internal
/// \file Products that are parts of larger ones.

#include <utility>

#include "unroll/autograd/shape.hpp"

namespace unroll::detail {

/// While it lives, products of this thread are parts of larger ones: `part` rows of `whole`. They are
/// computed as the whole would be, to the bit.
class PartOfProduct {
 public:
  PartOfProduct(index_t part, index_t whole) : before_(std::exchange(current, {part, whole})) {}
  ~PartOfProduct() { current = before_; }
  PartOfProduct(const PartOfProduct&) = delete;
  PartOfProduct& operator=(const PartOfProduct&) = delete;

  struct Ratio {
    index_t part, whole;
  };
  [[gnu::tls_model("initial-exec")]] static thread_local constinit Ratio current;

 private:
  Ratio before_;
};

}  // namespace unroll::detail
