#include <fmt/ranges.h>

#include <cmath>
#include <sstream>

#include "common/learner.hpp"
#include "common/line_reader.hpp"
#include "common/options.hpp"
#include "common/recurrent.hpp"
#include "program.hpp"
#include "unroll/autograd/functions.hpp"
#include "unroll/autograd/reduce.hpp"
#include "unroll/autograd/views.hpp"
#include "unroll/optim/rules.hpp"

using namespace unroll;
using namespace unroll::program;
using program_test::contains;

namespace {

struct Options : RunOptions {
  std::int64_t hidden = 4;
  bool fast = false, added = false;
  std::string text;

  template <class Self, class Visit>
  static void visit_fixed(Self& o, Visit&& visit) {
    visit("hidden", o.hidden, "", size_from(1));
    visit("fast", o.fast, "", Allowed{});
    visit("added", o.added, "", later({}));
    visit_learning(o, visit);
  }
  template <class Self, class Visit>
  static void visit_changeable(Self& o, Visit&& visit) {
    visit("text", o.text, "", Allowed{});
    visit_duration(o, visit);
  }
};

std::vector<std::string> lines_of(const std::string& text, std::vector<std::string>* notes = nullptr) {
  std::istringstream in(text);
  LineReader reader(in, "input", [&](const std::string& note) {
    if (notes) notes->push_back(note);
  });
  std::vector<std::string> lines;
  while (const auto line = reader.next()) lines.push_back(*line);
  CHECK(reader.number() == std::ssize(lines));
  return lines;
}

using Strings = std::vector<std::string>;

CellOptions sizes(bool bidirectional) {
  return {.input = 3,
          .hidden = 4,
          .layers = 2,
          .dropout = 0,
          .recurrent_dropout = 0,
          .zoneout = 0,
          .zoneout_memory = 0,
          .variational = false,
          .bidirectional = bidirectional};
}

float at(const Variable<float>& v, index_t t, index_t b, index_t f) { return v.value()(t, b, f); }

}  // namespace

TEST_CASE("program: options become JSON and come back, every one of them") {
  Options options;
  options.hidden = 7, options.fast = true, options.text = "a", options.lr = 0.1, options.seed = ~0ULL;
  const auto json = to_json(list_of(options));
  CHECK(json["hidden"] == 7);
  CHECK(json["lr"] == 0.1);
  Options again;
  from_json(list_of(again), json, "f");
  CHECK(to_json(list_of(again)) == json);
  auto lacking = json;
  lacking.erase("seed");
  CHECK_THROWS_WITH_AS(from_json(list_of(again), lacking, "f"), "f: there is no seed", DataError);
}

TEST_CASE("program: an option that came later is read where it is, and has its default in older runs") {
  Options options, again, older;
  options.hidden = 7, options.added = true;
  auto json = to_json(list_of(options));
  from_json(list_of(again), json, "f");
  CHECK(again.added);
  json.erase("added");
  from_json(list_of(older), json, "f");
  CHECK(older.hidden == 7);
  CHECK(!older.added);
}

TEST_CASE("program: a continued run keeps its options but for those that may change") {
  Options earlier, now;
  earlier.hidden = 9, earlier.epochs = 3, earlier.time_limit = 5, earlier.text = "old";
  now.out = "there", now.epochs = 8, now.text = "new";
  const Options both = continued(earlier, now, {"epochs", "out"});
  CHECK(both.hidden == 9);
  CHECK(both.epochs == 8);
  CHECK(both.text == "old");
  CHECK(both.out == "there");
  CHECK(both.time_limit == 0);
  CHECK(both.resume);
  CHECK_THROWS_WITH_AS(
      continued(earlier, now, {"hidden"}),
      "--hidden 4: the run to be continued has 9; leave the option out, or begin another run", UsageError);
}

TEST_CASE("program: an optimiser that does not exist is refused, and those that do are named") {
  const std::string message =
      fmt::format("--optimizer: there is no 'newton'; there are {}", fmt::join(optimizer_names(), ", "));
  CHECK_THROWS_WITH_AS(make_optimizer("newton", 0.1, {}), message.c_str(), UsageError);
}

