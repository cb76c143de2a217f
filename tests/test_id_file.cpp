#include "unroll/data/id_file.hpp"

#include <doctest/doctest.h>

#include <filesystem>
#include <fstream>
#include <numeric>

#include "temporary_folder.hpp"
#include "unroll/autograd/error.hpp"
#include "unroll/data/streams.hpp"

using namespace unroll;

namespace {

/// What an error says; empty without one.
template <class F>
std::string id_message(F&& f) {
  try {
    f();
  } catch (const Error& error) {
    return error.what();
  }
  return {};
}

using IdVector = std::vector<std::int64_t>;

/// Numbers that reach the largest of `symbols`.
IdVector some_ids(std::int64_t symbols, std::int64_t count) {
  IdVector ids;
  for (std::int64_t k = 0; k < count; ++k) ids.push_back((symbols - 1) - (k * 7919) % symbols);
  return ids;
}

std::string bytes_in(const std::filesystem::path& path) {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

void put_bytes(const std::filesystem::path& path, const std::string& bytes) {
  std::ofstream(path, std::ios::binary | std::ios::trunc) << bytes;
}

IdVector all_of(const SymbolIds& ids) {
  IdVector result;
  ids.for_each([&](std::int64_t id) { result.push_back(id); });
  return result;
}

/// A file of ten numbers, and how it is read after its bytes have changed.
struct Changed {
  TemporaryFolder folder;
  std::filesystem::path path = folder / "ids";
  std::string bytes;

  Changed() {
    IdWriter writer(300, path);
    writer.add(some_ids(300, 10));
    writer.finish("info");
    bytes = bytes_in(path);
  }
  std::string message(const std::string& now) const {
    put_bytes(path, now);
    return id_message([&] { open_id_file(path); });
  }
};

}  // namespace

TEST_CASE("id file: numbers of every width are read as they were written, from memory and from a file") {
  const TemporaryFolder folder;
  for (const std::int64_t symbols :
       {1ll, 256ll, 257ll, 65536ll, 65537ll, 1ll << 24, (1ll << 24) + 1, 1ll << 32}) {
    const IdVector ids = some_ids(symbols, 10);
    IdWriter memory(symbols), file(symbols, folder / "ids");
    for (auto* writer : {&memory, &file}) {
      writer->add(std::span(ids).first(3));
      writer->add(std::span(ids).subspan(3));
    }
    CHECK(all_of(memory.finish("dropped")) == ids);
    CHECK(all_of(file.finish("{\"any\": 1}")) == ids);
    const IdFile opened = open_id_file(folder / "ids");
    CHECK(all_of(opened.ids) == ids);
    CHECK(opened.symbols == symbols);
    CHECK(opened.info == "{\"any\": 1}");
    CHECK(std::filesystem::file_size(folder / "ids") ==
          64 + 10u * static_cast<unsigned>(id_width(symbols)) + 10);
  }
  CHECK(id_width(256) == 1);
  CHECK(id_width(257) == 2);
  CHECK(id_width(65537) == 3);
  CHECK(id_width((1ll << 24) + 1) == 4);
  CHECK_THROWS_AS(id_width(0), UsageError);
  CHECK_THROWS_AS(id_width((1ll << 32) + 1), UsageError);
}

TEST_CASE("id file: an empty one, and one without info, are read") {
  const TemporaryFolder folder;
  IdWriter(1, folder / "ids").finish();
  const IdFile opened = open_id_file(folder / "ids");
  CHECK(opened.ids.size() == 0);
  CHECK(opened.info.empty());
}

TEST_CASE("id file: a number that is none of the symbols is refused, and no file is left") {
  const TemporaryFolder folder;
  {
    IdWriter writer(3, folder / "ids");
    CHECK(id_message([&] { writer.add(IdVector{0, 3}); }) == "ids: need a number in [0, 3); got 3");
    CHECK_THROWS_AS(writer.add(IdVector{-1}), IndexError);
  }
  CHECK(std::filesystem::is_empty(folder.path));
}

TEST_CASE("id file: each byte that is changed, and each cut, is found, by the file's name") {
  const Changed file;
  for (std::size_t k = 0; k < file.bytes.size(); ++k) {
    std::string changed = file.bytes;
    changed[k] = static_cast<char>(changed[k] ^ 0x10);
    const std::string message = file.message(changed);
    CHECK_MESSAGE(message.starts_with(file.path.string() + ": "), k);
    CHECK_MESSAGE(file.message(file.bytes.substr(0, k)).starts_with(file.path.string() + ": "), k);
  }
  CHECK(file.message(file.bytes + "x").ends_with("it has 1 bytes after its end"));
  CHECK(file.message(file.bytes.substr(0, 70)).find("cut off") != std::string::npos);
  CHECK(file.message("hello").ends_with("no file of ids: it does not begin with 'unrollid'"));
  std::string later = file.bytes;
  later[8] = 2;
  CHECK(file.message(later).ends_with("a file of ids of version 2; this program reads version 1"));
  CHECK(file.message(file.bytes).empty());
}

TEST_CASE("id file: a count that no file could hold asks for no memory") {
  const Changed file;
  std::string huge = file.bytes;
  for (std::size_t k = 16; k < 24; ++k) huge[k] = '\x7F';
  CHECK(file.message(huge).find("cut off") != std::string::npos);
  huge = file.bytes;
  for (std::size_t k = 32; k < 40; ++k) huge[k] = '\xFF';
  CHECK(file.message(huge).find("cut off") != std::string::npos);
}

TEST_CASE(
    "id file: one that is cut off, or changed, while it is open is an error and does not end the program") {
  const TemporaryFolder folder;
  IdWriter writer(300, folder / "ids");
  writer.add(some_ids(300, 100000));
  const SymbolIds ids = writer.finish();
  IdVector out(4);
  ids.read(99990, out);
  std::filesystem::resize_file(folder / "ids", 1000);
  CHECK(id_message([&] { ids.read(99990, out); }).find("it was longer when opened") != std::string::npos);
  put_bytes(folder / "ids", std::string(200100, '\xFF'));
  CHECK(id_message([&] { ids.read(0, out); }).find("it was changed while it was read") != std::string::npos);
}

TEST_CASE("id file: what begins like one is told from what does not") {
  const Changed file;
  CHECK(is_id_file(file.path));
  put_bytes(file.path, "unroll");
  CHECK(!is_id_file(file.path));
  CHECK(!is_id_file(file.folder / "nothing"));
}

TEST_CASE("symbol ids: parts share their source, and what is not there is refused") {
  IdVector counting(200000);
  std::iota(counting.begin(), counting.end(), 0);
  const SymbolIds ids = counting, part = ids.part(100, 1000).part(50, 10);
  CHECK(all_of(part) == IdVector(counting.begin() + 150, counting.begin() + 160));
  CHECK(all_of(ids) == counting);  // more than a block
  CHECK(SymbolIds().size() == 0);
  IdVector out(2);
  CHECK_THROWS_AS(part.read(9, out), IndexError);
  CHECK_THROWS_AS(part.read(-1, out), IndexError);
  CHECK_THROWS_AS(ids.part(0, 200001), IndexError);
  CHECK_THROWS_AS(ids.part(200001, 0), IndexError);
  CHECK_THROWS_AS(SymbolIds(nullptr, 1), UsageError);
}

TEST_CASE("streams: windows of a file are those of memory") {
  const TemporaryFolder folder;
  const IdVector ids = some_ids(70000, 5000);
  IdWriter writer(70000, folder / "ids");
  writer.add(ids);
  const Streams file(writer.finish(), 7, 13, "file"), memory(ids, 7, 13, "memory");
  REQUIRE(file.windows() == memory.windows());
  for (std::int64_t k = 0; k < file.windows(); ++k) {
    CHECK(file.window(k).inputs == memory.window(k).inputs);
    CHECK(file.window(k).targets == memory.window(k).targets);
  }
}
