#pragma once
/// \file The carried state of a training by shards: each process has that of its own streams, a checkpoint that of all.

#include "char_lm/saved_run.hpp"
#include "unroll/train/shards.hpp"

namespace unroll::char_lm {

/// The states of this process's shards, of the state of all streams.
std::vector<CarriedState> rows_of_shards(const CarriedState& all, const Shards& shards, std::int64_t batch);

/// Process 0: the state of all streams, from its own shards and from what the other processes send.
CarriedState gather_states(const std::vector<CarriedState>& own, const Shards& shards);
/// The others: sends it.
void send_states(const std::vector<CarriedState>& own, const Shards& shards);

}  // namespace unroll::char_lm
