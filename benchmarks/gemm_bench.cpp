/// \file Matrix products, GFLOP/s on one thread: gemm, by whatever kernel it chooses, beside PackedMatrix.
/// Contestants take turns, so that a change of clock meets all of them; the median of the turns is printed.

#include <fmt/core.h>

#include <algorithm>
#include <chrono>
#include <functional>
#include <random>
#include <string_view>
#include <vector>

#include "common/command_line.hpp"
#include "unroll/detail/autograd/gemm/gemm.hpp"

namespace {

using unroll::blas::gemm;
using unroll::blas::index_t;
using unroll::blas::PackedMatrix;
using unroll::blas::Trans;
using Clock = std::chrono::steady_clock;
using Contestant = std::function<void()>;

double seconds(const Contestant& run, int repeats) {
  const auto start = Clock::now();
  for (int i = 0; i < repeats; ++i) run();
  return std::chrono::duration<double>(Clock::now() - start).count() / repeats;
}

std::vector<double> medians(const std::vector<Contestant>& contestants) {
  constexpr int turns = 25;
  std::vector<std::vector<double>> times(contestants.size());
  for (int turn = 0; turn < turns; ++turn) {
    for (std::size_t i = 0; i < contestants.size(); ++i) {
      const double once = seconds(contestants[i], 1);
      times[i].push_back(seconds(contestants[i], std::clamp(static_cast<int>(1e-3 / once), 1, 100000)));
    }
  }
  std::vector<double> result;
  for (auto& t : times) {
    std::nth_element(t.begin(), t.begin() + turns / 2, t.end());
    result.push_back(t[turns / 2]);
  }
  return result;
}

template <class T>
std::vector<T> numbers(index_t count) {
  std::mt19937 generator(3);
  std::uniform_real_distribution<T> uniform(-1, 1);
  std::vector<T> result(static_cast<std::size_t>(count));
  for (T& x : result) x = uniform(generator);
  return result;
}

void print_products(std::string_view type, std::string_view what, index_t m, index_t n, index_t k,
                    const std::vector<double>& times) {
  fmt::print("{:6} {:8} {:4} x {:4} x {:4}", type, what, m, k, n);
  const double work = 2e-9 * static_cast<double>(m) * static_cast<double>(n) * static_cast<double>(k);
  for (double t : times) fmt::print("  {:9.2f} us {:6.1f}", t * 1e6, work / t);
}

/// y = x op(W): the steps of a recurrent layer.
template <class T>
void bench_steps(std::string_view type, index_t m, index_t k, index_t n) {
  const auto x = numbers<T>(m * k), w = numbers<T>(k * n);
  std::vector<T> y(static_cast<std::size_t>(m * n));
  PackedMatrix<T> packed;
  packed.pack(Trans::no, k, n, w.data(), n);
  const auto times = medians(
      {[&] { packed.multiply(m, x.data(), k, T(0), y.data(), n); },
       [&] { gemm(Trans::no, Trans::no, m, n, k, T(1), x.data(), k, w.data(), n, T(0), y.data(), n); },
       [&] { gemm(Trans::no, Trans::yes, m, n, k, T(1), x.data(), k, w.data(), k, T(0), y.data(), n); },
       [&] { packed.pack(Trans::no, k, n, w.data(), n); },
       [&] { packed.pack(Trans::yes, k, n, w.data(), k); }});
  print_products(type, "step", m, n, k, {times[0], times[1], times[2]});
  fmt::print("  {:9.2f} us  {:9.2f} us\n", times[3] * 1e6, times[4] * 1e6);
}

/// C = op(A) B: the gradients of a weight (A transposed) and of an input.
template <class T>
void bench_gradient(std::string_view type, Trans ta, index_t m, index_t k, index_t n) {
  const auto a = numbers<T>(m * k), b = numbers<T>(k * n);
  std::vector<T> c(static_cast<std::size_t>(m * n));
  const index_t lda = ta == Trans::yes ? m : k;
  const auto times =
      medians({[&] { gemm(ta, Trans::no, m, n, k, T(1), a.data(), lda, b.data(), n, T(1), c.data(), n); }});
  print_products(type, ta == Trans::yes ? "weight" : "input", m, n, k, times);
  fmt::print("\n");
}

}  // namespace

int main(int argc, char** argv) {
  unroll::program::CommandLine line("Products of all kinds: time and speed");
  if (const auto status = line.read(argc, argv)) return *status;
  fmt::print("{:33}  {:>19}  {:>19}  {:>19}  {:>12}  {:>12}\n", "us and GFLOP/s, m x k x n", "packed", "gemm",
             "gemm, B transposed", "pack", "transposed");
  constexpr index_t steps[][3] = {{1, 64, 192},    {1, 512, 2048},  {4, 512, 2048},   {13, 512, 2048},
                                  {32, 64, 256},   {50, 128, 512},  {32, 256, 1024},  {32, 512, 2048},
                                  {32, 2048, 512}, {64, 512, 2048}, {32, 1024, 4096}, {2500, 128, 512}};
  for (const auto& s : steps) bench_steps<float>("float", s[0], s[1], s[2]);
  bench_gradient<float>("float", Trans::yes, 512, 3200, 2048);
  bench_gradient<float>("float", Trans::yes, 512, 2500, 128);
  bench_gradient<float>("float", Trans::no, 2500, 512, 128);
  for (const auto& s : steps) bench_steps<double>("double", s[0], s[1], s[2]);
  bench_gradient<double>("double", Trans::yes, 512, 2500, 128);
  bench_gradient<double>("double", Trans::no, 512, 512, 512);
}
