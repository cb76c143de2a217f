#include "unroll/mpi/shard_reducer.hpp"

#include <algorithm>
#include <iterator>
#include <optional>

#include "unroll/detail/autograd/base/instantiate.hpp"
#include "unroll/detail/autograd/core/without_hooks.hpp"
#include "unroll/detail/mpi/connection.hpp"

namespace unroll::mpi {
namespace {

using unroll::detail::MpiConnection;

/// What a rank does for one parameter's sum, in this order.
struct Step {
  enum Kind { add, send, receive_and_add, send_sum, receive_sum };
  Kind kind;
  int shard = 0;  ///< whose array it is: a shard's, or that of the tree whose first shard it is
  int other = 0;  ///< the shard to add, or the rank at the other end
};

int owner_of(int shard, int ranks, int shards) {
  int rank = 0;
  while (shard >= shards_of(rank, ranks, shards).last) ++rank;
  return rank;
}

/// The tree over the shards as the steps of one rank, and then the way of the sum: rank r has it from the rank whose
/// number lacks r's lowest bit.
std::vector<Step> steps_of(int rank, int ranks, int shards) {
  std::vector<Step> steps;
  for (int stride = 1; stride < shards; stride *= 2) {
    for (int left = 0; left + stride < shards; left += 2 * stride) {
      const int right = left + stride;
      const int to = owner_of(left, ranks, shards), from = owner_of(right, ranks, shards);
      if (to == rank && from == rank) steps.push_back({Step::add, left, right});
      if (to == rank && from != rank) steps.push_back({Step::receive_and_add, left, from});
      if (to != rank && from == rank) steps.push_back({Step::send, right, to});
    }
  }
  const int first = shards_of(rank, ranks, shards).first;
  const int lowest = rank == 0 ? ranks : rank & -rank;
  if (rank != 0) steps.push_back({Step::receive_sum, first, rank - lowest});
  for (int bit = 1; bit < lowest && rank + bit < ranks; bit *= 2)
    steps.push_back({Step::send_sum, first, rank + bit});
  return steps;
}

/// The sum of one parameter's gradients, as far as it has come.
template <class T>
class Sum {
 public:
  Sum(index_t size, ShardRange mine, int tag)
      : mine_(mine), tag_(tag), size_(static_cast<std::size_t>(size)) {
    for (int k = mine.first; k < mine.last; ++k) arrays_.emplace_back(size_, T{0});
  }
  Sum(Sum&&) = default;
  ~Sum() {
    if (request_) MpiConnection::abandon(*request_);
  }

  T* array(int shard) { return arrays_[static_cast<std::size_t>(shard - mine_.first)].data(); }
  void clear() {
    for (auto& a : arrays_) std::fill(a.begin(), a.end(), T{0});
    next_ = 0;
    begun_ = false;
  }
  void begin() { begun_ = true; }
  bool begun() const { return begun_; }
  T* total() { return arrays_.front().data(); }

  /// Goes on as far as it can without waiting; returns whether that is the end.
  bool advance(MpiConnection& mpi, const std::vector<Step>& steps) {
    while (begun_ && next_ < steps.size()) {
      const Step& step = steps[next_];
      if (step.kind != Step::add) {
        if (!request_) start(mpi, step);
        int flag = 0;
        mpi.succeed(MPI_Test(&*request_, &flag, MPI_STATUS_IGNORE), "reduce");
        if (!flag) return false;
        request_.reset();
      }
      if (step.kind == Step::add) add(step.shard, array(step.other));
      if (step.kind == Step::receive_and_add) add(step.shard, theirs_.data());
      ++next_;
    }
    return begun_;
  }

 private:
  void add(int shard, const T* from) {
    T* to = array(shard);
    for (std::size_t k = 0; k < size_; ++k) to[k] += from[k];
  }

  void start(MpiConnection& mpi, const Step& step) {
    T* data = array(step.shard);
    if (step.kind == Step::receive_and_add) {
      theirs_.resize(size_);
      data = theirs_.data();
    }
    const int bytes = static_cast<int>(size_ * sizeof(T));
    MPI_Request& request = request_.emplace();
    if (step.kind == Step::send || step.kind == Step::send_sum) {
      mpi.succeed(MPI_Isend(data, bytes, MPI_BYTE, step.other, tag_, mpi.data, &request), "reduce");
      mpi.bytes_sent += static_cast<std::uint64_t>(bytes);
    } else {
      mpi.succeed(MPI_Irecv(data, bytes, MPI_BYTE, step.other, tag_, mpi.data, &request), "reduce");
    }
  }

