#pragma once
/// \file Files of examples: labelled texts, tagged sentences, pairs. The formats are in docs/file_formats.md.
///
/// All of them are UTF-8; a byte order mark and CR LF are taken for what they mean, blank lines are no
/// examples, and spaces at the ends of a column are left out. Errors of every function: DataError `file:line:
/// …`, or `file: …`, if a file cannot be read, is empty, is not UTF-8, has a line with more or fewer columns
/// or an empty one, or has no example.

#include <string>
#include <vector>

#include "unroll/data/lines.hpp"

namespace unroll {

/// A text of a class. `place` is its `file:line`.
struct LabelledText {
  std::string label, text, place;  ///< its class, the text, and where it stands
};

/// One example a line, `label TAB text`, in the order of the file.
std::vector<LabelledText> read_labelled(const std::string& path);

/// One file for each class, one example a line; the label is the file's name without its last extension.
/// In the order of the names' bytes, which is the same on every machine. Hidden files and folders are passed
/// over.
/// Errors: DataError too if two files have the same label.
std::vector<LabelledText> read_labelled_folder(const std::string& folder);

/// A sentence by words, each with its tag. `line` is that of its first word.
struct TaggedSentence {
  std::vector<std::string> words, tags;  ///< of the same number
  std::size_t line = 0;                  ///< of its first word
};

/// One word a line, `form TAB tag`; a blank line ends a sentence.
std::vector<TaggedSentence> read_tagged(const std::string& path);

/// Two texts that belong together.
struct TextPair {
  std::string source, target;  ///< the two texts
  std::size_t line = 0;        ///< where the pair stands
};

/// One pair a line, `source TAB target`.
std::vector<TextPair> read_pairs(const std::string& path);

}  // namespace unroll
