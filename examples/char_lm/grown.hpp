#pragma once
/// \file The vocabulary of a run that begins with the model of another.

#include "char_lm/corpus.hpp"
#include "char_lm/options.hpp"

namespace unroll::char_lm {

/// A reading with a vocabulary that has what occurs in the text at `path`, too, at least `min_count` times (0: as for a
/// new run); its own symbols keep their numbers.
/// Errors: DataError if the file cannot be read.
Reading grown(const Reading& reading, const std::string& path, std::int64_t min_count);

/// The options of a run that begins with the model of another, with the size of the embedding that this model has.
TrainOptions with_size_of_embedding(TrainOptions options, const TrainOptions& trained,
                                    const Reading& reading);

}  // namespace unroll::char_lm
