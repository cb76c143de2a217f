#include "unroll/export/export_c.hpp"

#include <doctest/doctest.h>

#include <bit>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <functional>
#include <limits>
#include <sstream>

#include "arrays.hpp"
#include "unroll/autograd/functions.hpp"
#include "unroll/autograd/sorting.hpp"
#include "unroll/detail/export/c_text.hpp"
#include "unroll/detail/export/c_writer.hpp"
#include "unroll/layers/linear_layer.hpp"
#include "unroll/layers/lstm.hpp"

using namespace unroll;
using namespace unroll::tests;

namespace {

using detail::c_comment;
using detail::c_identifier;
using detail::c_number;

std::string c_file_path() { return (std::filesystem::temp_directory_path() / "unroll_exported.c").string(); }
std::string c_file_text() {
  std::ostringstream text;
  text << std::ifstream(c_file_path()).rdbuf();
  return text.str();
}

/// A cell whose step is a function.
struct ExportedCell {
  std::function<Variable<float>(const Variable<float>&)> of;
  index_t hidden_size() const { return 3; }
  Variable<float> step(const Variable<float>& x, const Variable<float>& h) const { return of(x + h); }
  template <class V>
  void visit(V&&) {}
};
std::string exporting(const std::function<Variable<float>(const Variable<float>&)>& of,
                      CMath math = CMath::exact) {
  auto net = Recurrent(3, [&](index_t) { return ExportedCell{of}; });
  eval(net);
  return message_of<UsageError>([&] { export_c(net, c_file_path(), {.math = math}); });
}

std::vector<float> weights_of(const Variable<float>& w) { return {w.data(), w.data() + w.size()}; }
/// The numbers of an array in a C file.
std::vector<float> c_array(const std::string& text, const std::string& name) {
  const char* at = text.c_str() + text.find("float " + name + "[");
  at = std::strchr(at, '{') + 1;
  std::vector<float> numbers;
  for (char* end = nullptr;; at = end + std::strspn(end, "f, \n")) {
    const float x = std::strtof(at, &end);
    if (end == at) return numbers;
    numbers.push_back(x);
  }
}

}  // namespace

TEST_CASE("export_c: numbers read back to the bit") {
  for (const std::uint32_t bits :
       {0x3f800000u, 0x3dcccccdu, 0x00000001u, 0x007fffffu, 0x7f7fffffu, 0x80000000u, 0xb8d1b717u})
    CHECK(std::bit_cast<std::uint32_t>(std::strtof(c_number(std::bit_cast<float>(bits)).c_str(), nullptr)) ==
          bits);
  Generator rng(1);
  for (int k = 0; k < 10000; ++k) {
    const auto bits = static_cast<std::uint32_t>(rng.below(0x7f800000u));
    CHECK(std::bit_cast<std::uint32_t>(std::strtof(c_number(std::bit_cast<float>(bits)).c_str(), nullptr)) ==
          bits);
  }
  for (const double x : {0.1, 1e-308, 5e-324, 1.7976931348623157e308, -2.0 / 3})
    CHECK(std::strtod(c_number(x).c_str(), nullptr) == x);
}

TEST_CASE("export_c: numbers have C's form") {
  CHECK(c_number(1.f) == "1.0f");
  CHECK(c_number(-1.0) == "-1.0");
  CHECK(c_number(1e20f) == "1e+20f");
  CHECK(c_number(std::numeric_limits<float>::quiet_NaN()) == "NAN");
  CHECK(c_number(-std::numeric_limits<double>::infinity()) == "-INFINITY");
}

TEST_CASE("export_c: names become words of C") {
  CHECK(c_identifier("net0.weight_ih_l0", "x") == "net0_weight_ih_l0");
  CHECK(c_identifier("a */ int b; \"\n#include", "x") == "a_int_b_include");
  CHECK(c_identifier("\xc3\xa4\xc3\xb6", "fallback") == "fallback");
  CHECK(c_identifier("__x", "net") == "x_net");  // x is the input
  CHECK(c_identifier("9lives", "net") == "net_9lives");
  CHECK(c_identifier("while", "net") == "while_net");
  CHECK(c_identifier(std::string(1000, 'a'), "net").size() == 60);
}

