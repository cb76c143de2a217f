#include <doctest/doctest.h>

#include <map>

#include "op_table.hpp"
#include "unroll/detail/autograd/base/mutants.hpp"
#include "unroll/detail/autograd/core/tape.hpp"

// Built with UNROLL_MUTANTS only: does the op table notice every wrong derivative?

using namespace unroll;
using namespace unroll::tests;
using unroll::detail::Fault;
using unroll::detail::Mutation;
using unroll::detail::mutation;

namespace {

using Faults = std::vector<std::pair<Fault, const char*>>;
const Faults of_numbers{{Fault::sign, "wrong sign"},
                        {Fault::permille, "0.1 % too much"},
                        {Fault::dropped, "dropped"},
                        {Fault::store, "= for +="}};
const Faults of_arrays{{Fault::sign, "wrong sign"},        {Fault::permille, "0.1 % too much"},
                       {Fault::dropped, "dropped"},        {Fault::store, "= for +="},
                       {Fault::shifted, "one element on"}, {Fault::thinned, "every other element missing"}};
const Faults of_recorded{{Fault::sign, "wrong sign"},
                         {Fault::permille, "0.1 % too much"},
                         {Fault::dropped, "dropped"},
                         {Fault::detached, "without a derivative"}};

struct Use {
  const Row* row;
  const Case* the_case;
};

/// Runs the uses until one shows the fault.
bool noticed(const Mutation& fault, const std::vector<Use>& uses) {
  mutation = fault;
  bool found = false;
  for (const Use& u : uses) {
    found = !fault_of(*u.row, *u.the_case).empty();
    if (found) break;
  }
  mutation = {};
  return found;
}

struct Tally {
  int mutants = 0;
  std::vector<std::string> survivors;

  void run(Mutation m, const std::string& op, const std::vector<Use>& uses, const Faults& faults) {
    CHECK_MESSAGE(!noticed(m, uses), op << " seems wrong without a fault");  // left behind by the one before
    for (const auto& [fault, what] : faults) {
      m.fault = fault;
      ++mutants;
      if (!noticed(m, uses))
        survivors.push_back(fmt::format("{}, argument {}{}: {}", op, m.argument + 1,
                                        m.recorded ? ", recorded gradient" : "", what));
    }
  }
};

// The array ops that a case records, by name, with those of their inputs that get a gradient.
void collect(const Use& use, std::map<std::pair<std::string, std::size_t>, std::vector<Use>>& all) {
  const Variable<double> y = use.the_case->f(use.the_case->inputs);
  for (const auto* node : unroll::detail::Tape<double>::local().live_nodes()) {
    const std::string name = node->name();
    if (name.find('(') != std::string::npos) continue;  // fused scalar ops
    for (std::size_t k = 0; k < node->input_count(); ++k) {
      if (!node->input(k).requires_grad) continue;
      std::vector<Use>& uses = all[{name, k}];
      if (uses.empty() || uses.back().the_case != use.the_case) uses.push_back(use);
    }
  }
}

std::vector<Use> of_second_order(const std::vector<Use>& uses) {
  std::vector<Use> some;
  for (const Use& u : uses)
    if (u.the_case->second_order) some.push_back(u);
  return some;
}

}  // namespace

TEST_CASE("mutants: without a fault nothing is noticed") {
  for (const Row& row : op_table()) CHECK(fault_of(row, row.cases.front()) == "");
}

TEST_CASE("mutants: every fault in a derivative of any op is noticed") {
  Tally tally;
  std::map<std::pair<std::string, std::size_t>, std::vector<Use>> array_ops;
  for (const Row& row : op_table()) {
    std::vector<Use> uses;
    for (const Case& c : row.cases) uses.push_back({&row, &c});
    for (std::size_t k = 0; k < row.has_slope.size(); ++k)
      if (row.has_slope[k])
        tally.run({.scalar_op = row.scalar, .op = "", .argument = k}, row.op, uses, of_numbers);
    if (row.scalar < 0)
      for (const Use& u : uses) collect(u, array_ops);
  }
  for (const auto& [key, uses] : array_ops) {
    Mutation m{.scalar_op = -1, .op = key.first, .argument = key.second};
    tally.run(m, key.first, uses, of_arrays);
    if (const std::vector<Use> second = of_second_order(uses); !second.empty()) {
      m.recorded = true;
      tally.run(m, key.first, second, of_recorded);
    }
  }
  for (const std::string& s : tally.survivors) FAIL_CHECK("survives: " << s);
  MESSAGE(tally.mutants << " mutants, " << tally.survivors.size() << " survivors");
  CHECK(tally.mutants > 400);
}
