// Tensor files: what is read and written again is the same, and so is what a file says of layers in it.

#include "unroll/io/safetensors.hpp"
#include "fuzz.hpp"
#include "unroll/layers/linear_layer.hpp"
#include "unroll/train/weights.hpp"

namespace {

using namespace unroll;

void require_equal(const io::TensorFile& a, const io::TensorFile& b) {
  fuzz::require(a.metadata() == b.metadata(), "metadata are read as they were written");
  fuzz::require(std::equal(a.begin(), a.end(), b.begin(), b.end()), "tensors are read as they were written");
}

template <class T>
void read_as(const io::TensorFile& file, const std::string& name) {
  const auto values = fuzz::attempt([&] { return file.get<T>(name); });
  const io::StoredTensor& tensor = file.at(name);
  fuzz::require(values.size() <= tensor.bytes.size() * 2, "a tensor has no more values than it has room for");
}

void read_everything(const io::TensorFile& file) {
  for (const auto& name : file.names()) {
    read_as<float>(file, name);
    read_as<double>(file, name);
    read_as<std::uint8_t>(file, name);
    read_as<std::int64_t>(file, name);
  }
}

/// Weights for a layer that is there already: all of it is replaced, or nothing.
void load_layer(const io::TensorFile& file) {
  Linear<float> layer;
  layer.weight = Variable<float>({2, 3}, 7.F).requires_grad(true);
  layer.bias = Variable<float>({2}, 7.F).requires_grad(true);
  try {
    load_weights(layer, file, {.prefix = "l"});
  } catch (const Error&) {
    for (const auto* values : {&layer.weight, &layer.bias})
      for (index_t k = 0; k < values->size(); ++k)
        fuzz::require(values->data()[k] == 7.F, "weights that are refused change nothing");
  }
}

}  // namespace

UNROLL_FUZZ_TARGET(safetensors) {
  const auto bytes = std::as_bytes(std::span(input));
  const io::TensorFile file = io::parse_safetensors(bytes, "f");
  const auto written = io::serialise_safetensors(file);
  require_equal(file, io::parse_safetensors(written, "f"));
  fuzz::require(io::serialise_safetensors(io::parse_safetensors(written, "f")) == written,
                "equal contents give equal bytes");
  require_equal(file, io::read_safetensors(fuzz::file_of(input)));
  read_everything(file);
  fuzz::attempt([&] { return recurrent_sizes(file, "l"); });
  load_layer(file);
}
