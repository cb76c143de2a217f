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

constexpr std::pair<Fault, const char*> faults[] = {{Fault::sign, "wrong sign"},
                                                    {Fault::percent, "1 % too much"},
                                                    {Fault::dropped, "dropped"},
                                                    {Fault::store, "= for +="}};

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

  void run(Mutation m, const std::string& op, const std::vector<Use>& uses) {
    for (const auto& [fault, what] : faults) {
      m.fault = fault;
      ++mutants;
      if (!noticed(m, uses))
        survivors.push_back(fmt::format("{}, argument {}: {}", op, m.argument + 1, what));
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
        tally.run({.fault = Fault::none, .scalar_op = row.scalar, .op = "", .argument = k}, row.op, uses);
    if (row.scalar < 0)
      for (const Use& u : uses) collect(u, array_ops);
  }
  for (const auto& [key, uses] : array_ops)
    tally.run({.fault = Fault::none, .scalar_op = -1, .op = key.first, .argument = key.second}, key.first,
              uses);
  for (const std::string& s : tally.survivors) FAIL_CHECK("survives: " << s);
  MESSAGE(tally.mutants << " mutants, " << tally.survivors.size() << " survivors");
  CHECK(tally.mutants > 250);
}
