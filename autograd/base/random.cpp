#include "unroll/autograd/random.hpp"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <numbers>
#if defined(__SSE2__)
#include <immintrin.h>
#endif

#include "unroll/autograd/error.hpp"

namespace unroll {
namespace {

using Word = std::uint32_t;
constexpr Word factor0 = 0xD2511F53, factor1 = 0xCD9E8D57, step0 = 0x9E3779B9, step1 = 0xBB67AE85;

#if defined(__AVX512F__)
constexpr int bytes = 64;
#elif defined(__AVX2__)
constexpr int bytes = 32;
#else
constexpr int bytes = 16;
#endif

/// Words in lanes of 64 bits, whose upper halves are never read.
using Lanes __attribute__((vector_size(bytes))) = std::uint64_t;
constexpr int width = bytes / 8;
constexpr std::uint64_t low_half = 0xffffffff;

inline Lanes multiply(Lanes a, Lanes b) {
#if defined(__AVX512F__)
  return reinterpret_cast<Lanes>(
      _mm512_mul_epu32(reinterpret_cast<__m512i>(a), reinterpret_cast<__m512i>(b)));
#elif defined(__AVX2__)
  return reinterpret_cast<Lanes>(
      _mm256_mul_epu32(reinterpret_cast<__m256i>(a), reinterpret_cast<__m256i>(b)));
#elif defined(__SSE2__)
  return reinterpret_cast<Lanes>(_mm_mul_epu32(reinterpret_cast<__m128i>(a), reinterpret_cast<__m128i>(b)));
#else
  return (a & low_half) * (b & low_half);
#endif
}

// As many rounds side by side as hide the latency of a product.
constexpr int depth = 4, counters = depth * width;
constexpr index_t batch = 4 * counters;

// philox() of `counters` successive blocks: the words of the elements 4 · block, …, 4 · block + batch − 1.
void random_batch(const RandomKey& key, Word block, Word* to) {
  Lanes c0[depth], c1[depth], c2[depth], c3[depth];
  for (int v = 0; v < depth; ++v) {
    for (int l = 0; l < width; ++l) c0[v][l] = block + static_cast<Word>(width * v + l);
    c1[v] = Lanes{} + key.layer;
    c2[v] = Lanes{} + key.step;
    c3[v] = c2[v] >> 32;
  }
  Word k0 = static_cast<Word>(key.seed), k1 = static_cast<Word>(key.seed >> 32);
  for (int round = 0; round < 10; ++round, k0 += step0, k1 += step1) {
    for (int v = 0; v < depth; ++v) {
      const Lanes p0 = multiply(c0[v], Lanes{} + std::uint64_t{factor0});
      const Lanes p1 = multiply(c2[v], Lanes{} + std::uint64_t{factor1});
      c0[v] = (p1 >> 32) ^ c1[v] ^ std::uint64_t{k0};
      c1[v] = p1;
      c2[v] = (p0 >> 32) ^ c3[v] ^ std::uint64_t{k1};
      c3[v] = p0;
    }
  }
  for (int v = 0; v < depth; ++v) {
    std::uint64_t first[width], second[width];
    const Lanes a = (c0[v] & low_half) | (c1[v] << 32), b = (c2[v] & low_half) | (c3[v] << 32);
    std::memcpy(first, &a, bytes);
    std::memcpy(second, &b, bytes);
    for (int l = 0; l < width; ++l, to += 4) {
      std::memcpy(to, &first[l], 8);
      std::memcpy(to + 2, &second[l], 8);
    }
  }
}

}  // namespace

std::array<std::uint32_t, 4> philox(std::array<std::uint32_t, 4> counter, std::array<std::uint32_t, 2> key) {
  auto [c0, c1, c2, c3] = counter;
  auto [k0, k1] = key;
  for (int round = 0; round < 10; ++round, k0 += step0, k1 += step1) {
    const std::uint64_t p0 = std::uint64_t{factor0} * c0, p1 = std::uint64_t{factor1} * c2;
    c0 = static_cast<Word>(p1 >> 32) ^ c1 ^ k0;
    c1 = static_cast<Word>(p1);
    c2 = static_cast<Word>(p0 >> 32) ^ c3 ^ k1;
    c3 = static_cast<Word>(p0);
  }
  return {c0, c1, c2, c3};
}

void random_words(const RandomKey& key, std::span<std::uint32_t> to) {
  constexpr index_t limit = index_t{1} << 34;
  const auto n = static_cast<index_t>(to.size());
  if (key.first < 0 || key.first > limit || n > limit - key.first) {
    raise<UsageError>("random_words: elements {} to {} do not lie in [0, 2^34); use another step or layer",
                      key.first, key.first + n);
  }
  Word words[batch];
  for (index_t done = 0; done < n;) {
    const index_t skip = (key.first + done) % 4, count = std::min(batch - skip, n - done);
    const auto block = static_cast<Word>((key.first + done) / 4);
    if (skip == 0 && count == batch) {
      random_batch(key, block, to.data() + done);
    } else {
      random_batch(key, block, words);
      std::copy_n(words + skip, count, to.data() + done);
    }
    done += count;
  }
}

std::uint32_t Generator::operator()() {
  const std::uint64_t number = state_.position / 4, place = state_.position % 4;
  if (place == 0) {
    block_ = philox({static_cast<Word>(number), ~Word{0}, static_cast<Word>(number >> 32), 0},
                    {static_cast<Word>(state_.seed), static_cast<Word>(state_.seed >> 32)});
  }
  ++state_.position;
  return block_[place];
}

std::uint64_t Generator::word64() {
  const std::uint64_t high = (*this)();
  return high << 32 | (*this)();
}

double Generator::uniform() { return static_cast<double>(word64() >> 11) * 0x1p-53; }

double Generator::normal(double mean, double deviation) {
  const double radius = std::sqrt(-2 * std::log(1 - uniform()));  // 1 − u lies in (0, 1]
  return mean + deviation * radius * std::cos(2 * std::numbers::pi * uniform());
}

std::uint64_t Generator::below(std::uint64_t n) {
  if (n == 0) raise<UsageError>("Generator::below: there is no integer below 0; check n first");
  const std::uint64_t uneven = -n % n;  // 2⁶⁴ mod n: with these words left out all are equally likely
  for (;;) {
    const std::uint64_t word = word64();
    if (word >= uneven) return word % n;
  }
}

void Generator::set_state(const State& state) {
  state_ = state;
  if (const std::uint64_t place = state.position % 4; place != 0) {
    state_.position -= place;
    while (state_.position < state.position) (*this)();
  }
}

}  // namespace unroll
