# SPDX-License-Identifier: Apache-2.0
# Cross-compiles for 64-bit ARM with Debian's cross compiler, and runs what it made under QEMU's
# user-mode emulation. The libraries come from a sysroot that scripts/make_arm64_sysroot.sh makes:
# nothing of it is installed on this machine.
set(CMAKE_SYSTEM_NAME Linux)
set(CMAKE_SYSTEM_PROCESSOR aarch64)

set(CASCADE_SYSROOT "${CMAKE_CURRENT_LIST_DIR}/../../build/aarch64-sysroot"
    CACHE PATH "The arm64 system to compile against")
file(REAL_PATH "${CASCADE_SYSROOT}" CMAKE_SYSROOT)
list(APPEND CMAKE_TRY_COMPILE_PLATFORM_VARIABLES CASCADE_SYSROOT)

set(CMAKE_CXX_COMPILER aarch64-linux-gnu-g++)
set(CMAKE_LIBRARY_ARCHITECTURE aarch64-linux-gnu)
set(CMAKE_CROSSCOMPILING_EMULATOR qemu-aarch64 -L ${CMAKE_SYSROOT})

# Programs are this machine's; everything else is the sysroot's.
set(CMAKE_FIND_ROOT_PATH_MODE_PROGRAM NEVER)
set(CMAKE_FIND_ROOT_PATH_MODE_LIBRARY ONLY)
set(CMAKE_FIND_ROOT_PATH_MODE_INCLUDE ONLY)
set(CMAKE_FIND_ROOT_PATH_MODE_PACKAGE ONLY)
set(ENV{PKG_CONFIG_SYSROOT_DIR} ${CMAKE_SYSROOT})
set(ENV{PKG_CONFIG_LIBDIR}
    ${CMAKE_SYSROOT}/usr/lib/aarch64-linux-gnu/pkgconfig:${CMAKE_SYSROOT}/usr/share/pkgconfig)
