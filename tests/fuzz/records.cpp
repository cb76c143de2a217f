// Files of examples: labelled texts, tagged sentences, pairs.

#include "unroll/data/records.hpp"

#include "fuzz.hpp"
#include "unroll/data/utf8.hpp"

namespace {

using namespace unroll;

// A byte order mark and CR LF: the reader takes away exactly these, whatever stands beside them.
constexpr const char *begin = "\xEF\xBB\xBF", *end = "\r\n";

void append(std::string& text, const std::string& a, const std::string& b) { text += a + "\t" + b + end; }

std::string text_of(const std::vector<LabelledText>& examples) {
  std::string text = begin;
  for (const auto& example : examples) append(text, example.label, example.text);
  return text;
}
std::string text_of(const std::vector<TaggedSentence>& sentences) {
  std::string text = begin;
  for (const auto& sentence : sentences) {
    fuzz::require(sentence.words.size() == sentence.tags.size() && !sentence.words.empty(),
                  "words have tags");
    for (std::size_t k = 0; k < sentence.words.size(); ++k) append(text, sentence.words[k], sentence.tags[k]);
    text += end;
  }
  return text;
}
std::string text_of(const std::vector<TextPair>& pairs) {
  std::string text = begin;
  for (const auto& pair : pairs) append(text, pair.source, pair.target);
  return text;
}

template <class Record>
void check(std::vector<Record> (*read)(const std::string&), std::string_view input) {
  const auto records = fuzz::attempt([&] { return read(fuzz::file_of(input)); });
  if (records.empty()) return;
  const std::string written = text_of(records);
  fuzz::require(!find_utf8_fault(written), "records are sound UTF-8");
  fuzz::require(text_of(read(fuzz::file_of(written))) == written, "records are read as they were written");
}

}  // namespace

UNROLL_FUZZ_TARGET(records) {
  check(read_labelled, input);
  check(read_tagged, input);
  check(read_pairs, input);
}
