#pragma once  // internal
/// \file Backward passes that a program's hooks are not to see.

#include <vector>

#include "unroll/autograd/variable.hpp"

namespace unroll::detail {

/// While it lives, no hook of these leaves runs.
template <class T>
class WithoutHooks {
 public:
  explicit WithoutHooks(std::vector<Variable<T>> leaves)
      : leaves_(std::move(leaves)), hooks_(leaves_.size()) {
    exchange();
  }
  ~WithoutHooks() { exchange(); }
  WithoutHooks(const WithoutHooks&) = delete;
  WithoutHooks& operator=(const WithoutHooks&) = delete;

 private:
  void exchange() {
    for (std::size_t k = 0; k < leaves_.size(); ++k)
      if (auto& extras = leaves_[k].tensor()->extras) hooks_[k].swap(extras->hooks);
  }

  std::vector<Variable<T>> leaves_;
  std::vector<decltype(TensorExtras<T>::hooks)> hooks_;
};

}  // namespace unroll::detail
