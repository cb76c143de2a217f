#pragma once
/// \file Sequence to sequence: a recurrent encoder, a bridge, and a decoder of any kind.

#include <cmath>

#include "unroll/autograd/losses.hpp"
#include "unroll/autograd/softmax.hpp"
#include "unroll/layers/bridge.hpp"
#include "unroll/layers/decoder_cells.hpp"
#include "unroll/layers/decoding.hpp"
#include "unroll/layers/embedding.hpp"
#include "unroll/layers/encoder_decoder_options.hpp"
#include "unroll/layers/init.hpp"
#include "unroll/layers/recurrent.hpp"
#include "unroll/layers/target_symbols.hpp"

namespace unroll {

/// What:   an encoder–decoder; `EncoderDecoder<GruCell<float>, LuongDecoder> model(options);`. The encoder's
///         final states, of all layers and directions, are the decoder's first by way of a bridge.
/// `Cell` is any; `make`, a CellMaker, says how one is made unless from (input, hidden, bias, rng).
/// `Decoder` is one of decoder_cells.hpp.
/// Init:   as the parts; a tied matrix N(0, 1/H).
/// Errors: ShapeError for sizes below 1; UsageError for options that do not fit, and as CellStack.
/// Source: Sutskever, Vinyals, Le 2014; Bahdanau, Cho, Bengio 2015; Luong, Pham, Manning 2015.
template <class Cell, template <class> class Decoder = InputFeedingDecoder>
class EncoderDecoder {
 public:
  using value_type = CellNumber<Cell>;
  using T = value_type;
  using State = typename Decoder<Cell>::State;

  EncoderDecoder() = default;
  /// With new parameters, initialised from `rng`.
  explicit EncoderDecoder(const EncoderDecoderOptions& options, Generator& rng = default_generator(),
                          const CellMaker<Cell>& make = {})
      : options_(checked(options)),
        source_embedding_(options.source_symbols, options.embedding, {}, rng),
        encoder_(
            options.embedding,
            [&, made = detail::maker_or_default(make, rng)](index_t input) {
              return made(input, options.hidden / (options.bidirectional ? 2 : 1));
            },
            {.num_layers = options.num_layers,
             .dropout = options.dropout,
             .bidirectional = options.bidirectional},
            rng),
        target_embedding_(options.target_symbols, options.embedding, {}, rng),
        decoder_(options.embedding, options.hidden,
                 {.memory = options.hidden,
                  .attention = options.attention,
                  .attention_size = options.attention_size,
                  .num_layers = options.num_layers,
                  .dropout = options.dropout},
                 rng, make),
        output_(options.hidden, options.target_symbols, {}, rng),
        dropout_(options.dropout, rng) {
    bridge_ = Bridge<T>(options.num_layers, encoder_.directions(), sizes(encoder_.initial_state(1)),
                        sizes(decoder_.stack().initial_state(1).layers[0]), rng);
    if (!options.tie) return;
    init::normal(output_.weight, 0, 1 / std::sqrt(static_cast<double>(options.hidden)), rng);
    target_embedding_.weight = output_.weight;
  }

  /// As given.
  const EncoderDecoderOptions& options() const { return options_; }

  /// The decoder's state before its first step.
  /// Shapes: source (S, B), lengths (B,).
  State begin(const Indices& source, const Indices& lengths) const {
    const auto [outputs, last] = encoder_(dropout_(source_embedding_(source)), {.lengths = lengths});
    const auto zeros = decoder_.stack().initial_state(outputs.shape()[1]);
    const auto first = detail::with_members(zeros, bridge_(detail::members_of(last)));
    return decoder_.begin(first, outputs, lengths);
  }

  /// One step of decoding: `greedy(model, model.begin(source, lengths), …)` after eval(model). So do sample()
  /// and beam_search().
  DecodingStep<T, State> operator()(const Indices& symbols, const State& state) const {
    State next = step(symbols, state);
    Variable<T> log_probs = log_softmax(output_(dropout_(output_of(next))));
    return {std::move(log_probs), std::move(next)};
  }

