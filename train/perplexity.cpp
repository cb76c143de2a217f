#include "unroll/train/perplexity.hpp"

#include <cmath>
#include <numbers>

#include "unroll/autograd/error.hpp"

namespace unroll {
namespace {

double mean_of(const char* what, double nats, std::int64_t count) {
  if (count < 1) raise<UsageError>("{}: need the loss of at least one symbol; got {}", what, count);
  return nats / static_cast<double>(count);
}

}  // namespace

double perplexity(double nats, std::int64_t tokens) { return std::exp(mean_of("perplexity", nats, tokens)); }

double bits_per_symbol(double nats, std::int64_t symbols) {
  return mean_of("bits_per_symbol", nats, symbols) / std::numbers::ln2;
}

}  // namespace unroll
