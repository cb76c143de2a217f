#include "unroll/detail/autograd/core/context.hpp"

#include "unroll/detail/autograd/base/instantiate.hpp"
#include "unroll/detail/autograd/core/tensor.hpp"

namespace unroll::detail {

template <class T>
ColumnBlock column_block(const Tensor<T>& t) {
  if (t.run < 1 || t.pitch <= t.run || t.pitch % t.run != 0) {  // one row: only the tape knows
    if (!t.is_view()) return {};
    const auto& op = static_cast<const ViewNode<T>&>(*t.creator);
    return op.kind() == ViewKind::chunk ? ColumnBlock{t.member, static_cast<index_t>(op.parts())}
                                        : ColumnBlock{};
  }
  const auto offset = t.data - static_cast<const T*>(t.storage->data());
  return offset % t.run == 0 ? ColumnBlock{offset % t.pitch / t.run, t.pitch / t.run} : ColumnBlock{};
}

UNROLL_COMPILE_FUNCTIONS(column_block)

}  // namespace unroll::detail
