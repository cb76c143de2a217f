#include "unroll/mpi/broadcast_module.hpp"

#include "unroll/detail/autograd/base/instantiate.hpp"

namespace unroll::detail {

template <class T>
void broadcast_arrays(mpi::Communicator& ranks, std::vector<NamedParameter<T>> arrays, int root) {
  std::string names;
  for (const NamedParameter<T>& p : arrays)
    names += fmt::format("{}{} {}", names.empty() ? "" : "; ", p.name, p.variable.shape().str());
  ranks.agree("parameters", names);
  for (NamedParameter<T>& p : arrays) {
    const auto size = static_cast<std::size_t>(p.variable.size());
    ranks.broadcast(std::as_writable_bytes(std::span<T>(p.variable.mutable_data(), size)), root);
  }
}

UNROLL_COMPILE_FUNCTIONS(broadcast_arrays)

}  // namespace unroll::detail
