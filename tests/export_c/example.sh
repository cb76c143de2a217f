#!/usr/bin/env bash
# The example c_export, and its file built by a C compiler in a folder without the library: example.sh C_EXPORT UPDATES
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
"$1" "$work" "$2"
cd "$work"
cc -std=c99 -pedantic -Wall -Wextra -Wconversion -Werror -O2 -c room.c
cc -std=c99 -O2 room.o check.c -lm -o check
./check
