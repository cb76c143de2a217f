#include "addition/problem.hpp"

#include <algorithm>
#include <charconv>
#include <nlohmann/json.hpp>
#include <set>

#include "unroll/data/batches.hpp"
#include "unroll/data/shuffle.hpp"

namespace unroll::addition {
namespace {

std::vector<std::int64_t> digits_of(std::int64_t number) {
  std::vector<std::int64_t> digits;
  for (const char c : std::to_string(number)) digits.push_back(c - '0');
  return digits;
}

}  // namespace

bool held_out(const Sum& sum) {
  const auto a = static_cast<std::uint64_t>(sum.a), b = static_cast<std::uint64_t>(sum.b);
  const auto low = [](std::uint64_t x) { return static_cast<std::uint32_t>(x); };
  return philox({low(a), low(a >> 32), low(b), low(b >> 32)}, {1, 2})[0] % 20 == 0;
}

std::vector<Sum> Reading::practice(std::int64_t count, Generator& rng) const {
  const auto number = [&] {
    std::int64_t n = 0;
    const auto most = static_cast<std::uint64_t>(digits);
    for (std::uint64_t k = rng.below(2) ? most : 1 + rng.below(most); k > 0; --k)
      n = 10 * n + static_cast<std::int64_t>(rng.below(10));
    return n;
  };
  std::vector<Sum> sums;
  while (std::ssize(sums) < count) {
    const Sum sum{number(), number()};
    if (!held_out(sum)) sums.push_back(sum);
  }
  return sums;
}

std::vector<Sum> Reading::tests(std::int64_t count, Generator& rng) const {
  std::int64_t numbers = 1;
  for (std::int64_t k = 0; k < digits; ++k) numbers *= 10;
  if (numbers <= 100) {  // there may be fewer than `count`: all of them, in an order by chance
    std::vector<Sum> all;
    for (std::int64_t k = 0; k < numbers * numbers; ++k)
      if (const Sum sum{k / numbers, k % numbers}; held_out(sum)) all.push_back(sum);
    shuffle(all, rng);
    all.resize(static_cast<std::size_t>(std::min(count, std::int64_t{std::ssize(all)})));
    return all;
  }
  const auto number = [&] {
    return static_cast<std::int64_t>(rng.below(static_cast<std::uint64_t>(numbers)));
  };
  std::vector<Sum> sums;
  std::set<Sum> drawn;
  if (numbers < 1'000'000)
    count = std::min(count, numbers * numbers / 40);  // half of them: it comes to an end
  while (std::ssize(sums) < count) {
    const Sum sum{number(), number()};
    if (held_out(sum) && drawn.insert(sum).second) sums.push_back(sum);
  }
  return sums;
}

SequencePairs Reading::batch(const std::vector<Sum>& sums) const {
  std::vector<std::vector<std::int64_t>> questions, answers;
  for (const auto& [a, b] : sums) {
    std::vector<std::int64_t> question = digits_of(a), second = digits_of(b);
    question.push_back(plus);
    question.insert(question.end(), second.begin(), second.end());
    if (reversed) std::reverse(question.begin(), question.end());
    questions.push_back(std::move(question));
    answers.push_back(digits_of(a + b));
  }
  const PaddedTokens source = pad(questions, 0), target = pad(answers, 0);
  return {Indices({source.steps, source.batch}, source.tokens), source.lengths,
          Indices({target.steps, target.batch}, target.tokens), target.lengths};
}

std::optional<Sum> Reading::parse(std::string_view text) const {
  std::string dense;
  std::copy_if(text.begin(), text.end(), std::back_inserter(dense), [](char c) { return c != ' '; });
  const char *at = dense.data(), *const last = at + dense.size();
  const auto number = [&](std::int64_t& n) {
    const auto [after, error] = std::from_chars(at, last, n);
    const bool fine = error == std::errc() && after - at <= digits && *at != '-';
    at = after;
    return fine;
  };
  Sum sum{};
  if (!number(sum.a) || at == last || *at++ != '+' || !number(sum.b) || at != last) return {};
  return sum;
}

void Reading::to_json(nlohmann::ordered_json& json) const {
  json = {{"digits", digits}, {"reversed", reversed}};
}

Reading Reading::from_json(const io::JsonValue& value) {
  return {.digits = value.at("digits").integer<std::int64_t>(1, most_digits),
          .reversed = value.at("reversed").boolean()};
}

}  // namespace unroll::addition
