#include "unroll/detail/autograd/gemm/bfloat16.hpp"

#include <atomic>
#include <bit>
#include <cstring>
#include <limits>
#include <vector>

#include "unroll/autograd/error.hpp"
#include "unroll/autograd/precision.hpp"
#include "unroll/autograd/threads.hpp"
#include "unroll/detail/autograd/base/team.hpp"
#include "unroll/detail/autograd/gemm/backend.hpp"
#include "unroll/detail/autograd/gemm/bfloat16_driver.hpp"
#include "unroll/detail/autograd/gemm/flushed.hpp"
#include "unroll/detail/autograd/gemm/inner_sums.hpp"

namespace unroll::blas {
namespace bfloat16 {
namespace {

constexpr double one_thread_below = 2.5e5;  // multiply-adds, as gemm()
constexpr index_t one_thread_rows = 128;    // of a packed product, which is one of many

/// Calls part(row, rows, first, last, add, to, ldto): C (m, n) [+]= the terms from first to last of each sum, for the rows
/// from `row` on.
template <class Part>
void sum_parts(index_t m, index_t n, index_t k, bool add, float* c, index_t ldc, Part&& part) {
  if (k <= inner_part) return part(index_t{0}, m, index_t{0}, k, add, c, ldc);
  const index_t most = std::max<index_t>(128, (index_t{1} << 20) / n), blocks = (m + most - 1) / most;
  for (index_t b = 0; b < blocks; ++b) {
    const index_t row = b * m / blocks, rows = (b + 1) * m / blocks - row;
    sum_inner<float>(rows, n, k, add, c + row * ldc, ldc,
                     [&](index_t first, index_t last, bool adds, float* to, index_t ldto) {
                       part(row, rows, first, last, adds, to, ldto);
                     });
  }
}

/// C [+]= A B for columns that stay in the cache's third level, for a sum of up to inner_part terms.
template <class K>
void multiply_columns(const Matrix& a, const Matrix& b, index_t m, index_t n, index_t k, bool add, float* c,
                      index_t ldc) {
  using Element = typename K::Element;
  thread_local Room<Element> a_room, b_room;
  constexpr index_t a_elements = index_t{1} << 16;  // in the second level
  const index_t panels = (n + K::cols - 1) / K::cols;
  for_chains({0, (k + 1) / 2}, [&](const Pairs& chain) {
    const index_t first = 2 * chain.first, terms = std::min(k, first + 2 * chain.count) - first;
    const index_t panel = chain.count * K::per_pair * K::cols;
    Element* const packed = b_room.get(panels * panel);
    for (index_t p = 0; p < panels; ++p)
      pack_panel<K>(b.at(first, 0), terms, p * K::cols, n, packed + p * panel);
    const index_t most = std::max<index_t>(1, a_elements / (chain.count * K::per_pair) / K::rows) * K::rows;
    for (index_t row = 0; row < m; row += most) {
      const Rows<K> rows(a.at(row, first), std::min(most, m - row), terms, a_room);
      const Groups<K> groups(n, rows.rows());
      for (index_t g = 0; g < groups.count(); ++g) {
        const index_t p = groups.first(g), next = groups.first(std::min(g + 1, groups.count() - 1));
        run_group<K>(rows, {0, chain.count},
                     {packed + p * panel, packed + next * panel, panel, groups.size(g),
                      std::min<index_t>(K::cols, n - p * K::cols)},
                     add || chain.first > 0, c + row * ldc + p * K::cols, ldc);
      }
    }
  });
}

/// The whole product on one thread.
template <class K>
[[gnu::noinline]] void multiply_flushed(const Matrix& a, const Matrix& b, index_t m, index_t n, index_t k,
                                        bool add, float* c, index_t ldc) {
  constexpr index_t most_columns = 4096;
  for (index_t col = 0; col < n; col += most_columns) {
    const index_t cols = std::min(most_columns, n - col);
    sum_parts(
        m, cols, k, add, c + col, ldc,
        [&](index_t row, index_t rows, index_t first, index_t last, bool adds, float* to, index_t ldto) {
          multiply_columns<K>(a.at(row, first), b.at(first, col), rows, cols, last - first, adds, to, ldto);
        });
  }
}

template <class K>
void multiply(const Matrix& a, const Matrix& b, index_t m, index_t n, index_t k, bool add, float* c,
              index_t ldc) {
  const Flushed flushed;
  multiply_flushed<K>(a, b, m, n, k, add, c, ldc);
}

/// Shares `whole` rows or columns, by multiples of `unit`, between threads: part(first, count).
template <class Part>
void share(index_t whole, index_t unit, double work, const Part& part) {
  const index_t units = (whole + unit - 1) / unit;
  const index_t parts = work < one_thread_below ? 1 : std::min<index_t>(num_threads(), units);
  const auto do_part = [&](int i) {
    const index_t first = i * units / parts * unit, last = std::min(whole, (i + 1) * units / parts * unit);
    part(first, last - first);
  };
  if (parts == 1) return do_part(0);
  detail::share_parts(static_cast<int>(parts), do_part);
}

/// Whether the instruction adds in the order of the emulation, rounds and flushes as it: seen for one processor only.
bool instruction_agrees() {
  std::uint32_t state = 1;
  const auto draw = [&] { return state = state * 1664525u + 1013904223u; };
  for (int trial = 0; trial < 300; ++trial) {
    const index_t m = 1 + draw() % 16, n = 1 + draw() % 70, k = 1 + draw() % 40;
    const auto fill = [&](std::vector<float>& x) {
      for (float& e : x) {  // of all exponents, or of usual ones
        const std::uint32_t bits = draw();
        e = std::bit_cast<float>(trial % 4 == 0 ? bits ^ draw() >> 16 : (bits & 0x87ffffffu) | 0x38000000u);
      }
    };
    std::vector<float> a(static_cast<std::size_t>(m * k)), b(static_cast<std::size_t>(k * n)),
        c(static_cast<std::size_t>(m * n));
    fill(a), fill(b), fill(c);
    std::vector<float> d = c;
    multiply<Instruction>({Trans::no, a.data(), k}, {Trans::no, b.data(), n}, m, n, k, trial % 2, c.data(),
                          n);
    multiply<Emulation>({Trans::no, a.data(), k}, {Trans::no, b.data(), n}, m, n, k, trial % 2, d.data(), n);
    for (std::size_t i = 0; i < c.size(); ++i)
      if (std::memcmp(&c[i], &d[i], sizeof(float)) != 0 && !(c[i] != c[i] && d[i] != d[i])) return false;
  }
  return true;
}

constinit std::atomic<bool> emulation_asked_for{false};

bool use_instruction() {
  static const bool is_right = Instruction::is_supported() && instruction_agrees();
  return is_right && !emulation_asked_for.load(std::memory_order_relaxed);
}

}  // namespace
}  // namespace bfloat16

void bfloat16_gemm(Trans ta, Trans tb, index_t m, index_t n, index_t k, const float* a, index_t lda,
                   const float* b, index_t ldb, bool add, float* c, index_t ldc) {
  backend::check_stored("gemm: a", ta, m, k, lda);
  backend::check_stored("gemm: b", tb, k, n, ldb);
  backend::check_stored("gemm: c", Trans::no, m, n, ldc);
  if (m == 0 || n == 0) return;
  if (k == 0) {
    for (index_t r = 0; r < (add ? 0 : m); ++r) std::fill_n(c + r * ldc, n, 0.0f);
    return;
  }
  backend::count_product({m, n, k, false, add});
  const bool instruction = bfloat16::use_instruction();
  const auto multiply_part = [&](index_t row, index_t rows, index_t col, index_t cols) {
    const auto by =
        instruction ? &bfloat16::multiply<bfloat16::Instruction> : &bfloat16::multiply<bfloat16::Emulation>;
    by(bfloat16::Matrix{ta, a, lda}.at(row, 0), bfloat16::Matrix{tb, b, ldb}.at(0, col), rows, cols, k, add,
       c + row * ldc + col, ldc);
  };
  const double work = static_cast<double>(m) * static_cast<double>(n) * static_cast<double>(k);
  if (m >= n)
    bfloat16::share(m, bfloat16::Emulation::rows, work,
                    [&](index_t first, index_t count) { multiply_part(first, count, 0, n); });
  else
    bfloat16::share(n, bfloat16::Instruction::cols, work,
                    [&](index_t first, index_t count) { multiply_part(0, m, first, count); });
}

struct Bfloat16Matrix::Panels {
  virtual ~Panels() = default;
  virtual void multiply(index_t m, const float* x, index_t ldx, bool add, float* y, index_t ldy) const = 0;
  index_t k = 0, n = 0;
  std::size_t bytes = 0;
};

namespace bfloat16 {
namespace {

template <class K>
class PanelsOf final : public Bfloat16Matrix::Panels {
 public:
  using Element = typename K::Element;

