#pragma once
/// \file The subcommands of the program `unroll`, one file each and one table.

#include <span>
#include <string>
#include <vector>

#include "common/program.hpp"

namespace unroll::tool {

/// What a subcommand adds to the program: its name, its options, and what carries it out. The options live as long as
/// the action, which holds them.
using AddSubcommand = void (*)(program::Program& program);

/// All of them, in the order of the help. A new one is a file of its own and a line in subcommands.cpp.
std::span<const AddSubcommand> subcommands();

void add_report(program::Program& program);  ///< report_command.cpp
void add_sweep(program::Program& program);   ///< sweep_command.cpp
void add_csv(program::Program& program);     ///< log_commands.cpp
void add_events(program::Program& program);  ///< log_commands.cpp
void add_export(program::Program& program);  ///< export_command.cpp

}  // namespace unroll::tool
