#include "unroll/layers/bridge.hpp"

#include "unroll/detail/autograd/base/instantiate.hpp"

#include "unroll/autograd/functions.hpp"
#include "unroll/autograd/join.hpp"
#include "unroll/autograd/views.hpp"
#include "unroll/detail/layers/cells/cell_calls.hpp"

namespace unroll {

template <class T>
Bridge<T>::Bridge(int layers, int directions, const std::vector<index_t>& from,
                  const std::vector<index_t>& to, Generator& rng)
    : layers_(layers), directions_(directions) {
  detail::check_num_layers("bridge", layers);
  if (directions < 1 || directions > 2)
    raise<UsageError>("bridge: need 1 or 2 directions; got {}", directions);
  for (const auto& members : {from, to})
    for (const index_t size : members)
      if (size < 1 || size > index_t{1} << 40)
        raise<ShapeError>("bridge: need sizes from 1 to 2^40; got {}", size);
  if (from.size() != to.size())
    raise<ShapeError>("bridge: need as many members on both sides; got {} and {}", from.size(), to.size());
  for (int k = 0; k < layers; ++k)
    for (std::size_t m = 0; m < from.size(); ++m)
      maps_.push_back(Linear<T>(directions * from[m], to[m], {}, rng));
}

template <class T>
std::vector<Variable<T>> Bridge<T>::operator()(const std::vector<Variable<T>>& final_members) const {
  if (maps_.size() != final_members.size() * static_cast<std::size_t>(layers_)) {
    raise<ShapeError>("bridge: need {} members of a state; got {}",
                      layers_ == 0 ? 0 : maps_.size() / static_cast<std::size_t>(layers_),
                      final_members.size());
  }
  std::vector<Variable<T>> first;
  for (int k = 0; k < layers_; ++k) {
    for (const Variable<T>& member : final_members) {
      std::vector<Variable<T>> both;
      for (int d = 0; d < directions_; ++d) both.push_back(select(member, 0, k * directions_ + d));
      const Linear<T>& map = maps_[first.size()];
      first.push_back(tanh(linear(concat(both, -1), map.weight, map.bias)));
    }
  }
  return first;
}

UNROLL_COMPILE_TYPES(class Bridge)

}  // namespace unroll
