#include "unroll/layers/module.hpp"

#include "unroll/detail/autograd/base/instantiate.hpp"

#include <algorithm>
#include <unordered_map>
#include <unordered_set>

namespace unroll::detail {

bool below(std::string_view name, std::string_view prefix) {
  if (prefix.ends_with('.')) prefix.remove_suffix(1);
  if (prefix.empty() || name == prefix) return true;
  return name.starts_with(prefix) && name[prefix.size()] == '.';
}

template <class T>
std::string Lister<T>::path_of(std::string_view name) const {
  return prefix_ + std::string(name);
}

template <class T>
void Lister<T>::add(std::string_view name, const Place& at) const {
  list_.push_back({path_of(name), at});
}

template <class T>
Lister<T> Lister<T>::below(const std::string& path) const {
  return Lister(list_, path.empty() ? "" : path + ".", with_costs_);
}

template <class T>
Variable<T>* array_of(const Member<T>& member) {
  Variable<T>* array = nullptr;
  if (auto* const* p = std::get_if<Variable<T>*>(&member.at)) array = *p;
  if (const auto* b = std::get_if<Buffer<T>>(&member.at)) array = b->variable;
  return array && *array ? array : nullptr;
}

namespace {

// The arrays that are given as a `Kind`, each once, under its first name.
template <class Kind, class T>
std::vector<NamedParameter<T>> arrays_of(const Members<T>& members) {
  std::vector<NamedParameter<T>> result;
  std::unordered_set<const void*> seen;
  for (const Member<T>& member : members) {
    Variable<T>* at = std::holds_alternative<Kind>(member.at) ? array_of(member) : nullptr;
    if (!at || !seen.insert(at->tensor()).second) continue;
    if (member.name.size() > at->name().size()) at->set_name(member.name);
    result.push_back({member.name, *at});
  }
  return result;
}

}  // namespace

template <class T>
std::vector<NamedParameter<T>> parameters_of(const Members<T>& members) {
  return arrays_of<Variable<T>*>(members);
}

template <class T>
void check_names(const Members<T>& members) {
  std::unordered_map<std::string_view, const void*> named;
  for (const Member<T>& member : members) {
    const Variable<T>* const at = array_of(member);
    if (!at) continue;
    const auto [first, is_new] = named.emplace(member.name, at->tensor());
    if (!is_new && first->second != at->tensor())
      raise<UsageError>("parameters: visit() gives the name \"{}\" twice", member.name);
  }
}

template <class T>
std::vector<NamedParameter<T>> buffers_of(const Members<T>& members) {
  return arrays_of<Buffer<T>>(members);
}

template <class T>
std::vector<NamedParameter<T>> pick(std::vector<NamedParameter<T>> all,
                                    const std::function<bool(std::string_view)>& which) {
  std::erase_if(all, [&](const auto& p) { return !which(p.name); });
  return all;
}

template <class T>
std::vector<NamedParameter<T>> pick(std::vector<NamedParameter<T>> all, std::string_view prefix) {
  std::string names;
  for (const auto& p : all) names += (names.empty() ? "" : ", ") + p.name;
  auto picked = pick(std::move(all), [&](std::string_view name) { return below(name, prefix); });
  if (picked.empty() && !prefix.empty()) {
    raise<UsageError>("parameters: none is called or lies below \"{}\"; there are: {}", prefix, names);
  }
  return picked;
}

template <class T>
void set_training(const Members<T>& members, bool on) {
  for (const Member<T>& member : members) {
    if (auto* flag = std::get_if<bool*>(&member.at)) **flag = on;
  }
}

template <class T>
void set_requires_grad(const Members<T>& members, std::string_view prefix, bool on) {
  std::vector<NamedParameter<T>> all;  // tied ones under each of their names
  for (const Member<T>& member : members)
    if (Variable<T>* p = std::holds_alternative<Variable<T>*>(member.at) ? array_of(member) : nullptr)
      all.push_back({member.name, *p});
  for (auto& p : pick(std::move(all), prefix)) {
    p.variable.requires_grad(on);
    if (!on) p.variable.zero_grad();
  }
}

template <class T>
void separate(const Members<T>& members) {
  std::unordered_map<const void*, Variable<T>> copies;
  for (const Member<T>& member : members) {
    Variable<T>* at = array_of(member);
    if (!at) continue;
    Variable<T>& original = *at;
    Variable<T>& copy = copies[original.tensor()];
    if (!copy) {
      copy = original.copy();
      copy.requires_grad(original.requires_grad());
      if (!original.name().empty()) copy.set_name(original.name());
    }
    original = copy;
  }
}

UNROLL_COMPILE_TYPES(class Lister)
UNROLL_COMPILE_FUNCTIONS(array_of, parameters_of, check_names, buffers_of, set_training, set_requires_grad,
                         separate)
template std::vector<NamedParameter<float>> pick(std::vector<NamedParameter<float>>,
                                                 const std::function<bool(std::string_view)>&);
template std::vector<NamedParameter<double>> pick(std::vector<NamedParameter<double>>,
                                                  const std::function<bool(std::string_view)>&);
template std::vector<NamedParameter<float>> pick(std::vector<NamedParameter<float>>, std::string_view);
template std::vector<NamedParameter<double>> pick(std::vector<NamedParameter<double>>, std::string_view);

}  // namespace unroll::detail
