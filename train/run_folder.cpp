#include "train/run_folder.hpp"

#include "autograd/error.hpp"

namespace unroll {

void RunFolder::create() const {
  std::error_code error;
  std::filesystem::create_directories(path_, error);
  if (error) fail<DataError>("{}: {}", path_.string(), error.message());
  if (!std::filesystem::is_directory(path_)) fail<DataError>("{}: not a folder", path_.string());
}

void RunFolder::clear() const {
  std::error_code error;
  for (const auto& file : {last(), best(), log()}) {
    std::filesystem::remove(file, error);
    if (error) fail<DataError>("{}: {}", file, error.message());
  }
}

std::string find_checkpoint(const std::string& path) {
  std::error_code error;
  if (!std::filesystem::exists(path, error)) fail<DataError>("{}: No such file or directory", path);
  if (!std::filesystem::is_directory(path)) return path;
  const RunFolder folder(path);
  for (const auto& file : {folder.best(), folder.last()})
    if (std::filesystem::exists(file)) return file;
  fail<DataError>("{}: holds no checkpoint: a training run writes one at its first evaluation", path);
}

}  // namespace unroll
