// SPDX-License-Identifier: Apache-2.0
// Empty: gives CMake a target that precompiles headers (CMakeLists.txt).
