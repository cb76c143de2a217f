#include <doctest/doctest.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <fstream>
#include <iterator>
#include <numeric>
#include <string>
#include <thread>
#include <vector>

#include "arrays.hpp"
#include "system_calls.hpp"
#include "temporary_folder.hpp"
#include "unroll/autograd/error.hpp"
#include "unroll/io/atomic_file.hpp"
#include "unroll/io/checkpoint.hpp"
#include "unroll/io/checksum.hpp"
#include "unroll/io/safetensors.hpp"

using namespace unroll;
using namespace unroll::io;
using unroll::tests::message_of;
namespace fs = std::filesystem;

namespace {

std::span<const std::byte> bytes_of(std::string_view text) { return std::as_bytes(std::span(text)); }

std::string content_of(const fs::path& path) {
  std::ifstream stream(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(stream), {}};
}

std::size_t files_in(const TemporaryFolder& folder) {
  return static_cast<std::size_t>(
      std::distance(fs::directory_iterator(folder.path), fs::directory_iterator()));
}

std::string checksum_of(std::string_view text) {
  Checksum checksum;
  checksum.update(bytes_of(text));
  return fmt::format("{:016x}", checksum.value());
}

Checkpoint example(float first = 1) {
  Checkpoint checkpoint{"counter", R"({"step": 3, "note": "é\n"})", {}};
  std::vector<float> values(100);
  std::iota(values.begin(), values.end(), first);
  checkpoint.tensors.add<float>("w", {10, 10}, values);
  checkpoint.tensors.add<std::uint64_t>("random", {2}, std::vector<std::uint64_t>{1, ~std::uint64_t{0}});
  checkpoint.tensors.metadata()["own"] = "kept";
  return checkpoint;
}

std::string load_error(std::span<const std::byte> bytes, std::string_view kind = "counter") {
  try {
    parse_checkpoint(bytes, kind, "f");
    return "none";
  } catch (const DataError& error) {
    return error.what();
  }
}

/// The message about a safetensors file of metadata alone.
std::string error_of_metadata(const TensorFile::Metadata& metadata) {
  TensorFile file;
  file.metadata() = metadata;
  return load_error(serialise_safetensors(file));
}

/// An error must not unwind into the test runner of a forked child.
[[noreturn]] void save_for_ever(const fs::path& path) noexcept {
  for (float k = 0;; ++k) save_checkpoint(path, example(k));
}

}  // namespace

TEST_CASE("atomic file: a file is created, then replaced, and nothing else is left") {
  const TemporaryFolder folder;
  write_file_atomically(folder / "x", bytes_of("one, longer"));
  CHECK(content_of(folder / "x") == "one, longer");
  const std::span<const std::byte> pieces[] = {bytes_of("t"), bytes_of(""), bytes_of("wo")};
  write_file_atomically(folder / "x", pieces);
  CHECK(content_of(folder / "x") == "two");
  write_file_atomically(folder / "x", bytes_of(""));
  CHECK(content_of(folder / "x").empty());
  CHECK(files_in(folder) == 1);
}

TEST_CASE("atomic file: a temporary file of a killed run is overwritten") {
  const TemporaryFolder folder;
  std::ofstream(temporary_path(folder / "x")) << "half a file, longer than the next one";
  write_file_atomically(folder / "x", bytes_of("whole"));
  CHECK(content_of(folder / "x") == "whole");
  CHECK(files_in(folder) == 1);
}

TEST_CASE("atomic file: a full disk leaves the old file and no temporary one") {
  const TemporaryFolder folder;
  write_file_atomically(folder / "x", bytes_of("old"));
  rlimit before = {};
  REQUIRE(::getrlimit(RLIMIT_FSIZE, &before) == 0);
  rlimit small = before;
  small.rlim_cur = 1000;
  const auto handler = ::signal(SIGXFSZ, SIG_IGN);
  REQUIRE(::setrlimit(RLIMIT_FSIZE, &small) == 0);
  std::string message = "none";
  try {
    write_file_atomically(folder / "x", bytes_of(std::string(5000, 'x')));
  } catch (const DataError& error) {
    message = error.what();
  }
  ::setrlimit(RLIMIT_FSIZE, &before);
  ::signal(SIGXFSZ, handler);
  CHECK(message == (folder / "x").string() + ": cannot write: File too large");
  CHECK(content_of(folder / "x") == "old");
  CHECK(files_in(folder) == 1);
}

