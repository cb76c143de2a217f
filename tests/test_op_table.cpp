#include <doctest/doctest.h>

#include "op_table.hpp"
#include "unroll/autograd/functions.hpp"
#include "unroll/autograd/reduce.hpp"
#include "unroll/autograd/tape_stats.hpp"

using namespace unroll;
using namespace unroll::tests;

TEST_CASE("op table: every op is right in value, shape, both orders of gradient and both types") {
  for (const Row& row : op_table()) {
    CHECK_FALSE(row.cases.empty());
    for (const Case& c : row.cases) {
      const std::string fault = fault_of(row, c);
      if (!fault.empty()) FAIL_CHECK(row.op << ", " << c.label << ": " << fault);
    }
  }
}

TEST_CASE("op table: every mistake throws, names its op and changes nothing") {
  for (const Row& row : op_table()) {
    for (const Mistake& m : row.mistakes) {
      CAPTURE(row.op);
      CAPTURE(m.message);
      const TapeStats tape = tape_stats<double>();
      const std::size_t in_use = pool_stats().in_use;
      const std::string message = message_of<Error>(m.call);
      CAPTURE(message);
      CHECK(message.starts_with(m.message));
      CHECK(tape_stats<double>().recorded == tape.recorded);
      CHECK(tape_stats<double>().live == tape.live);
      CHECK(pool_stats().in_use == in_use);
    }
  }
}