TEST_CASE("program: lines are read without their ends, a mark at the beginning and carriage returns") {
  CHECK(lines_of("a\nb\n\nc") == Strings{"a", "b", "", "c"});
  CHECK(lines_of("\xEF\xBB\xBFx\r\n\xEF\xBB\xBFy\r\n") == Strings{"x", "\xEF\xBB\xBFy"});
  CHECK(lines_of("").empty());
}

TEST_CASE("program: bytes that are not UTF-8 are replaced and told with their line") {
  std::vector<std::string> notes;
  CHECK(lines_of("ok\nn\xE9"
                 "e\n",
                 &notes) == Strings{"ok", "n\uFFFDe"});
  REQUIRE(notes.size() == 1);
  CHECK_MESSAGE(notes[0].starts_with("input:2: byte 0xE9 (offset 1) is not UTF-8: "), notes[0]);
}

TEST_CASE("program: the learning rate falls by lr-decay after every epoch, whatever was before") {
  const Variable<float> w = Variable<float>({1}, 1.F).requires_grad(true);
  RunOptions options;
  options.optimizer = "sgd", options.lr = 0.5, options.lr_decay = 0.5, options.clip = 0;
  ProgramLearner learner(options, {w});
  // The gradient of sum(w) is 1, so that an update is the learning rate; all are powers of two.
  const auto step = [&](std::int64_t epoch) {
    const float before = w.item();
    const auto loss = [&] { return sum(w); };
    learner.begin({.steps_per_epoch = 7, .epochs = 3, .step = 7 * epoch});
    learner.update(loss(), 1, loss);
    return before - w.item();
  };
  CHECK(step(0) == 0.5F);
  CHECK(step(2) == 0.125F);
  CHECK(step(1) == 0.25F);
}

TEST_CASE("program: a loss that is not finite names the op, and nothing is updated") {
  const Variable<float> w = Variable<float>({1}, 0.F).requires_grad(true);
  RunOptions options;
  options.out = "nowhere";
  ProgramLearner learner(options, {w});
  const auto loss = [&] { return sum(log(w)); };
  try {
    learner.update(loss(), 1, loss);
    FAIL("no error");
  } catch (const Error& error) {
    const std::string what = error.what();
    CHECK_MESSAGE(contains(what, "training has diverged: loss inf, gradient norm inf"), what);
    CHECK_MESSAGE(contains(what, "log"), what);
    CHECK_MESSAGE(contains(what, "there is no checkpoint yet"), what);
  }
  CHECK(w.item() == 0.F);
}

TEST_CASE(
    "recurrence: in both directions, padding changes nothing, and last() has both ends, for every cell") {
  for (const auto& kind : cell_kinds()) {
    CAPTURE(kind.first);
    Generator rng(1);
    const AnyRecurrent<float> layer = kind.second.make(sizes(true), rng);
    Variable<float> x({5, 2, 3}, 0.F);
    for (index_t k = 0; k < x.size(); ++k) x.mutable_data()[k] = static_cast<float>(rng.uniform()) - 0.5F;
    const auto read = layer(x, {}, {.lengths = Indices({2}, {3, 5})});
    const Variable<float>& padded = read.output;
    const Variable<float> brief = layer(slice(x, 0, 0, 3)).output;
    const index_t size = output_size(layer), half = size / 2;
    CHECK(padded.shape() == Shape{5, 2, size});
    const Variable<float> last = layer.last(read);
    for (index_t f = 0; f < size; ++f) {
      // The same numbers through products of other shapes: a few roundings of values below 1.
      for (index_t t = 0; t < 3; ++t) CHECK(std::abs(at(padded, t, 0, f) - at(brief, t, 0, f)) <= 1e-6F);
      for (index_t t = 3; t < 5; ++t) CHECK(at(padded, t, 0, f) == 0.F);
      CHECK(last.value()(0, f) == at(padded, f < half ? 2 : 0, 0, f));
    }
  }
}