TEST_CASE("atomic file: a place that cannot be written is named with its reason") {
  const TemporaryFolder folder;
  fs::create_directory(folder / "x");
  CHECK_THROWS_WITH_AS(write_file_atomically(folder / "x", bytes_of("a")),
                       ((folder / "x").string() + ": cannot write: it is a directory").c_str(), DataError);
  const auto nowhere = folder / "none" / "x";
  CHECK_THROWS_WITH_AS(write_file_atomically(nowhere, bytes_of("a")),
                       (nowhere.string() + ": cannot open its folder: No such file or directory").c_str(),
                       DataError);
  CHECK_THROWS_AS(write_file_atomically(folder.path / "", bytes_of("a")), DataError);
  CHECK(files_in(folder) == 1);
}

TEST_CASE(
    "atomic file: a device, a pipe or a folder is refused and stays, and so does what a link leads to") {
  const TemporaryFolder folder;
  const auto error_at = [&](const fs::path& path) {
    return message_of<DataError>([&] { write_file_atomically(path, bytes_of("a")); });
  };
  REQUIRE(::mkfifo((folder / "pipe").c_str(), 0600) == 0);
  fs::create_directory(folder / "folder");
  for (const char* name : {"pipe", "folder"}) fs::create_symlink(name, folder / (std::string("to ") + name));
  const std::string no_file = ": cannot write: it is not a regular file",
                    taken = ": cannot write: it is a directory";
  CHECK(error_at("/dev/null") == "/dev/null" + no_file);
  CHECK(error_at(folder / "pipe") == (folder / "pipe").string() + no_file);
  CHECK(error_at(folder / "to pipe") == (folder / "to pipe").string() + no_file);
  CHECK(error_at(folder / "folder") == (folder / "folder").string() + taken);
  CHECK(error_at(folder / "to folder") == (folder / "to folder").string() + taken);
  CHECK(fs::is_character_file("/dev/null"));
  CHECK(fs::is_fifo(folder / "pipe"));
  CHECK(files_in(folder) == 4);
}

TEST_CASE("atomic file: a link to a file, to nothing or to itself is replaced") {
  const TemporaryFolder folder;
  write_file_atomically(folder / "old", bytes_of("old"));
  for (const char* to : {"old", "nothing", "x"}) {
    fs::remove(folder / "x");
    fs::create_symlink(to, folder / "x");
    write_file_atomically(folder / "x", bytes_of("new"));
    CHECK(fs::is_regular_file(fs::symlink_status(folder / "x")));
    CHECK(content_of(folder / "x") == "new");
  }
  CHECK(content_of(folder / "old") == "old");
}

TEST_CASE(
    "atomic file: what is no file of one name in the place of the temporary one is refused and left alone") {
  const TemporaryFolder folder;
  const auto error = [&] {
    // A named pipe that is opened for writing waits for its reader: then the signal ends the child.
    const pid_t child = fork();
    REQUIRE(child >= 0);
    if (child == 0) {
      ::alarm(10);
      try {
        write_file_atomically(folder / "x", bytes_of("new"));
        _exit(1);
      } catch (const DataError& error) {
        std::ofstream(folder / "message") << error.what();
        _exit(0);
      }
    }
    int status = 0;
    REQUIRE(::waitpid(child, &status, 0) == child);
    CHECK(status == 0);
    return content_of(folder / "message");
  };
  const fs::path temporary = temporary_path(folder / "x");
  REQUIRE(::mkfifo(temporary.c_str(), 0600) == 0);
  CHECK(error() == (folder / "x").string() + ": cannot create its temporary file: No such device or address");
  const int reader = ::open(temporary.c_str(), O_RDONLY | O_NONBLOCK);
  CHECK(error().ends_with("what is no regular file stands in the place of its temporary file; remove it"));
  ::close(reader);
  CHECK(fs::is_fifo(temporary));
  fs::remove(temporary);
  std::ofstream(folder / "other") << "precious";
  fs::create_hard_link(folder / "other", temporary);
  CHECK(error().ends_with("a file with other names stands in the place of its temporary file; remove it"));
  CHECK(content_of(folder / "other") == "precious");
  fs::remove(temporary);
  fs::create_symlink(folder / "other", temporary);
  CHECK(error().ends_with("cannot create its temporary file: Too many levels of symbolic links"));
  CHECK(content_of(folder / "other") == "precious");
}

