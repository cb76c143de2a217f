#pragma once
/// \file AnyModel for the encoder–decoders of layers/; for models_*.cpp.

#include "translate/model.hpp"
#include "unroll/layers/encoder_decoder.hpp"
#include "unroll/layers/summary.hpp"

namespace unroll::translate {

template <class Cell, template <class> class Decoder>
class ModelOf final : public AnyModel {
 public:
  using Model = EncoderDecoder<Cell, Decoder>;
  explicit ModelOf(Model model) : model_(std::move(model)) {}

  std::unique_ptr<AnyModel> copy() const override { return std::make_unique<ModelOf>(model_); }
  Variable<float> loss(const SequencePairs& batch, const SequenceLossOptions& options) const override {
    return model_.loss(batch, options);
  }
  std::vector<std::vector<Hypothesis>> search(const Indices& source, const Indices& lengths,
                                              const DecodingOptions& options,
                                              const BeamOptions& beam) const override {
    const NoGrad off;
    return beam_search(model_, model_.begin(source, lengths), options, beam);
  }
  Variable<float> alignment(const SequencePairs& batch) const override {
    const NoGrad off;
    if constexpr (std::is_same_v<Decoder<Cell>, PlainDecoder<Cell>>) {
      return {};
    } else {
      return model_.alignment(batch);
    }
  }
  MemberList<float> members() override { return MemberList<float>(model_); }
  std::string table() const override { return summary(model_); }

 private:
  Model model_;
};

template <class Cell>
Decoders models_of() {
  const auto make = []<template <class> class Decoder>() -> MakeModel {
    return [](const EncoderDecoderOptions& options, Generator& rng) -> std::unique_ptr<AnyModel> {
      return std::make_unique<ModelOf<Cell, Decoder>>(EncoderDecoder<Cell, Decoder>(options, rng));
    };
  };
  return {{"luong", make.template operator()<LuongDecoder>()},
          {"input-feeding", make.template operator()<InputFeedingDecoder>()},
          {"bahdanau", make.template operator()<BahdanauDecoder>()},
          {"plain", make.template operator()<PlainDecoder>()}};
}

}  // namespace unroll::translate