TEST_CASE("export_c: no text ends a comment or a line of it") {
  CHECK(c_comment("a */ b /* c") == "a *. b /. c");
  CHECK(c_comment("line\nline\\") == "line.line.");
  CHECK(c_comment("?"
                  "?/") == "../");  // a trigraph is a backslash
  CHECK(c_comment(std::string(200, 'a'), 20).size() == 20);
}

TEST_CASE("export_c: the weights in the file are those of the network, to the bit") {
  Generator rng(3);
  Lstm<float> lstm(3, 5, {}, rng);
  const Linear<float> readout(5, 2, {}, rng);
  eval(lstm);
  export_c(std::tie(lstm, readout), c_file_path());
  const std::string text = c_file_text();
  CHECK(c_array(text, "unroll_exported_part1_weight") == weights_of(readout.weight));
  CHECK(c_array(text, "unroll_exported_part1_bias") == weights_of(readout.bias));
}

TEST_CASE("export_c: a failed export leaves no file") {
  std::filesystem::remove(c_file_path());
  CHECK_FALSE(exporting([](const Variable<float>& x) { return sin(x); }, CMath::fast).empty());
  CHECK_FALSE(std::filesystem::exists(c_file_path()));
}

TEST_CASE("export_c: what cannot be a step is named") {
  Generator rng(1);
  Lstm<float> both(3, 4, {.bidirectional = true}, rng);
  const Linear<float> linear(3, 3, {}, rng);
  Lstm<float> lstm(3, 4, {}, rng);
  eval(both), eval(lstm);
  CHECK(message_of<UsageError>([&] { export_c(both, c_file_path()); }) ==
        "export_c: a bidirectional layer needs the whole sequence, and cannot be written as a step");
  AnyRecurrent<float> any(Lstm<float>(3, 4, {.num_layers = 2, .dropout = 0.5}, rng));
  CHECK(message_of<UsageError>([&] { export_c(any, c_file_path()); }) ==
        "export_c: the layer is in training mode; call eval() first");
  CHECK(message_of<UsageError>([&] { export_c(std::tie(linear, lstm), c_file_path()); }) ==
        "export_c: the first part must be a recurrent layer or an embedding");
  const Embedding<float> embedding(4, 3, {}, rng);
  CHECK(message_of<UsageError>([&] { export_c(std::tie(lstm, embedding), c_file_path()); }) ==
        "export_c: an embedding must be the first part");
  CHECK(message_of<UsageError>([&] { export_c(lstm, "model.h"); }) ==
        "export_c: the file must be called ….c; got model.h");
  CHECK(message_of<UsageError>([&] { detail::export_network(detail::CNetwork<float>{}, "model.c", {}); }) ==
        "export_c: there is no recurrent layer");
}

TEST_CASE("export_c: ops that cannot be written are named") {
  CHECK(exporting([](const Variable<float>& x) { return sin(x); }, CMath::fast) ==
        "export_c: sin needs the C library's mathematics; take .math = CMath::exact");
  CHECK(exporting([](const Variable<float>& x) { return Variable<float>(x * x.value()(0, 0)); }) ==
        "export_c: the step takes a value out of the graph by value(); let ops compute with it");
  CHECK(exporting([](const Variable<float>& x) { return sort(x).values; }) ==
        "export_c: the step takes a value out of the graph by data(); let ops compute with it");
}

TEST_CASE("export_c: arrays beyond an int are refused") {
  detail::Script<float> script;
  script.values.push_back({detail::ScriptValue<float>::Kind::input, Shape{1, index_t{1} << 30}, "x"});
  CHECK(message_of<UsageError>([&] { detail::write_c(script, detail::CTable<float>{}, {"net"}); }) ==
        "export_c: an array of 1073741824 numbers is too large");
}
