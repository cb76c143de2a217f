#include "unroll/detail/autograd/base/traffic_counts.hpp"

namespace unroll {

Traffic traffic() { return detail::current_traffic; }

}  // namespace unroll
