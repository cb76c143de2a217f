#include "classify/model.hpp"

#include "common/memory.hpp"
#include "unroll/autograd/softmax.hpp"
#include "unroll/layers/pooling.hpp"

namespace unroll::classify {
namespace {

CellOptions cell_options(const TrainOptions& o, index_t input) {
  return o.of_size(input, o.hidden, !o.forward);
}

}  // namespace

double least_weights(const TrainOptions& o, const Reading& reading) {
  const double read = (o.forward ? 1 : 2) * cell_kind(o.cell).outputs * static_cast<double>(o.hidden);
  const double output = read * static_cast<double>(reading.class_count());
  if (reading.is_series()) return output + count_weights(o.cell, cell_options(o, std::ssize(reading.mean)));
  return output + static_cast<double>(reading.vocabulary.size()) * static_cast<double>(o.embedding) +
         count_weights(o.cell, cell_options(o, o.embedding));
}

Classifier::Classifier(const TrainOptions& o, const Reading& reading, Generator& rng)
    : cell_(o.cell),
      pool_(o.pool),
      embedding_(reading.is_series() ? Embedding<float>()
                                     : Embedding<float>(reading.vocabulary.size(), o.embedding, {}, rng)),
      embedding_dropout_(reading.is_series() ? 0 : o.embedding_dropout, rng),
      recurrent_(cell_kind(o.cell).make(
          cell_options(o, reading.is_series() ? std::ssize(reading.mean) : o.embedding), rng)),
      attention_(pool_ == "attention"
                     ? AttentionPool<float>(output_size(recurrent_), output_size(recurrent_), rng)
                     : AttentionPool<float>()),
      dropout_(o.dropout, rng),
      output_(output_size(recurrent_), reading.class_count(), {}, rng) {}

Variable<float> Classifier::operator()(const Batch& batch) const {
  const Variable<float> x = batch.values ? batch.values : embedding_(batch.tokens);
  const auto read = recurrent_(embedding_dropout_(x), {.lengths = batch.lengths});
  const Variable<float>& y = read.output;
  const Variable<float> pooled = pool_ == "last"   ? recurrent_.last(read)
                                 : pool_ == "mean" ? mean_over_time(y, batch.lengths)
                                 : pool_ == "max"  ? max_over_time(y, batch.lengths)
                                                   : attention_(y, batch.lengths).context;
  return output_(dropout_(pooled));
}

Variable<float> log_probabilities(const Classifier& model, const Batch& batch) {
  const NoGrad no_grad;
  Classifier reader = model;  // shares the parameters
  eval(reader);
  return log_softmax(reader(batch));
}

}  // namespace unroll::classify
