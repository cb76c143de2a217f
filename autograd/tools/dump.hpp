#pragma once
/// \file What the tape holds, as text or as a graph: for questions like "where does the memory go?".

#include <string>

#include "unroll/detail/autograd/core/tape.hpp"

namespace unroll {

struct DumpOptions {
  bool roll = true;  ///< show a block of ops that repeats, such as a time step, once, with how often
};

/// What:   this thread's live tape for T, one line for each op in order of recording: name, the results with
///         their names, shapes and bytes (a view has none), and what it was computed from.
///
///     linear            (32, 512)         65536 B  from (32, 65), w_ih (512, 65), b (512,)
///     50 times:
///       chunk           4 x (32, 128)        view  from (32, 512)
///       …
///     201 ops, 13107200 B
template <class T>
std::string dump_tape(const DumpOptions& options = {});

/// What:   the same in the DOT language of Graphviz. Parameters are ellipses; a block that repeats is a box
///         with its count, and dashed edges lead from one repetition to the next.
template <class T>
std::string dump_tape_dot(const DumpOptions& options = {});

}  // namespace unroll
