#include "unroll/detail/autograd/base/traffic_counts.hpp"

namespace unroll {

thread_local constinit Traffic detail::current_traffic;

Traffic traffic() { return detail::current_traffic; }

}  // namespace unroll
