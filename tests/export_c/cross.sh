#!/usr/bin/env bash
# Networks as C for other processors, run by emulation, and their outputs held against the library's.
# cross.sh WRITE_ALL SOURCES STEPS; SOURCES is this folder.
# 64-bit Arm: every network. Cortex-M4F, without an operating system: an LSTM of 16 in 64 kB of flash and 4 kB of memory.
set -euo pipefail
write=$1 here=$2 steps=$3
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
"$write" "$work" "$steps"
cd "$work"
failed=0 count=0
for case in *.h.in; do
  name=${case%.h.in}
  aarch64-linux-gnu-gcc -std=gnu99 -O2 -static -I. -DCASE="\"$case\"" "$here/driver.c" "$name.c" -o "$name" -lm
  qemu-aarch64 "./$name" || { echo "$name: wrong on 64-bit Arm"; failed=$((failed + 1)); }
  count=$((count + 1))
done

"$write" "$work" 200 # their inputs and outputs are in the flash, too
for name in lstm16 lstm16_fast; do
  flags=(-mcpu=cortex-m4 -mthumb -mfloat-abi=hard -mfpu=fpv4-sp-d16 -std=gnu99 -O2 -Wall -Wextra -Werror
         -ffunction-sections -fdata-sections)
  arm-none-eabi-gcc "${flags[@]}" -I. -c "$name.c" -o "$name.o"
  arm-none-eabi-gcc "${flags[@]}" -ffreestanding -I. -DCASE="\"$name.h.in\"" -c "$here/cortex_m4/main.c" -o main.o
  libraries=(-lc -lgcc) # the compiler makes memset and memcpy of loops
  [ "$name" = lstm16_fast ] || libraries=(-lm "${libraries[@]}")
  arm-none-eabi-gcc "${flags[@]}" -nostdlib -nostartfiles -T "$here/cortex_m4/board.ld" -Wl,--gc-sections main.o "$name.o" \
    "${libraries[@]}" -o "$name.elf"
  timeout 60 qemu-system-arm -M mps2-an386 -nographic -monitor none -serial none -semihosting -kernel "$name.elf" ||
    { echo "$name: wrong on a Cortex-M4F"; failed=$((failed + 1)); }
  arm-none-eabi-size "$name.o" "$name.elf"
done
echo "$count networks, $failed failures"
[ "$failed" = 0 ] && [ "$count" -gt 50 ]
