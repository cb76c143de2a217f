#pragma once  // internal
/// \file Work divided over threads.

#include <functional>

namespace unroll::detail {

/// What:   work(0), …, work(count − 1), by the caller and helpers of its own (share_parts). Each works as the calling
///         thread would: products have its precision, denormal numbers count where they do there, anomalies are looked for, and ops record if
///         `record`. Products inside are done by one thread each; the caller's blas::counters() count them.
/// Errors: what the first of them threw, when all have ended.
void in_parallel(int count, bool record, const std::function<void(int)>& work);

}  // namespace unroll::detail
