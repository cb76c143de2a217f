#pragma once  // internal
/// \file What a Communicator keeps, and how a rank waits. The only header that includes MPI's.

#include <mpi.h>

#include <array>
#include <chrono>
#include <list>
#include <thread>
#include <vector>

#include "unroll/mpi/peer_error.hpp"

namespace unroll::detail {

/// A message about the ranks themselves; it has a communicator of its own.
struct MpiNotice {
  enum Kind : std::int32_t { ping, pong, failed, heard };
  std::int32_t kind = ping;
  std::int64_t step = -1;  ///< where the sender is
  std::array<char, 488> text{};
};

class MpiConnection {
 public:
  explicit MpiConnection(const mpi::CommunicatorOptions& options);
  MpiConnection(const MpiConnection&) = delete;
  MpiConnection& operator=(const MpiConnection&) = delete;
  ~MpiConnection();

  /// Waits until it is done; gives how many bytes it received.
  /// Errors: PeerError, and the request is abandoned.
  std::size_t wait(MPI_Request& request, const char* op);
  /// Ends an operation that nobody waits for any more: what it would receive must not arrive later, in memory that is
  /// used for something else by then.
  static void abandon(MPI_Request& request) noexcept;
  /// Serves the other ranks' notices while `done()` is false.
  template <class F>
  void wait_until(F&& done, const char* op) {
    if (done()) return;
    Watch watch{Clock::now(), {}};
    do idle(watch, op);
    while (!done());
    seconds_waited += std::chrono::duration<double>(Clock::now() - watch.begin).count();
  }
  /// Errors: PeerError unless MPI reports success.
  void succeed(int code, const char* op) const;
  /// Errors: UsageError from another thread, or for a rank that there is not.
  void enter(const char* op, int peer = 0) const;
  void give_up(std::string_view cause) noexcept;
  /// Where this rank is, for messages: `at step 7; last checkpoint run/last.safetensors`.
  std::string place(std::int64_t step) const;

  MPI_Comm data = MPI_COMM_NULL;
  int rank = 0, count = 1;
  std::int64_t step = -1;
  std::string checkpoint;
  std::uint64_t bytes_sent = 0;
  double seconds_waited = 0;
  bool ended = false;  ///< an error that every rank knows of: there is nobody to tell

 private:
  using Clock = std::chrono::steady_clock;
  struct Sent {
    MpiNotice notice;
    MPI_Request request = MPI_REQUEST_NULL;
  };
  /// What a rank knows while it waits.
  struct Watch {
    Clock::time_point begin;
    std::vector<bool> answered;  ///< empty: nobody was asked yet
  };

  void idle(Watch& watch, const char* op);
  void serve(Watch& watch);
  void take(const MpiNotice& notice, int from, Watch& watch);
  void watch_over(Watch& watch, const char* op);
  void notify(MpiNotice::Kind kind, std::string_view text, int to);
  void forget_sent();
  std::string silent_ranks(const Watch& watch) const;

  MPI_Comm control_ = MPI_COMM_NULL;
  bool owns_mpi_ = false;
  int exceptions_ = 0;
  double watchdog_;
  int heard_ = 0;  ///< ranks that know of the failure of this one
  std::thread::id thread_ = std::this_thread::get_id();
  std::list<Sent> sent_;
};

}  // namespace unroll::detail
