#include "failing_allocation.hpp"

#include <cstdlib>
#include <new>

namespace {
// How many allocations are left, that which fails included; 0: none fails.
thread_local constinit long left = 0;

void* allocate_or_null(std::size_t bytes) noexcept {
  if (left > 0 && --left == 0) return nullptr;
  return std::malloc(bytes > 0 ? bytes : 1);
}

void* allocate(std::size_t bytes) {
  if (void* p = allocate_or_null(bytes)) return p;
  throw std::bad_alloc();
}
}  // namespace

void* operator new(std::size_t bytes) { return allocate(bytes); }
void* operator new[](std::size_t bytes) { return allocate(bytes); }
void* operator new(std::size_t bytes, const std::nothrow_t&) noexcept { return allocate_or_null(bytes); }
void* operator new[](std::size_t bytes, const std::nothrow_t&) noexcept { return allocate_or_null(bytes); }
void operator delete(void* p) noexcept { std::free(p); }
void operator delete[](void* p) noexcept { std::free(p); }
void operator delete(void* p, std::size_t) noexcept { std::free(p); }
void operator delete[](void* p, std::size_t) noexcept { std::free(p); }
void operator delete(void* p, const std::nothrow_t&) noexcept { std::free(p); }
void operator delete[](void* p, const std::nothrow_t&) noexcept { std::free(p); }

namespace unroll::tests {

FailingAllocation::FailingAllocation(long n) { left = n; }
FailingAllocation::~FailingAllocation() { left = 0; }
bool FailingAllocation::thrown() const { return left == 0; }

}  // namespace unroll::tests
