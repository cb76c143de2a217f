#include "unroll/data/npy.hpp"

#include <doctest/doctest.h>

#include <cmath>
#include <fstream>

#include "arrays.hpp"
#include "temporary_folder.hpp"
#include "unroll/data/time_series.hpp"

using namespace unroll;

namespace {

/// An npy file of version 1.
std::string npy_file(std::string_view descr, std::string_view shape, std::string_view data,
                     std::string_view fortran = "False") {
  std::string header =
      fmt::format("{{'descr': '{}', 'fortran_order': {}, 'shape': {}, }}", descr, fortran, shape);
  header.resize(117, ' ');
  header += '\n';
  return std::string("\x93NUMPY\x01\x00", 8) + static_cast<char>(header.size()) + '\0' + header +
         std::string(data);
}

template <class Number>
std::string raw_bytes(std::initializer_list<Number> numbers, bool swapped = false) {
  std::string bytes;
  for (const Number x : numbers) {
    std::string one(reinterpret_cast<const char*>(&x), sizeof x);
    bytes += swapped ? std::string(one.rbegin(), one.rend()) : one;
  }
  return bytes;
}

std::vector<double> npy_values(const std::string& file) { return parse_npy(file, "f").values; }
std::string npy_problem(const std::string& file) {
  return tests::message_of<DataError>([&] { parse_npy(file, "f"); });
}
std::string npz_problem(const std::string& file) {
  return tests::message_of<DataError>([&] { parse_npz(file, "f"); });
}

std::string little(std::uint64_t value, std::size_t width) {
  std::string bytes;
  for (; width > 0; --width, value >>= 8) bytes += static_cast<char>(value & 255);
  return bytes;
}

/// A zip archive of one file, by the format's description.
std::string zip_file(const std::string& name, const std::string& packed, std::uint64_t size,
                     std::uint64_t checksum, int method, int flags = 0) {
  const std::string common = little(20, 2) + little(static_cast<unsigned>(flags), 2) +
                             little(static_cast<unsigned>(method), 2) + little(0, 4) + little(checksum, 4) +
                             little(packed.size(), 4) + little(size, 4) + little(name.size(), 2) +
                             little(0, 2);
  const std::string local = "PK\x03\x04" + common + name + packed;
  const std::string central = "PK\x01\x02" + little(20, 2) + common + little(0, 2) + little(0, 2) +
                              little(0, 2) + little(0, 4) + little(0, 4) + name;
  return local + central + "PK\x05\x06" + little(0, 4) + little(1, 2) + little(1, 2) +
         little(central.size(), 4) + little(local.size(), 4) + little(0, 2);
}

using TableNumbers = std::vector<double>;

}  // namespace

TEST_CASE("npy: every type of number is read, in both orders of bytes") {
  CHECK(npy_values(npy_file("<f8", "(2,)", raw_bytes({1.5, -2.0}))) == TableNumbers{1.5, -2});
  CHECK(npy_values(npy_file(">f8", "(2,)", raw_bytes({1.5, -2.0}, true))) == TableNumbers{1.5, -2});
  CHECK(npy_values(npy_file("<f4", "(1,)", raw_bytes({0.25F}))) == TableNumbers{0.25});
  CHECK(npy_values(npy_file("<f2", "(4,)", raw_bytes<std::uint16_t>({0x3C00, 0xC100, 0x0001, 0x7BFF}))) ==
        TableNumbers{1, -2.5, std::ldexp(1, -24), 65504});
  CHECK(npy_values(npy_file("|i1", "(1,)", raw_bytes<std::int8_t>({-7}))) == TableNumbers{-7});
  CHECK(npy_values(npy_file(">i2", "(1,)", raw_bytes<std::int16_t>({-700}, true))) == TableNumbers{-700});
  CHECK(npy_values(npy_file("<i4", "(1,)", raw_bytes<std::int32_t>({-70000}))) == TableNumbers{-70000});
  CHECK(npy_values(npy_file("<i8", "()", raw_bytes<std::int64_t>({std::int64_t{1} << 53}))) ==
        TableNumbers{9007199254740992.0});
  CHECK(npy_values(npy_file("|u1", "(1,)", "\xFF")) == TableNumbers{255});
  CHECK(npy_values(npy_file("<u2", "(1,)", raw_bytes<std::uint16_t>({65535}))) == TableNumbers{65535});
  CHECK(npy_values(npy_file("<u4", "(1,)", raw_bytes<std::uint32_t>({4294967295U}))) ==
        TableNumbers{4294967295.0});
  CHECK(npy_values(npy_file("|b1", "(2,)", std::string("\x01\x00", 2))) == TableNumbers{1, 0});
}

