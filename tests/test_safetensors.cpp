#include "unroll/io/safetensors.hpp"

#include <doctest/doctest.h>
#include <fmt/format.h>

#include <cmath>
#include <cstring>
#include <fstream>
#include <limits>
#include <random>
#include <string>
#include <vector>

#include "temporary_folder.hpp"
#include "unroll/autograd/error.hpp"

using namespace unroll;
using namespace unroll::io;

namespace {

std::span<const std::byte> bytes_of(const std::string& text) { return std::as_bytes(std::span(text)); }

std::string text_of(const std::vector<std::byte>& bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

/// A file with that header, as it stands, and that many zero bytes of data.
std::string with_header(const std::string& header, std::size_t data_size = 0) {
  std::string file(8, '\0');
  const std::uint64_t length = header.size();
  std::memcpy(file.data(), &length, 8);
  return file + header + std::string(data_size, '\0');
}

TensorFile parse(const std::string& file) { return parse_safetensors(bytes_of(file), "f"); }

std::string error_of(const std::string& file) {
  try {
    parse(file);
    return "none";
  } catch (const DataError& error) {
    return error.what();
  }
}

template <class T>
void add(TensorFile& file, const std::string& name, std::vector<std::int64_t> shape, std::vector<T> values) {
  file.add<T>(name, std::move(shape), values);
}

TensorFile example() {
  TensorFile file;
  add<float>(file, "lstm.weight", {2, 3}, {1, 2, 3, 4, 5, 6});
  add<double>(file, "state", {}, {0.5});
  add<std::int64_t>(file, "ids", {4}, {1, -2, 3, -4});
  add<std::uint8_t>(file, "bytes", {3}, {7, 8, 9});
  add<float>(file, "empty", {0, 5}, {});
  file.metadata()["framework"] = "none";
  return file;
}

void check_equal(const TensorFile& a, const TensorFile& b) {
  CHECK(std::equal(a.begin(), a.end(), b.begin(), b.end()));
  CHECK(a.metadata() == b.metadata());
}

}  // namespace

TEST_CASE("safetensors: a file equals the format byte for byte") {
  TensorFile file;
  add<std::uint8_t>(file, "b", {2}, {1, 255});
  add<float>(file, "z", {1, 2}, {1.0f, -2.0f});
  add<float>(file, "a", {}, {0.5f});
  file.metadata()["k"] = "v\n";
  const std::string header =
      R"({"__metadata__":{"k":"v\n"},"a":{"dtype":"F32","shape":[],"data_offsets":[0,4]},)"
      R"("z":{"dtype":"F32","shape":[1,2],"data_offsets":[4,12]},)"
      R"("b":{"dtype":"U8","shape":[2],"data_offsets":[12,14]}})";
  REQUIRE(header.size() == 190);
  const std::string expected = std::string("\xC0\0\0\0\0\0\0\0", 8) + header + std::string(2, ' ') +
                               std::string(
                                   "\0\0\0\x3F"
                                   "\0\0\x80\x3F"
                                   "\0\0\0\xC0"
                                   "\x01\xFF",
                                   14);
  CHECK(text_of(serialise_safetensors(file)) == expected);
}

TEST_CASE("safetensors: a file without tensors is an empty object") {
  CHECK(text_of(serialise_safetensors(TensorFile())) == with_header("{}      "));
  CHECK(parse(with_header("{}")).size() == 0);
}

TEST_CASE("safetensors: what was written is read back, from bytes and from a file") {
  const TemporaryFolder folder;
  const TensorFile file = example();
  check_equal(parse_safetensors(serialise_safetensors(file)), file);
  write_safetensors(folder / "x.safetensors", file);
  const TensorFile read = read_safetensors(folder / "x.safetensors");
  check_equal(read, file);
  CHECK(read.names() == std::vector<std::string>{"bytes", "empty", "ids", "lstm.weight", "state"});
  CHECK(read.at("lstm.weight").shape == std::vector<std::int64_t>{2, 3});
  CHECK(read.get<float>("lstm.weight") == std::vector<float>{1, 2, 3, 4, 5, 6});
  CHECK(read.get<std::int64_t>("ids") == std::vector<std::int64_t>{1, -2, 3, -4});
  CHECK(read.find("none") == nullptr);
}

TEST_CASE("safetensors: every dtype of the format is carried") {
  for (int k = 0; k <= static_cast<int>(Dtype::u64); ++k) {
    const auto dtype = static_cast<Dtype>(k);
    CAPTURE(std::string(dtype_name(dtype)));
    CHECK(find_dtype(dtype_name(dtype)) == dtype);
    TensorFile file;
    file.add_bytes(
        "t",
        {dtype, {2, 4}, std::vector<std::byte>(byte_count(dtype, std::vector<std::int64_t>{2, 4}).value())});
    check_equal(parse_safetensors(serialise_safetensors(file)), file);
  }
}

TEST_CASE("safetensors: floating point types convert into each other") {
  TensorFile file;
  add<float>(file, "f32", {2}, {0.1f, -3});
  add<double>(file, "f64", {2}, {0.1, 1e300});
  const auto halves = std::vector<std::uint16_t>{0x3C00, 0xC000, 0x7BFF, 0x0001, 0x8400, 0x7C00, 0x7E00};
  const auto raw = std::as_bytes(std::span(halves));
  file.add_bytes("f16", {Dtype::f16, {7}, {raw.begin(), raw.end()}});
  file.add_bytes("bf16", {Dtype::bf16, {7}, {raw.begin(), raw.end()}});
  CHECK(file.get<double>("f32") == std::vector<double>{static_cast<double>(0.1f), -3});
  CHECK(file.get<float>("f64") == std::vector<float>{0.1f, std::numeric_limits<float>::infinity()});
  const auto f16 = file.get<float>("f16");
  CHECK(std::vector<float>(f16.begin(), f16.begin() + 5) ==
        std::vector<float>{1, -2, 65504, std::ldexp(1.0f, -24), -std::ldexp(1.0f, -14)});
  CHECK(std::isinf(f16[5]));
  CHECK(std::isnan(f16[6]));
  CHECK(file.get<double>("bf16")[0] == 0.0078125);
  CHECK(file.get<double>("bf16")[1] == -2);
}

TEST_CASE("safetensors: a tensor is not read as what it is not") {
  const TensorFile file = example();
  CHECK_THROWS_WITH_AS(file.get<float>("ids"),
                       "tensors in memory: tensor \"ids\" is I64; it cannot be read as F32", DataError);
  CHECK_THROWS_AS(file.get<std::int32_t>("ids"), DataError);
  CHECK_THROWS_WITH_AS(file.get<float>("none\x1b"), "tensors in memory: there is no tensor \"none\\x1b\"",
                       DataError);
}

TEST_CASE("safetensors: a tensor that cannot be stored is rejected when it is added") {
  TensorFile file = example();
  CHECK_THROWS_WITH_AS(add<float>(file, "x", {2, 2}, {1, 2, 3}),
                       "tensor file: \"x\": (2, 2) of F32 needs 16 bytes; got 12", ShapeError);
  CHECK_THROWS_AS(add<float>(file, "x", {-1, -1}, {1}), ShapeError);
  CHECK_THROWS_AS(add<float>(file, "x", {std::int64_t{1} << 62, 4}, {}), ShapeError);
  CHECK_THROWS_AS(add<float>(file, "state", {1}, {1}), UsageError);
  CHECK_THROWS_AS(add<float>(file, "__metadata__", {1}, {1}), UsageError);
  CHECK_THROWS_AS(add<float>(file, "\xFF", {1}, {1}), UsageError);
  CHECK(file.size() == 5);
  file.metadata()["k"] = "\xC0\x80";
  CHECK_THROWS_WITH_AS(serialise_safetensors(file),
                       "safetensors: metadata \"k\" is not UTF-8; encode it as text", UsageError);
  file.metadata() = {{"k\xFF", "text"}};
  CHECK_THROWS_WITH_AS(serialise_safetensors(file),
                       "safetensors: metadata \"k\\xff\" is not UTF-8; encode it as text", UsageError);
}

TEST_CASE("safetensors: other writers' order, spacing, padding and alignment are read") {
  const TensorFile file = parse(with_header(
      "{ \"b\" : {\"data_offsets\":[1, 5],\n\t\"shape\":[1],\"dtype\":\"F32\"}, "
      "\"e\":{\"dtype\":\"F64\",\"shape\":[0],"
      "\"data_offsets\":[1,1]}, "
      "\"\\u00e9\":{\"dtype\":\"BOOL\",\"shape\":[],\"data_offsets\":[0,1]},\"__metadata__\":{} }\n ",
      5));
  CHECK(file.names() == std::vector<std::string>{"b", "e", "\xC3\xA9"});
  CHECK(file.get<float>("b") == std::vector<float>{0});
  CHECK(file.get<std::uint8_t>("\xC3\xA9") == std::vector<std::uint8_t>{0});
}

TEST_CASE("safetensors: a lying header length is rejected") {
  const std::string file = text_of(serialise_safetensors(example()));
  const auto with_length = [&](std::uint64_t length) {
    std::string lying = file;
    std::memcpy(lying.data(), &length, 8);
    return error_of(lying);
  };
  for (const std::uint64_t length : {~0ull, ~0ull - 7, 1ull << 63, file.size() - 7ull}) {
    CHECK(with_length(length) ==
          fmt::format("f: not a safetensors file, or cut short: a header of {} bytes in a file of {}", length,
                      file.size()));
  }
  for (const std::uint64_t length : {file.size() - 8ull, 9ull, 1ull, 0ull}) {
    CAPTURE(length);
    CHECK(with_length(length) != "none");
  }
}

TEST_CASE("safetensors: a header above the format's limit is rejected unread") {
  const TemporaryFolder folder;
  const std::uint64_t length = 100'000'001;
  std::ofstream(folder / "x", std::ios::binary).write(reinterpret_cast<const char*>(&length), 8);
  std::filesystem::resize_file(folder / "x", 8 + length);
  CHECK_THROWS_WITH_AS(read_safetensors(folder / "x"), doctest::Contains("a header of 100000001 bytes"),
                       DataError);
}

TEST_CASE("safetensors: a header above the format's limit is not written") {
  TensorFile file;
  file.metadata()["k"] = std::string(100'000'000, 'x');
  CHECK_THROWS_WITH_AS(
      layout_safetensors(file),
      "safetensors: a header of 100000032 bytes; the format allows 100000000: store less metadata",
      UsageError);
}

TEST_CASE("safetensors: foreign and missing files are rejected by name") {
  const TemporaryFolder folder;
  const auto path = folder / "x";
  const std::pair<std::string, std::string> foreign[] = {
      {"empty", ""},
      {"zip", std::string("PK\x03\x04\x14\0\0\0\0\0\0\0", 12) + std::string(60, 'x')},
      {"jpeg", "\xFF\xD8\xFF\xE0" + std::string(60, '\x10')},
      {"text", "First Citizen:\nBefore we proceed any further, hear me speak.\n"},
      {"zeros", std::string(100, '\0')},
  };
  for (const auto& file : foreign) {
    CAPTURE(file.first);
    std::ofstream(path, std::ios::binary) << file.second;
    CHECK_THROWS_WITH_AS(read_safetensors(path),
                         doctest::Contains((path.string() + ": not a safetensors file").c_str()), DataError);
  }
  CHECK_THROWS_WITH_AS(read_safetensors(folder.path),
                       (folder.path.string() + ": cannot read: it is a directory").c_str(), DataError);
  CHECK_THROWS_WITH_AS(read_safetensors(folder / "none"),
                       ((folder / "none").string() + ": cannot open: No such file or directory").c_str(),
                       DataError);
}

TEST_CASE("safetensors: every cut of a file is rejected") {
  const std::string file = text_of(serialise_safetensors(example()));
  for (std::size_t size = 0; size < file.size(); ++size) {
    CAPTURE(size);
    CHECK(error_of(file.substr(0, size)) != "none");
  }
  CHECK(error_of(file + '\0') != "none");
}

TEST_CASE("safetensors: a randomly damaged file is either read as a consistent one or rejected") {
  const std::string file = text_of(serialise_safetensors(example()));
  std::mt19937 random(1);
  const auto below = [&](std::size_t bound) { return random() % bound; };
  int rejected = 0;
  constexpr int trials = 5000;
  for (int trial = 0; trial < trials; ++trial) {
    std::string damaged = file;
    for (std::size_t change = 1 + below(3); change > 0; --change) {
      const std::size_t at = below(damaged.size());
      switch (below(5)) {
        case 0:
          damaged[at] = static_cast<char>(below(256));
          break;
        case 1:
          damaged[at] = "0123456789{}[]\",: \\"[below(19)];
          break;
        case 2:
          damaged.insert(at, 1, static_cast<char>(below(256)));
          break;
        case 3:
          damaged.erase(at, 1 + below(8));
          break;
        default:
          damaged.insert(at, file.substr(below(file.size()), below(40)));
      }
    }
    try {
      const TensorFile read = parse(damaged);
      for (const auto& [name, tensor] : read)
        REQUIRE(byte_count(tensor.dtype, tensor.shape) == tensor.bytes.size());
      check_equal(parse_safetensors(serialise_safetensors(read)), read);
    } catch (const DataError&) {
      ++rejected;
    }
  }
  // Damage to the numbers, the names and the metadata leaves a valid file.
  CHECK(rejected > trials / 2);
  CHECK(rejected < trials);
}
