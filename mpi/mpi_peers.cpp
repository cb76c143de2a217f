#include "unroll/mpi/mpi_peers.hpp"

#include "unroll/version.hpp"

namespace unroll::mpi {

MpiPeers::MpiPeers(const CommunicatorOptions& options) : ranks_(options) {
  ranks_.agree("version", UNROLL_VERSION_STRING);
  ranks_.agree_on_program();
}

std::unique_ptr<Peers> peers_of_mpirun(const CommunicatorOptions& options) {
  if (!started_by_mpirun()) return nullptr;
  return std::make_unique<MpiPeers>(options);
}

}  // namespace unroll::mpi
