#include "common/recurrent.hpp"

#include "common/options.hpp"
#include "unroll/autograd/error.hpp"

namespace unroll::program {

const CellKinds& cell_kinds() {
  static const CellKinds all = [] {
    CellKinds kinds;
    for (auto part :
         {simple_cells(), lstm_cells(), gru_cells(), recent_cells(), linear_cells(), mixer_cells(),
          matrix_cells(), residual_cells(), rwkv_cells(), timed_cells(), xlstm_cells()})
      kinds.merge(part);
    return kinds;
  }();
  return all;
}

const CellKind& cell_kind(const std::string& name) {
  const auto found = cell_kinds().find(name);
  if (found != cell_kinds().end()) return found->second;
  raise<UsageError>("--cell: there is no '{}'; there are {}", name, names_of(cell_kinds()));
}

bool is_cell(const std::string& name) { return cell_kinds().contains(name); }

const std::string& cell_help() {
  static const std::string help = "recurrent cell: " + names_of(cell_kinds());
  return help;
}

}  // namespace unroll::program
