#pragma once
/// \file Names for parts of a program's computation.

#include <string>
#include <string_view>

#include "unroll/autograd/shape.hpp"

namespace unroll {

/// A name for what this thread computes while it lives, shown by anomaly mode and by measurements:
/// `const NameScope here("encoder");`. Scopes nest; recurrent layers add their own.
/// Lifetime: the texts must outlive it.
class NameScope {
 public:
  /// Opens the scope `name`, or `name number suffix` where the number is not negative.
  explicit NameScope(std::string_view name, index_t number = -1, std::string_view suffix = "")
      : name_(name), suffix_(suffix), number_(number), outer_(innermost) {
    innermost = this;
  }
  ~NameScope() { innermost = outer_; }
  NameScope(const NameScope&) = delete;
  NameScope& operator=(const NameScope&) = delete;
  /// All names, outermost first: "encoder, layer 1 reverse".
  static std::string path();

 private:
  std::string_view name_, suffix_;
  index_t number_;
  NameScope* outer_;
  [[gnu::tls_model("initial-exec")]] static thread_local constinit NameScope* innermost;
};

}  // namespace unroll
