#include "unroll/detail/autograd/ops/linear_attention_chunk.hpp"

#include "unroll/detail/autograd/base/instantiate.hpp"
#include "unroll/detail/autograd/core/idle_rows.hpp"

namespace unroll::detail::attention {

template <class T>
Chunk<T>::Chunk(const Problem<T>& problem, bool backward)
    : p_(problem),
      keys_(small::padded<T>(problem.key_size)),
      values_(small::padded<T>(problem.value_size)),
      pairs_(small::padded<T>(std::min(problem.chunk, problem.steps))),
      delta_(is_delta(problem.rule)),
      rank_one_(problem.rule == Rule::rank_one),
      reads_(problem.bonus ? When::before : When::after),
      erases_(delta_ ? When::decayed : When::before) {
  lay_out(backward);
  const auto bytes = static_cast<std::size_t>(taken_) * sizeof(T);
  memory_ = Ref<Block>(Block::allocate(bytes));
  base_ = static_cast<T*>(memory_->data());
  std::fill_n(base_, taken_, T{0});
  lay_out(backward);
}

/// Gives each array its place, from base_ on; taken_ is then how much that was.
template <class T>
void Chunk<T>::lay_out(bool backward) {
  taken_ = 0;
  const index_t n = std::min(p_.chunk, p_.steps), k = keys_, v = values_, pairs = pairs_;
  decays_.keys = k;
  decays_.pairs = pairs;
  decays_.keyed = p_.keyed;
  decays_.still = !p_.decay;
  decays_.width = p_.keyed ? k : 1;
  for (T** to : {&decays_.step, &decays_.since, &decays_.until}) *to = take(n, decays_.width);
  decays_.inside = p_.keyed ? take(n, k) : nullptr;
  decays_.between = p_.keyed || !p_.decay ? nullptr : take(n, pairs);
  scratch_ = {take(p_.key_size, pairs), take(n, k), take(Decays<T>::block, k), take(Decays<T>::block, k)};
  s_ = take(p_.key_size, v);
  for (T** to : {&q_, &k_, &q_since_, &k_until_}) *to = take(n, k);
  for (T** to : {&v_, &out_}) *to = take(n, v);
  qk_ = take(n, pairs);
  beta_ = take(n, 1);
  bonus_ = take(1, k);
  written_ = v_;
  b_ = k_;
  if (delta_ || rank_one_) {
    b_since_ = take(n, k);
    bk_ = take(n, pairs);
  }
  if (delta_) {
    e_ = take(n, v);
    written_ = u_ = take(n, v);
  }
  if (rank_one_) {
    for (T** to : {&a_, &b_, &a_until_}) *to = take(n, k);
    for (T** to : {&qa_, &ba_}) *to = take(n, pairs);
    z_ = take(n, v);
  }
  if (!backward) return;
  ds_ = take(p_.key_size, v);
  for (T** to : {&dq_, &dk_, &dq_still_, &dk_still_, &rows_, &ddecay_}) *to = take(n, k);
  for (T** to : {&dout_, &du_}) *to = take(n, v);
  dqk_ = take(n, pairs);
  dbeta_ = take(n, 1);
  written_columns_ = take(p_.value_size, pairs);
  for (T** to : {&s_columns_, &ds_columns_}) *to = take(p_.value_size, k);
  dv_ = delta_ ? take(n, v) : du_;
  if (delta_ || rank_one_) {
    for (T** to : {&db_, &db_still_}) *to = take(n, k);
    dbk_ = take(n, pairs);
  }
  if (!rank_one_) return;
  for (T** to : {&da_, &da_still_}) *to = take(n, k);
  for (T** to : {&dqa_, &dba_}) *to = take(n, pairs);
  dz_ = take(n, v);
  z_columns_ = take(p_.value_size, pairs);
}

template <class T>
T* Chunk<T>::take(index_t rows, index_t size) {
  T* const at = base_ ? base_ + taken_ : nullptr;
  taken_ += small::padded<T>(rows * size);
  return at;
}

template <class T>
void Chunk<T>::load_matrix(const T* from, T* to) const {
  if (!from) std::fill_n(to, p_.key_size * values_, T{0});
  for (index_t r = 0; from && r < p_.key_size; ++r)
    std::copy_n(from + r * p_.value_size, p_.value_size, to + r * values_);
}
template <class T>
void Chunk<T>::store_matrix(const T* from, T* to, bool add) const {
  for (index_t r = 0; r < p_.key_size; ++r)
    for (index_t j = 0; j < p_.value_size; ++j) {
      T& one = to[r * p_.value_size + j];
      one = add ? one + from[r * values_ + j] : from[r * values_ + j];
    }
}

template <class T>
void Chunk<T>::load_rows(const T* from, index_t size, index_t ld, T factor, T* to) const {
  for (index_t t = 0; t < n_; ++t) {
    const T* const row = from + p_.row(first_ + t, item_, size);
    for (index_t j = 0; j < size; ++j) to[t * ld + j] = row[j] * factor;
    std::fill(to + t * ld + size, to + (t + 1) * ld, T{0});
  }
}

template <class T>
void Chunk<T>::load(index_t item, index_t first, index_t n) {
  item_ = item;
  first_ = first;
  n_ = n;
  load_rows(p_.q, p_.key_size, keys_, p_.scale, q_);
  load_rows(p_.k, p_.key_size, keys_, T{1}, k_);
  load_rows(p_.v, p_.value_size, values_, T{1}, v_);
  if (delta_) load_rows(p_.beta, 1, 1, T{1}, beta_);
  if (rank_one_) {
    load_rows(p_.a, p_.key_size, keys_, T{1}, a_);
    load_rows(p_.b, p_.key_size, keys_, T{1}, b_);
  }
  if (p_.bonus) std::copy_n(p_.bonus + item % p_.heads * p_.key_size, p_.key_size, bonus_);
  load_decay();
  for (index_t t = 0; t < n_; ++t) {
    decays_.apply(decays_.since, state_of(reads_, t), q_ + t * keys_, q_since_ + t * keys_);
    decays_.apply(decays_.until, t, k_ + t * keys_, k_until_ + t * keys_);
    if (delta_ || rank_one_)
      decays_.apply(decays_.since, state_of(erases_, t), b_ + t * keys_, b_since_ + t * keys_);
    if (rank_one_) decays_.apply(decays_.until, t, a_ + t * keys_, a_until_ + t * keys_);
  }
}

template <class T>
void Chunk<T>::load_decay() {
  decays_.n = n_;
  const index_t size = p_.keyed ? p_.key_size : 1;
  if (p_.decay)
    load_rows(p_.decay, size, decays_.width, T{1}, decays_.step);
  else
    std::fill_n(decays_.step, n_, T{0});
  const index_t used = n_ * decays_.width, all = small::padded<T>(used);
  std::fill(decays_.step + used, decays_.step + all, T{0});
  each_batch<T>(all, [&](index_t j) { num::exp(at(decays_.step + j)).store_unaligned(decays_.step + j); });
  decays_.prepare();
}

template <class T>
void Chunk<T>::to_values(const Left& a, index_t inner, const T* b, Put put, T* c, Triangle triangle) const {
  small::multiply<T>(n_, p_.value_size, inner, a, {b, values_}, put, {c, values_}, triangle, exact_);
}
/// From values to keys.
template <class T>
void Chunk<T>::to_keys(const Left& a, const T* b, Put put, T* c) const {
  small::multiply<T>(n_, p_.key_size, p_.value_size, a, {b, keys_}, put, {c, keys_});
}
/// Of rows of values with columns of values.
template <class T>
void Chunk<T>::to_scores(const T* a, const T* b, Put put, T* c) const {
  small::multiply<T>(n_, n_, p_.value_size, values(a), {b, pairs_}, put, {c, pairs_}, Triangle::result_lower);
}
template <class T>
void Chunk<T>::to_state(const Left& a, const T* b, Put put, T* c) const {
  small::multiply<T>(p_.key_size, p_.value_size, n_, a, {b, values_}, put, {c, values_});
}

template <class T>
void Chunk<T>::make_scores() {
  const Scores<T> of(decays_, p_.key_size, scratch_, exact_);
  const auto read = [](When when, const T* x, T* to) {
    return Read<T>{when, x, to, nullptr, nullptr, nullptr};
  };
  if (delta_ || rank_one_)
    of.forward(std::array{read(reads_, q_, qk_), read(erases_, b_, bk_)}, k_);
  else
    of.forward(std::array{read(reads_, q_, qk_)}, k_);
  if (rank_one_) of.forward(std::array{read(reads_, q_, qa_), read(erases_, b_, ba_)}, a_);
  if (p_.bonus) add_bonus();
}

template <class T>
void Chunk<T>::add_bonus() {
  for (index_t t = 0; t < n_; ++t) {
    multiply_row(scratch_.sums, k_ + t * keys_, bonus_, keys_);
    qk_[t * pairs_ + t] = dot(q_ + t * keys_, scratch_.sums, keys_);
  }
}

template <class T>
UnitSolve<T> Chunk<T>::solve() const {
  if (delta_) return {n_, values_, bk_, pairs_, T{1}, beta_};
  return {n_, values_, ba_, pairs_, T{-1}, nullptr};
}

template <class T>
bool Chunk<T>::is_finite(std::initializer_list<const T*> of_keys,
                         std::initializer_list<const T*> of_values) const {
  const auto finite = [&](index_t size) {
    return [this, size](const T* x) { return !x || all_finite(x, n_ * size); };
  };
  return std::all_of(of_keys.begin(), of_keys.end(), finite(keys_)) &&
         std::all_of(of_values.begin(), of_values.end(), finite(values_));
}

template <class T>
void Chunk<T>::erase() {
  exact_ = !is_finite({}, {v_});
  if (delta_) {
    std::copy_n(v_, n_ * values_, e_);
    to_values(keys(b_since_), p_.key_size, s_, Put::subtract, e_);
    solve().forward(e_, u_);
  }
  if (rank_one_) {
    to_values(keys(b_since_), p_.key_size, s_, Put::set, z_);
    to_values(scores(bk_), n_, v_, Put::add, z_, Triangle::left_lower);
    solve().forward(z_, z_);
  }
  exact_ = exact_ || !is_finite({}, {u_, z_});
}

template <class T>
void Chunk<T>::decay_state(T* s) const {
  const T* const whole = decays_.since + (n_ - 1) * decays_.width;
  for (index_t d = 0; d < p_.key_size; ++d)
    scale_row(s + d * values_, s + d * values_, whole[p_.keyed ? d : 0], values_);
}

template <class T>
void Chunk<T>::forward(T* output) {
  make_scores();
  erase();
  to_values(keys(q_since_), p_.key_size, s_, Put::set, out_);
  to_values(scores(qk_), n_, written_, Put::add, out_, Triangle::left_lower);
  if (rank_one_) to_values(scores(qa_), n_, z_, Put::add, out_, Triangle::left_lower);
  if (p_.decay) decay_state(s_);
  to_state(keys_columns(k_until_), written_, Put::add, s_);
  if (rank_one_) to_state(keys_columns(a_until_), z_, Put::add, s_);
  write({output, false}, p_.value_size, values_, out_, T{1});
}

template <class T>
void Chunk<T>::write(const Slopes<T>& to, index_t size, index_t ld, const T* from, T factor) const {
  for (index_t t = 0; to.at && t < n_; ++t) {
    T* const row = to.at + p_.row(first_ + t, item_, size);
    const T* const x = from + t * ld;
    for (index_t j = 0; j < size; ++j) row[j] = to.add ? row[j] + x[j] * factor : x[j] * factor;
  }
}

UNROLL_COMPILE_TYPES(class Chunk)

}  // namespace unroll::detail::attention
