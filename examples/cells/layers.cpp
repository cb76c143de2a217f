// Compiles the cells of the zoo in float, for the program.

#include "cells/zoo.hpp"

namespace zoo {

template const std::vector<Row<float>>& table<float>();

}  // namespace zoo
