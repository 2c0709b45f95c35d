// Empty: gives CMake a target that precompiles headers (CMakeLists.txt).
