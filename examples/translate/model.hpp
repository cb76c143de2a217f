#pragma once
/// \file The model: an encoder–decoder of any cell and decoder, chosen by name.

#include <map>
#include <memory>
#include <string>

#include "unroll/layers/beam_search.hpp"
#include "unroll/layers/encoder_decoder_options.hpp"
#include "unroll/layers/member_list.hpp"

namespace unroll::translate {

/// An encoder–decoder as the program sees it. Each is compiled once, in models_*.cpp.
class AnyModel {
 public:
  virtual ~AnyModel() = default;
  /// A copy that shares the parameters, as that of a module.
  virtual std::unique_ptr<AnyModel> copy() const = 0;
  virtual Variable<float> loss(const SequencePairs& batch, const SequenceLossOptions& options) const = 0;
  virtual std::vector<std::vector<Hypothesis>> search(const Indices& source, const Indices& lengths,
                                                      const DecodingOptions& options,
                                                      const BeamOptions& beam) const = 0;
  /// Empty where the decoder does not attend.
  virtual Variable<float> alignment(const SequencePairs& batch) const = 0;
  virtual MemberList<float> members() = 0;
  /// What summary() says of it.
  virtual std::string table() const = 0;
};

using MakeModel = std::unique_ptr<AnyModel> (*)(const EncoderDecoderOptions&, Generator&);
/// Of one cell, by the name of the decoder.
using Decoders = std::map<std::string, MakeModel>;
Decoders gru_models();
Decoders lstm_models();

/// Whether there is one of that name.
bool is_cell(const std::string& name);
bool is_decoder(const std::string& name);
/// What --cell and --decoder may be, for the help.
const std::string& cell_help();
const std::string& decoder_help();

/// An encoder–decoder as a module that is copied by value.
class Translator {
 public:
  /// Errors: UsageError for a cell or decoder that does not exist, naming those that do, and as
  ///         EncoderDecoder.
  Translator(const std::string& cell, const std::string& decoder, const EncoderDecoderOptions& options,
             Generator& rng);
  Translator(const Translator& other) : model_(other.model_->copy()) {}
  Translator& operator=(Translator other) noexcept {
    model_ = std::move(other.model_);
    return *this;
  }

  const AnyModel* operator->() const { return model_.get(); }

  template <class V>
  void visit(V&& v) {
    model_->members().visit(v);
  }

 private:
  std::unique_ptr<AnyModel> model_;
};

}  // namespace unroll::translate
