#include "unroll/mpi/run_mark.hpp"

#include <doctest/doctest.h>

#include <fstream>
#include <stdexcept>

#include "../temporary_folder.hpp"

using namespace unroll;

TEST_CASE("run_mark: a run that ends by itself leaves nothing, one that is cut off is told of") {
  const TemporaryFolder folder;
  {
    const mpi::RunMark mark(folder.path, 4);
    CHECK(std::filesystem::exists(folder / "running.json"));
    CHECK_FALSE(mark.left(10));
  }
  CHECK(std::filesystem::is_empty(folder.path));
  try {
    const mpi::RunMark mark(folder.path, 4);
    throw std::runtime_error("cut off");
  } catch (const std::runtime_error&) {
  }
  const mpi::RunMark next(folder.path, 2);
  CHECK(next.left(10) ==
        "the run before, of 4 ranks, was cut off; going on from its last checkpoint, of step 10");
}

TEST_CASE("run_mark: a damaged file says only that there was a run") {
  for (const std::string text : {"", "{", "[]", "{\"ranks\":\"many\"}", "{\"ranks\":0}"}) {
    const TemporaryFolder folder;
    std::ofstream(folder / "running.json") << text;
    CHECK(mpi::RunMark(folder.path, 2).left(1) ==
          "the run before, of an unknown number of ranks, was cut off; going on from its last checkpoint, of "
          "step 1");
  }
  const TemporaryFolder folder;
  std::ofstream(folder / "running.json") << std::string(5000, ' ');
  CHECK(mpi::RunMark(folder.path, 2).left(1)->find("unknown") != std::string::npos);
}
