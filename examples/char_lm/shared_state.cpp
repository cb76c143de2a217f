#include "char_lm/shared_state.hpp"

#include <algorithm>

#include "unroll/autograd/join.hpp"
#include "unroll/autograd/views.hpp"
#include "unroll/io/safetensors.hpp"

namespace unroll::char_lm {
namespace {

constexpr int stream_axis = 1;  // of all members: (L, B, …)

/// The member of that name: their order is the layer's, or that of a file.
const Variable<float>& member_named(const CarriedState& state, const std::string& name) {
  const auto named = [&](const auto& member) { return member.name == name; };
  return std::ranges::find_if(state.members, named)->variable;
}

/// States of streams that follow each other as one; those without members have no streams.
CarriedState joined(const std::vector<CarriedState>& states) {
  const NoGrad no_grad;
  const auto has_streams = [](const CarriedState& state) { return !state.members.empty(); };
  const auto first = std::ranges::find_if(states, has_streams);
  if (first == states.end()) return {};
  CarriedState all = *first;
  for (auto& member : all.members) {
    std::vector<Variable<float>> pieces;
    for (const CarriedState& state : states)
      if (has_streams(state)) pieces.push_back(member_named(state, member.name));
    member.variable = concat(pieces, stream_axis);
  }
  return all;
}

}  // namespace

std::vector<CarriedState> rows_of_shards(const CarriedState& all, const Shards& shards, std::int64_t batch) {
  const NoGrad no_grad;
  std::vector<CarriedState> states;
  for (std::int64_t s = shards.own().first; s < shards.own().last; ++s) {
    const auto rows = shards.rows(static_cast<int>(s), batch);
    CarriedState state;
    if (rows.count() > 0) state = all;
    for (auto& member : state.members)
      member.variable = slice(member.variable, stream_axis, rows.first, rows.last).copy();
    states.push_back(std::move(state));
  }
  return states;
}

CarriedState gather_states(const std::vector<CarriedState>& own, const Shards& shards) {
  std::vector<CarriedState> states = own;
  Peers* const peers = shards.peers();
  for (int rank = 1; peers && rank < peers->count(); ++rank) {
    std::uint64_t size = 0;
    peers->receive(std::as_writable_bytes(std::span(&size, 1)), rank);
    std::vector<std::byte> bytes(static_cast<std::size_t>(size));
    peers->receive(bytes, rank);
    states.push_back(load_carried(io::parse_safetensors(bytes)));
  }
  return joined(states);
}

void send_states(const std::vector<CarriedState>& own, const Shards& shards) {
  io::TensorFile file("states of a process");
  save_carried(joined(own), file);
  const std::vector<std::byte> bytes = io::serialise_safetensors(file);
  const std::uint64_t size = bytes.size();
  shards.peers()->send(std::as_bytes(std::span(&size, 1)), 0);
  shards.peers()->send(bytes, 0);
}

}  // namespace unroll::char_lm
