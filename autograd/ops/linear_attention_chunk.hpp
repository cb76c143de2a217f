#pragma once  // internal
/// \file One chunk of one head of linear_attention: from the state before it to outputs and the state behind it, and back.
///
/// Every rule is one recurrence, S = D S' + Σ written rowᵀ written value, where D is the decay. The rules differ in what is
/// written:
///
///     linear, gated        k with v
///     delta, gated delta   k with u = β e, e = v − (D S')ᵀ k
///     rank one             k with v, and a with z = S'ᵀ b
///
/// Within a chunk e and z depend on what earlier steps wrote, by a lower-triangular system.

#include "unroll/autograd/linear_attention.hpp"
#include "unroll/detail/autograd/base/pool.hpp"
#include "unroll/detail/autograd/fused/simd_exp.hpp"
#include "unroll/detail/autograd/ops/linear_attention_scores.hpp"

namespace unroll::detail::attention {

using Rule = LinearAttentionRule;
inline bool decays_of(Rule rule) { return rule != Rule::linear && rule != Rule::delta; }
inline bool is_delta(Rule rule) { return rule == Rule::delta || rule == Rule::gated_delta; }

/// The arrays of a call, dense; null where there is none.
template <class T>
struct Problem {
  index_t steps, batch, heads, key_size, value_size, chunk;
  Rule rule;
  bool keyed;  ///< decay per key
  T scale;
  const T *q, *k, *v, *decay, *beta, *a, *b, *bonus, *state;
  const std::int64_t* lengths;

  index_t chunks() const { return (steps + chunk - 1) / chunk; }
  index_t length(index_t item) const { return lengths ? lengths[item / heads] : steps; }
  index_t state_size() const { return key_size * value_size; }
  /// Row (t, item) of an array with rows of `size`.
  index_t row(index_t t, index_t item, index_t size) const { return (t * batch * heads + item) * size; }
};

/// (I + A) x = y, or with `transposed` (I + A)ᵀ x = y, in place, where A is `sign` times the lower triangle below the
/// diagonal times diag(weights); weights of null are 1. Kept are x and `weighted`, diag(weights) x, which may be x itself
/// if they are null.
template <class T>
struct UnitSolve {
  index_t n, size;  ///< (n, n), rows of `size`
  const T* lower;
  index_t ld;
  T sign;
  const T* weights;

  static constexpr index_t block = 16;

  void forward(T* x, T* weighted) const {
    const Put put = sign > 0 ? Put::subtract : Put::add;
    for (index_t first = 0; first < n; first += block) {
      const index_t end = std::min(first + block, n);
      if (first > 0)
        small::multiply<T>(end - first, size, first, {lower + first * ld, ld}, {weighted, size}, put,
                           {x + first * size, size});
      for (index_t t = first; t < end; ++t) {
        row(x, weighted, t, first, t, [&](index_t j) { return lower[t * ld + j]; });
      }
    }
  }
  void backward(T* x, T* weighted) const {
    const Put put = sign > 0 ? Put::subtract : Put::add;
    for (index_t first = (n - 1) / block * block; first >= 0; first -= block) {
      const index_t end = std::min(first + block, n);
      if (end < n)
        small::multiply<T>(end - first, size, n - end, {lower + end * ld + first, ld, true},
                           {weighted + end * size, size}, put, {x + first * size, size});
      for (index_t t = end - 1; t >= first; --t) {
        row(x, weighted, t, t + 1, end, [&](index_t j) { return lower[j * ld + t]; });
      }
    }
  }

 private:
  /// x_t −= Σ over j of coefficient(j) weighted_j, four batches at a time.
  template <class F>
  void row(T* x, T* weighted, index_t t, index_t first, index_t end, F&& coefficient) const {
    constexpr index_t lanes = Batch<T>::size;
    index_t at_column = 0;
    const auto columns = [&]<int count>(std::integral_constant<int, count>) {
      Batch<T> sum[count];
      for (int p = 0; p < count; ++p) sum[p] = at(x + t * size + at_column + p * lanes);
      for (index_t j = first; j < end; ++j) {
        const Batch<T> c(-sign * coefficient(j));
        for (int p = 0; p < count; ++p)
          sum[p] = num::fma(c, at(weighted + j * size + at_column + p * lanes), sum[p]);
      }
      for (int p = 0; p < count; ++p) {
        sum[p].store_unaligned(x + t * size + at_column + p * lanes);
        if (weights)
          (sum[p] * Batch<T>(weights[t])).store_unaligned(weighted + t * size + at_column + p * lanes);
      }
      at_column += count * lanes;
    };
    while (at_column + 4 * lanes <= size) columns(std::integral_constant<int, 4>{});
    while (at_column < size) columns(std::integral_constant<int, 1>{});
  }
};

/// Gradients of a call, dense; null where none is wanted.
template <class T>
struct Slopes {
  T* at = nullptr;
  bool add = false;
};
template <class T>
struct ProblemSlopes {
  const T *output = nullptr, *last_state = nullptr;  ///< of the results; null where zero
  Slopes<T> q{}, k{}, v{}, decay{}, beta{}, a{}, b{}, state{};
  double* bonus = nullptr;  ///< (items, key_size), added to
};

template <class T>
class Chunk {
 public:
  Chunk(const Problem<T>& problem, bool backward);
  Chunk(const Chunk&) = delete;
  Chunk& operator=(const Chunk&) = delete;

