#include "unroll/data/records.hpp"

#include <algorithm>
#include <filesystem>
#include <set>

#include "unroll/data/utf8.hpp"

namespace unroll {
namespace {

/// The two columns of line `number`; `wanted` says what they are.
std::pair<std::string, std::string> two_columns(const TextLines& file, std::size_t number,
                                                std::string_view wanted) {
  const auto columns = columns_of(file.lines[number - 1]);
  if (columns.size() == 1) file.fail_at(number, "need {}; there is no tab", wanted);
  if (columns.size() > 2) file.fail_at(number, "need {}; got {} columns", wanted, columns.size());
  for (const std::size_t k : {0u, 1u})
    if (is_blank(columns[k]))
      file.fail_at(number, "need {}; the {} column is empty", wanted, k == 0 ? "first" : "second");
  return {std::string(trimmed(columns[0])), std::string(trimmed(columns[1]))};
}

/// Calls visit(number) for each line that is not blank.
/// Errors: DataError if there is none.
template <class Visit>
void for_each_line(const TextLines& file, Visit&& visit) {
  bool any = false;
  for (std::size_t number = 1; number <= file.lines.size(); ++number)
    if (!is_blank(file.lines[number - 1])) visit(number), any = true;
  if (!any) raise<DataError>("{}: nothing but blank lines", file.name);
}

/// The files of a folder in the order of their names.
std::vector<std::filesystem::path> files_of(const std::string& folder) {
  std::vector<std::filesystem::path> files;
  std::error_code error;
  for (std::filesystem::directory_iterator at(folder, error), end; !error && at != end; at.increment(error)) {
    const auto kind = at->status(error).type();
    if (kind == std::filesystem::file_type::none)
      raise<DataError>("{}: {}", at->path().string(), error.message());
    if (kind == std::filesystem::file_type::regular && !at->path().filename().string().starts_with('.'))
      files.push_back(at->path());
  }
  if (error) raise<DataError>("{}: {}", folder, error.message());
  if (files.empty()) raise<DataError>("{}: there is no file in this folder", folder);
  std::sort(files.begin(), files.end());
  return files;
}

}  // namespace

std::vector<LabelledText> read_labelled(const std::string& path) {
  const TextLines file = read_lines(path);
  std::vector<LabelledText> examples;
  for_each_line(file, [&](std::size_t number) {
    auto columns = two_columns(file, number, "label TAB text");
    examples.push_back(
        {std::move(columns.first), std::move(columns.second), fmt::format("{}:{}", path, number)});
  });
  return examples;
}

std::vector<LabelledText> read_labelled_folder(const std::string& folder) {
  std::vector<LabelledText> examples;
  std::set<std::string> labels;
  for (const auto& path : files_of(folder)) {
    const TextLines file = read_lines(path.string());
    const std::string label = path.stem().string();
    if (find_utf8_fault(label)) raise<DataError>("{}: the file's name is not UTF-8", file.name);
    if (!labels.insert(label).second)
      raise<DataError>("{}: another file has the label '{}' too", file.name, printable(label));
    for_each_line(file, [&](std::size_t number) {
      examples.push_back(
          {label, std::string(trimmed(file.lines[number - 1])), fmt::format("{}:{}", file.name, number)});
    });
  }
  return examples;
}

std::vector<TaggedSentence> read_tagged(const std::string& path) {
  const TextLines file = read_lines(path);
  std::vector<TaggedSentence> sentences;
  std::size_t last = 0;  // line of the last word
  for_each_line(file, [&](std::size_t number) {
    auto columns = two_columns(file, number, "form TAB tag");
    if (last == 0 || number > last + 1) sentences.push_back({.words = {}, .tags = {}, .line = number});
    last = number;
    sentences.back().words.push_back(std::move(columns.first));
    sentences.back().tags.push_back(std::move(columns.second));
  });
  return sentences;
}

std::vector<TextPair> read_pairs(const std::string& path) {
  const TextLines file = read_lines(path);
  std::vector<TextPair> pairs;
  for_each_line(file, [&](std::size_t number) {
    auto columns = two_columns(file, number, "source TAB target");
    pairs.push_back({std::move(columns.first), std::move(columns.second), number});
  });
  return pairs;
}

}  // namespace unroll