TEST_CASE(
    "atomic file: where the temporary file cannot be examined, that is an error and does not repeat for "
    "ever") {
  const TemporaryFolder folder;
  const system_calls::Failing failing("fstatat", EIO, 1);
  CHECK_THROWS_WITH_AS(
      write_file_atomically(folder / "x", bytes_of("a")),
      ((folder / "x").string() + ": cannot examine its temporary file: Input/output error").c_str(),
      DataError);
}

TEST_CASE("atomic file: a signal that interrupts a system call does not end the writing") {
  const TemporaryFolder folder;
  const system_calls::Interrupted interrupted;
  write_file_atomically(folder / "x", bytes_of("whole"));
  CHECK(interrupted.count() == 6);  // folder and file opened, lock, truncation, both synced
  CHECK(content_of(folder / "x") == "whole");
}

TEST_CASE("atomic file: a system call that fails is named with its reason, and the old file stays") {
  const TemporaryFolder folder;
  std::ofstream(folder / "x") << "old";
  const auto error = [&](const char* call, int before = 0) {
    const system_calls::Failing failing(call, EIO, before);
    return message_of<DataError>([&] { write_file_atomically(folder / "x", bytes_of("new")); });
  };
  const std::string x = (folder / "x").string(), reason = ": Input/output error";
  CHECK(error("open") == x + ": cannot open its folder" + reason);
  CHECK(error("fstatat") == x + ": cannot examine what is there" + reason);
  CHECK(error("openat") == x + ": cannot create its temporary file" + reason);
  CHECK(error("fstat") == x + ": cannot examine its temporary file" + reason);
  CHECK(error("fstat", 1) == x + ": cannot examine its temporary file" + reason);
  CHECK(error("ftruncate") == x + ": cannot empty its temporary file" + reason);
  CHECK(error("fsync") == x + ": cannot sync" + reason);
  CHECK(error("renameat") == x + ": cannot rename its temporary file" + reason);
  CHECK(content_of(folder / "x") == "old");
  CHECK(error("fsync", 1) ==
        x + ": was written, but may not survive a crash: cannot sync its folder" + reason);
  CHECK(content_of(folder / "x") == "new");
}

TEST_CASE("atomic file: a file system without locks, or without the syncing of folders, will do") {
  const TemporaryFolder folder;
  {
    const system_calls::Failing failing("flock", ENOLCK);
    write_file_atomically(folder / "x", bytes_of("unlocked"));
  }
  CHECK(content_of(folder / "x") == "unlocked");
  const system_calls::Failing failing("fsync", EINVAL, 1);
  write_file_atomically(folder / "x", bytes_of("unsynced"));
  CHECK(content_of(folder / "x") == "unsynced");
}

TEST_CASE(
    "atomic file: the name of a file in a folder that cannot be read needs no sync, a fault is an error") {
  const TemporaryFolder folder;
  const auto error = [&](const char* call, int code) {
    const system_calls::Failing failing(call, code);
    return message_of<DataError>([&] { sync_name(folder / "x"); });
  };
  const std::string fault = (folder / "x").string() + ": may not survive a crash: cannot sync its folder: ";
  CHECK(error("open", EACCES) == "nothing thrown");
  CHECK(error("open", ENOENT) == fault + "No such file or directory");
  CHECK(error("fsync", EIO) == fault + "Input/output error");
}

