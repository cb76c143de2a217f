#include "unroll/detail/autograd/plan/step_recorder.hpp"

#include <algorithm>

#include "unroll/autograd/views.hpp"
#include "unroll/detail/autograd/base/instantiate.hpp"
#include "unroll/detail/autograd/core/host_reads.hpp"
#include "unroll/detail/autograd/core/tape.hpp"
#include "unroll/detail/autograd/fused/code.hpp"
#include "unroll/detail/autograd/fused/compiled.hpp"

namespace unroll::detail {
namespace {

// Room behind each value: kernels work on whole batches, and a part of a value may begin anywhere in it.
template <class T>
index_t with_room(index_t size) {
  constexpr index_t lanes = Numbers<T>::lanes;
  return (size + lanes - 1) / lanes * lanes + lanes;
}

// The same values as the result of an op, so that whatever is computed from them is recorded, and reading them noticed.
template <class T>
Variable<T> as_result(const Variable<T>& v) {
  Variable<T> leaf = v.copy();
  leaf.requires_grad(true);
  return apply_compiled(ScalarOp::add, {leaf, Variable<T>(T{0})});
}

}  // namespace

template <class T>
void StepRecorder<T>::refuse(const std::string& why) const {
  raise<UsageError>("{}: {}", caller_, why);
}

template <class T>
void StepRecorder<T>::record(const StepFunction<T>& step, const Shape& x,
                             const std::vector<Variable<T>>& initial) {
  Tape<T> tape;
  const UseTape<T> here(tape);
  const Recording recording;
  const Variable<T> input = as_result(Variable<T>(x, T{0}));
  program_.input_ = new_value(*input.tensor());
  std::vector<Variable<T>> state;
  for (const Variable<T>& v : initial) {
    state.push_back(as_result(v));
    const Place first = new_constant(dense(v).data(), v.size());
    program_.carried_.push_back({new_value(*state.back().tensor()), {}, v.size(), first.at});
  }
  StepValues<T> values;
  {
    const HostReads reads;
    values = step(input, state);
    if (reads.by())
      refuse(fmt::format("the step takes a value out of the graph by {}(); let ops compute with it",
                         reads.by()));
  }
  for (const Node<T>* node : tape.live_nodes()) take_down(*node);
  program_.input_size_ = input.size();
  program_.output_size_ = values.output.size();
  program_.output_ = place_of(*values.output.tensor());
  carry(values.state);
  program_.constants_ = Numbers<T>(static_cast<index_t>(numbers_.size()));
  std::copy(numbers_.begin(), numbers_.end(), program_.constants_.data());
}

template <class T>
void StepRecorder<T>::take_down(const Node<T>& node) {
  bool constant = true;
  for (std::size_t k = 0; k < node.input_count(); ++k) constant = constant && is_constant(node.input(k));
  if (constant) return;  // its values are known
  if (!node.plan(*this)) take_down_ops_of(node);
}

// An op that has no kernel, by those that it can be made of.
template <class T>
void StepRecorder<T>::take_down_ops_of(const Node<T>& node) {
  std::vector<Variable<T>> inputs;
  for (std::size_t k = 0; k < node.input_count(); ++k) inputs.emplace_back(TensorRef<T>(&node.input(k)));
  const std::size_t known = Tape<T>::local().live_nodes().size();
  const std::vector<Variable<T>> results = node.as_ops(inputs);
  if (results.empty()) refuse(fmt::format("{} cannot be run without the tape yet", node.name()));
  const auto nodes = Tape<T>::local().live_nodes();
  for (std::size_t k = known; k < nodes.size(); ++k) take_down(*nodes[k]);
  for (std::size_t k = 0; k < node.output_count(); ++k)
    if (node.output(k)) places_[node.output(k)] = place_of(*results[k].tensor());
  kept_.insert(kept_.end(), results.begin(), results.end());
  program_.exact_ = false;
}

// What the next step reads. Members may change places with each other: those are moved by way of memory of their own.
template <class T>
void StepRecorder<T>::carry(const std::vector<Variable<T>>& after) {
  auto& carried = program_.carried_;
  const auto is_before = [&](const Place& p) {
    return !p.constant && std::any_of(carried.begin(), carried.end(), [&](const auto& c) {
      return p.at >= c.before.at && p.at < c.before.at + c.size;
    });
  };
  for (std::size_t k = 0; k < carried.size(); ++k) {
    auto& c = carried[k];
    if (after[k].size() != c.size)
      refuse(fmt::format("a member of the state has {} elements before the step and {} after it", c.size,
                         after[k].size()));
    c.after = place_of(*after[k].tensor());
    if (!is_before(c.after) || (c.after.at == c.before.at)) continue;
    const Place moved{false, program_.memory_};
    program_.memory_ += with_room<T>(c.size);
    add_kernel(Kind::copy, c.size, {c.after}, {moved});
    c.after = moved;
  }
}

template <class T>
auto StepRecorder<T>::add_kernel(Kind kind, index_t size, std::vector<Place> in, std::vector<Place> out)
    -> Kernel& {
  Kernel kernel;
  kernel.kind = kind;
  kernel.size = size;
  kernel.in = std::move(in);
  kernel.out = std::move(out);
  program_.kernels_.push_back(std::move(kernel));
  return program_.kernels_.back();
}

template <class T>
auto StepRecorder<T>::new_value(const Tensor<T>& t) -> Place {
  const Place place{false, program_.memory_};
  program_.memory_ += with_room<T>(t.shape.size());
  places_[&t] = place;
  return place;
}

template <class T>
auto StepRecorder<T>::new_constant(const T* from, index_t size, index_t copies) -> Place {
  const Place place{true, static_cast<index_t>(numbers_.size())};
  for (index_t k = 0; k < copies; ++k) numbers_.insert(numbers_.end(), from, from + size);
  numbers_.resize(static_cast<std::size_t>(place.at + with_room<T>(size * copies)), T{0});
  return place;
}

template <class T>
auto StepRecorder<T>::place_of(const Tensor<T>& t) -> Place {
  if (const auto found = places_.find(&t); found != places_.end()) return found->second;
  if (const auto found = constants_.find(&t); found != constants_.end()) return found->second;
  std::vector<T> values(static_cast<std::size_t>(t.shape.size()));
  copy_dense(t, values.data());
  return constants_[&t] = new_constant(values.data(), t.shape.size());
}

// A block full of the only element of t.
template <class T>
auto StepRecorder<T>::spread(const Tensor<T>& t) -> Place {
  const Place from = place_of(t);
  if (from.constant) {
    const T value = numbers_[static_cast<std::size_t>(from.at)];  // not where it lies: the constants may move
    return new_constant(&value, 1, Numbers<T>::lanes);
  }
  const Place to{false, program_.memory_};
  program_.memory_ += with_room<T>(Numbers<T>::lanes);
  add_kernel(Kind::spread, Numbers<T>::lanes, {from}, {to});
  return to;
}

// t as an array of a shape that it broadcasts to.
template <class T>
auto StepRecorder<T>::repeated(const Tensor<T>& t, const Shape& shape) -> Place {
  StepMove move = broadcast_move(0, t.shape, shape);
  const Place from = place_of(t);
  if (!from.constant) return moved(from, std::move(move), shape.size());
  std::vector<T> all(static_cast<std::size_t>(shape.size()));
  const T* const values = numbers_.data() + from.at;
  move.each([&](index_t in, index_t out) { all[static_cast<std::size_t>(out)] = values[in]; });
  return new_constant(all.data(), shape.size());
}

template <class T>
auto StepRecorder<T>::moved(const Place& from, StepMove move, index_t size) -> Place {
  const Place to{false, program_.memory_};
  program_.memory_ += with_room<T>(size);
  Kernel& kernel = add_kernel(Kind::other, size, {from}, {to});
  kernel.run = [move = std::move(move)](const T* const* in, T* out) {
    move.each([&](index_t at, index_t there) { out[there] = in[0][at]; });
  };
  kernel.name = "move";
  return to;
}

template <class T>
void StepRecorder<T>::fused(const Node<T>& node, const FusedCode<T>& code, const T* numbers) {
  Shape shape;
  for (std::size_t m = 0; m < node.output_count(); ++m)
    if (node.output(m)) shape = node.output(m)->shape;
  const index_t size = shape.size();
  std::vector<Place> in, out;
  std::vector<index_t> masks;
  for (std::size_t k = 0; k < node.input_count(); ++k) {
    const Tensor<T>& t = node.input(k);
    masks.push_back(t.shape.size() == 1 && size != 1 ? 0 : -1);
    in.push_back(masks.back() == 0 ? spread(t) : t.shape.size() == size ? place_of(t) : repeated(t, shape));
  }
  for (std::size_t m = 0; m < node.output_count(); ++m) {
    if (node.output(m)) {
      out.push_back(new_value(*node.output(m)));
    } else {  // a result that nobody uses is computed all the same
      out.push_back({false, program_.memory_});
      program_.memory_ += with_room<T>(size);
    }
  }
  const index_t first = new_constant(numbers, code.numbers).at;
  const index_t whole = (size + code.width - 1) / code.width * code.width;
  Kernel& kernel = add_kernel(Kind::fused, whole, std::move(in), std::move(out));
  kernel.code = &code;
  kernel.numbers = first;
  kernel.masks = std::move(masks);
}

template <class T>
auto StepRecorder<T>::add(const Place& a, const Place& b, index_t size) -> Place {
  const Place sum{false, program_.memory_};
  program_.memory_ += with_room<T>(size);
  add_kernel(Kind::add, size, {a, b}, {sum});
  return sum;
}

template <class T>
void StepRecorder<T>::affine(const Node<T>& node, const Tensor<T>* addend,
                             std::span<const typename StepPlanner<T>::Term> terms, Precision precision) {
  const index_t outputs = node.output()->shape.size();
  std::vector<Place> from;  // what the products are added to
  if (addend) from.push_back(place_of(*addend));
  for (const auto& term : terms) {
    if (term.x->shape.size() != term.w->shape[1])
      refuse(fmt::format("{} has an input of several rows, which cannot be run without the tape yet",
                         node.name()));
    if (!is_constant(*term.w) || (term.b && !is_constant(*term.b)))
      refuse(fmt::format("{} has a weight that the step computes, which cannot be run without the tape yet",
                         node.name()));
    if (!term.b) continue;
    const Place b = place_of(*term.b);
    if (from.empty()) {
      from.push_back(b);
    } else if (from[0].constant) {  // as at run time, one after the other
      std::vector<T> sum(static_cast<std::size_t>(outputs));
      for (index_t j = 0; j < outputs; ++j)
        sum[static_cast<std::size_t>(j)] =
            numbers_[static_cast<std::size_t>(from[0].at + j)] + numbers_[static_cast<std::size_t>(b.at + j)];
      from[0] = new_constant(sum.data(), outputs);
    } else {
      from[0] = add(from[0], b, outputs);
    }
  }
  const Place y = new_value(*node.output());
  for (const auto& term : terms) {
    auto& weight = (precision == Precision::bfloat16 ? weights16_ : weights_)[term.w];
    if (!weight) {
      const Tensor<T>& w = *term.w;
      weight =
          std::make_shared<const blas::RowProduct<T>>(w.shape[0], w.shape[1], w.data, w.shape[1], precision);
    }
    std::vector<Place> in{place_of(*term.x)};
    in.insert(in.end(), from.begin(), from.end());
    add_kernel(Kind::product, outputs, std::move(in), {y}).weight = weight;
    from = {y};
  }
}

template <class T>
void StepRecorder<T>::parts(const Node<T>& node) {
  const auto& view = static_cast<const ViewNode<T>&>(node);
  const Tensor<T>& whole = node.input(0);
  const Place place = place_of(whole);
  for (std::size_t k = 0; k < node.output_count(); ++k) {
    const Tensor<T>* part = node.output(k);
    if (!part) continue;
    const index_t size = part->shape.size();
    const GradSlot<T> region = view.region(k, {whole.data, whole.shape.size(), whole.shape.size(), false});
    const index_t first = region.data - whole.data;
    if (region.run == size || region.run == region.pitch)
      places_[part] = {false, place.at + first};
    else
      places_[part] = moved(
          place, {0, first, 0, {{size / region.run, region.pitch, region.run}, {region.run, 1, 1}}}, size);
  }
}

template <class T>
void StepRecorder<T>::other(const Node<T>& node, typename StepPlanner<T>::Run run) {
  std::vector<Place> in;
  for (std::size_t k = 0; k < node.input_count(); ++k) in.push_back(place_of(node.input(k)));
  const Place y = new_value(*node.output());
  Kernel& kernel = add_kernel(Kind::other, node.output()->shape.size(), std::move(in), {y});
  kernel.run = std::move(run);
  kernel.name = node.name();
}

// One chain of additions, where the op itself may have several.
template <class T>
void StepRecorder<T>::sums(const Node<T>& node, const Shape& kept) {
  StepPlanner<T>::sums(node, kept);
  program_.exact_ = false;
}
template <class T>
void StepRecorder<T>::products(const Node<T>& node, StepProducts products) {
  StepPlanner<T>::products(node, std::move(products));
  program_.exact_ = false;
}

UNROLL_COMPILE_TYPES(class StepRecorder)

}  // namespace unroll::detail
