#pragma once
/// \file TensorBoard's event files: records of protocol buffers with checksums.

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

namespace unroll::tool {

/// CRC-32C (Castagnoli), as the records are guarded with before it is masked.
std::uint32_t crc32c(std::string_view bytes);

/// A record: its length, the length's checksum, the bytes, and their checksum, both masked.
/// Source: tensorflow/core/lib/io/record_writer.cc.
std::string event_record(std::string_view bytes);

/// What:   gives a log to `write` as the records of an event file: for each line with a step an event with its numbers
///         as scalars. `loss`, `train_loss` and `valid_loss` become loss/train, loss/train_mean and loss/validation,
///         which TensorBoard groups; others keep their names. The time of an event is the run's start plus its seconds.
/// Errors: DataError if the log cannot be read; what `write` throws.
/// Returns the number of events.
std::int64_t log_as_events(const std::string& log, const std::function<void(std::string_view)>& write);

}  // namespace unroll::tool
