#include "unroll/mpi/communicator.hpp"

#include <algorithm>
#include <array>
#include <cstdlib>
#include <vector>

#include "unroll/detail/mpi/connection.hpp"
#include "unroll/io/atomic_file.hpp"
#include "unroll/io/checksum.hpp"

namespace unroll::mpi {
namespace {

using unroll::detail::MpiConnection;

/// MPI counts in ints.
constexpr std::size_t most_at_once = std::size_t{1} << 30;

/// Calls f(offset, bytes) for each part of `size` bytes that one message carries.
template <class F>
void for_parts(std::size_t size, F&& f) {
  for (std::size_t at = 0; at < size; at += most_at_once) f(at, std::min(size - at, most_at_once));
}

/// A value as every rank shows it to the others.
struct Shown {
  std::uint64_t hash = 0;
  std::array<char, 104> text{};
};

std::string text_of(const Shown& shown) {
  const std::string text = shown.text.data();
  return text.empty() ? fmt::format("hash {:016x}", shown.hash) : text;
}

std::uint64_t hash_of(std::string_view value) {
  io::Checksum sum;
  sum.update(std::as_bytes(std::span(value)));
  return sum.value();
}

}  // namespace

bool started_by_mpirun() {
  constexpr std::array names{"OMPI_COMM_WORLD_SIZE", "PMIX_RANK", "PMI_RANK", "PMI_SIZE"};
  return std::any_of(names.begin(), names.end(), [](const char* name) { return std::getenv(name); });
}

Communicator::Communicator(const CommunicatorOptions& options)
    : connection_(std::make_unique<MpiConnection>(options)) {}
Communicator::~Communicator() = default;

int Communicator::rank() const { return connection_->rank; }
int Communicator::count() const { return connection_->count; }
std::uint64_t Communicator::bytes_sent() const { return connection_->bytes_sent; }
double Communicator::seconds_waited() const { return connection_->seconds_waited; }

void Communicator::send(std::span<const std::byte> bytes, int to) {
  MpiConnection& s = *connection_;
  s.enter("send", to);
  for_parts(bytes.size(), [&](std::size_t at, std::size_t size) {
    MPI_Request request;
    s.succeed(MPI_Isend(bytes.data() + at, static_cast<int>(size), MPI_BYTE, to, 0, s.data, &request),
              "send");
    s.wait(request, "send");
  });
  s.bytes_sent += bytes.size();
}

void Communicator::receive(std::span<std::byte> bytes, int from) {
  MpiConnection& s = *connection_;
  s.enter("receive", from);
  for_parts(bytes.size(), [&](std::size_t at, std::size_t size) {
    MPI_Request request;
    s.succeed(MPI_Irecv(bytes.data() + at, static_cast<int>(size), MPI_BYTE, from, 0, s.data, &request),
              "receive");
    const std::size_t got = s.wait(request, "receive");
    if (got != size)
      raise<UsageError>("mpi receive: need {} bytes from rank {}; got {}: both must give the same size", size,
                        from, got);
  });
}

// Everything goes from rank to rank, never by MPI's collective operations: those that a failure cuts off cannot be
// cancelled, and would write where their result was to go, whatever lies there by then.
void Communicator::broadcast(std::span<std::byte> bytes, int root) {
  connection_->enter("broadcast", root);
  const int ranks = count();
  const int place =
      (rank() - root + ranks) % ranks;  // along a tree whose root is 0: a parent lacks the lowest bit
  const int lowest = place == 0 ? ranks : place & -place;
  const auto rank_at = [&](int p) { return (p + root) % ranks; };
  if (place != 0) receive(bytes, rank_at(place - lowest));
  int bit = 1;
  while (2 * bit < lowest && place + 2 * bit < ranks) bit *= 2;
  for (; bit > 0; bit /= 2)  // the largest part of the tree first
    if (bit < lowest && place + bit < ranks) send(bytes, rank_at(place + bit));
}

void Communicator::gather(std::span<const std::byte> mine, std::span<std::byte> all) {
  connection_->enter("gather");
  if (all.size() != mine.size() * static_cast<std::size_t>(count()))
    raise<UsageError>("mpi gather: need room for {} times {} bytes; got {}", count(), mine.size(),
                      all.size());
  const auto part = [&](int k) {
    return all.subspan(mine.size() * static_cast<std::size_t>(k), mine.size());
  };
  std::copy(mine.begin(), mine.end(), part(rank()).begin());
  if (rank() != 0) send(mine, 0);
  if (rank() == 0)
    for (int k = 1; k < count(); ++k) receive(part(k), k);
  broadcast(all, 0);
}

bool Communicator::any(bool mine) {
  connection_->enter("any");
  auto said = static_cast<std::byte>(mine);
  for (int bit = 1; bit < count(); bit *= 2) {
    if (rank() & bit) {
      send(std::span(&said, 1), rank() - bit);
      break;
    }
    if (rank() + bit >= count()) continue;
    std::byte other{};
    receive(std::span(&other, 1), rank() + bit);
    said |= other;
  }
  broadcast(std::span(&said, 1), 0);
  return said != std::byte{0};
}

void Communicator::agree(std::string_view what, std::string_view value) {
  Shown mine{hash_of(value), {}};
  if (value.size() <= 100) value.copy(mine.text.data(), value.size());
  std::vector<Shown> all(static_cast<std::size_t>(count()));
  gather(std::as_bytes(std::span(&mine, 1)), std::as_writable_bytes(std::span(all)));
  const auto other =
      std::find_if(all.begin(), all.end(), [&](const Shown& s) { return s.hash != all.front().hash; });
  if (other == all.end()) return;
  for (Shown& shown : all) shown.text.back() = '\0';
  raise<UsageError>("mpi: rank {} was started with {} {}, rank 0 with {}: start all ranks alike",
                    other - all.begin(), what, text_of(*other), text_of(all.front()));
}

void Communicator::agree_on_program() {
  const io::InputFile file("/proc/self/exe");
  std::vector<std::byte> part(std::size_t{1} << 20);
  io::Checksum sum;
  for (std::uint64_t at = 0; at < file.size(); at += part.size()) {
    const auto size = static_cast<std::size_t>(std::min<std::uint64_t>(part.size(), file.size() - at));
    file.read_at(at, std::span(part).first(size));
    sum.update(std::span(part).first(size));
  }
  agree("program file", fmt::format("{:016x}", sum.value()));
}

void Communicator::progress(std::int64_t step, std::string_view checkpoint) {
  connection_->step = step;
  connection_->checkpoint = checkpoint;
}

void Communicator::give_up(std::string_view cause) noexcept { connection_->give_up(cause); }

}  // namespace unroll::mpi
