// A sequence of op calls with whatever arguments: an op computes or refuses, and the tape is right afterwards.

#include "op_machine.hpp"

UNROLL_FUZZ_TARGET(ops) { unroll::fuzz::run_either<unroll::fuzz::Machine>(input); }
