#include "unroll/detail/mpi/connection.hpp"

#include <algorithm>
#include <cstdlib>
#include <exception>

#include "unroll/autograd/threads.hpp"

namespace unroll::detail {
namespace {

using namespace std::chrono_literals;

constexpr auto spinning = 200us;  // so long a wait asks without a pause, but for letting others run
constexpr auto pause = 50us;  // between two questions from then on: a waiting rank leaves the core to others
constexpr auto farewell = 1000ms;    // so long a rank that fails waits for the others to hear it
constexpr auto last_words = 300ms;   // so long a rank that has failed, or heard of it, stays at its exit
constexpr double asks_after = 0.8;   // of the watchdog's time: then the others are asked whether they live
constexpr auto longest_asking = 5s;  // and no longer than this before its end

/// The first rank that exits has mpirun end all others, and show no more of what they print.
void stay_at_exit() {
  static const int registered = std::atexit([] { std::this_thread::sleep_for(last_words); });
  static_cast<void>(registered);
}

}  // namespace

MpiConnection::MpiConnection(const mpi::CommunicatorOptions& options) : watchdog_(options.watchdog_seconds) {
  if (!(watchdog_ >= 0)) raise<UsageError>("mpi: need a watchdog of 0 or more seconds; got {}", watchdog_);
  int initialised = 0, level = MPI_THREAD_FUNNELED;
  MPI_Initialized(&initialised);
  if (initialised) {
    MPI_Query_thread(&level);
  } else {
    MPI_Init_thread(nullptr, nullptr, MPI_THREAD_FUNNELED, &level);
    owns_mpi_ = true;
  }
  if (level < MPI_THREAD_FUNNELED && num_threads() > 1)
    raise<UsageError>(
        "mpi: MPI was initialised for one thread, and the library may use {}: call MPI_Init_thread with "
        "MPI_THREAD_FUNNELED or more, or set_num_threads(1) before",
        num_threads());
  exceptions_ = std::uncaught_exceptions();
  MPI_Comm_rank(MPI_COMM_WORLD, &rank);
  MPI_Comm_size(MPI_COMM_WORLD, &count);
  for (MPI_Comm* comm : {&data, &control_}) {
    succeed(MPI_Comm_dup(MPI_COMM_WORLD, comm), "start");
    MPI_Comm_set_errhandler(*comm, MPI_ERRORS_RETURN);
  }
}

MpiConnection::~MpiConnection() {
  const bool unwinding = std::uncaught_exceptions() > exceptions_;
  if (unwinding) give_up("it ended with an error");
  bool together = !unwinding && !ended;
  try {
    MPI_Request all;
    if (together) succeed(MPI_Ibarrier(data, &all), "end");
    if (together)
      wait_until(
          [&] {
            int done = 0;
            succeed(MPI_Test(&all, &done, MPI_STATUS_IGNORE), "end");
            return done != 0;
          },
          "end");
  } catch (const mpi::PeerError&) {
    together = false;
  }
  forget_sent();
  if (!sent_.empty()) new std::list<Sent>(std::move(sent_));  // MPI may still read them
  if (!together) return;                                      // the others are not there to end MPI with
  MPI_Comm_free(&data);
  MPI_Comm_free(&control_);
  if (owns_mpi_) MPI_Finalize();
}

void MpiConnection::succeed(int code, const char* op) const {
  if (code == MPI_SUCCESS) return;
  std::array<char, MPI_MAX_ERROR_STRING + 1> text{};
  int length = 0;
  MPI_Error_string(code, text.data(), &length);
  throw mpi::PeerError(fmt::format("mpi {}: rank {} {}: {}", op, rank, place(step), text.data()), true);
}

void MpiConnection::enter(const char* op, int peer) const {
  if (peer < 0 || peer >= count) raise<UsageError>("mpi {}: need a rank in [0, {}); got {}", op, count, peer);
  if (std::this_thread::get_id() != thread_)
    raise<UsageError>(
        "mpi {}: called by another thread than the one that made the Communicator; call it there", op);
}

std::string MpiConnection::place(std::int64_t at) const {
  if (at < 0) return "before the first step";
  return fmt::format("at step {}; last checkpoint: {}", at, checkpoint.empty() ? "none" : checkpoint);
}

std::size_t MpiConnection::wait(MPI_Request& request, const char* op) {
  MPI_Status status;
  int done = 0;
  try {
    wait_until(
        [&] {
          succeed(MPI_Test(&request, &done, &status), op);
          return done != 0;
        },
        op);
  } catch (...) {
    abandon(request);
    throw;
  }
  int bytes = 0;
  MPI_Get_count(&status, MPI_BYTE, &bytes);
  return bytes == MPI_UNDEFINED ? 0 : static_cast<std::size_t>(bytes);
}

void MpiConnection::abandon(MPI_Request& request) noexcept {
  if (request == MPI_REQUEST_NULL) return;
  MPI_Cancel(&request);
  int done = 0;
  const auto until =
      Clock::now() + last_words;  // a message whose half has come is waited for, but not for ever
  while (!done && Clock::now() < until && MPI_Test(&request, &done, MPI_STATUS_IGNORE) == MPI_SUCCESS) {
  }
}

void MpiConnection::idle(Watch& watch, const char* op) {
  if (Clock::now() - watch.begin < spinning) {
    std::this_thread::yield();
    return;
  }
  serve(watch);
  watch_over(watch, op);
  std::this_thread::sleep_for(pause);
}

void MpiConnection::serve(Watch& watch) {
  for (;;) {
    int there = 0;
    MPI_Status status;
    succeed(MPI_Iprobe(MPI_ANY_SOURCE, 0, control_, &there, &status), "wait");
    if (!there) return;
    MpiNotice notice;
    succeed(MPI_Recv(&notice, sizeof notice, MPI_BYTE, status.MPI_SOURCE, 0, control_, MPI_STATUS_IGNORE),
            "wait");
    notice.text.back() = '\0';
    take(notice, status.MPI_SOURCE, watch);
  }
}

void MpiConnection::take(const MpiNotice& notice, int from, Watch& watch) {
  switch (notice.kind) {
    case MpiNotice::ping:
      return notify(MpiNotice::pong, {}, from);
    case MpiNotice::pong:
      if (!watch.answered.empty()) watch.answered[static_cast<std::size_t>(from)] = true;
      return;
    case MpiNotice::heard:
      ++heard_;
      return;
    case MpiNotice::failed:
      break;
    default:
      return;
  }
  notify(MpiNotice::heard, {}, from);
  if (ended) {  // this one has failed as well
    ++heard_;
    return;
  }
  ended = true;  // that rank tells all
  stay_at_exit();
  throw mpi::PeerError(
      fmt::format("mpi: rank {} failed {}: {}", from, place(notice.step), notice.text.data()), rank == 0);
}

void MpiConnection::watch_over(Watch& watch, const char* op) {
  if (watchdog_ == 0 || count == 1) return;
  const double waited = std::chrono::duration<double>(Clock::now() - watch.begin).count();
  const double longest = std::chrono::duration<double>(longest_asking).count();
  if (watch.answered.empty() && waited > std::max(watchdog_ * asks_after, watchdog_ - longest)) {
    watch.answered.assign(static_cast<std::size_t>(count), false);
    watch.answered[static_cast<std::size_t>(rank)] = true;
    for (int to = 0; to < count; ++to)
      if (to != rank) notify(MpiNotice::ping, {}, to);
  }
  if (waited < watchdog_) return;
  const auto& answered = watch.answered;
  const auto first = std::find(answered.begin(), answered.end(), true) - answered.begin();
  const std::string message = fmt::format("mpi {}: rank {} waited {:g} s, and {}, {}", op, rank, watchdog_,
                                          silent_ranks(watch), place(step));
  ended = true;
  stay_at_exit();
  for (int to = 0; to < count; ++to)
    if (to != rank && answered[static_cast<std::size_t>(to)]) notify(MpiNotice::failed, message, to);
  throw mpi::PeerError(message, rank == first);
}

std::string MpiConnection::silent_ranks(const Watch& watch) const {
  std::string list;
  for (std::size_t k = 0; k < watch.answered.size(); ++k)
    if (!watch.answered[k]) list += fmt::format("{}rank {}", list.empty() ? "" : ", ", k);
  return list.empty() ? "all ranks wait for each other: not all call the same" : list + " does not answer";
}

void MpiConnection::notify(MpiNotice::Kind kind, std::string_view text, int to) {
  forget_sent();
  Sent& sent = sent_.emplace_back();
  sent.notice.kind = kind;
  sent.notice.step = step;
  text.copy(sent.notice.text.data(), sent.notice.text.size() - 1);
  MPI_Isend(&sent.notice, sizeof sent.notice, MPI_BYTE, to, 0, control_, &sent.request);
}

void MpiConnection::forget_sent() {
  sent_.remove_if([](Sent& sent) {
    int flag = 0;
    return MPI_Test(&sent.request, &flag, MPI_STATUS_IGNORE) == MPI_SUCCESS && flag;
  });
}

void MpiConnection::give_up(std::string_view cause) noexcept {
  if (std::exchange(ended, true)) return;
  stay_at_exit();
  try {
    for (int to = 0; to < count; ++to)
      if (to != rank) notify(MpiNotice::failed, cause, to);
    Watch watch{Clock::now(), {}};
    while (heard_ < count - 1 && Clock::now() - watch.begin < farewell) {
      serve(watch);
      std::this_thread::sleep_for(pause);
    }
  } catch (const std::exception&) {  // MPI is no longer there
  }
}

}  // namespace unroll::detail