TEST_CASE("npy: Fortran order is turned into C order") {
  const NpyArray a = parse_npy(npy_file("|i1", "(2, 3)", std::string("\1\4\2\5\3\6"), "True"), "f");
  CHECK(a.shape == std::vector<std::int64_t>{2, 3});
  CHECK(a.values == TableNumbers{1, 2, 3, 4, 5, 6});
}

TEST_CASE("npy: what cannot be read is refused by name") {
  CHECK(npy_problem("") == "f: it is no npy file: it does not begin with \\x93NUMPY");
  CHECK(npy_problem(npy_file("<c8", "(1,)", "")) ==
        "f: need numbers (f2, f4, f8, i1 to i8, u1 to u8) or bool; got the type '<c8'");
  CHECK(npy_problem(npy_file("<f8", "(2,)", raw_bytes({1.0}))) ==
        "f: the shape (2) of <f8 needs other bytes than the 8 that are there");
  CHECK(
      npy_problem(npy_file("<f8", "(4294967296, 4294967296, 4294967296)", "")) ==
      "f: the shape (4294967296, 4294967296, 4294967296) of <f8 needs other bytes than the 0 that are there");
  CHECK(npy_problem(npy_file("<i8", "(1,)", raw_bytes<std::int64_t>({(std::int64_t{1} << 53) + 2}))) ==
        "f: element 0 is an integer above 2^53, which a double cannot hold");
  CHECK(npy_problem(npy_file("<f8", "(-1,)", "")) == "f: the npy header is damaged");
  CHECK(npy_problem(std::string("\x93NUMPY\x04\x00\x00\x00", 10)) ==
        "f: need an npy file of version 1, 2 or 3; got 4");
  CHECK(npy_problem(std::string("\x93NUMPY\x02\x00\x00\x00", 10)) == "f: the npy header is damaged");
  CHECK(npy_problem(std::string("\x93NUMPY\x01\x00\xFF\x00", 10)) ==
        "f: the npy header is longer than the file");
  std::string structured = npy_file("", "(1,)", "");
  structured.replace(structured.find("''"), 2, "[]");
  CHECK(npy_problem(structured) == "f: need an array of numbers; got a structured array");
}

TEST_CASE("npy: an array is a table, and NaN in it an error unless it is declared as missing") {
  const auto array = [] {
    return parse_npy(npy_file("<f8", "(2, 2)", raw_bytes({1.0, 2.0, std::nan(""), 4.0})), "f");
  };
  CHECK(tests::message_of<DataError>([&] { table_of(array()); }) ==
        "f: row 2, column 1: column '1': need a finite number; got 'nan' (declare it as missing if that is "
        "what it means)");
  const Table t = table_of(array(), {.missing = {"NaN"}});
  CHECK(t.columns[0].missing(1));
  CHECK(t.columns[1].numbers == TableNumbers{2, 4});
  CHECK(tests::message_of<DataError>([] {
          table_of(parse_npy(npy_file("<f8", "()", raw_bytes({1.0})), "f"));
        }) == "f: need an array with one or two axes; got 0");
  CHECK(tests::message_of<DataError>([] { table_of(parse_npy(npy_file("<f8", "(0,)", ""), "f")); }) ==
        "f: the array is empty");
}

TEST_CASE("npy: three axes are several series") {
  const TimeSeriesSet set = time_series(parse_npy(npy_file("|i1", "(2, 2, 1)", "\1\2\3\4"), "f"));
  REQUIRE(set.series.size() == 2);
  CHECK(set.series[1].name == "2");
  CHECK(set.value(1, 0, 0) == 3);
  CHECK(tests::message_of<DataError>([] { time_series(parse_npy(npy_file("|i1", "()", "\1"), "f")); }) ==
        "f: need axes (time), (time, columns) or (series, time, columns); got 0 axes");
}

