#include "unroll/train/shards.hpp"

#include <bit>
#include <optional>

#include "unroll/autograd/error.hpp"

namespace unroll {
namespace {

/// What keys move on by in a training step: a forward pass does not draw as often.
constexpr std::uint64_t draws_per_step = std::uint64_t{1} << 32;

template <class T>
void add(ShardPart<T>& to, const ShardPart<T>& from) {
  if (to.values.size() != from.values.size() || to.counts.size() != from.counts.size())
    raise<UsageError>("shards: need parts of one size; got {} values and {} counts, and {} and {}",
                      to.values.size(), to.counts.size(), from.values.size(), from.counts.size());
  for (std::size_t k = 0; k < to.values.size(); ++k) to.values[k] += from.values[k];
  for (std::size_t k = 0; k < to.counts.size(); ++k) to.counts[k] += from.counts[k];
}

template <class T>
void send(Peers& peers, const ShardPart<T>& part, int to) {
  peers.send(std::as_bytes(std::span(part.values)), to);
  peers.send(std::as_bytes(std::span(part.counts)), to);
}
/// As large as `like`.
template <class T>
ShardPart<T> receive(Peers& peers, const ShardPart<T>& like, int from) {
  ShardPart<T> part{std::vector<T>(like.values.size()), std::vector<double>(like.counts.size())};
  peers.receive(std::as_writable_bytes(std::span(part.values)), from);
  peers.receive(std::as_writable_bytes(std::span(part.counts)), from);
  return part;
}

/// The tree over the shards. The process of a node's first shard has its sum.
template <class T>
class Tree {
 public:
  Tree(const Shards& shards, int rank, const std::function<ShardPart<T>(int)>& part)
      : shards_(shards), rank_(rank), part_(part) {}

  /// Over [first, last); nothing in other processes than the one that has it.
  std::optional<ShardPart<T>> sum(std::int64_t first, std::int64_t last) const {
    if (last - first == 1)
      return shards_.owner(first) == rank_ ? std::optional(part_(static_cast<int>(first))) : std::nullopt;
    const auto half = static_cast<std::int64_t>(std::bit_ceil(static_cast<std::uint64_t>(last - first)) / 2);
    const std::int64_t middle = first + half;
    std::optional<ShardPart<T>> left = sum(first, middle), right = sum(middle, last);
    const int to = shards_.owner(first), from = shards_.owner(middle);
    if (rank_ == to)
      add(*left, to == from ? *right : receive(*shards_.peers(), *left, from));
    else if (rank_ == from)
      send(*shards_.peers(), *right, to);
    return left;
  }

 private:
  const Shards& shards_;
  int rank_;
  const std::function<ShardPart<T>(int)>& part_;
};

/// The sum, which rank 0 has, in all processes.
template <class T>
ShardPart<T> shared(Peers& peers, std::optional<ShardPart<T>> sum) {
  std::uint64_t sizes[2] = {};
  if (sum) sizes[0] = sum->values.size(), sizes[1] = sum->counts.size();
  peers.broadcast(std::as_writable_bytes(std::span(sizes)), 0);
  if (!sum) sum.emplace(ShardPart<T>{std::vector<T>(sizes[0]), std::vector<double>(sizes[1])});
  peers.broadcast(std::as_writable_bytes(std::span(sum->values)), 0);
  peers.broadcast(std::as_writable_bytes(std::span(sum->counts)), 0);
  return std::move(*sum);
}

}  // namespace

Shards::Shards(int count, Peers* peers) : count_(count), peers_(peers) {
  if (count < 1) raise<UsageError>("shards: need at least 1; got {}", count);
  if (!peers) return;
  rank_ = peers->rank(), ranks_ = peers->count();
  if (ranks_ > count)
    raise<UsageError>("shards: {} shards give {} processes nothing to do; need a shard for each", count,
                      ranks_);
}

Shards::Range Shards::rows(int shard, std::int64_t batch) const {
  const auto edge = [&](std::int64_t s) {  // ⌊s B / S⌋, where s B may be too large
    return s * (batch / count_) + s * (batch % count_) / count_;
  };
  return {edge(shard), edge(shard + 1)};
}

Shards::Range Shards::shards_of(int rank) const {
  const auto edge = [&](std::int64_t r) { return r * count_ / ranks_; };
  return {edge(rank), edge(rank + 1)};
}

Shards::Range Shards::own_rows(std::int64_t batch) const {
  const Range all = own();
  return {rows(static_cast<int>(all.first), batch).first, rows(static_cast<int>(all.last - 1), batch).last};
}

int Shards::owner(std::int64_t shard) const {
  int rank = 0;
  while (shards_of(rank).last <= shard) ++rank;
  return rank;
}

template <class T>
ShardPart<T> Shards::sum(const std::function<ShardPart<T>(int shard)>& part) const {
  auto sum = Tree<T>(*this, rank_, part).sum(0, count_);
  return ranks_ == 1 ? std::move(*sum) : shared(*peers_, std::move(sum));
}

template <class T>
void detail::take_keys_of_shard(const Members<T>& members, int shard) {
  for (const Member<T>& member : members)
    if (auto* const key = std::get_if<RandomKey*>(&member.at))
      (*key)->seed += static_cast<std::uint64_t>(shard) * 0x9E3779B97F4A7C15ULL;
}

template <class T>
void detail::advance_keys(const Members<T>& members) {
  for (const Member<T>& member : members)
    if (auto* const key = std::get_if<RandomKey*>(&member.at)) (*key)->step += draws_per_step;
}

#define UNROLL_COMPILE_SHARDS(T)                                                    \
  template ShardPart<T> Shards::sum(const std::function<ShardPart<T>(int)>&) const; \
  template void detail::take_keys_of_shard(const Members<T>&, int);                 \
  template void detail::advance_keys(const Members<T>&);
UNROLL_COMPILE_SHARDS(float)
UNROLL_COMPILE_SHARDS(double)
#undef UNROLL_COMPILE_SHARDS

}  // namespace unroll