TEST_CASE("atomic file: threads that write one path take turns") {
  const TemporaryFolder folder;
  const auto path = folder / "x";
  std::vector<std::thread> writers;
  for (char letter : {'a', 'b', 'c', 'd'}) {
    writers.emplace_back([&path, letter] {
      for (int k = 0; k < 10; ++k) write_file_atomically(path, bytes_of(std::string(10'000, letter)));
    });
  }
  for (auto& writer : writers) writer.join();
  const std::string content = content_of(path);
  CHECK(content == std::string(10'000, content.at(0)));
  CHECK(files_in(folder) == 1);
}

TEST_CASE("read_file: a file is read whole, within the limit") {
  const TemporaryFolder folder;
  std::ofstream(folder / "x") << "content";
  const auto bytes = read_file(folder / "x", 7);
  CHECK(std::string(reinterpret_cast<const char*>(bytes.data()), bytes.size()) == "content");
  CHECK_THROWS_WITH_AS(
      read_file(folder / "x", 6),
      ((folder / "x").string() + ": cannot read: it has 7 bytes; at most 6 are allowed").c_str(), DataError);
  CHECK_THROWS_AS(read_file(folder.path, 6), DataError);
  REQUIRE(::mkfifo((folder / "pipe").c_str(), 0600) == 0);
  CHECK_THROWS_WITH_AS(read_file(folder / "pipe", 6),
                       ((folder / "pipe").string() + ": cannot read: it is not a regular file").c_str(),
                       DataError);
}

TEST_CASE("InputFile: a file that shrinks after it was opened is an error") {
  const TemporaryFolder folder;
  std::ofstream(folder / "x") << "content";
  const InputFile input(folder / "x");
  fs::resize_file(folder / "x", 3);
  std::vector<std::byte> bytes(input.size());
  CHECK_THROWS_WITH_AS(input.read_at(0, bytes),
                       doctest::Contains("it ends at byte 3; it was longer when opened"), DataError);
}

TEST_CASE("InputFile: a file that cannot be opened, examined or read is named with the reason") {
  const TemporaryFolder folder;
  std::ofstream(folder / "x") << "content";
  const auto error = [&](const char* call) {
    const system_calls::Failing failing(call, EIO);
    return message_of<DataError>([&] { read_file(folder / "x", 7); });
  };
  CHECK(error("open") == (folder / "x").string() + ": cannot open: Input/output error");
  CHECK(error("fstat") == (folder / "x").string() + ": cannot examine: Input/output error");
  CHECK(error("pread") == (folder / "x").string() + ": cannot read: Input/output error");
}

TEST_CASE("checksum: XXH64 of published examples") {
  CHECK(checksum_of("") == "ef46db3751d8e999");
  CHECK(checksum_of("a") == "d24ec4f1a98c6e5b");
  CHECK(checksum_of("abc") == "44bc2cf5ad770999");
  CHECK(checksum_of("Nobody inspects the spammish repetition") == "fbcea83c8a378bf1");
}

TEST_CASE("checksum: it does not depend on how the bytes are cut") {
  std::string text(100, '\0');
  std::iota(text.begin(), text.end(), '\1');
  for (std::size_t first = 0; first <= text.size(); ++first) {
    for (std::size_t second = first; second <= text.size(); second += 7) {
      Checksum checksum;
      checksum.update(bytes_of(text).first(first));
      checksum.update(bytes_of(text).subspan(first, second - first));
      checksum.update(bytes_of(text).subspan(second));
      REQUIRE(fmt::format("{:016x}", checksum.value()) == checksum_of(text));
    }
  }
}

TEST_CASE("checkpoint: what was saved is loaded, and saved again to the same bytes") {
  const TemporaryFolder folder;
  save_checkpoint(folder / "x", example());
  const Checkpoint loaded = load_checkpoint(folder / "x", "counter");
  CHECK(loaded.json == example().json);
  CHECK(loaded.kind == "counter");
  CHECK(loaded.tensors.names() == std::vector<std::string>{"random", "w"});
  CHECK(loaded.tensors.at("w") == example().tensors.at("w"));
  CHECK(loaded.tensors.metadata() == TensorFile::Metadata{{"own", "kept"}});
  CHECK(serialise_checkpoint(loaded) == read_file(folder / "x", 10'000));
}

TEST_CASE("checkpoint: every cut and every damaged byte is detected") {
  const auto bytes = serialise_checkpoint(example());
  for (std::size_t size = 0; size < bytes.size(); ++size) {
    CAPTURE(size);
    CHECK(load_error(std::span(bytes).first(size)).starts_with("f: "));
  }
  for (std::size_t at = 0; at < bytes.size(); ++at) {
    for (const int change : {0x01, 0x80, 0xFF}) {
      CAPTURE(at);
      CAPTURE(change);
      auto damaged = bytes;
      damaged[at] ^= static_cast<std::byte>(change);
      CHECK(load_error(damaged).starts_with("f: "));
    }
  }
}

TEST_CASE("checkpoint: a damaged number, another program's and another version's are told apart") {
  auto bytes = serialise_checkpoint(example());
  CHECK(load_error(bytes) == "none");
  CHECK(load_error(bytes, "char_lm") == "f: a checkpoint of \"counter\"; need one of \"char_lm\"");
  bytes.back() ^= std::byte{1};
  CHECK(load_error(bytes).starts_with("f: the checkpoint is damaged: its checksum is "));
  CHECK(error_of_metadata({}) == "f: not a checkpoint: a safetensors file without unroll.checkpoint");
  CHECK(error_of_metadata({{"unroll.checkpoint", "2"}}) ==
        "f: a checkpoint of version \"2\"; this program reads version 1");
  CHECK(error_of_metadata({{"unroll.checkpoint", "1"}}) == "f: the checkpoint has no unroll.checksum");
}

TEST_CASE("checkpoint: metadata under the checkpoint's own names is rejected") {
  Checkpoint checkpoint = example();
  checkpoint.tensors.metadata().emplace("unroll.kind", "x");
  CHECK_THROWS_AS(serialise_checkpoint(checkpoint), UsageError);
  checkpoint = example();
  checkpoint.json.back() = '\xFF';
  CHECK_THROWS_AS(serialise_checkpoint(checkpoint), UsageError);
}

TEST_CASE("checkpoint: a run killed before the rename leaves the previous checkpoint") {
  const TemporaryFolder folder;
  const auto path = folder / "x";
  save_checkpoint(path, example(1));
  const auto next = serialise_checkpoint(example(2));
  for (const std::size_t size : {std::size_t{0}, next.size() / 2, next.size()}) {
    std::ofstream(temporary_path(path), std::ios::binary)
        .write(reinterpret_cast<const char*>(next.data()), static_cast<std::streamsize>(size));
    CHECK(load_checkpoint(path, "counter").tensors.get<float>("w")[0] == 1);
  }
  save_checkpoint(path, example(2));
  CHECK(load_checkpoint(path, "counter").tensors.get<float>("w")[0] == 2);
  CHECK(files_in(folder) == 1);
}

TEST_CASE("checkpoint: a run killed at any moment leaves a whole checkpoint") {
  const TemporaryFolder folder;
  const auto path = folder / "x";
  save_checkpoint(path, example(0));
  for (int kill = 0; kill < 20; ++kill) {
    const pid_t child = ::fork();
    REQUIRE(child >= 0);
    if (child == 0) save_for_ever(path);
    ::usleep(static_cast<useconds_t>(500 + 700 * kill));
    ::kill(child, SIGKILL);
    REQUIRE(::waitpid(child, nullptr, 0) == child);
    const auto w = load_checkpoint(path, "counter").tensors.get<float>("w");
    CHECK(w[99] == w[0] + 99);
  }
}