  ShardRange mine_;
  int tag_;
  std::size_t size_, next_ = 0;
  std::vector<std::vector<T>> arrays_;  // one for each shard of this rank
  std::vector<T> theirs_;
  std::optional<MPI_Request> request_;
  bool begun_ = false;
};

}  // namespace

ShardRange shards_of(int rank, int ranks, int shards) {
  if (ranks < 1 || shards < ranks || rank < 0 || rank >= ranks)
    raise<UsageError>(
        "shards_of: need a rank in [0, ranks) and as many shards as ranks, or more; got rank {} of {}, {} "
        "shards",
        rank, ranks, shards);
  const auto first = [&](int r) { return static_cast<int>(std::int64_t{shards} * r / ranks); };
  return {first(rank), first(rank + 1)};
}

template <class T>
class ShardReducer<T>::Work {
 public:
  Work(Communicator& ranks, const std::vector<NamedParameter<T>>& parameters, int shards)
      : mpi_(ranks.connection()), mine_(shards_of(ranks.rank(), ranks.count(), shards)) {
    std::string names = fmt::format("{} shards", shards);
    for (const NamedParameter<T>& p : parameters)
      names += fmt::format("; {} {}", p.name, p.variable.shape().str());
    ranks.agree("parameters to reduce", names);
    steps_ = steps_of(ranks.rank(), ranks.count(), shards);
    for (const NamedParameter<T>& p : parameters) {
      if (p.variable.size() > most_elements)
        raise<UsageError>("ShardReducer: need parameters of at most {} elements; got {} {}", most_elements,
                          p.name, p.variable.shape().str());
      parameters_.push_back(p.variable);
      sums_.emplace_back(p.variable.size(), mine_, static_cast<int>(sums_.size()) + 1);
    }
  }

  ShardRange mine() const { return mine_; }

  void begin(int k) {
    if (k < mine_.first || k >= mine_.last || k <= shard_)
      raise<UsageError>("ShardReducer::begin: need a shard in [{}, {}) after {}; got {}", mine_.first,
                        mine_.last, shard_, k);
    if (shard_ < 0)
      for (Sum<T>& sum : sums_) sum.clear();
    shard_ = k;
  }

  /// A pass has the gradient of parameter p.
  void take(std::size_t p, const Variable<T>& gradient) {
    if (shard_ < 0) return;
    std::copy_n(gradient.data(), gradient.size(), sums_[p].array(shard_));
    if (shard_ + 1 == mine_.last) sums_[p].begin();
    advance();
  }

  void finish() {
    if (shard_ < 0)
      for (Sum<T>& sum : sums_) sum.clear();
    shard_ = -1;
    for (Sum<T>& sum : sums_) sum.begin();
    mpi_.wait_until([&] { return advance(); }, "reduce");
    const unroll::detail::WithoutHooks<T> without(parameters_);  // they have seen the gradients of the passes
    for (std::size_t p = 0; p < sums_.size(); ++p) {
      Variable<T>& parameter = parameters_[p];
      const auto size = static_cast<std::size_t>(parameter.size());
      parameter.zero_grad();
      parameter.backward(Variable<T>::from(parameter.shape(), std::span<const T>(sums_[p].total(), size)));
    }
  }

 private:
  static constexpr index_t most_elements = index_t{1} << 27;  // MPI counts bytes in an int

  bool advance() {
    bool done = true;
    for (Sum<T>& sum : sums_) done &= sum.advance(mpi_, steps_);
    return done;
  }

  MpiConnection& mpi_;
  ShardRange mine_;
  std::vector<Step> steps_;
  std::vector<Variable<T>> parameters_;
  std::vector<Sum<T>> sums_;
  int shard_ = -1;
};

template <class T>
ShardReducer<T>::ShardReducer(Communicator& ranks, const std::vector<NamedParameter<T>>& parameters,
                              int shards) {
  std::vector<NamedParameter<T>> learned;
  std::copy_if(parameters.begin(), parameters.end(), std::back_inserter(learned),
               [](const NamedParameter<T>& p) { return p.variable.requires_grad(); });
  work_ = std::make_shared<Work>(ranks, learned, shards);
  for (std::size_t p = 0; p < learned.size(); ++p) {
    learned[p].variable.register_hook([work = std::weak_ptr<Work>(work_), p](const Variable<T>& gradient) {
      if (const auto alive = work.lock()) alive->take(p, gradient);
      return Variable<T>();
    });
  }
}
template <class T>
ShardReducer<T>::~ShardReducer() = default;
template <class T>
ShardRange ShardReducer<T>::mine() const {
  return work_->mine();
}
template <class T>
void ShardReducer<T>::begin(int k) {
  work_->begin(k);
}
template <class T>
void ShardReducer<T>::finish() {
  work_->finish();
}

UNROLL_COMPILE_TYPES(class ShardReducer)

}  // namespace unroll::mpi
