#include "unroll/mpi/run_mark.hpp"

#include <exception>
#include <nlohmann/json.hpp>
#include <span>

#include "unroll/autograd/error.hpp"
#include "unroll/io/atomic_file.hpp"
#include "unroll/io/json.hpp"

namespace unroll::mpi {
namespace {

constexpr std::uint64_t most_bytes = 1000;  // of a file that this library has written
constexpr std::int64_t most_ranks = 1'000'000'000;

/// Whose mark it is; a file that is none is not worth an error, since it says no more than that there was a run.
std::string owner_of(const std::filesystem::path& file) {
  try {
    const auto bytes = io::read_file(file, most_bytes);
    const std::string text(reinterpret_cast<const char*>(bytes.data()), bytes.size());
    const io::JsonDocument document = io::parse_json(text, file.string());
    const auto ranks =
        io::JsonValue(*document, file.string()).at("ranks").integer<std::int64_t>(1, most_ranks);
    return fmt::format("of {} rank{}", ranks, ranks == 1 ? "" : "s");
  } catch (const DataError&) {
    return "of an unknown number of ranks";
  }
}

}  // namespace

RunMark::RunMark(const std::filesystem::path& folder, int ranks)
    : file_(folder / "running.json"), exceptions_(std::uncaught_exceptions()) {
  std::error_code none;
  if (std::filesystem::exists(file_, none)) before_ = owner_of(file_);
  const std::string text = nlohmann::ordered_json{{"ranks", ranks}}.dump() + "\n";
  io::write_file_atomically(file_, std::as_bytes(std::span(text)));
}

RunMark::~RunMark() {
  if (std::uncaught_exceptions() > exceptions_) return;
  std::error_code none;
  std::filesystem::remove(file_, none);
}

std::optional<std::string> RunMark::left(std::int64_t step) const {
  if (before_.empty()) return std::nullopt;
  return fmt::format("the run before, {}, was cut off; going on from its last checkpoint, of step {}",
                     before_, step);
}

}  // namespace unroll::mpi
