#include "unroll/subcommands.hpp"

#include <array>

namespace unroll::tool {

std::span<const AddSubcommand> subcommands() {
  static constexpr std::array table{
      add_report,
      add_sweep,
      add_csv,
      add_events,
  };
  return table;
}

}  // namespace unroll::tool
