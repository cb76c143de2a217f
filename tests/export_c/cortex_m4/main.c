/* Runs a network on a Cortex-M4F without an operating system, compares its outputs with those of the library, measures the
   stack, and tells by semihosting. CASE is the file that write_all wrote. */
#include CASE

#include <stdint.h>

extern uint32_t stack_top, memory_used, data_begin, data_end, data_source;
static STATE state;

static int semihost(int operation, const void* argument) {
  register int r0 __asm__("r0") = operation;
  register const void* r1 __asm__("r1") = argument;
  __asm__ volatile("bkpt 0xab" : "+r"(r0) : "r"(r1) : "memory");
  return r0;
}
static void print(const char* text) { semihost(4, text); }
static void print_number(uint32_t n) {
  char digits[12];
  int at = 11;
  digits[at] = 0;
  do digits[--at] = (char)('0' + n % 10), n /= 10;
  while (n > 0);
  print(digits + at);
}

#define PAINT 0xa5a5a5a5u
static void paint(void) {
  uintptr_t here;
  __asm__ volatile("mov %0, sp" : "=r"(here));
  for (uint32_t* p = &memory_used; (uintptr_t)p < here - 64; ++p) *(volatile uint32_t*)p = PAINT;
}
static uint32_t stack_used(void) {
  const uint32_t* p = &memory_used;
  while (*(const volatile uint32_t*)p == PAINT) ++p;
  return (uint32_t)((uintptr_t)&stack_top - (uintptr_t)p);
}

/* The largest difference, in units of 1e-9. */
static __attribute__((noinline)) uint32_t run(void) {
  float worst = 0;
  RESET(&state);
  for (int t = 0; t < STEPS; ++t) {
    float y[OUTPUTS];
    STEP(&state, inputs + t * INPUTS, y);
    for (int k = 0; k < OUTPUTS; ++k) {
      const float d = y[k] > outputs[t * OUTPUTS + k] ? y[k] - outputs[t * OUTPUTS + k] : outputs[t * OUTPUTS + k] - y[k];
      if (!(d <= worst)) worst = d;
    }
  }
  return worst < 1.0f ? (uint32_t)(worst * 1e9f) : 4000000000u;
}

static __attribute__((used)) void program(void) {
  uint32_t off;
  *(volatile uint32_t*)0xE000ED88 |= 0xFu << 20; /* the floating-point unit */
  __asm__ volatile("dsb\nisb");
  for (uint32_t* p = &data_begin; p < &data_end; ++p) *(volatile uint32_t*)p = (&data_source)[p - &data_begin];
  for (uint32_t* p = &data_end; p < &memory_used; ++p) *(volatile uint32_t*)p = 0;
  paint();
  off = run();
  print(NAME " on a Cortex-M4F: largest difference ");
  print_number(off);
  print("e-9, state ");
  print_number(sizeof state);
  print(" bytes, all data ");
  print_number((uint32_t)((uintptr_t)&memory_used - (uintptr_t)&data_begin));
  print(" bytes, stack ");
  print_number(stack_used());
  print(" bytes\n");
  semihost(0x18, (const void*)(off <= (uint32_t)(BOUND * 1e9f) ? 0x20026 : 0x20023)); /* whether all was well */
  for (;;) {}
}
void start(void);
__attribute__((naked)) void start(void) { __asm__ volatile("b program"); }
__attribute__((section(".vectors"), used)) static const void* const vectors[2] = {&stack_top, (const void*)start};
