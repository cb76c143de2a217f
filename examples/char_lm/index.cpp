#include "char_lm/index.hpp"

#include <sys/stat.h>

#include <filesystem>
#include <nlohmann/json.hpp>

#include "unroll/autograd/error.hpp"
#include "unroll/train/run_folder.hpp"

namespace unroll::char_lm {

using json = nlohmann::ordered_json;

TextFile TextFile::at(const std::string& path) {
  TextFile file;
  std::error_code error;
  file.path = std::filesystem::absolute(path, error).lexically_normal().string();
  struct stat status {};
  if (::stat(path.c_str(), &status) != 0 || !S_ISREG(status.st_mode)) return file;
  file.bytes = status.st_size;
  file.modified = std::int64_t{status.st_mtim.tv_sec} * 1'000'000'000 + status.st_mtim.tv_nsec;
  return file;
}

std::string IndexInfo::to_text() const {
  json all{{"text",
            {{"path", file.path},
             {"bytes", file.bytes},
             {"modified", file.modified},
             {"checksum", corpus.checksum}}},
           {"notes", corpus.notes},
           {"characters", corpus.characters},
           {"unknown", corpus.unknown},
           {"min_count", wishes.min_count},
           {"vocabulary", wishes.vocabulary},
           {"reading", nullptr}};
  reading.to_json(all["reading"]);
  return all.dump(-1, ' ', false, json::error_handler_t::replace);  // a path need not be UTF-8
}

IndexInfo IndexInfo::from_text(const std::string& text, const std::string& path) {
  const auto document = io::parse_json(text, path, {.memory = (32 << 20) + 2 * text.size()});
  const io::JsonValue all(*document, path), file = all.at("text");
  const auto count = [](const io::JsonValue& value) { return value.integer<std::int64_t>(0); };
  Reading reading = Reading::from_json(all.at("reading"));
  const ReadingWishes wishes{.level = reading.level,
                             .min_count = count(all.at("min_count")),
                             .vocabulary = count(all.at("vocabulary")),
                             .normalise = reading.normalise};
  return {.file = {.path = file.at("path").text(),
                   .bytes = file.at("bytes").integer<std::int64_t>(-1),
                   .modified = file.at("modified").integer<std::int64_t>()},
          .corpus = {.name = {},
                     .notes = all.at("notes").texts(),
                     .checksum = file.at("checksum").text(),
                     .characters = count(all.at("characters")),
                     .unknown = count(all.at("unknown"))},
          .reading = std::move(reading),
          .wishes = wishes};
}

std::optional<Index> find_index(const std::string& path, std::string& note) {
  if (!RunFolder::exists(path)) return {};
  if (!is_id_file(path))
    raise<DataError>("--index {}: this file is no index and is left as it is; name another, or remove it",
                     path);
  try {
    IdFile file = open_id_file(path);
    IndexInfo info = IndexInfo::from_text(file.info, path);
    if (file.symbols != info.reading.vocabulary.size())
      raise<DataError>("{}: damaged: it has numbers of {} symbols and a vocabulary of {}", path, file.symbols,
                       info.reading.vocabulary.size());
    return Index{std::move(info), std::move(file.ids)};
  } catch (const DataError& error) {
    note = fmt::format("{}; the text is read again", error.what());
    return {};
  }
}

}  // namespace unroll::char_lm
