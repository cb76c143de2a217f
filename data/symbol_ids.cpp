#include "unroll/data/symbol_ids.hpp"

#include <algorithm>

#include "unroll/autograd/error.hpp"

namespace unroll {
namespace {

class VectorIds final : public IdSource {
 public:
  explicit VectorIds(std::vector<std::int64_t> ids) : ids_(std::move(ids)) {}
  void read(std::int64_t first, std::span<std::int64_t> out) const override {
    std::copy_n(ids_.begin() + first, out.size(), out.begin());
  }

 private:
  std::vector<std::int64_t> ids_;
};

}  // namespace

SymbolIds::SymbolIds(std::vector<std::int64_t> ids) : size_(std::ssize(ids)) {
  source_ = std::make_shared<VectorIds>(std::move(ids));
}

SymbolIds::SymbolIds(std::shared_ptr<const IdSource> source, std::int64_t size)
    : source_(std::move(source)), size_(size) {
  if (size < 0 || (size > 0 && !source_))
    raise<UsageError>("symbol ids: need a source and a size of at least 0; got size {}{}", size,
                      source_ ? "" : ", no source");
}

void SymbolIds::check_range(std::int64_t first, std::int64_t count) const {
  if (first < 0 || count < 0 || first > size_ || count > size_ - first)
    raise<IndexError>("symbol ids: need a part of the {} there are; got {} from {} on", size_, count, first);
}

SymbolIds SymbolIds::part(std::int64_t first, std::int64_t count) const {
  check_range(first, count);
  SymbolIds result = *this;
  result.first_ += first, result.size_ = count;
  return result;
}

void SymbolIds::read(std::int64_t first, std::span<std::int64_t> out) const {
  check_range(first, std::ssize(out));
  if (!out.empty()) source_->read(first_ + first, out);
}

}  // namespace unroll
