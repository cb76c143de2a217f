#include "unroll/detail/autograd/plan/loop_cells.hpp"

#include <algorithm>
#include <cstring>

#include "unroll/detail/autograd/base/instantiate.hpp"
#include "unroll/detail/autograd/base/traffic_counts.hpp"

namespace unroll::detail {
namespace {

using PlaceKind = LoopPlace::Kind;

// Without a call of the library: there are few. Nobody may look behind them.
template <class T>
void copy_exactly(const T* from, index_t size, T* to) {
  constexpr index_t lanes = 64 / sizeof(T);
  if (size < lanes) {
    for (index_t j = 0; j < size; ++j) to[j] = from[j];
    return;
  }
  for (index_t j = 0; j + lanes <= size; j += lanes) std::memcpy(to + j, from + j, 64);
  std::memcpy(to + size - lanes, from + size - lanes, 64);  // the rest, and some once more
}

}  // namespace

template <class T>
LoopCells<T>::LoopCells(const LoopValues<T>& values, LoopGradients<T> gradients)
    : values_(values), program_(values.program()), to_(std::move(gradients)) {
  cells_.resize(1 + program_.carried.size() + program_.values.size() + program_.constants.size());
  want();
  make_cells();
  place_products();
  place_parts();
}

template <class T>
std::size_t LoopCells<T>::number_of(const LoopPlace& p) const {
  const std::size_t carried = program_.carried.size(), values = program_.values.size();
  switch (p.kind) {
    case PlaceKind::input:
      return 0;
    case PlaceKind::before:
      return 1 + p.number;
    case PlaceKind::value:
      return 1 + carried + p.number;
    case PlaceKind::constant:
      break;
  }
  return 1 + carried + values + p.number;
}

// Whether a gradient that the pass starts from comes to the input of a step.
template <class T>
bool LoopCells<T>::reaches_input() const {
  std::vector<char> reached(cells_.size(), 0);
  const auto reach = [&](const LoopPlace& p) -> char& { return reached[number_of(p)]; };
  for (std::size_t c = 0; c < program_.carried.size(); ++c)
    reach({PlaceKind::value, program_.carried[c]}) = to_.carried[c] || (to_.hidden && c == program_.output);
  for (bool changed = true; changed;) {
    changed = false;
    for (std::size_t n = program_.kernels.size(); n-- > 0;) {
      const LoopKernel<T>& k = program_.kernels[n];
      const auto is_reached = [&](std::size_t v) {
        return v != LoopKernel<T>::unused && reach({PlaceKind::value, v});
      };
      if (!std::any_of(k.out.begin(), k.out.end(), is_reached)) continue;
      for (const LoopPlace& p : k.in) reach(p) = 1;
    }
    for (std::size_t c = 0; c < program_.carried.size(); ++c) {
      char& value = reach({PlaceKind::value, program_.carried[c]});
      if (value || !reach({PlaceKind::before, c})) continue;
      value = 1;
      changed = true;
    }
  }
  return reached[0] != 0;
}

// Whatever lies between a result and something whose gradient is wanted.
template <class T>
void LoopCells<T>::want() {
  if (!reaches_input()) to_.x = nullptr;
  cells_[0].wanted = to_.x != nullptr;
  for (std::size_t c = 0; c < to_.before.size(); ++c)
    cell({PlaceKind::before, c}).wanted = to_.before[c] != nullptr;
  for (std::size_t n = 0; n < to_.constants.size(); ++n) {
    Cell& c = cell({PlaceKind::constant, n});
    c.tensor = to_.constants[n];
    c.wanted = c.tensor != nullptr;
  }
  for (bool changed = true; changed;) {
    changed = false;
    for (const LoopKernel<T>& k : program_.kernels) {
      const auto is_wanted = [this](const LoopPlace& p) { return cell(p).wanted; };
      if (!std::any_of(k.in.begin(), k.in.end(), is_wanted)) continue;
      for (std::size_t v : k.out)
        if (v != LoopKernel<T>::unused) cell({PlaceKind::value, v}).wanted = true;
    }
    for (std::size_t c = 0; c < program_.carried.size(); ++c) {
      Cell& before = cell({PlaceKind::before, c});
      if (before.wanted || !cell({PlaceKind::value, program_.carried[c]}).wanted) continue;
      before.wanted = changed = true;
    }
  }
}

// Each has room for whole batches; but x, which lies where it goes, unless batches do not fit there.
template <class T>
void LoopCells<T>::make_cells() {
  const index_t unit = program_.input.size();
  index_t size = 0;
  const auto reserve = [&size](Cell& c) {
    c.stride = size;  // until there is memory
    size += with_whole_batches<T>(c.size);
  };
  cells_[0].size = unit;
  reserve(cells_[0]);
  for (std::size_t c = 0; c < program_.carried.size(); ++c) {
    Cell& before = cell({PlaceKind::before, c});
    before.size = program_.values[program_.carried[c]].shape.size();
    reserve(before);
  }
  for (std::size_t v = 0; v < program_.values.size(); ++v) {
    Cell& value = cell({PlaceKind::value, v});
    value.size = program_.values[v].shape.size();
    reserve(value);
  }
  for (std::size_t n = 0; n < program_.constants.size(); ++n) {
    Cell& constant = cell({PlaceKind::constant, n});
    constant.size = program_.constants[n]->shape.size();
    if (constant.wanted) reserve(constant);
  }
  room_ = Ref<Block>(Block::allocate(bytes_of<T>(size)));
  for (Cell& c : cells_) c.data = static_cast<T*>(room_->data()) + std::exchange(c.stride, 0);

  if (!to_.x) return;
  x_slot_ = open_grad(*to_.x);
  x_is_copied_ = unit % program_.width() != 0 || x_slot_.run != values_.steps() * unit;
}

// The gradients of what products make are kept for those of the weights: in the gradient of x, as for recorded nodes,
// or in memory of their own, where those of two steps never lie one behind the other.
template <class T>
void LoopCells<T>::place_products() {
  const index_t unit = program_.input.size(), last = values_.steps() - 1;
  const index_t x_stride = values_.reverse() ? -unit : unit;
  const bool contiguous = to_.x && x_slot_.run == values_.steps() * unit;
  T* const x_last = contiguous ? x_slot_.data + values_.in_memory(last) * unit : nullptr;
  index_t step_size = 0;
  std::vector<Cell*> kept;
  for (const LoopKernel<T>& k : program_.kernels) {
    if (k.kind != LoopKernel<T>::Kind::affine || k.out[0] == LoopKernel<T>::unused) continue;
    Cell& y = cell({PlaceKind::value, k.out[0]});
    if (k.shares_gradient && contiguous && !x_slot_.add) {
      y.data = x_last;
      y.stride = x_stride;
      y.tight = unit % program_.width() != 0;
      x_is_shared_ = true;
    } else {
      y.stride = step_size;
      step_size += with_whole_batches<T>(y.size) + with_whole_batches<T>(1);
      kept.push_back(&y);
    }
  }
  if (step_size > 0) kept_ = Ref<Block>(Block::allocate(bytes_of<T>(values_.steps() * step_size)));
  for (Cell* y : kept) {
    y->data = static_cast<T*>(kept_->data()) + last * step_size + y->stride;
    y->stride = step_size;
  }
  if (x_is_shared_) {
    const Tensor<T>* t = to_.x;
    while (!t->grad_storage) t = &t->creator->input(0);
    x_storage_ = t->grad_storage;
  }
  if (!to_.x || x_is_shared_ || x_is_copied_) return;
  cells_[0].data = x_last;
  cells_[0].stride = x_stride;
}

template <class T>
void LoopCells<T>::place_parts() {
  const index_t width = program_.width();
  for (std::size_t v = 0; v < program_.values.size(); ++v) {
    const LoopValue& value = program_.values[v];
    if (!value.whole) continue;
    Cell& part = cell({PlaceKind::value, v});
    part.whole = number_of(*value.whole);
    Cell& whole = cells_[part.whole];
    whole.parts.push_back(number_of({PlaceKind::value, v}));
    part.data = whole.data + value.offset;
    part.stride = whole.stride;
    part.tight = whole.tight || value.offset % width != 0 || part.size % width != 0;
  }
  for (std::size_t n = 0; n < cells_.size(); ++n)
    if (cells_[n].stride != 0) strided_.push_back(n);
}

// Reads what the tensor's gradient has already.
template <class T>
void LoopCells<T>::open(Cell& c) {
  c.open = true;
  const GradSlot<T> slot = open_grad(*c.tensor);
  c.written = slot.add;
  if (slot.add) write_gradient<T>({c.data, c.size, c.size, false}, c.size, slot.data, slot.run, slot.pitch);
}

template <class T>
T* LoopCells<T>::write(Cell& c, bool from_zero, bool& add) {
  Cell* const whole = c.whole == Cell::none ? nullptr : &cells_[c.whole];
  Cell& owner = whole ? *whole : c;
  if (owner.tensor && !owner.open) open(owner);
  add = c.written || owner.written;
  if (!add && from_zero) {
    std::fill_n(c.data, c.size, T{0});
    add = filled_ = true;
  }
  c.written = true;
  return c.data;
}

template <class T>
const T* LoopCells<T>::read(Cell& c) {
  if (c.written) return c.data;
  const auto is_written = [this](std::size_t p) { return cells_[p].written; };
  if (std::none_of(c.parts.begin(), c.parts.end(), is_written)) return nullptr;
  // The parts of one cut cover the whole; those that nobody reads have no cell.
  index_t at = 0;
  for (std::size_t p : c.parts) {
    const index_t begin = cells_[p].data - c.data;
    filled_ = filled_ || at < begin || !cells_[p].written;
    std::fill(c.data + at, c.data + begin, T{0});
    if (!cells_[p].written) std::fill_n(cells_[p].data, cells_[p].size, T{0});
    at = begin + cells_[p].size;
  }
  filled_ = filled_ || at < c.size;
  std::fill(c.data + at, c.data + c.size, T{0});
  c.written = true;
  return c.data;
}

template <class T>
void LoopCells<T>::start(Cell& c, const T* from, bool add) {
  if (add)
    store_or_add<T>(c.data, c.size, true, from);
  else
    copy_exactly(from, c.size, c.data);
  c.written = true;
}

template <class T>
void LoopCells<T>::close(Cell& c) {
  const bool is_open = c.open && read(c);
  if (is_open) {
    GradSlot<T> to = grad_layout(*c.tensor);
    to.add = false;
    write_gradient<T>(to, c.size, c.data, c.size, c.size);
  }
}

template <class T>
void LoopCells<T>::start() {
  for (std::size_t c = 0; c < program_.carried.size(); ++c)
    if (to_.carried[c]) start(cell({PlaceKind::value, program_.carried[c]}), to_.carried[c], false);
}

// Of the output of a step but the last.
template <class T>
const T* LoopCells<T>::hidden(index_t step, index_t unit) const {
  return to_.hidden + (values_.in_memory(step) - (values_.reverse() ? 1 : 0)) * unit;
}

template <class T>
void LoopCells<T>::begin_step(index_t step) {
  begin_x(step);
  if (step == 0) {
    for (std::size_t c = 0; c < program_.carried.size(); ++c) {
      Cell& before = cell({PlaceKind::before, c});
      before.tensor = to_.before[c];
      before.wanted = before.tensor != nullptr;
      before.written = false;
    }
  } else if (to_.hidden) {
    Cell& h = cell({PlaceKind::before, program_.output});
    start(h, hidden(step - 1, h.size), false);
  }
}

template <class T>
void LoopCells<T>::end_step(index_t step) {
  end_x(step);
  if (step == 0) {
    for (std::size_t c = 0; c < program_.carried.size(); ++c) close(cell({PlaceKind::before, c}));
    return;
  }
  move_back();
  for (std::size_t c = 0; c < program_.carried.size(); ++c)
    read(cell({PlaceKind::before, c}));  // also of parts
  const std::size_t values = 1 + program_.carried.size(), constants = values + program_.values.size();
  for (std::size_t n = values; n < constants; ++n) cells_[n].written = false;
  carried_done_.clear();
  for (std::size_t c = 0; c < program_.carried.size(); ++c) {
    Cell& before = cell({PlaceKind::before, c});
    const LoopPlace after{PlaceKind::value, program_.carried[c]};
    if (!std::exchange(before.written, false)) continue;
    start(cell(after), before.data, false);
    carried_done_.emplace_back(number_of({PlaceKind::before, c}), number_of(after));
  }
}

// What x's gradient has already, where the step writes to a copy.
template <class T>
void LoopCells<T>::begin_x(index_t step) {
  if (!to_.x || x_is_shared_) return;
  Cell& x = cells_[0];
  x.written = x_slot_.add;
  if (!x_is_copied_ || !x_slot_.add) return;
  const index_t first = values_.in_memory(step) * x.size;
  for (index_t j = 0; j < x.size; ++j)
    x.data[j] = x_slot_.data[(first + j) / x_slot_.run * x_slot_.pitch + (first + j) % x_slot_.run];
}

template <class T>
void LoopCells<T>::end_x(index_t step) {
  if (!to_.x) return;
  if (x_is_shared_) {
    for (const LoopKernel<T>& k : program_.kernels) {
      if (!k.shares_gradient) continue;
      Cell& y = cell({PlaceKind::value, k.out[0]});
      if (read(y)) continue;
      std::fill_n(y.data, y.size, T{0});
      filled_ = true;
    }
    return;
  }
  Cell& x = cells_[0];
  const T* const dx = read(x);
  x_done_ = dx != nullptr;
  if (!x_is_copied_ && (dx || x_slot_.add)) return;
  const index_t first = values_.in_memory(step) * x.size;
  if (dx && x_slot_.run == values_.steps() * x.size) return copy_exactly(dx, x.size, x_slot_.data + first);
  for (index_t j = 0; j < x.size; ++j)
    x_slot_.data[(first + j) / x_slot_.run * x_slot_.pitch + (first + j) % x_slot_.run] = dx ? dx[j] : T{0};
}

template <class T>
void LoopCells<T>::move_back() {
  for (std::size_t n : strided_) cells_[n].data -= cells_[n].stride;
}

template <class T>
void LoopCells<T>::begin_repeated(index_t step) {
  begin_x(step);
  if (!to_.hidden) return;
  Cell& h = cell({PlaceKind::before, program_.output});
  copy_exactly(hidden(step - 1, h.size), h.size, h.data);
}

template <class T>
void LoopCells<T>::end_repeated(index_t step) {
  if (to_.x && !x_is_shared_) {
    cells_[0].written = x_done_;
    end_x(step);
  }
  move_back();
  for (const auto& [from, to] : carried_done_)
    copy_exactly<T>(cells_[from].data, cells_[from].size, cells_[to].data);
}

template <class T>
void LoopCells<T>::finish() {
  for (std::size_t n = 0; n < program_.constants.size(); ++n) close(cell({PlaceKind::constant, n}));
}

template <class T>
std::vector<bool> LoopCells<T>::written() const {
  std::vector<bool> flags;
  for (const Cell& c : cells_) flags.push_back(c.written);
  return flags;
}

template <class T>
void LoopCells<T>::set_written(const std::vector<bool>& flags) {
  for (std::size_t n = 0; n < cells_.size(); ++n) cells_[n].written = flags[n];
}

UNROLL_COMPILE_TYPES(class LoopCells)

}  // namespace unroll::detail