  PanelsOf(const Matrix& w, index_t rows, index_t cols) {
    k = rows, n = cols;
    panel_ = (k + 1) / 2 * K::per_pair * K::cols;
    const index_t panels = (n + K::cols - 1) / K::cols;
    data_ = room_.get(panels * panel_);
    bytes = static_cast<std::size_t>(panels * panel_) * sizeof(Element);
    for (index_t p = 0; p < panels; ++p) pack_panel<K>(w, k, p * K::cols, n, data_ + p * panel_);
  }

  void multiply(index_t m, const float* x, index_t ldx, bool add, float* y, index_t ldy) const override {
    const Flushed flushed;
    constexpr index_t few = 64, in_cache = index_t{1} << 17;
    const index_t most = m <= few ? m : std::max(few, in_cache / k);
    for (index_t i = 0; i < m; i += most)
      multiply_rows(std::min(most, m - i), x + i * ldx, ldx, add, y + i * ldy, ldy);
  }

 private:
  [[gnu::noinline]] void multiply_rows(index_t m, const float* x, index_t ldx, bool add, float* y,
                                       index_t ldy) const {
    thread_local Room<Element> x_room;
    const Rows<K> rows({Trans::no, x, ldx}, m, k, x_room);
    sum_inner<float>(m, n, k, add, y, ldy,
                     [&](index_t first, index_t last, bool adds, float* to, index_t ldto) {
                       multiply_panels(rows, {first / 2, (last + 1) / 2 - first / 2}, adds, to, ldto);
                     });
  }

