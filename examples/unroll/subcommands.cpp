#include "subcommands.hpp"

#include <array>

namespace unroll::tool {

std::span<const AddSubcommand> subcommands() {
  static constexpr std::array table{
      add_report,
      add_sweep,
  };
  return table;
}

}  // namespace unroll::tool
