#pragma once
/// \file What an encoder–decoder is made from, and what it learns from.

#include "unroll/layers/attention.hpp"
#include "unroll/layers/scheduled_sampling.hpp"

namespace unroll {

struct EncoderDecoderOptions {
  index_t source_symbols = 0, target_symbols = 0;    ///< sizes of the vocabularies
  std::int64_t start = 0, end = 0;                   ///< of the target symbols
  index_t embedding = 256, hidden = 256;             ///< sizes
  int num_layers = 1;                                ///< of encoder and decoder
  double dropout = 0;                                ///< on embeddings, between layers and before the output
  bool bidirectional = true;                         ///< the encoder: each direction has half of `hidden`
  AttentionKind attention = AttentionKind::general;  ///< the score function
  index_t attention_size = 0;                        ///< of additive and scaled_dot; 0: `hidden`
  bool tie = false;  ///< the target embedding is the output matrix; needs embedding = hidden
};

/// Sequences and what they are to become. Beyond a length any symbol of the vocabulary may stand.
struct SequencePairs {
  Indices source, source_lengths;  ///< (S, B), (B,)
  Indices target, target_lengths;  ///< (T, B), (B,); without start and end symbols
};

struct SequenceLossOptions {
  double label_smoothing = 0;       ///< see CrossEntropyOptions
  ScheduledSampling sampling = {};  ///< of the inputs
};

}  // namespace unroll
