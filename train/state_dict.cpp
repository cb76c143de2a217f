#include "unroll/train/state_dict.hpp"

#include "unroll/detail/autograd/base/instantiate.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <map>
#include <set>
#include <span>
#include <unordered_map>
#include <utility>

#include "unroll/detail/io/text.hpp"
#include "unroll/detail/train/cell_names.hpp"
#include "unroll/detail/train/complaints.hpp"

namespace unroll {
namespace {

using detail::Complaints;
using io::shape_text;
using io::StoredTensor;
using io::TensorFile;

std::string path(const std::string& prefix, const std::string& name) {
  return prefix.empty() || prefix.ends_with('.') ? prefix + name : prefix + "." + name;
}

std::vector<std::int64_t> extents(const Shape& shape) { return {shape.begin(), shape.end()}; }

template <class T>
void save_array(const Variable<T>& array, TensorFile& to, std::string name) {
  const Variable<T> values = array.copy();  // dense
  to.add<T>(std::move(name), extents(array.shape()),
            std::span<const T>(values.data(), static_cast<std::size_t>(array.size())));
}

void save_integers(const std::vector<std::uint64_t>& values, bool scalar, TensorFile& to, std::string name) {
  std::vector<std::int64_t> shape;
  if (!scalar) shape.push_back(static_cast<std::int64_t>(values.size()));
  to.add<std::uint64_t>(std::move(name), shape, values);
}

std::vector<std::uint64_t> key_words(const RandomKey& key) {
  return {key.seed, key.step, key.layer, static_cast<std::uint64_t>(key.first)};
}

/// One distinct parameter, buffer, counter or key with all its names.
template <class T>
struct Target {
  const detail::Member<T>* member;
  std::vector<std::string> names;
  std::vector<std::int64_t> shape;
};

template <class T>
std::vector<Target<T>> targets_of(const detail::Members<T>& members, const StateOptions& options) {
  std::vector<Target<T>> targets;
  std::unordered_map<const void*, std::size_t> known;
  for (const auto& member : members) {
    const std::string name = path(options.prefix, member.name);
    if (const Variable<T>* p = detail::array_of(member)) {
      const auto [at, is_new] = known.emplace(p->tensor(), targets.size());
      if (is_new) {
        targets.push_back({&member, {name}, extents(p->shape())});
      } else {
        targets[at->second].names.push_back(name);
      }
    } else if (options.parameters_only) {
      continue;
    } else if (std::holds_alternative<std::uint64_t*>(member.at)) {
      targets.push_back({&member, {name}, {}});
    } else if (std::holds_alternative<RandomKey*>(member.at)) {
      targets.push_back({&member, {name}, {4}});
    }
  }
  return targets;
}

template <class T>
detail::ShapesByName shapes_of(const std::vector<Target<T>>& targets) {
  detail::ShapesByName shapes;
  for (const auto& target : targets)
    for (const auto& name : target.names) shapes.emplace(name, target.shape);
  return shapes;
}

detail::ShapesByName shapes_of(const TensorFile& file) {
  detail::ShapesByName shapes;
  for (const auto& [name, tensor] : file) shapes.emplace(name, tensor.shape);
  return shapes;
}

/// The names under which a target stands in the file, checked for shape.
template <class T>
std::vector<std::string> present(const Target<T>& target, const TensorFile& from, Complaints& complaints) {
  std::vector<std::string> names;
  for (const auto& name : target.names) {
    const StoredTensor* stored = from.find(name);
    if (!stored) continue;
    if (stored->shape != target.shape) complaints.differs(name, stored->shape, target.shape);
    names.push_back(name);
  }
  if (names.empty()) complaints.missing.push_back(target.names.front());
  return names;
}

template <class T>
void assign(Variable<T>& p, const std::vector<T>& values) {
  p.update([&](auto& w) { std::copy(values.begin(), values.end(), w.data()); });
}

/// The numbers of one target, read before anything is changed: reading checks the types.
template <class T>
struct Values {
  std::vector<T> array;
  std::vector<std::uint64_t> integers;
};

template <class T>
Values<T> read(const Target<T>& target, const std::vector<std::string>& names, const TensorFile& from) {
  if (!detail::array_of(*target.member)) {
    std::vector<std::uint64_t> integers = from.get<std::uint64_t>(names.front());
    const bool is_key = integers.size() == 4;
    if (is_key && !(std::in_range<std::uint32_t>(integers[2]) && std::in_range<index_t>(integers[3])))
      raise<DataError>("{}: {} holds numbers that are no random key", from.source(),
                       io::shown_name(names.front()));
    return {{}, std::move(integers)};
  }
  for (const auto& name : names) {
    if (from.at(name) == from.at(names.front())) continue;
    raise<DataError>("{}: {} and {} are one parameter in the model, and differ here", from.source(),
                     io::shown_name(names.front()), io::shown_name(name));
  }
  return {from.get<T>(names.front()), {}};
}

template <class T>
void assign(const Target<T>& target, const Values<T>& values) {
  const auto& at = target.member->at;
  const auto& n = values.integers;
  if (Variable<T>* p = detail::array_of(*target.member)) {
    assign(*p, values.array);
  } else if (const auto* count = std::get_if<std::uint64_t*>(&at)) {
    **count = n[0];
  } else {
    *std::get<RandomKey*>(at) = {n[0], n[1], static_cast<std::uint32_t>(n[2]), static_cast<index_t>(n[3])};
  }
}

template <class T>
void find_unexpected(const detail::Members<T>& members, const TensorFile& from, const std::string& prefix,
                     Complaints& complaints) {
  std::set<std::string> known;
  for (const auto& member : members) {
    const bool counts =
        std::holds_alternative<std::uint64_t*>(member.at) || std::holds_alternative<RandomKey*>(member.at);
    if (counts || detail::array_of(member)) known.insert(path(prefix, member.name));
  }
  for (const auto& [name, tensor] : from) {
    if (detail::below(name, prefix) && !known.contains(name)) complaints.unexpected.push_back(name);
  }
}

}  // namespace

namespace detail {

template <class T>
void save_members(const Members<T>& members, TensorFile& to, const StateOptions& options) {
  for (const Target<T>& target : targets_of(members, options)) {
    const auto& at = target.member->at;
    if (const Variable<T>* p = detail::array_of(*target.member)) {
      const std::size_t count = options.tied_names ? target.names.size() : 1;
      for (std::size_t k = 0; k < count; ++k) save_array(*p, to, target.names[k]);
    } else if (const auto* count = std::get_if<std::uint64_t*>(&at)) {
      save_integers({**count}, true, to, target.names.front());
    } else {
      save_integers(key_words(*std::get<RandomKey*>(at)), false, to, target.names.front());
    }
  }
}

template <class T>
StateMismatch load_members(const Members<T>& members, const TensorFile& from, const StateOptions& options) {
  const auto targets = targets_of(members, options);
  Complaints complaints;
  std::vector<std::vector<std::string>> names;
  for (const auto& target : targets) names.push_back(present(target, from, complaints));
  find_unexpected(members, from, options.prefix, complaints);
  complaints.cells = other_cells(shapes_of(from), shapes_of(targets));
  complaints.throw_if_any(from, options.strict);

  std::vector<Values<T>> values(targets.size());
  const auto for_present = [&](auto&& f) {
    for (std::size_t k = 0; k < targets.size(); ++k)
      if (!names[k].empty()) f(k);
  };
  for_present([&](std::size_t k) { values[k] = read(targets[k], names[k], from); });
  for_present([&](std::size_t k) { assign(targets[k], values[k]); });
  return {complaints.missing, complaints.unexpected};
}

UNROLL_COMPILE_FUNCTIONS(save_members, load_members)

}  // namespace detail

template <class T>
void save_state(const Optimizer<T>& optimizer, TensorFile& to, const std::string& prefix) {
  const OptimizerState<T> state = optimizer.state();
  for (const auto& [name, array] : state.arrays) save_array(array, to, path(prefix, name));
  for (const auto& [k, step] : state.steps) {
    save_integers({step}, true, to, path(prefix, fmt::format("{}.step", k)));
  }
  to.add<double>(path(prefix, "lr"), {static_cast<std::int64_t>(state.learning_rates.size())},
                 state.learning_rates);
}

template <class T>
void load_state(Optimizer<T>& optimizer, const TensorFile& from, const std::string& prefix) {
  OptimizerState<T> state;
  state.learning_rates = from.get<double>(path(prefix, "lr"));
  for (const auto& [full_name, stored] : from) {
    if (!detail::below(full_name, prefix) || full_name == path(prefix, "lr")) continue;
    const std::string name = full_name.substr(prefix.empty() ? 0 : prefix.size() + 1);
    if (io::shown_name(name) != name)  // which the optimiser's own messages would show
      raise<DataError>("{}: {} is nothing of an optimiser", from.source(), io::shown_name(full_name));
    std::size_t k = 0;
    const char* end = name.data() + name.size();
    const auto [dot, error] = std::from_chars(name.data(), end, k);
    if (error == std::errc() && std::string_view(dot, end) == ".step" && stored.shape.empty()) {
      state.steps[k] = from.get<std::uint64_t>(full_name).front();
      continue;
    }
    if (stored.shape.size() > static_cast<std::size_t>(Shape::max_rank)) {
      raise<DataError>("{}: {} has the shape {}", from.source(), io::shown_name(full_name),
                       shape_text(stored.shape));
    }
    auto array = Variable<T>::uninitialised(Shape(stored.shape.begin(), stored.shape.end()));
    assign(array, from.get<T>(full_name));
    state.arrays[name] = std::move(array);
  }
  try {
    optimizer.load_state(state);
  } catch (const UsageError& e) {
    raise<DataError>("{}: {}", from.source(), e.what());
  }
}

namespace {

// The numbers of an array that must have so many.
// Errors: DataError.
template <class T>
std::vector<T> numbers(const TensorFile& from, const std::string& name, std::size_t count) {
  const std::vector<T> values = from.get<T>(name);
  if (values.size() != count)
    raise<DataError>("{}: need {} numbers in {}; got {}", from.source(), count, name, values.size());
  return values;
}

std::uint64_t integer(const TensorFile& from, const std::string& name) {
  return numbers<std::uint64_t>(from, name, 1).front();
}

}  // namespace

template <class T>
void save_state(const Scheduler<T>& scheduler, TensorFile& to, const std::string& prefix) {
  const auto& [step, base] = scheduler.state();
  save_integers({step}, true, to, path(prefix, "step"));
  to.add<double>(path(prefix, "base"), {static_cast<std::int64_t>(base.size())}, base);
}

template <class T>
void load_state(Scheduler<T>& scheduler, const TensorFile& from, const std::string& prefix) {
  try {
    scheduler.load_state({integer(from, path(prefix, "step")), from.get<double>(path(prefix, "base"))});
  } catch (const UsageError& e) {
    raise<DataError>("{}: {}", from.source(), e.what());
  }
}

template <class T>
void save_state(const ReduceOnPlateau<T>& plateau, TensorFile& to, const std::string& prefix) {
  const auto& [best, stalled, cooldown] = plateau.state();
  to.add<double>(path(prefix, "best"), {}, std::vector{best});
  save_integers({stalled}, true, to, path(prefix, "stalled"));
  save_integers({cooldown}, true, to, path(prefix, "cooldown"));
}

template <class T>
void load_state(ReduceOnPlateau<T>& plateau, const TensorFile& from, const std::string& prefix) {
  try {
    plateau.load_state({numbers<double>(from, path(prefix, "best"), 1).front(),
                        integer(from, path(prefix, "stalled")), integer(from, path(prefix, "cooldown"))});
  } catch (const UsageError& e) {
    raise<DataError>("{}: {}", from.source(), e.what());
  }
}

template <class T>
void save_state(const WeightAverage<T>& average, TensorFile& to, const std::string& prefix) {
  const WeightAverageState<T> state = average.state();
  for (std::size_t k = 0; k < state.arrays.size(); ++k)
    save_array(state.arrays[k], to, path(prefix, std::to_string(k)));
  save_integers({state.updates}, true, to, path(prefix, "updates"));
}

template <class T>
void load_state(WeightAverage<T>& average, const TensorFile& from, const std::string& prefix) {
  WeightAverageState<T> state;
  state.updates = integer(from, path(prefix, "updates"));
  for (std::size_t k = 0; from.find(path(prefix, std::to_string(k))); ++k) {
    const std::string name = path(prefix, std::to_string(k));
    const StoredTensor& stored = from.at(name);
    if (stored.shape.size() > static_cast<std::size_t>(Shape::max_rank))
      raise<DataError>("{}: {} has the shape {}", from.source(), io::shown_name(name),
                       shape_text(stored.shape));
    auto array = Variable<T>::uninitialised(Shape(stored.shape.begin(), stored.shape.end()));
    assign(array, from.get<T>(name));
    state.arrays.push_back(std::move(array));
  }
  try {
    average.load_state(state);
  } catch (const UsageError& e) {
    raise<DataError>("{}: {}", from.source(), e.what());
  }
}

void save_state(const NonMonotonicTrigger& trigger, TensorFile& to, const std::string& prefix) {
  const auto& [losses, triggered] = trigger.state();
  to.add<double>(path(prefix, "losses"), {static_cast<std::int64_t>(losses.size())}, losses);
  save_integers({triggered ? 1U : 0U}, true, to, path(prefix, "triggered"));
}

void load_state(NonMonotonicTrigger& trigger, const TensorFile& from, const std::string& prefix) {
  try {
    trigger.load_state(
        {from.get<double>(path(prefix, "losses")), integer(from, path(prefix, "triggered")) != 0});
  } catch (const UsageError& e) {
    raise<DataError>("{}: {}", from.source(), e.what());
  }
}

void save_state(const StepGuard& guard, TensorFile& to, const std::string& prefix) {
  save_integers({guard.state().skipped}, true, to, path(prefix, "skipped"));
  save_integers({guard.state().in_a_row}, true, to, path(prefix, "in_a_row"));
}

void load_state(StepGuard& guard, const TensorFile& from, const std::string& prefix) {
  guard.load_state({integer(from, path(prefix, "skipped")), integer(from, path(prefix, "in_a_row"))});
}

void save_state(const Generator& generator, TensorFile& to, const std::string& name) {
  const auto [seed, position] = generator.state();
  save_integers({seed, position}, false, to, name);
}

void load_state(Generator& generator, const TensorFile& from, const std::string& name) {
  const auto values = numbers<std::uint64_t>(from, name, 2);
  generator.set_state({values[0], values[1]});
}

#define UNROLL_STATE_OF(X)                                             \
  template void save_state(const X&, TensorFile&, const std::string&); \
  template void load_state(X&, const TensorFile&, const std::string&);
UNROLL_FOR_EACH(UNROLL_STATE_OF, Optimizer<float>, Optimizer<double>, Scheduler<float>, Scheduler<double>,
                ReduceOnPlateau<float>, ReduceOnPlateau<double>, WeightAverage<float>, WeightAverage<double>)
#undef UNROLL_STATE_OF

}  // namespace unroll
