// A training run of a few milliseconds a step, on which check_faults.sh tries every way in which a rank can fail.
// usage: tiny_training FOLDER [--steps N] [--resume] [--watchdog S] [--fault KIND RANK STEP] [--seed S RANK]
// KIND: kill, stop (as by SIGSTOP), throw, nan, exit, exit0, disk, slow (every step takes a while). --seed: that rank has
// another seed. Rank 0 prints; the last line is a checksum of the weights.
#include <fmt/core.h>
#include <signal.h>
#include <sys/resource.h>
#include <unistd.h>

#include <chrono>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <nlohmann/json.hpp>
#include <optional>
#include <thread>

#include "../arrays.hpp"
#include "unroll/autograd/functions.hpp"
#include "unroll/autograd/reduce.hpp"
#include "unroll/autograd/threads.hpp"
#include "unroll/io/checkpoint.hpp"
#include "unroll/io/checksum.hpp"
#include "unroll/layers/linear_layer.hpp"
#include "unroll/mpi/all_reduce.hpp"
#include "unroll/mpi/broadcast_module.hpp"
#include "unroll/mpi/run_mark.hpp"
#include "unroll/mpi/shard_reducer.hpp"
#include "unroll/optim/sgd.hpp"
#include "unroll/train/run_folder.hpp"
#include "unroll/train/signals.hpp"
#include "unroll/train/state_dict.hpp"

using namespace unroll;

namespace {

constexpr int shards = 8, rows = 4, save_every = 10;

struct TinyArguments {
  std::string folder, fault = "none";
  long steps = 40, fault_step = -1;
  int fault_rank = -1, seed_rank = -1;
  std::uint64_t seed = 1, other_seed = 1;
  double watchdog = 60;
  bool resume = false;

  TinyArguments(int argc, char** argv) : folder(argc > 1 ? argv[1] : "") {
    for (int k = 2; k < argc; ++k) {
      const std::string name = argv[k];
      const auto next = [&] {
        return k + 1 < argc ? argv[++k] : throw UsageError(name + ": a value is missing");
      };
      if (name == "--resume") resume = true;
      if (name == "--steps") steps = std::atol(next());
      if (name == "--watchdog") watchdog = std::atof(next());
      if (name == "--fault") fault = next(), fault_rank = std::atoi(next()), fault_step = std::atol(next());
      if (name == "--seed") other_seed = std::strtoull(next(), nullptr, 10), seed_rank = std::atoi(next());
    }
  }
};

struct TinyModel {
  using value_type = double;
  Linear<double> first, second;
  explicit TinyModel(Generator& rng) : first(6, 32, {}, rng), second(32, 1, {}, rng) {}
  template <class V>
  void visit(V&& v) {
    v("first", first), v("second", second);
  }
};

/// What goes wrong on this rank before a step.
void fail_if_asked(const TinyArguments& a, int rank, long step) {
  if (a.fault == "slow") std::this_thread::sleep_for(std::chrono::milliseconds(50));
  if (rank != a.fault_rank || step != a.fault_step) return;
  if (a.fault == "kill") raise(SIGKILL);
  if (a.fault == "stop") raise(SIGSTOP);
  if (a.fault == "throw") throw Error("thrown on purpose");
  if (a.fault == "exit") std::exit(3);
  if (a.fault == "exit0") std::exit(0);
  if (a.fault == "disk") {  // no file may have any more bytes: a write fails as on a full disk
    signal(SIGXFSZ, SIG_IGN);
    const rlimit none{100, 100};
    setrlimit(RLIMIT_FSIZE, &none);
  }
}

class Training {
 public:
  Training(mpi::Communicator& ranks, const TinyArguments& arguments)
      : ranks_(ranks),
        a_(arguments),
        folder_(a_.folder),
        model_(rng_),
        sgd_(parameters(model_), {.lr = 0.05}),
        reducer_(ranks, parameters(model_), shards) {
    ranks.agree_on_program();
    ranks.agree("options", fmt::format("--steps {}", a_.steps));
    ranks.agree("seed", fmt::format("{}", ranks.rank() == a_.seed_rank ? a_.other_seed : a_.seed));
    if (ranks.rank() == 0) open();
    std::int64_t step = step_;
    ranks.broadcast(std::as_writable_bytes(std::span(&step, 1)), 0);
    step_ = step;
    mpi::broadcast_module(ranks, model_);
  }

