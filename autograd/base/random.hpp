#pragma once
/// \file Random numbers that are functions of their place: Philox4x32-10, a counter-based generator.
///
/// Source: Salmon, Moraes, Dror, Shaw: Parallel random numbers: as easy as 1, 2, 3 (SC 2011).

#include "unroll/detail/config.hpp"  // first: it refuses what cannot work
//
#include <array>
#include <limits>
#include <span>

#include "unroll/autograd/shape.hpp"

namespace unroll {

/// Which random numbers an array gets: element i of it has those of (seed, layer, step, first + i). They
/// depend neither on threads nor on how an array is cut into pieces: a piece that begins at element k of the
/// whole is given first = k.
struct RandomKey {
  std::uint64_t seed = 0;   ///< what tells one experiment from another
  std::uint64_t step = 0;   ///< of training
  std::uint32_t layer = 0;  ///< or any other number of the place of use; ~0 belongs to Generator
  index_t first = 0;        ///< up to 2³⁴ elements
};

/// One block of Philox4x32-10: four words for each counter and key.
std::array<std::uint32_t, 4> philox(std::array<std::uint32_t, 4> counter, std::array<std::uint32_t, 2> key);

/// The 32 random bits of each of the elements key.first, key.first + 1, …
/// Errors: UsageError where key.first is negative or an element is beyond 2³⁴.
void random_words(const RandomKey& key, std::span<std::uint32_t> to);

/// A stream of random numbers for initialisation, shuffling and sampling. Its state is two integers, so that
/// it can be saved.
/// Thread rule: one thread at a time.
class Generator {
 public:
  struct State {
    std::uint64_t seed = 0;      ///< which stream
    std::uint64_t position = 0;  ///< words drawn
    bool operator==(const State&) const = default;
  };
  /// Begins at position 0.
  explicit Generator(std::uint64_t seed) : state_{seed, 0} {}

  /// Uniform in [0, 1), with 53 random bits.
  double uniform();
  /// Uniform in [low, high).
  double uniform(double low, double high) { return low + (high - low) * uniform(); }
  /// Normal, by the cosine of Box and Muller: two uniforms for one number.
  double normal(double mean = 0, double deviation = 1);
  /// An integer in 0 … n − 1, each with the same probability.
  /// Errors: UsageError where n is 0.
  std::uint64_t below(std::uint64_t n);

  /// The next 32 bits; with min() and max() it serves the standard library's algorithms.
  std::uint32_t operator()();
  /// For the standard library's algorithms.
  using result_type = std::uint32_t;
  /// The smallest of the 32 bits' values.
  static constexpr result_type min() { return 0; }
  /// The largest.
  static constexpr result_type max() { return std::numeric_limits<result_type>::max(); }

  /// Fills an array from U[low, high).
  template <class T>
  void fill_uniform(std::span<T> to, double low, double high) {
    for (T& x : to) x = static_cast<T>(uniform(low, high));
  }
  /// Fills an array from N(mean, deviation²).
  template <class T>
  void fill_normal(std::span<T> to, double mean, double deviation) {
    for (T& x : to) x = static_cast<T>(normal(mean, deviation));
  }

  State state() const { return state_; }
  /// Goes on from a saved state.
  void set_state(const State& state);

 private:
  std::uint64_t word64();

  State state_;
  std::array<std::uint32_t, 4> block_{};  ///< the one that position is in, once a word of it was drawn
};

}  // namespace unroll
