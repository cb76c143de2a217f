// A user's program that has included everything else first, opened namespace std, and defined the macros of Qt, of
// <complex.h> and of a test framework.
#include <algorithm>
#include <any>
#include <array>
#include <atomic>
#include <bit>
#include <bitset>
#include <charconv>
#include <chrono>
#include <cmath>
#include <compare>
#include <complex>
#include <concepts>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <deque>
#include <exception>
#include <execution>
#include <filesystem>
#include <forward_list>
#include <fstream>
#include <functional>
#include <future>
#include <initializer_list>
#include <iomanip>
#include <iostream>
#include <iterator>
#include <limits>
#include <list>
#include <map>
#include <memory>
#include <mutex>
#include <new>
#include <numbers>
#include <numeric>
#include <optional>
#include <queue>
#include <random>
#include <ranges>
#include <regex>
#include <set>
#include <shared_mutex>
#include <span>
#include <sstream>
#include <stack>
#include <stdexcept>
#include <string>
#include <string_view>
#include <thread>
#include <tuple>
#include <type_traits>
#include <unordered_map>
#include <unordered_set>
#include <utility>
#include <valarray>
#include <variant>
#include <vector>

#include <fmt/format.h>
#include <fmt/ostream.h>
#include <fmt/ranges.h>
#include <nlohmann/json.hpp>
#if __has_include(<xtensor/containers/xarray.hpp>)
#include <xtensor/containers/xadapt.hpp>
#include <xtensor/containers/xarray.hpp>
#include <xtensor/containers/xtensor.hpp>
#include <xtensor/core/xmath.hpp>
#include <xtensor/generators/xbuilder.hpp>
#include <xtensor/generators/xrandom.hpp>
#include <xtensor/io/xio.hpp>
#include <xtensor/views/xview.hpp>
#else
#include <xtensor/xadapt.hpp>
#include <xtensor/xarray.hpp>
#include <xtensor/xbuilder.hpp>
#include <xtensor/xio.hpp>
#include <xtensor/xmath.hpp>
#include <xtensor/xrandom.hpp>
#include <xtensor/xtensor.hpp>
#include <xtensor/xview.hpp>
#endif

using namespace std;

#define I _Complex_I
#define N 42
#define check(x) do_not_use_##x
#define fail(x) do_not_use_##x
#define slots
#define signals public
#define emit
#define foreach for

#include <unroll/unroll.hpp>

using namespace std;
using namespace unroll;

namespace {

using V = Variable<float>;

struct Leaky {
  V w, u;
  V step(const V& x, const V& h) const { return 0.9 * h + 0.1 * tanh(linear(x, w) + linear(h, u)); }
  void visit(auto&& v) { v("w", w), v("u", u); }
};

struct Model {
  Lstm<float> lstm{1, 4};
  Leaky leaky{V({4, 4}, 0.1F).requires_grad(true), V({4, 4}, 0.1F).requires_grad(true)};
  Linear<float> out{4, 1};
  void visit(auto&& v) { v("lstm", lstm), v("leaky", leaky), v("out", out); }

  V operator()(const V& x) const {
    const V h = lstm(x).output;
    return out(scan(leaky, h, V({x.shape()[1], 4}, 0.F)).output);
  }
};

}  // namespace

// Names that std has as well: ours are the closer match. (std::stack and std::slice are classes, which no overload
// beats: under two using-directives those are written unroll::stack and unroll::slice.)
bool wins_over_std() {
  const V c({2, 3}, 1.F);
  return max(c, {-1}).size() == 2 && min(c, {0}, {.keepdims = true}).rank() == 2 &&
         V(clamp(c, c, c)).size() == 6 && max(c * 2, {0, 1}).item() == 2 &&
         unroll::stack({c, c}).rank() == 3 && unroll::slice(c, 0, 0, 1).size() == 3 &&
         sort(c, 1).values.rank() == 2 && sort(c * 2, 0, {.descending = true}).indices.size() == 6 &&
         sort(c).indices[1] == 1;
}

int main() {
  if (!wins_over_std()) return 1;
  Model model;
  const V x({5, 2, 1}, 0.5F), y({5, 2, 1}, 0.25F);
  Adam adam(parameters(model), {.lr = 1e-2});
  const auto step = [&] {
    const V loss = mse(model(x), y);
    loss.backward();
    adam.step();
    adam.zero_grad();
    return loss.item();
  };
  const float first = step();
  float last = first;
  for (int i = 0; i < 30; ++i) last = step();
  return last < first ? EXIT_SUCCESS : EXIT_FAILURE;
}