TEST_CASE("npz: stored arrays are read by name, and damage is refused") {
  const std::string array = npy_file("|i1", "(2,)", "\1\2");
#ifndef UNROLL_NO_ZLIB
  CHECK(npz_problem(zip_file("a.npy", array, array.size(), 1, 0)) ==
        "f: a.npy: its checksum is not that of its bytes");
  CHECK(npz_problem(zip_file("a.npy", "junk", 100, 0, 8)) == "f: a.npy: its compressed bytes are damaged");
  CHECK(npz_problem(zip_file("a.npy", "junk", 1U << 30, 0, 8)) ==
        "f: a.npy: its size cannot be true: nothing deflates so well");
  CHECK(tests::message_of<DataError>([] { parse_npz(zip_file("a.npy", "junk", 100, 0, 8), "f", 50); }) ==
        "f: a.npy: it would unpack to 100 bytes; 50 are allowed");
#endif
  CHECK(npz_problem(zip_file("a.npy", array, 3, 0, 0)) == "f: a.npy: its size is not that of its bytes");
  CHECK(npz_problem(zip_file("a.npy", array, array.size(), 0, 14)) ==
        "f: a.npy: need a file that is stored or deflated; it is packed by method 14");
  CHECK(npz_problem(zip_file("a.npy", array, array.size(), 0, 0, 1)) == "f: a.npy: it is encrypted");
  CHECK(npz_problem("PK") == "f: it is no zip archive: it has no directory at its end");
  std::string cut = zip_file("a.npy", array, array.size(), 0, 0);
  cut.replace(cut.size() - 6, 4, little(100'000, 4));
  CHECK(npz_problem(cut).starts_with("f: the zip archive is cut off: "));
  cut.replace(cut.size() - 6, 4, little(1, 4));
  CHECK(npz_problem(cut) == "f: the directory of the zip archive is damaged");
  CHECK(npz_problem("PK\x05\x06" + std::string(18, '\0')) == "f: there is no array in this archive");
}

#ifndef UNROLL_NO_ZLIB
TEST_CASE("npz: what numpy.savez_compressed writes is read") {
  // Two arrays, zipped by Python's zipfile as numpy.savez_compressed does it: deflated, with the ZIP64 part of headers.
  constexpr std::string_view digits =
      "504b03042d000000080000002100ce25f8a6ffffffffffffffff05001400612e6e707901001000820000000000000046"
      "000000000000009bec17ea1b10c9c850c650ad9e925a9c5ca46ea5a05e9369a8aea3a09e965f54529498179f5f94920a"
      "12774bcc294e058a17672416a402f91a463a9a3a0ab50a14002e462600504b03042d000000080000002100daf50966ff"
      "ffffffffffffff05001400622e6e70790100100088000000000000004b000000000000009bec17ea1b10c9c850c650ad"
      "9e925a9c5ca46ea5a06e9366a1aea3a09e965f54529498179f5f94920a12774bcc294e058a17672416a402f91a863a0a"
      "869a3a0ab50a64032e063078600f00504b01022d032d000000080000002100ce25f8a646000000820000000500000000"
      "00000000000000800100000000612e6e7079504b01022d032d000000080000002100daf509664b000000880000000500"
      "0000000000000000000080017d000000622e6e7079504b0506000000000200020066000000ff0000000000";
  std::string bytes;
  for (std::size_t k = 0; k < digits.size(); k += 2)
    bytes += static_cast<char>(std::stoi(std::string(digits.substr(k, 2)), nullptr, 16));
  const TemporaryFolder folder;
  const std::string path = folder / "x.npz";
  std::ofstream(path, std::ios::binary) << bytes;
  const auto arrays = read_npz(path);
  REQUIRE(arrays.size() == 2);
  CHECK(arrays[0].name == path + ": a");
  CHECK(arrays[0].values == TableNumbers{1, 2});
  CHECK(read_table(path, {.array = "b"}).columns[0].numbers == TableNumbers{0.5});
  CHECK(tests::message_of<DataError>([&] { read_table(path); }) ==
        path + ": need the name of an array; there are a, b");
  CHECK(tests::message_of<DataError>([&] { read_table(path, {.array = "c"}); }) ==
        path + ": there is no array 'c'; there are a, b");
}
#endif
