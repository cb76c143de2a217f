// Checkpoints: the bytes as they are, and then the tensors in them as the state of a training, under a right checksum.

#include "fuzz.hpp"
#include "unroll/io/checkpoint.hpp"
#include "unroll/io/safetensors.hpp"
#include "unroll/optim/adam.hpp"
#include "unroll/train/state_dict.hpp"

namespace {

using namespace unroll;

/// What a file would be as a checkpoint.
io::Checkpoint as_checkpoint(std::span<const std::byte> bytes) {
  io::TensorFile file = io::parse_safetensors(bytes, "f");
  io::Checkpoint checkpoint{.kind = "fuzz", .json = file.metadata()["unroll.json"], .tensors = {}};
  std::erase_if(file.metadata(), [](const auto& entry) { return entry.first.starts_with("unroll."); });
  checkpoint.tensors = std::move(file);
  return checkpoint;
}

void require_equal(const io::Checkpoint& a, const io::Checkpoint& b) {
  fuzz::require(a.kind == b.kind && a.json == b.json, "texts are read as they were written");
  fuzz::require(a.tensors.metadata() == b.tensors.metadata(), "metadata are read as they were written");
  fuzz::require(std::equal(a.tensors.begin(), a.tensors.end(), b.tensors.begin(), b.tensors.end()),
                "tensors are read as they were written");
}

template <class State>
io::TensorFile saved(const State& state) {
  io::TensorFile file;
  save_state(state, file);
  return file;
}

/// Loads a state: all of it is replaced, or nothing; and what was loaded is saved and loaded again without a change.
template <class State>
void load(State& state, const io::TensorFile& from) {
  const io::TensorFile before = saved(state);
  try {
    load_state(state, from);
  } catch (const Error&) {
    const io::TensorFile after = saved(state);
    fuzz::require(std::equal(before.begin(), before.end(), after.begin(), after.end()),
                  "a state that is refused changes nothing");
    return;
  }
  const io::TensorFile first = saved(state);
  load_state(state, first);
  const io::TensorFile second = saved(state);
  fuzz::require(std::equal(first.begin(), first.end(), second.begin(), second.end()),
                "a state is read as it was written");
}

void load_training(const io::TensorFile& tensors) {
  auto weights = Variable<float>({2, 2}, 1.F).requires_grad(true);
  Adam<float> adam({weights}, AdamOptions{});
  load<Optimizer<float>>(adam, tensors);
  weights.zero_grad();
  Generator generator(1);
  load(generator, tensors);
}

}  // namespace

UNROLL_FUZZ_TARGET(checkpoints) {
  const auto bytes = std::as_bytes(std::span(input));
  fuzz::attempt([&] { return io::parse_checkpoint(bytes, "fuzz", "f"); });
  const io::Checkpoint checkpoint = as_checkpoint(bytes);
  const auto written = io::serialise_checkpoint(checkpoint);
  require_equal(checkpoint, io::parse_checkpoint(written, "fuzz", "f"));
  const std::string file = fuzz::file_of({reinterpret_cast<const char*>(written.data()), written.size()});
  require_equal(checkpoint, io::load_checkpoint(file, "fuzz"));
  load_training(checkpoint.tensors);
}
