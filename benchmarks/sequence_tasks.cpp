// Tasks that tell recurrences apart: what can be kept while the rest is ignored (selective copy), what a state that is
// linear in itself cannot compute (parity), and how many associations fit (recall). Prints a line for each cell and seed.

#include <fmt/core.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <string>

#include "common/command_line.hpp"
#include "common/recurrent.hpp"
#include "unroll/autograd/functions.hpp"
#include "unroll/autograd/gather.hpp"
#include "unroll/autograd/join.hpp"
#include "unroll/autograd/losses.hpp"
#include "unroll/autograd/views.hpp"
#include "unroll/layers/embedding.hpp"
#include "unroll/layers/layer_norm.hpp"
#include "unroll/layers/linear_layer.hpp"
#include "unroll/optim/adamw.hpp"
#include "unroll/optim/clip.hpp"
#include "unroll/optim/schedule.hpp"

using namespace unroll;
using V = Variable<float>;

namespace {

struct Options {
  std::string task = "copy";
  std::vector<std::string> cells{"gru", "mingru"};
  index_t length = 32, symbols = 4, hidden = 0, layers = 1, batch = 32, vocabulary = 8192;
  int steps = 600, seeds = 2, eval_every = 0;
  double rate = 3e-3, weight_decay = 0.01, clip = 1;
  bool one_cycle = true;
};

/// One batch: inputs (T, B), the steps after which something is to be said, as numbers t B + b, and what: (steps,); or, by
/// several heads after the last step, (heads, B).
struct Batch {
  Indices inputs, asked, targets;
};

/// Inputs, and answers, −1 where nothing is asked.
class Filler {
 public:
  Filler(index_t steps, index_t batch, std::int64_t blank)
      : shape_{steps, batch}, in_(static_cast<std::size_t>(steps * batch), blank), out_(in_.size(), -1) {}
  std::int64_t& in(index_t t, index_t b) { return in_[static_cast<std::size_t>(t * shape_[1] + b)]; }
  std::int64_t& out(index_t t, index_t b) { return out_[static_cast<std::size_t>(t * shape_[1] + b)]; }
  Batch done() const {
    std::vector<std::int64_t> asked, targets;
    for (std::size_t i = 0; i < out_.size(); ++i)
      if (out_[i] >= 0) asked.push_back(static_cast<std::int64_t>(i)), targets.push_back(out_[i]);
    const Shape count{static_cast<index_t>(asked.size())};
    return {{shape_, in_}, {count, asked}, {count, targets}};
  }
  /// The answers of all heads: each "step" is one.
  Indices answers() const { return {shape_, out_}; }

