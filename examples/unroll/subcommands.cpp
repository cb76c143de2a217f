#include "unroll/subcommands.hpp"

#include <array>

namespace unroll::tool {

std::span<const AddSubcommand> subcommands() {
  static constexpr std::array table{
      add_report, add_sweep, add_csv, add_events, add_export,
  };
  return table;
}

}  // namespace unroll::tool