  /// What:   the mean of −ln p over all symbols of all targets, end symbols included, given the true symbols
  ///         before each (teacher forcing) or, with scheduled sampling, now and then the model's own.
  /// Cost:   nothing is computed for padding, but with scheduled sampling in the recurrence.
  /// Errors: ShapeError, IndexError where a batch does not fit.
  Variable<T> loss(const SequencePairs& batch, const SequenceLossOptions& options = {}) const {
    const TargetSymbols target =
        target_symbols(batch.target, batch.target_lengths, options_.start, options_.end);
    const State state = begin(batch.source, batch.source_lengths);
    const Variable<T> h = options.sampling.rate == 0 ? teacher_forced_outputs(target, state)
                                                     : sampled_outputs(target, state, options.sampling);
    const Variable<T> rows = gather(reshape(h, {-1, options_.hidden}), target.rows);
    return cross_entropy(output_(dropout_(rows)), target.expected,
                         {.label_smoothing = options.label_smoothing});
  }

  /// What:   how much of each target symbol, the end symbol included, was read from where.
  /// Shapes: (T + 1, B, S). For decoders that attend.
  Variable<T> alignment(const SequencePairs& batch) const {
    const TargetSymbols target =
        target_symbols(batch.target, batch.target_lengths, options_.start, options_.end);
    State state = begin(batch.source, batch.source_lengths);
    std::vector<Variable<T>> weights;
    for (index_t t = 0; t < target.inputs.shape()[0]; ++t) {
      state = step(inputs_at(target, t), state);
      weights.push_back(state.weights);
    }
    return stack(weights);
  }

  template <class V>
  void visit(V&& v) {
    v("source_embedding", source_embedding_);
    v("encoder", encoder_);
    v("bridge", bridge_);
    v("target_embedding", target_embedding_);
    v("decoder", decoder_);
    v("output", output_);
    v("dropout", dropout_);
  }

 private:
  static const EncoderDecoderOptions& checked(const EncoderDecoderOptions& o) {
    if (o.bidirectional && o.hidden % 2 != 0)
      raise<UsageError>("encoder-decoder: two directions share the hidden size, which must be even; got {}",
                        o.hidden);
    if (o.tie && o.embedding != o.hidden)
      raise<UsageError>("encoder-decoder: tied weights need embedding and hidden of one size; got {} and {}",
                        o.embedding, o.hidden);
    return o;
  }
  template <class S>
  static std::vector<index_t> sizes(const S& state) {
    std::vector<index_t> sizes;
    for (const Variable<T>& v : detail::members_of(state)) sizes.push_back(v.shape().back(0));
    return sizes;
  }

  Variable<T> embedded(const Indices& symbols) const { return dropout_(target_embedding_(symbols)); }
  State step(const Indices& symbols, const State& state) const {
    return detail::whole_step(decoder_, embedded(symbols), state);
  }
  static Indices inputs_at(const TargetSymbols& target, index_t t) {
    const index_t batch = target.inputs.shape()[1];
    const std::int64_t* const row = target.inputs.data() + t * batch;
    return std::vector<std::int64_t>(row, row + batch);
  }

  Variable<T> teacher_forced_outputs(const TargetSymbols& target, const State& state) const {
    const Variable<T> xs = embedded(target.inputs);
    const ScanOptions options{.lengths = target.lengths};
    if constexpr (requires { decoder_.outputs(xs, state, options); }) {
      return decoder_.outputs(xs, state, options);
    } else {
      return scan(decoder_, xs, state, options).output;
    }
  }
  Variable<T> sampled_outputs(const TargetSymbols& target, State state,
                              const ScheduledSampling& sampling) const {
    std::vector<Variable<T>> outputs;
    for (index_t t = 0; t < target.inputs.shape()[0]; ++t) {
      Indices symbols = inputs_at(target, t);
      if (t > 0) {
        const NoGrad off;
        symbols = scheduled_inputs(symbols, output_(output_of(state)), sampling, t);
      }
      state = step(symbols, state);
      outputs.push_back(output_of(state));
    }
    return stack(outputs);
  }

  EncoderDecoderOptions options_;
  Embedding<T> source_embedding_;
  Recurrent<Cell> encoder_;
  Bridge<T> bridge_;
  Embedding<T> target_embedding_;
  Decoder<Cell> decoder_;
  Linear<T> output_;
  Dropout<T> dropout_;
};

}  // namespace unroll
