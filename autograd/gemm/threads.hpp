#pragma once
/// \file The number of threads.

namespace unroll {

/// What:   threads that one product, or one scan over a cell that is row-wise, started by the calling thread
///         may use. A setting per thread, 1 at first: threads that train a model each do not disturb one
///         another. Results are those of one thread to rounding, and the same to the bit at each run.
/// Errors: UsageError below 1.
void set_num_threads(int count);
/// The number that was set.
int num_threads();

}  // namespace unroll
