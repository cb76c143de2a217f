/// \file unroll: looks at training runs, and starts them: reports, searches over options.

#include "unroll/subcommands.hpp"

int main(int argc, char** argv) {
  using namespace unroll;
  return program::guarded("unroll", [&] {
    program::Program frame("unroll", "Looks at training runs: what they did, how they compare.");
    for (const tool::AddSubcommand add : tool::subcommands()) add(frame);
    return frame.main(argc, argv);
  });
}
