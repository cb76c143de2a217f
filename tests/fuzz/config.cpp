// A file of options: lines `name = value`.

#include "common/config_file.hpp"
#include "fuzz.hpp"
#include "unroll/autograd/error.hpp"

UNROLL_FUZZ_TARGET(config) {
  for (const auto& entry : unroll::program::parse_config(input, "f")) {
    unroll::fuzz::require(!entry.name.empty() && entry.place.starts_with("f:"),
                          "an entry has a name and a place");
    std::string again = entry.name + " = [";
    for (const auto& value : entry.values) {
      again += '"';
      for (const char c : value) again += c == '"' || c == '\\' ? std::string{'\\', c} : std::string{c};
      again += "\",";
    }
    // A line feed in a value would have been written as \n, which this does not.
    if (again.find('\n') != again.npos) continue;
    const auto read = unroll::program::parse_config(again + "]", "f");
    unroll::fuzz::require(read.size() == 1 && read[0].values == entry.values,
                          "what is written reads back the same");
  }
}
