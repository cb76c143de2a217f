# Toolchain: Debian's cross compiler for 64-bit Arm, whose programs run here under qemu. All libraries that the preset
# aarch64 needs are headers; the compiler looks for them in /usr/include after its own. A library of this machine is
# never linked.
set(CMAKE_SYSTEM_NAME Linux)
set(CMAKE_SYSTEM_PROCESSOR aarch64)
set(CMAKE_CXX_COMPILER aarch64-linux-gnu-g++)
set(CMAKE_CROSSCOMPILING_EMULATOR qemu-aarch64 -L /usr/aarch64-linux-gnu)
list(APPEND CMAKE_PREFIX_PATH /usr/lib/${CMAKE_HOST_SYSTEM_PROCESSOR}-linux-gnu/cmake) # where headers have their files
set(CMAKE_CXX_FLAGS_INIT -Wno-psabi) # gcc tells of each pair that is passed as gcc 10.1 and older did not
