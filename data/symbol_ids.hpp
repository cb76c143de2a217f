#pragma once
/// \file A long sequence of symbols in numbers, wherever they lie: in memory, or in a file that is larger than it.

#include "unroll/detail/config.hpp"  // first: it refuses what cannot work
//
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

namespace unroll {

/// Where numbers of symbols lie; what SymbolIds reads from.
class IdSource {
 public:
  virtual ~IdSource() = default;
  /// Fills `out` with the numbers from place `first` on, which are all there.
  /// Errors: DataError that names what they lie in, if they cannot be read.
  virtual void read(std::int64_t first, std::span<std::int64_t> out) const = 0;
};

/// Numbers of symbols, one after another. Copies and parts share what they read from.
/// Thread rule: several threads may read at once.
class SymbolIds {
 public:
  /// None.
  SymbolIds() = default;
  /// Those of a vector, which is kept as it is.
  SymbolIds(std::vector<std::int64_t> ids);  // NOLINT(google-explicit-constructor)
  /// The first `size` of a source.
  SymbolIds(std::shared_ptr<const IdSource> source, std::int64_t size);

  /// How many there are.
  std::int64_t size() const { return size_; }
  /// The `count` numbers from `first` on; nothing is copied.
  /// Errors: IndexError if they are not all there.
  SymbolIds part(std::int64_t first, std::int64_t count) const;
  /// Fills `out` with the numbers from `first` on.
  /// Errors: IndexError if they are not all there; DataError as the source.
  void read(std::int64_t first, std::span<std::int64_t> out) const;
  /// Calls visit(id) for each in order.
  /// Cost:   memory for 64 Ki numbers.
  template <class Visit>
  void for_each(Visit&& visit) const {
    std::vector<std::int64_t> block;
    for (std::int64_t first = 0; first < size_; first += std::ssize(block)) {
      block.resize(static_cast<std::size_t>(size_ - first < block_size ? size_ - first : block_size));
      read(first, block);
      for (const std::int64_t id : block) visit(id);
    }
  }

 private:
  static constexpr std::int64_t block_size = 1 << 16;
  void check_range(std::int64_t first, std::int64_t count) const;

  std::shared_ptr<const IdSource> source_;
  std::int64_t first_ = 0, size_ = 0;
};

}  // namespace unroll
