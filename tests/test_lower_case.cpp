#include <doctest/doctest.h>

#include "unroll/data/lower_case.hpp"

using unroll::lower_case;

TEST_CASE("lower case: letters of several alphabets, and nothing else") {
  CHECK(lower_case("Été À L'ÎLE 42 ΑΩ ЖД straße ﷼ 日本") == "été à l'île 42 αω жд straße ﷼ 日本");
  CHECK(lower_case("") == "");
  CHECK(lower_case(lower_case("ÅNGSTRÖM")) == "ångström");
}

TEST_CASE("lower case: bytes that are not UTF-8 stay as they are") {
  CHECK(lower_case("A\xff\xc3") == "a\xff\xc3");
}
