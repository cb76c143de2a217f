#include "char_lm/grown.hpp"

#include "char_lm/default_text.hpp"
#include "char_lm/saved_run.hpp"

namespace unroll::char_lm {

Reading grown(const Reading& reading, const std::string& path, std::int64_t min_count) {
  if (reading.level == Level::subword)
    raise<UsageError>(
        "--grow-vocabulary: subwords are not added to a model that has learned others; leave it out, and "
        "what "
        "they cannot spell counts as unknown");
  if (is_large(path))
    raise<UsageError>("--grow-vocabulary: {} is too large to be read at once; leave it out", path);
  Text text = path.empty() ? decode_text(default_text(), "the built-in text", reading.encoding)
                           : decode_text(read_bytes(path), path, reading.encoding);
  text.characters = normalise(std::move(text.characters), reading.normalise);
  if (reading.level == Level::token) text.characters += '\n';
  if (min_count == 0) min_count = reading.level == Level::word ? 2 : 1;
  Reading result = reading;
  result.vocabulary = reading.vocabulary.extended(count_symbols(text.characters, reading.level), min_count);
  return result;
}

TrainOptions with_size_of_embedding(TrainOptions options, const TrainOptions& trained,
                                    const Reading& reading) {
  options.embedding = model_options(trained, reading.vocabulary).recurrent.input;
  return options;
}

}  // namespace unroll::char_lm