  void run() {
    while (step_ < a_.steps) {
      train_step();
      const bool stop = ranks_.any(StopSignals::received() != 0);
      if (stop || step_ % save_every == 0 || step_ == a_.steps) save();
      if (stop) return say(fmt::format("stopped after step {}", step_));
    }
    say(fmt::format("weights {:016x}", checksum()));
  }

 private:
  void open() {
    folder_.create();
    lock_.emplace(folder_.lock());
    if (a_.resume && RunFolder::exists(folder_.last())) {
      io::Checkpoint checkpoint = io::load_checkpoint(folder_.last(), "tiny");
      load_state(model_, checkpoint.tensors);
      step_ = nlohmann::json::parse(checkpoint.json).at("step");
    }
    mark_.emplace(a_.folder, ranks_.count());
    if (const auto text = mark_->left(step_); text && a_.resume) say(*text);
  }

  void train_step() {
    ranks_.progress(step_, step_ < save_every ? "none" : folder_.last());
    fail_if_asked(a_, ranks_.rank(), step_);
    double loss = 0;
    for (int k = reducer_.mine().first; k < reducer_.mine().last; ++k) {
      reducer_.begin(k);
      const auto x =
          tests::random_parameter({rows, 6}, static_cast<std::uint64_t>(step_ * shards + k)).detach();
      const Variable<double> y = model_.second(Variable<double>(tanh(model_.first(x))));
      const Variable<double> target = sum(x, 1, {.keepdims = true});
      const Variable<double> part = sum((y - target) * (y - target)) / static_cast<double>(shards * rows);
      part.backward();
      loss += part.item();
    }
    reducer_.finish();
    if (a_.fault == "nan" && ranks_.rank() == a_.fault_rank && step_ == a_.fault_step) loss = std::nan("");
    if (std::isnan(loss)) throw Error("the loss is NaN");
    sgd_.step();
    sgd_.zero_grad();
    ++step_;
    say(fmt::format("step {}", step_));
  }

  void save() {
    if (ranks_.rank() != 0) return;
    io::TensorFile tensors;
    save_state(model_, tensors);
    io::save_checkpoint(
        folder_.last(),
        {.kind = "tiny", .json = nlohmann::json{{"step", step_}}.dump(), .tensors = std::move(tensors)});
  }

  std::uint64_t checksum() const {
    io::Checksum sum;
    for (const auto& p : parameters(model_)) {
      const auto values = p.variable.value();
      for (const double value : values) sum.update(std::as_bytes(std::span(&value, 1)));
    }
    return sum.value();
  }

  void say(const std::string& line) const {
    if (ranks_.rank() == 0) fmt::print("{}\n", line), std::fflush(stdout);
  }

  mpi::Communicator& ranks_;
  const TinyArguments& a_;
  RunFolder folder_;
  Generator rng_{1};
  TinyModel model_;
  Sgd<double> sgd_;
  mpi::ShardReducer<double> reducer_;
  std::optional<FolderLock> lock_;
  std::optional<mpi::RunMark> mark_;
  long step_ = 0;
};

int tiny(const TinyArguments& arguments) {
  mpi::Communicator ranks({.watchdog_seconds = arguments.watchdog});
  try {
    Training(ranks, arguments).run();
    return 0;
  } catch (const mpi::PeerError& e) {
    if (e.tells) fmt::print(stderr, "tiny_training: {}\n", e.what());
  } catch (const std::exception& e) {
    fmt::print(stderr, "tiny_training: rank {}: {}\n", ranks.rank(), e.what());
    ranks.give_up(e.what());
  }
  return 1;
}

}  // namespace

int main(int argc, char** argv) {
  set_num_threads(1);
  const StopSignals signals;
  try {
    return tiny(TinyArguments(argc, argv));
  } catch (const std::exception& e) {
    fmt::print(stderr, "tiny_training: {}\n", e.what());
    return 1;
  }
}
