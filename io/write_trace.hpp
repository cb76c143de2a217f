#pragma once
/// \file A trace as a file, which ui.perfetto.dev and chrome://tracing open.

#include <filesystem>

#include "unroll/autograd/trace.hpp"

namespace unroll {

/// What:   writes trace.json() to a file, whole or not at all.
/// Errors: DataError if the file cannot be written; it is then as it was.
void write_trace(const std::filesystem::path& file, const Trace& trace);

}  // namespace unroll
