// The program unroll for ./dev demo: of its subcommands, the one that the demo calls.
#include "unroll/subcommands.hpp"

#include <array>

namespace unroll::tool {

std::span<const AddSubcommand> subcommands() {
  static constexpr std::array table{add_report};
  return table;
}

}  // namespace unroll::tool
