#include "char_lm/grown.hpp"

#include "char_lm/default_text.hpp"
#include "char_lm/saved_run.hpp"

namespace unroll::char_lm {

Reading grown(const Reading& reading, const std::string& path, std::int64_t min_count) {
  Text text = path.empty() ? decode_text(default_text(), "the built-in text", reading.encoding)
                           : decode_text(read_bytes(path), path, reading.encoding);
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
