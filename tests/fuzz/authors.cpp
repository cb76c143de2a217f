// Weights in the names of a network's authors: all of a cell is replaced, or nothing.

#include "unroll/train/authors_weights.hpp"

#include "fuzz.hpp"
#include "unroll/io/safetensors.hpp"
#include "unroll/layers/co_rnn.hpp"
#include "unroll/layers/qrnn.hpp"
#include "unroll/layers/ret_net.hpp"
#include "unroll/layers/rg_lru.hpp"
#include "unroll/layers/sru.hpp"

namespace {

using namespace unroll;

std::vector<float> numbers_of_cell(const auto& cell) {
  std::vector<float> all;
  for (const auto& p : parameters(cell)) {
    const auto values = p.variable.value();
    all.insert(all.end(), values.begin(), values.end());
  }
  return all;
}

void load_cell(auto cell, const char* network, const io::TensorFile& file) {
  const std::vector<float> before = numbers_of_cell(cell);
  const bool read = fuzz::attempt([&] {
    load_authors_weights(cell, network, file);
    return true;
  });
  fuzz::require(read || numbers_of_cell(cell) == before, "weights that are refused change nothing");
  fuzz::attempt([&] { return load_authors_weights(cell, network, file, {.prefix = "l", .strict = false}); });
}

}  // namespace

UNROLL_FUZZ_TARGET(authors) {
  const io::TensorFile file = io::parse_safetensors(std::as_bytes(std::span(input)), "f");
  Generator rng(1);
  load_cell(QrnnCell<float>(2, 1, true, rng), "qrnn", file);
  load_cell(SruCell<float>(2, 1, true, rng), "sru", file);
  load_cell(CoRnnCell<float>(2, 1, true, rng), "co_rnn", file);
  load_cell(RgLruCell<float>(2, 2, RgLruOptions{.heads = 2}, rng), "rg_lru", file);
  load_cell(RetNetCell<float>(2, 2, MatrixStateOptions{.heads = 1}, rng), "ret_net", file);
}
