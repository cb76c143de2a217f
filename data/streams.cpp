#include "unroll/data/streams.hpp"

#include <algorithm>
#include <cmath>

#include "unroll/autograd/error.hpp"

namespace unroll {

Streams::Streams(SymbolIds ids, std::int64_t batch, std::int64_t window, std::string_view name)
    : ids_(std::move(ids)), batch_(batch), window_(window) {
  if (batch < 1 || window < 1)
    raise<UsageError>("streams: need a batch and a window of at least 1; got batch {}, window {}", batch,
                      window);
  const std::int64_t n = ids_.size();
  const auto needed = static_cast<std::uint64_t>(batch) + 1;  // batch may be the largest number there is
  if (n == 0) raise<DataError>("{}: empty: at least {} symbols are needed", name, needed);
  if (n - 1 < batch)
    raise<DataError>(
        "{}: {} too few for a batch of {}: at least {} are needed; take a longer text or a smaller batch",
        name, n == 1 ? "1 symbol is" : fmt::format("{} symbols are", n), batch, needed);
  columns_ = (n - 1) / batch;
}

Window Streams::window(std::int64_t index, std::int64_t first_stream, std::int64_t last_stream) const {
  if (first_stream < 0 || last_stream < first_stream || last_stream > batch_)
    raise<IndexError>("streams: need streams in [0, {}]; got {} to {}", batch_, first_stream, last_stream);
  if (index < 0 || index >= windows())
    raise<IndexError>("streams: need a window in [0, {}); got {}", windows(), index);
  const std::int64_t first = index * window_;
  const std::int64_t count = last_stream - first_stream;
  Window cut{.steps = std::min(window_, columns_ - first), .batch = count, .inputs = {}, .targets = {}};
  cut.inputs.resize(static_cast<std::size_t>(cut.steps * count));
  cut.targets.resize(cut.inputs.size());
  std::vector<std::int64_t> stream(static_cast<std::size_t>(cut.steps) + 1);
  for (std::int64_t b = 0; b < count; ++b) {
    ids_.read((first_stream + b) * columns_ + first, stream);
    for (std::int64_t t = 0; t < cut.steps; ++t) {
      const auto from = static_cast<std::size_t>(t), to = static_cast<std::size_t>(t * count + b);
      cut.inputs[to] = stream[from], cut.targets[to] = stream[from + 1];
    }
  }
  return cut;
}

Split split_by_position(std::int64_t n, double valid_fraction) {
  if (!(valid_fraction >= 0 && valid_fraction < 1))
    raise<UsageError>("split: need a valid fraction in [0, 1); got {}", valid_fraction);
  if (n < 0) raise<UsageError>("split: need at least 0 examples; got {}", n);
  // 0.05 is not exact in binary: without the nudge 1 - 0.05 of 100 could come out as 94.
  const double train = std::floor(static_cast<double>(n) * (1 - valid_fraction) + 1e-6);
  // n itself may round to 2⁶³, which is no std::int64_t.
  const std::int64_t whole = train < static_cast<double>(n) ? static_cast<std::int64_t>(train) : n;
  return {whole, n - whole};
}

}  // namespace unroll
