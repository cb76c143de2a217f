/// \file The gradient of a chunk of linear_attention.

#include "unroll/detail/autograd/core/idle_rows.hpp"
#include "unroll/detail/autograd/ops/linear_attention_chunk.hpp"

namespace unroll::detail::attention {

template <class T>
void Chunk<T>::backward(const ProblemSlopes<T>& slopes) {
  for (T* x : {dq_, dk_, da_, db_, dq_still_, dk_still_, da_still_, db_still_, ddecay_})
    if (x) std::fill_n(x, n_ * keys_, T{0});
  if (slopes.output)
    load_rows(slopes.output, p_.value_size, values_, T{1}, dout_);
  else
    std::fill_n(dout_, n_ * values_, T{0});
  if (all_zero(dout_, n_ * values_) && all_zero(ds_, p_.key_size * values_)) return write_no_slopes(slopes);
  make_scores();
  erase();
  exact_ = exact_ || !is_finite({q_, k_, a_, b_}, {dout_});
  slopes_of_outputs();
  if (delta_ || rank_one_) slopes_of_erasing();
  slopes_of_state_decay();
  if (p_.decay) decay_state(ds_);
  to_state(keys_columns(q_since_), dout_, Put::add, ds_);
  if (delta_) to_state(keys_columns(b_since_), dv_, Put::subtract, ds_);
  if (rank_one_) to_state(keys_columns(b_since_), dz_, Put::add, ds_);
  if (p_.bonus) slopes_of_bonus(slopes.bonus);
  slopes_of_scores();
  write_slopes(slopes);
}

/// Of o = Q S + scores · values and of the state behind the chunk, without what erasing adds.
template <class T>
void Chunk<T>::slopes_of_outputs() {
  small::transpose<T>(p_.key_size, p_.value_size, {s_, values_}, {s_columns_, keys_});
  small::transpose<T>(p_.key_size, p_.value_size, {ds_, values_}, {ds_columns_, keys_});
  small::transpose<T>(n_, p_.value_size, {written_, values_}, {written_columns_, pairs_});
  to_values(scores_columns(qk_), n_, dout_, Put::set, du_, Triangle::left_upper);
  to_values(keys(k_until_), p_.key_size, ds_, Put::add, du_);
  to_scores(dout_, written_columns_, Put::set, dqk_);
  to_keys(values(dout_), s_columns_, Put::set, rows_);
  slopes_of_since(rows_, reads_, dq_, dq_still_);
  slopes_of_until(written_, k_until_, dk_, dk_still_);
  if (!rank_one_) return;
  small::transpose<T>(n_, p_.value_size, {z_, values_}, {z_columns_, pairs_});
  to_values(scores_columns(qa_), n_, dout_, Put::set, dz_, Triangle::left_upper);
  to_values(keys(a_until_), p_.key_size, ds_, Put::add, dz_);
  to_scores(dout_, z_columns_, Put::set, dqa_);
  slopes_of_until(z_, a_until_, da_, da_still_);
}

/// dx of x decayed from the beginning of the chunk, whose gradient is d.
template <class T>
void Chunk<T>::slopes_of_since(const T* d, When when, T* dx, T* dx_still) const {
  for (index_t t = 0; t < n_; ++t) {
    const index_t s = state_of(when, t);
    decays_.add(decays_.since, s, d + t * keys_, (s < 0 ? dx_still : dx) + t * keys_);
  }
}
/// The same of x decayed to the end; with decay per key, Scores::backward takes dx from there.
template <class T>
void Chunk<T>::slopes_of_until(const T* written_values, const T* x_until, T* dx, T* dx_still) {
  to_keys(values(written_values), ds_columns_, Put::set, rows_);
  const index_t last = n_ - 1;
  std::copy_n(rows_ + last * keys_, keys_, dx_still + last * keys_);
  for (index_t j = 0; j < last; ++j) {
    if (p_.keyed)
      std::copy_n(rows_ + j * keys_, keys_, dx + j * keys_);
    else
      decays_.add(decays_.until, j, rows_ + j * keys_, dx + j * keys_);
    add_product(ddecay_ + last * keys_, x_until + j * keys_, rows_ + j * keys_, keys_);
  }
}

template <class T>
void Chunk<T>::slopes_of_erasing() {
  if (delta_) {
    solve().backward(du_, dv_);  // of e, weighted: of v
    for (index_t t = 0; t < n_; ++t) dbeta_[t] = dot(du_ + t * values_, e_ + t * values_, values_);
    to_scores(dv_, written_columns_, Put::negate, dbk_);
    to_keys(values(dv_), s_columns_, Put::negate, rows_);
  } else {
    solve().backward(dz_, dz_);
    to_scores(dz_, z_columns_, Put::set, dba_);
    to_scores(dz_, written_columns_, Put::set, dbk_);
    to_values(scores_columns(bk_), n_, dz_, Put::add, dv_, Triangle::left_upper);
    to_keys(values(dz_), s_columns_, Put::set, rows_);
  }
  slopes_of_since(rows_, erases_, db_, db_still_);
}

template <class T>
void Chunk<T>::slopes_of_state_decay() {
  if (!p_.decay) return;
  const T* const whole = decays_.since + (n_ - 1) * decays_.width;
  T* const to = ddecay_ + (n_ - 1) * keys_;
  for (index_t d = 0; d < p_.key_size; ++d)
    to[d] += whole[p_.keyed ? d : 0] * dot(s_ + d * values_, ds_ + d * values_, values_);
}

template <class T>
void Chunk<T>::slopes_of_bonus(double* bonus) {
  for (index_t t = 0; t < n_; ++t) {
    const T slope = dqk_[t * pairs_ + t];
    const T *const q = q_ + t * keys_, *const k = k_ + t * keys_;
    for (index_t d = 0; d < p_.key_size; ++d) {
      dq_still_[t * keys_ + d] += slope * bonus_[d] * k[d];
      dk_still_[t * keys_ + d] += slope * bonus_[d] * q[d];
      if (bonus) bonus[item_ * p_.key_size + d] += static_cast<double>(slope * q[d] * k[d]);
    }
  }
}

template <class T>
void Chunk<T>::slopes_of_scores() {
  const Scores<T> of(decays_, p_.key_size, scratch_, exact_);
  const Read<T> q_with_k{reads_, q_, qk_, dqk_, dq_, dq_still_},
      q_with_a{reads_, q_, qa_, dqa_, dq_, dq_still_};
  const Read<T> b_with_k{erases_, b_, bk_, dbk_, db_, db_still_},
      b_with_a{erases_, b_, ba_, dba_, db_, db_still_};
  if (delta_ || rank_one_)
    of.backward(std::array{q_with_k, b_with_k}, k_, dk_, dk_still_);
  else
    of.backward(std::array{q_with_k}, k_, dk_, dk_still_);
  if (rank_one_) of.backward(std::array{q_with_a, b_with_a}, a_, da_, da_still_);
}

/// The decay from step j to step s is e to the sum of g over j + 1 … s: its gradient is added at s and taken off at j, and
/// each g has the sum of what stands at its step and later.
template <class T>
void Chunk<T>::add_decay_slopes(const T* x, const T* dx, When when, T sign) {
  for (index_t t = 0; t < n_; ++t) {
    const index_t s = state_of(when, t);
    if (s < 0) continue;
    if (sign > 0)
      add_product(ddecay_ + s * keys_, x + t * keys_, dx + t * keys_, keys_);
    else
      subtract_product(ddecay_ + s * keys_, x + t * keys_, dx + t * keys_, keys_);
  }
}
template <class T>
void Chunk<T>::collect_decay_slopes() {
  add_decay_slopes(q_, dq_, reads_, T{1});
  add_decay_slopes(k_, dk_, When::after, T{-1});
  if (delta_ || rank_one_) add_decay_slopes(b_, db_, erases_, T{1});
  if (rank_one_) add_decay_slopes(a_, da_, When::after, T{-1});
}
template <class T>
void Chunk<T>::write_decay_slopes(const Slopes<T>& to) {
  if (!to.at) return;
  collect_decay_slopes();
  const index_t size = p_.keyed ? p_.key_size : 1;
  if (!p_.keyed) {
    double sum = 0;
    for (index_t t = n_ - 1; t >= 0; --t) {
      for (index_t d = 0; d < p_.key_size; ++d) sum += ddecay_[t * keys_ + d];
      ddecay_[t * keys_] = static_cast<T>(sum);
    }
  } else {
    PoolVector<double> sums(static_cast<std::size_t>(size), 0.0);
    for (index_t t = n_ - 1; t >= 0; --t) {
      T* const row = ddecay_ + t * keys_;
      for (index_t d = 0; d < size; ++d) row[d] = static_cast<T>(sums[static_cast<std::size_t>(d)] += row[d]);
    }
  }
  write(to, size, keys_, ddecay_, T{1});
}

template <class T>
void Chunk<T>::write_slopes(const ProblemSlopes<T>& slopes) {
  write_decay_slopes(slopes.decay);  // before the parts without decay are added
  const index_t all = n_ * keys_;
  const auto sum = [&](T* x, const T* more) {
    for (index_t i = 0; i < all; ++i) x[i] += more[i];
  };
  sum(dq_, dq_still_);
  sum(dk_, dk_still_);
  if (delta_) sum(dk_, db_);
  if (rank_one_) {
    sum(da_, da_still_);
    sum(db_, db_still_);
  }
  write(slopes.q, p_.key_size, keys_, dq_, p_.scale);
  write(slopes.k, p_.key_size, keys_, dk_, T{1});
  write(slopes.v, p_.value_size, values_, dv_, T{1});
  write(slopes.beta, 1, 1, dbeta_, T{1});
  write(slopes.a, p_.key_size, keys_, da_, T{1});
  write(slopes.b, p_.key_size, keys_, db_, T{1});
}

/// Where nothing depends on the chunk, whatever it holds.
template <class T>
void Chunk<T>::write_no_slopes(const ProblemSlopes<T>& slopes) {
  std::fill_n(dv_, n_ * values_, T{0});
  std::fill_n(dbeta_, n_, T{0});
  const auto zeros = [&](const Slopes<T>& to, index_t size, index_t ld, const T* from) {
    if (!to.add) write(to, size, ld, from, T{1});
  };
  for (const Slopes<T>& to : {slopes.q, slopes.k, slopes.a, slopes.b}) zeros(to, p_.key_size, keys_, dq_);
  zeros(slopes.v, p_.value_size, values_, dv_);
  zeros(slopes.decay, p_.keyed ? p_.key_size : 1, keys_, ddecay_);
  zeros(slopes.beta, 1, 1, dbeta_);
}

template void Chunk<float>::backward(const ProblemSlopes<float>&);
template void Chunk<double>::backward(const ProblemSlopes<double>&);

}  // namespace unroll::detail::attention
