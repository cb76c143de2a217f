#include "unroll/detail/autograd/plan/step_program.hpp"

#include <algorithm>
#include <cstring>

#include "unroll/detail/autograd/base/instantiate.hpp"
#include "unroll/detail/autograd/fused/code.hpp"

namespace unroll::detail {
namespace {

// Whole blocks, since there is room behind each value: the library's function would take longer to be called.
template <class T>
void copy_blocks(const T* from, index_t size, T* to) {
  for (index_t j = 0; j < size; j += Numbers<T>::lanes) std::memcpy(to + j, from + j, 64);
}
// One at a time, where there is none: they are few.
template <class T>
void copy_few(const T* from, index_t size, T* to) {
  if (size > 16) {
    std::memmove(to, from, static_cast<std::size_t>(size) * sizeof(T));
  } else {
    for (index_t j = 0; j < size; ++j) to[j] = from[j];
  }
}

}  // namespace

template <class T>
Numbers<T>::Numbers(index_t size) : size_(size) {
  const std::size_t bytes = std::max<std::size_t>(static_cast<std::size_t>(size) * sizeof(T), 64);
  data_.reset(static_cast<T*>(::operator new (bytes, std::align_val_t{64})));
  std::fill_n(data_.get(), size, T{0});
}
template <class T>
Numbers<T>::Numbers(const Numbers& other) : Numbers(other.size_) {
  std::copy_n(other.data(), size_, data());
}
template <class T>
Numbers<T>& Numbers<T>::operator=(const Numbers& other) {
  return *this = Numbers(other);
}

template <class T>
std::string StepProgram<T>::str() const {
  std::string text;
  const auto list = [](const std::vector<Place>& places) {
    std::string s;
    for (const Place& p : places)
      s += fmt::format("{}{}{}", s.empty() ? "" : ", ", p.constant ? "c" : "m", p.at);
    return s;
  };
  for (const Kernel& k : kernels_) {
    const char* name = k.kind == Kernel::Kind::product  ? "product"
                       : k.kind == Kernel::Kind::add    ? "add"
                       : k.kind == Kernel::Kind::spread ? "spread"
                                                        : "copy";
    text += fmt::format("{} = {}({}), {} elements\n", list(k.out),
                        k.code           ? k.code->name()
                        : k.name.empty() ? name
                                         : k.name,
                        list(k.in), k.size);
  }
  return text;
}

template <class T>
StepRun<T>::StepRun(std::shared_ptr<const StepProgram<T>> program)
    : program_(std::move(program)), memory_(program_->memory_) {
  resolve();
  reset();
}
template <class T>
StepRun<T>::StepRun(const StepRun& other) : program_(other.program_), memory_(other.memory_) {
  resolve();
}
template <class T>
StepRun<T>& StepRun<T>::operator=(const StepRun& other) {
  return *this = StepRun(other);
}

template <class T>
void StepRun<T>::resolve() {
  std::size_t count = 0;
  for (const auto& k : program_->kernels_) count += k.in.size() + 1 + k.out.size();
  pointers_.reserve(count);  // calls_ point into it
  for (const auto& k : program_->kernels_) {
    T** const first = pointers_.data() + pointers_.size();
    for (const auto& place : k.in) pointers_.push_back(at(place));
    if (k.kind == Kind::product && k.in.size() == 1) pointers_.push_back(nullptr);
    for (const auto& place : k.out) pointers_.push_back(at(place));
    T** const out = pointers_.data() + pointers_.size() - k.out.size();
    calls_.push_back({k.kind, k.size, k.code, program_->constants_.data() + k.numbers, k.masks.data(),
                      k.weight.get(), &k.run, first, out});
  }
}

template <class T>
void StepRun<T>::step(const T* x, T* y) noexcept {
  const StepProgram<T>& p = *program_;
  copy_few(x, p.input_size_, at(p.input_));
  for (const Call& c : calls_) {
    switch (c.kind) {
      case Kind::fused:
        c.code->forward(c.numbers, c.masks, c.in, c.size, c.out);
        break;
      case Kind::product:
        c.weight->multiply(c.in[0], c.in[1], c.out[0]);
        break;
      case Kind::other:
        (*c.run)(c.in, c.out[0]);
        break;
      case Kind::add:
        for (index_t j = 0; j < c.size; ++j) c.out[0][j] = c.in[0][j] + c.in[1][j];
        break;
      case Kind::spread:
        std::fill_n(c.out[0], c.size, *c.in[0]);
        break;
      case Kind::copy:
        copy_blocks(c.in[0], c.size, c.out[0]);
        break;
    }
  }
  copy_few(at(p.output_), p.output_size_, y);
  for (const auto& c : p.carried_)
    if (c.after.constant || c.after.at != c.before.at) copy_blocks(at(c.after), c.size, at(c.before));
}

template <class T>
void StepRun<T>::reset() noexcept {
  for (const auto& c : program_->carried_)
    std::copy_n(program_->constants_.data() + c.first, c.size, at(c.before));
}

UNROLL_COMPILE_TYPES(class Numbers, class StepProgram, class StepRun)

}  // namespace unroll::detail
