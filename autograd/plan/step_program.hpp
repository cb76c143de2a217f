#pragma once  // internal
/// \file A step of a recurrence, recorded once: its kernels in order, and where each value lies. It is run without a
/// tape, without memory of the pool, and on any thread.

#include <functional>
#include <memory>
#include <string_view>
#include <vector>

#include "unroll/autograd/variable.hpp"
#include "unroll/detail/autograd/gemm/row_product.hpp"

namespace unroll::detail {

template <class T>
struct FusedCode;

/// Numbers in one piece of memory that belongs to no thread, aligned to 64 bytes; 0 at first.
template <class T>
class Numbers {
 public:
  static constexpr index_t lanes = 64 / sizeof(T);
  Numbers() = default;
  explicit Numbers(index_t size);
  Numbers(const Numbers& other);
  Numbers& operator=(const Numbers& other);
  Numbers(Numbers&&) noexcept = default;
  Numbers& operator=(Numbers&&) noexcept = default;
  T* data() const { return data_.get(); }
  index_t size() const { return size_; }

 private:
  struct Free {
    void operator()(T* p) const { ::operator delete (p, std::align_val_t{64}); }
  };
  std::unique_ptr<T, Free> data_;
  index_t size_ = 0;
};

/// Made by record_step(); then immutable: runs on several threads may share one.
template <class T>
class StepProgram {
 public:
  index_t input_size() const { return input_size_; }
  index_t output_size() const { return output_size_; }

  /// A value's place: among the constants, or in the memory of a run.
  struct Place {
    bool constant = true;
    index_t at = 0;
  };
  /// One kernel. Sizes count elements.
  struct Kernel {
    /// `spread` fills a block with one element.
    enum class Kind : std::uint8_t { fused, product, other, add, spread, copy };
    Kind kind;
    index_t size = 0;
    const FusedCode<T>* code = nullptr;  ///< fused
    index_t numbers = 0;                 ///< fused: where its numbers begin, among the constants
    std::vector<index_t> masks;          ///< fused: 0 for an input of one element, else −1
    std::shared_ptr<const blas::RowProduct<T>> weight;    ///< product: out = [in 1 +] weight · in 0
    std::function<void(const T* const* in, T* out)> run;  ///< other
    std::string name;                                     ///< other
    std::vector<Place> in, out;
  };
  const std::vector<Kernel>& kernels() const { return kernels_; }
  /// Whether a step's bits are those of the recorded ops: not where it does an op by simpler ones.
  bool exact() const { return exact_; }
  /// A line for each kernel.
  std::string str() const;

 private:
  template <class>
  friend class StepRun;
  template <class>
  friend class StepRecorder;
  struct Carried {
    Place before, after;
    index_t size, first;  ///< `first`: its initial value, among the constants
  };
  std::vector<Kernel> kernels_;
  std::vector<Carried> carried_;
  Place input_, output_;
  index_t input_size_ = 0, output_size_ = 0, memory_ = 0;
  bool exact_ = true;
  Numbers<T> constants_;
};

/// A program with a state of its own.
template <class T>
class StepRun {
 public:
  /// Begins with the initial state.
  explicit StepRun(std::shared_ptr<const StepProgram<T>> program);
  StepRun(const StepRun& other);
  StepRun& operator=(const StepRun& other);
  StepRun(StepRun&&) noexcept = default;
  StepRun& operator=(StepRun&&) noexcept = default;

  const StepProgram<T>& program() const { return *program_; }
  /// One step: x (input_size) gives y (output_size).
  void step(const T* x, T* y) noexcept;
  /// Back to the initial state.
  void reset() noexcept;
  /// Member k of the state.
  T* state(std::size_t k) noexcept { return at(program_->carried_[k].before); }

 private:
  using Kind = typename StepProgram<T>::Kernel::Kind;
  /// A kernel with its pointers.
  struct Call {
    Kind kind;
    index_t size;
    const FusedCode<T>* code;
    const T* numbers;
    const index_t* masks;
    const blas::RowProduct<T>* weight;
    const std::function<void(const T* const*, T*)>* run;
    const T* const* in;
    T* const* out;
  };
  T* at(const typename StepProgram<T>::Place& place) const {
    return (place.constant ? program_->constants_ : memory_).data() + place.at;
  }
  void resolve();

  std::shared_ptr<const StepProgram<T>> program_;
  Numbers<T> memory_;
  std::vector<Call> calls_;
  std::vector<T*> pointers_;  // of the fused kernels: inputs, then outputs
};

extern template class Numbers<float>;
extern template class Numbers<double>;
extern template class StepProgram<float>;
extern template class StepProgram<double>;
extern template class StepRun<float>;
extern template class StepRun<double>;

}  // namespace unroll::detail