  void multiply_panels(const Rows<K>& rows, const Pairs& all, bool add, float* y, index_t ldy) const {
    // as PackedMatrix: the last panels are still in the cache
    const bool backwards = from_end_.load(std::memory_order_relaxed);
    from_end_.store(!backwards, std::memory_order_relaxed);
    const Groups<K> groups(n, rows.rows());
    const index_t count = groups.count();
    const auto at = [&](index_t s) { return backwards ? count - 1 - s : s; };
    for (index_t s = 0; s < count; ++s) {
      const index_t p = groups.first(at(s)), next = groups.first(at(std::min(s + 1, count - 1)));
      for_chains(all, [&](const Pairs& chain) {
        const index_t below = chain.first * K::per_pair * K::cols;
        run_group<K>(rows, chain,
                     {data_ + p * panel_ + below, data_ + next * panel_ + below, panel_, groups.size(at(s)),
                      std::min<index_t>(K::cols, n - p * K::cols)},
                     add || chain.first > all.first, y + p * K::cols, ldy);
      });
    }
  }

  index_t panel_;
  Room<Element> room_;
  Element* data_;
  mutable std::atomic<bool> from_end_{false};
};

}  // namespace
}  // namespace bfloat16

Bfloat16Matrix::Bfloat16Matrix() = default;
Bfloat16Matrix::~Bfloat16Matrix() = default;
Bfloat16Matrix::Bfloat16Matrix(Bfloat16Matrix&&) noexcept = default;
Bfloat16Matrix& Bfloat16Matrix::operator=(Bfloat16Matrix&&) noexcept = default;

void Bfloat16Matrix::pack(Trans tw, index_t k, index_t n, const float* w, index_t ldw) {
  backend::check_stored("PackedMatrix: w", tw, k, n, ldw);
  counters().packings += 1;
  if (bfloat16::use_instruction())
    panels_ = std::make_unique<bfloat16::PanelsOf<bfloat16::Instruction>>(bfloat16::Matrix{tw, w, ldw}, k, n);
  else
    panels_ = std::make_unique<bfloat16::PanelsOf<bfloat16::Emulation>>(bfloat16::Matrix{tw, w, ldw}, k, n);
}

void Bfloat16Matrix::multiply(index_t m, const float* x, index_t ldx, bool add, float* y, index_t ldy) const {
  if (empty()) raise<UsageError>("PackedMatrix: nothing to multiply by; call pack() first");
  const index_t k = panels_->k, n = panels_->n;
  backend::check_stored("PackedMatrix: x", Trans::no, m, k, ldx);
  backend::check_stored("PackedMatrix: y", Trans::no, m, n, ldy);
  if (m == 0 || n == 0) return;
  backend::count_product({m, n, k, true, add});
  if (k == 0) {
    for (index_t r = 0; r < (add ? 0 : m); ++r) std::fill_n(y + r * ldy, n, 0.0f);
    return;
  }
  const double work = static_cast<double>(m) * static_cast<double>(n) * static_cast<double>(k);
  bfloat16::share(m, bfloat16::Emulation::rows, m < bfloat16::one_thread_rows ? 0 : work,
                  [&](index_t first, index_t count) {
                    panels_->multiply(count, x + first * ldx, ldx, add, y + first * ldy, ldy);
                  });
}

std::size_t Bfloat16Matrix::bytes() const { return panels_ ? panels_->bytes : 0; }

}  // namespace unroll::blas

namespace unroll {

bool bfloat16_is_emulated() { return !blas::bfloat16::use_instruction(); }
void emulate_bfloat16(bool emulate) {
  blas::bfloat16::emulation_asked_for.store(emulate, std::memory_order_relaxed);
}

}  // namespace unroll