  /// Takes up steps [first, first + n) of an item.
  void load(index_t item, index_t first, index_t n);
  /// state() becomes `from` (key_size, value_size); 0 if that is null.
  void set_state(const T* from) { load_matrix(from, s_); }
  void copy_state(T* to) const { store_matrix(s_, to); }
  /// Writes the outputs, and takes the state over the chunk.
  void forward(T* output);

  void set_state_slope(const T* from) { load_matrix(from, ds_); }
  void write_state_slope(T* to, bool add) const { store_matrix(ds_, to, add); }
  /// From the state before the chunk: writes the gradients of the chunk's arrays, and takes the state's back over it.
  void backward(const ProblemSlopes<T>& slopes);

 private:
  using Left = small::Left<T>;
  void lay_out(bool backward);
  T* take(index_t rows, index_t size);
  void load_matrix(const T* from, T* to) const;
  void store_matrix(const T* from, T* to, bool add = false) const;
  void load_rows(const T* from, index_t size, index_t ld, T factor, T* to) const;
  void load_decay();

  // products of rows, or of columns if transposed
  Left keys(const T* x) const { return {x, keys_}; }
  Left keys_columns(const T* x) const { return {x, keys_, true}; }
  Left values(const T* x) const { return {x, values_}; }
  Left scores(const T* x) const { return {x, pairs_}; }
  Left scores_columns(const T* x) const { return {x, pairs_, true}; }
  void to_values(const Left& a, index_t inner, const T* b, Put put, T* c,
                 Triangle triangle = Triangle::none) const;
  void to_keys(const Left& a, const T* b, Put put, T* c) const;
  void to_scores(const T* a, const T* b, Put put, T* c) const;
  void to_state(const Left& a, const T* b, Put put, T* c) const;

  void make_scores();
  void add_bonus();
  bool is_finite(std::initializer_list<const T*> keys, std::initializer_list<const T*> values) const;
  void erase();  ///< what the steps write, from the state
  void decay_state(T* s) const;
  UnitSolve<T> solve() const;

  void slopes_of_outputs();
  void slopes_of_erasing();
  void slopes_of_since(const T* d, When when, T* dx, T* dx_still) const;
  void slopes_of_until(const T* written_values, const T* x_until, T* dx, T* dx_still);
  void slopes_of_bonus(double* bonus);
  void slopes_of_scores();
  void slopes_of_state_decay();
  void collect_decay_slopes();
  void add_decay_slopes(const T* x, const T* dx, When when, T sign);
  void write_decay_slopes(const Slopes<T>& to);
  void write(const Slopes<T>& to, index_t size, index_t ld, const T* from, T factor) const;
  void write_slopes(const ProblemSlopes<T>& slopes);
  void write_no_slopes(const ProblemSlopes<T>& slopes);

  const Problem<T>& p_;
  Ref<Block> memory_;
  T* base_ = nullptr;
  index_t taken_ = 0;
  index_t keys_, values_, pairs_;  // lengths of rows, whole batches
  bool delta_, rank_one_;
  When reads_, erases_;  // which states q and b read
  bool exact_ = false;   // products of triangles, where there is NaN or infinity
  index_t item_ = 0, first_ = 0, n_ = 0;
  Decays<T> decays_{};
  ScoreScratch<T> scratch_{};
  T *s_ = nullptr, *ds_ = nullptr;
  // the rows of the steps; b is k in delta rules
  T *q_ = nullptr, *k_ = nullptr, *v_ = nullptr, *a_ = nullptr, *b_ = nullptr, *beta_ = nullptr,
    *bonus_ = nullptr;
  T *q_since_ = nullptr, *b_since_ = nullptr, *k_until_ = nullptr,
    *a_until_ = nullptr;  // with decay from the beginning and to the end of the chunk
  T *qk_ = nullptr, *bk_ = nullptr, *qa_ = nullptr, *ba_ = nullptr;  // scores
  T *e_ = nullptr, *u_ = nullptr, *z_ = nullptr;                     // see above
  T* written_ = nullptr;                                             // with k: v or u
  T* out_ = nullptr;
  // gradients: of rows, of their parts without decay, of scores, of values
  T *dq_ = nullptr, *dk_ = nullptr, *da_ = nullptr, *db_ = nullptr, *dq_still_ = nullptr,
    *dk_still_ = nullptr, *da_still_ = nullptr, *db_still_ = nullptr, *dqk_ = nullptr, *dbk_ = nullptr,
    *dqa_ = nullptr, *dba_ = nullptr;
  T *dout_ = nullptr, *du_ = nullptr, *dz_ = nullptr, *dv_ = nullptr, *ddecay_ = nullptr, *dbeta_ = nullptr;
  T *written_columns_ = nullptr, *z_columns_ = nullptr, *s_columns_ = nullptr, *ds_columns_ = nullptr,
    *rows_ = nullptr;
};

}  // namespace unroll::detail::attention
