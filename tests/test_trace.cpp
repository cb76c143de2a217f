#include "unroll/autograd/trace.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <fstream>
#include <map>
#include <nlohmann/json.hpp>
#include <set>

#include "arrays.hpp"
#include "temporary_folder.hpp"
#include "unroll/autograd/error.hpp"
#include "unroll/autograd/functions.hpp"
#include "unroll/autograd/products.hpp"
#include "unroll/autograd/reduce.hpp"
#include "unroll/autograd/tape_stats.hpp"
#include "unroll/autograd/threads.hpp"
#include "unroll/detail/autograd/base/team.hpp"
#include "unroll/detail/autograd/base/trace_hook.hpp"
#include "unroll/io/write_trace.hpp"

using namespace unroll;
using namespace unroll::tests;
using detail::PartsGoTo;
using nlohmann::json;

namespace {

using V = Variable<double>;

/// The complete events of a trace.
std::vector<json> events_of(const Trace& trace) {
  std::vector<json> events;
  const json document = json::parse(trace.json());
  for (const json& e : document["traceEvents"])
    if (e["ph"] == "X") events.push_back(e);
  return events;
}

std::vector<std::string> names_of(const Trace& trace, std::string_view kind) {
  std::vector<std::string> names;
  for (const json& e : events_of(trace))
    if (e["cat"] == kind) names.push_back(e["name"]);
  return names;
}

std::int64_t nanoseconds(const json& microseconds) { return std::llround(1000 * microseconds.get<double>()); }

/// Whether, of any two events of a thread, one contains the other or they have no moment in common.
bool nests(const Trace& trace) {
  std::map<int, std::vector<std::int64_t>> open;  // of each thread: the ends of those that contain the next
  for (const json& e : events_of(trace)) {
    auto& ends = open[e["tid"]];
    const std::int64_t begin = nanoseconds(e["ts"]), end = begin + nanoseconds(e["dur"]);
    while (!ends.empty() && ends.back() <= begin) ends.pop_back();
    if (end < begin || (!ends.empty() && ends.back() < end)) return false;
    ends.push_back(end);
  }
  return true;
}

/// Whether the first event of `name` contains the first of `inner`, and both are on one thread.
bool contains_first(const Trace& trace, const std::string& name, const std::string& inner) {
  const auto events = events_of(trace);
  const auto first = [&](const std::string& n) {
    const auto found = std::ranges::find_if(events, [&](const json& e) { return e["name"] == n; });
    REQUIRE(found != events.end());
    return *found;
  };
  const json a = first(name), b = first(inner);
  const auto end = [](const json& e) { return nanoseconds(e["ts"]) + nanoseconds(e["dur"]); };
  return a["tid"] == b["tid"] && nanoseconds(a["ts"]) <= nanoseconds(b["ts"]) && end(b) <= end(a);
}

struct TrainingStep {
  V x = random_parameter({3, 4}, 1), w = random_parameter({5, 4}, 2);
  void operator()() const {
    const V h = linear(x, w);
    const V y = tanh(h);
    sum(y).backward();
  }
};

}  // namespace

TEST_CASE("trace: shows ops, products, nodes of the backward pass and scopes, which nest") {
  const TrainingStep step;
  const Trace trace;
  {
    const TraceScope scope("step");
    step();
  }
  CHECK(names_of(trace, "op") == std::vector<std::string>{"linear", "tanh(x)", "sum"});
  CHECK(names_of(trace, "backward") ==
        std::vector<std::string>{"sum", "tanh(x)", "linear", "gradients of weights"});
  const std::vector<std::string> products = names_of(trace, "product");
  REQUIRE(products.size() == 3);  // forward, of the inputs' gradient, of the weights'
  CHECK(products.front().ends_with(" (3, 4) x (4, 5)"));
  CHECK(products.back().ends_with(" (5, 3) x (3, 4)"));
  CHECK(names_of(trace, "scope") == std::vector<std::string>{"step", "backward"});
  CHECK(nests(trace));
  CHECK(contains_first(trace, "step", "linear"));
  CHECK(contains_first(trace, "linear", products.front()));
  CHECK(contains_first(trace, "gradients of weights", products.back()));
  CHECK(trace.dropped() == 0);
}

TEST_CASE("trace: has an event for each recorded op and each product") {
  const TrainingStep step;
  const blas::ProductLog log;
  const auto before = tape_stats<double>().recorded;
  const Trace trace;
  step(), step();
  CHECK(names_of(trace, "op").size() == tape_stats<double>().recorded - before);
  CHECK(names_of(trace, "product").size() == log.products().size());
  CHECK(trace.size() == events_of(trace).size());
}

TEST_CASE("trace: what helpers do is shown on threads of their own") {
  const Trace trace;
  {
    const PartsGoTo helpers(PartsGoTo::Whom::helpers);
    const auto part = [](int k) {
      const TraceScope scope("work " + std::to_string(k));
      sum(random_parameter({2}, 1) * 2.0);
    };
    detail::share_parts(3, part);
  }
  std::set<int> threads;
  for (const json& e : events_of(trace))
    if (e["cat"] == "part") threads.insert(e["tid"].get<int>());
  CHECK(threads == std::set<int>{1, 2, 3});
  CHECK(names_of(trace, "part").size() == 3);
  CHECK(names_of(trace, "op").size() == 6);
  CHECK(nests(trace));
  std::map<int, std::string> names;
  const json document = json::parse(trace.json());
  for (const json& e : document["traceEvents"])
    if (e["name"] == "thread_name") names[e["tid"]] = e["args"]["name"];
  CHECK(names == std::map<int, std::string>{{1, "caller"}, {2, "helper 1"}, {3, "helper 2"}});
}

TEST_CASE("trace: an op that follows parts contains those that it was computed by") {
  const Trace trace;
  const PartsGoTo caller(PartsGoTo::Whom::caller);
  const V x = random_parameter({2}, 1);
  const auto part = [](int) {};
  detail::share_parts(2, part);
  const V y = sum(x);
  CHECK(nests(trace));
  CHECK(contains_first(trace, "sum", "part 0"));
}

TEST_CASE("trace: without one nothing is noted, and the inner of two notes") {
  const TrainingStep step;
  step();
  CHECK(detail::TraceHook::log == nullptr);
  const Trace outer;
  {
    const Trace inner;
    step();
    CHECK(inner.size() > 0);
  }
  CHECK(outer.size() == 0);
  step();
  CHECK(outer.size() > 0);
}

TEST_CASE("trace: an exception ends what it leaves") {
  V x = random_parameter({2}, 1);
  const V y = sum(x * x);
  x.update([](auto& v) { v *= 2; });
  const Trace trace;
  CHECK_THROWS_AS(y.backward(), UsageError);
  CHECK(names_of(trace, "scope") == std::vector<std::string>{"backward"});
  CHECK(nests(trace));
}

TEST_CASE("trace: names are escaped") {
  const Trace trace;
  { const TraceScope scope("a \"b\"\\\n\x7F é"); }
  CHECK(names_of(trace, "scope") == std::vector<std::string>{"a \"b\"\\\n\x7F ?"});
}

TEST_CASE("write_trace: the file holds the JSON, and a folder in its place is an error") {
  const TemporaryFolder folder;
  const Trace trace;
  { const TraceScope scope("once"); }
  write_trace(folder / "t.json", trace);
  std::ifstream file(folder / "t.json");
  CHECK(json::parse(file) == json::parse(trace.json()));
  CHECK_THROWS_AS(write_trace(folder.path, trace), DataError);
}