 private:
  Shape shape_;
  std::vector<std::int64_t> in_, out_;
};

/// k symbols of 8 at random places among blanks: which they were, in their order, is to be told by k heads.
Batch selective_copy(index_t length, const Options& o, index_t batch, Generator& rng) {
  Filler filler(length, batch, 8), answers(o.symbols, batch, 0);
  for (index_t b = 0; b < batch; ++b) {
    std::vector<index_t> places;
    while (static_cast<index_t>(places.size()) < o.symbols) {
      const auto t = static_cast<index_t>(rng.below(static_cast<std::uint64_t>(length)));
      if (std::find(places.begin(), places.end(), t) == places.end()) places.push_back(t);
    }
    std::sort(places.begin(), places.end());
    for (index_t k = 0; k < o.symbols; ++k)
      filler.in(places[static_cast<std::size_t>(k)], b) = answers.out(k, b) =
          static_cast<std::int64_t>(rng.below(8));
  }
  return {filler.done().inputs, {}, answers.answers()};
}

/// Whether the ones so far are odd in number, after the last of `length` bits.
Batch parity(index_t length, const Options&, index_t batch, Generator& rng) {
  Filler filler(length, batch, 0);
  for (index_t b = 0; b < batch; ++b) {
    std::int64_t odd = 0;
    for (index_t t = 0; t < length; ++t) odd ^= filler.in(t, b) = static_cast<std::int64_t>(rng.below(2));
    filler.out(length - 1, b) = odd;
  }
  return filler.done();
}

/// Pairs of a key and a value, and then keys, whose values are asked for (MQAR of Arora et al. 2023).
Batch recall(index_t length, const Options& o, index_t batch, Generator& rng) {
  const auto half = static_cast<std::uint64_t>(o.vocabulary / 2);
  Filler filler(length, batch, 0);
  for (index_t b = 0; b < batch; ++b) {
    std::vector<std::int64_t> keys, values;
    while (static_cast<index_t>(keys.size()) < o.symbols) {
      const auto key = static_cast<std::int64_t>(1 + rng.below(half - 1));
      if (std::find(keys.begin(), keys.end(), key) != keys.end()) continue;
      const auto k = static_cast<index_t>(keys.size());
      keys.push_back(key), values.push_back(static_cast<std::int64_t>(half + rng.below(half)));
      filler.in(2 * k, b) = key, filler.in(2 * k + 1, b) = values.back();
    }
    for (std::size_t k = 0; k < keys.size(); ++k) {
      index_t t = 0;
      do
        t = 2 * o.symbols +
            static_cast<index_t>(rng.below(static_cast<std::uint64_t>(length - 2 * o.symbols)));
      while (filler.out(t, b) >= 0);
      filler.in(t, b) = keys[k], filler.out(t, b) = values[k];
    }
  }
  return filler.done();
}

struct Task {
  Batch (*draw)(index_t length, const Options&, index_t batch, Generator&);
  index_t inputs, outputs, heads;  ///< heads: answers after the last step; 0: one after each
  std::vector<index_t> train_lengths, test_lengths;
};

Task task_of(const Options& o) {
  if (o.task == "copy") return {selective_copy, 9, 8, o.symbols, {o.length}, {o.length}};
  if (o.task == "recall") return {recall, o.vocabulary, o.vocabulary, 0, {o.length}, {o.length}};
  std::vector<index_t> lengths;
  for (index_t t = 3; t <= 40; ++t) lengths.push_back(t);
  return {parity, 2, 2, 0, lengths, {40, 64, 128, 256}};
}

/// Embedding, recurrent layers, norm, and a linear layer to the answers; where there are heads, behind one of 64 units.
struct Model {
  Embedding<float> embedding;
  AnyRecurrent<float> net;
  LayerNorm<float> norm;
  Linear<float> middle, readout;
  index_t heads;
  Model(const Task& task, const std::string& cell, index_t hidden, const Options& o, Generator& rng)
      : embedding(task.inputs, task.heads > 0 ? 48 : hidden, {}, rng), heads(task.heads) {
    program::CellOptions options{};
    options.input = task.heads > 0 ? 48 : hidden;
    options.hidden = hidden;
    options.layers = static_cast<int>(o.layers);
    net = program::cell_kind(cell).make(options, rng);
    const index_t width = program::output_size(net);
    norm = LayerNorm<float>(width);
    if (heads > 0) middle = Linear<float>(width, 64, {}, rng);
    readout = Linear<float>(heads > 0 ? 64 : width, std::max<index_t>(1, heads) * task.outputs, {}, rng);
  }
  /// Shapes: → (steps asked, V), or (heads, B, V).
  V operator()(const Batch& batch) const {
    const auto run = net(embedding(batch.inputs));
    if (heads == 0) {
      const Shape& s = run.output.shape();
      return readout(norm(gather(reshape(run.output, {s[0] * s[1], s[2]}), batch.asked)));
    }
    const V y = readout(V(gelu(middle(norm(net.last(run))))));
    return stack(chunk(y, heads), 0);
  }
  template <class F>
  void visit(F&& f) {
    f("embedding", embedding), f("net", net), f("norm", norm), f("middle", middle), f("readout", readout);
  }
};

/// The share of sequences all of whose answers are right.
double exact_match(const Model& model, const Task& task, index_t length, const Options& o) {
  const NoGrad off;
  Generator rng(1000 + static_cast<std::uint64_t>(length));
  index_t right = 0, count = 0;
  for (int round = 0; round < 8; ++round) {
    const Batch batch = task.draw(length, o, 64, rng);
    const V logits = model(batch);
    std::array<bool, 64> all;
    all.fill(true);
    for (index_t i = 0; i < batch.targets.size(); ++i) {
      const float* const row = logits.data() + i * task.outputs;
      const index_t sequence = (task.heads > 0 ? i : batch.asked[i]) % 64;
      if (std::max_element(row, row + task.outputs) - row != batch.targets[i])
        all[static_cast<std::size_t>(sequence)] = false;
    }
    right += std::count(all.begin(), all.end(), true), count += 64;
  }
  return static_cast<double>(right) / static_cast<double>(count);
}

bool all_right(const Model& model, const Task& task, const Options& o) {
  return std::all_of(task.test_lengths.rbegin(), task.test_lengths.rend(),
                     [&](index_t length) { return exact_match(model, task, length, o) == 1; });
}

/// The size with which the model has some 60,000 parameters, as the published table of selective copy has them.
index_t hidden_size(const Task& task, const std::string& cell, const Options& o) {
  if (o.hidden > 0) return o.hidden;
  index_t hidden = 8;
  for (index_t h = 8; h <= 512; h += 8) {
    Generator rng(1);
    if (count_parameters(Model(task, cell, h, o, rng)) <= 60'000) hidden = h;
  }
  return hidden;
}

void run(const Task& task, const std::string& cell, int seed, const Options& o) {
  Generator rng(static_cast<std::uint64_t>(seed)), data(static_cast<std::uint64_t>(100 + seed));
  const index_t hidden = hidden_size(task, cell, o);
  const Model model(task, cell, hidden, o, rng);
  AdamW adam(parameters(model), {.lr = o.rate, .weight_decay = o.weight_decay});
  Scheduler<float> schedule(adam, o.one_cycle ? one_cycle(static_cast<std::uint64_t>(o.steps))
                                              : Schedule([](std::uint64_t) { return 1.0; }));
  const auto start = std::chrono::steady_clock::now();
  double loss = 0;
  int step = 0;
  while (step < o.steps) {
    if (o.eval_every > 0 && step > 0 && step % o.eval_every == 0 && all_right(model, task, o)) break;
    const auto pick = data.below(task.train_lengths.size());
    const Batch batch = task.draw(task.train_lengths[pick], o, o.batch, data);
    const V error = cross_entropy(model(batch), batch.targets);
    loss = step++ < 20 ? error.item() : 0.95 * loss + 0.05 * error.item();
    error.backward();
    clip_grad_norm(parameters(model), o.clip);
    adam.step(), adam.zero_grad(), schedule.step();
  }
  const double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  fmt::print("| {} | {} | {} | {} | {} | {:.4f} |", cell, hidden, count_parameters(model), seed, step, loss);
  for (index_t length : task.test_lengths) fmt::print(" {:.3f} |", exact_match(model, task, length, o));
  fmt::print(" {:.0f} |\n", seconds);
  std::fflush(stdout);
}

}  // namespace

int main(int argc, char** argv) {
  Options o;
  program::CommandLine line("Tasks that tell recurrences apart");
  line.add("task", o.task, "copy, parity or recall", {.words = {"copy", "parity", "recall"}});
  line.add_words("cells", o.cells, "cells to train, as char_lm --cell names them");
  line.add("length", o.length, "steps of a sequence", program::at_least(1));
  line.add("symbols", o.symbols, "symbols to copy, or pairs to recall", program::at_least(1));
  line.add("hidden", o.hidden, "hidden size; 0: the largest multiple of 8 with 60,000 parameters");
  line.add("layers", o.layers, "layers or blocks", program::at_least(1));
  line.add("vocabulary", o.vocabulary, "keys and values of recall", program::at_least(16));
  line.add("batch", o.batch, "sequences per step", program::at_least(1));
  line.add("steps", o.steps, "training steps", program::at_least(1));
  line.add("eval-every", o.eval_every,
           "stop at a multiple of so many steps if all answers are right; 0: never", program::at_least(0));
  line.add("seeds", o.seeds, "runs of each cell", program::at_least(1));
  line.add("rate", o.rate, "learning rate of AdamW");
  line.add("weight-decay", o.weight_decay, "weight decay of AdamW");
  line.add("clip", o.clip, "largest norm of the gradient");
  line.add("one-cycle", o.one_cycle, "one cycle of the learning rate; else it stays");
  if (const auto status = line.read(argc, argv)) return *status;

  const Task task = task_of(o);
  fmt::print(
      "{}, length {}, {} symbols, {} steps of {} sequences\n\n| cell | hidden | parameters | seed | steps | "
      "loss |",
      o.task, o.length, o.symbols, o.steps, o.batch);
  for (index_t length : task.test_lengths) fmt::print(" exact at {} |", length);
  fmt::print(" seconds |\n|---|---|---|---|---|---|");
  for (std::size_t k = 0; k < task.test_lengths.size(); ++k) fmt::print("---|");
  fmt::print("---|\n");
  for (const std::string& cell : o.cells)
    for (int seed = 1; seed <= o.seeds; ++seed) run(task, cell, seed, o);
}
