# How every target of ours is made: one library per room, the same warnings everywhere.

# What our own code compiles with. Generated code does not link it.
add_library(cascade_options INTERFACE)
target_include_directories(cascade_options INTERFACE ${PROJECT_SOURCE_DIR})
target_compile_options(cascade_options INTERFACE
  -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wsign-conversion -Wold-style-cast -Werror
  $<$<CXX_COMPILER_ID:Clang>:-Wthread-safety>
  # The numerics contract: a fused multiply-add happens where it is written, and nowhere else.
  -ffp-contract=off)
if(CASCADE_SANITIZE)
  target_compile_options(cascade_options INTERFACE
    -fsanitize=${CASCADE_SANITIZE} -fno-sanitize-recover=all -fno-omit-frame-pointer)
  target_link_options(cascade_options INTERFACE -fsanitize=${CASCADE_SANITIZE})
endif()

# cascade_library(<name> SOURCES ... HEADERS ... PRIVATE_HEADERS ... PUBLIC <libs> PRIVATE <libs>)
#
# A static library whose headers are named from the project's root ("model/config.h") and are
# checked to compile alone by `cmake --build ... --target all_verify_interface_header_sets`. HEADERS are
# for everybody who links the library; PRIVATE_HEADERS are for its own sources and tests
# (tests/lint/include_rules.txt holds this).
function(cascade_library name)
  cmake_parse_arguments(arg "" "" "SOURCES;HEADERS;PRIVATE_HEADERS;PUBLIC;PRIVATE" ${ARGN})
  if(arg_SOURCES)
    add_library(${name} STATIC ${arg_SOURCES})
    set(scope PUBLIC)
    target_link_libraries(${name} PRIVATE cascade_options ${arg_PRIVATE})
  else()
    add_library(${name} INTERFACE)
    set(scope INTERFACE)
  endif()
  target_sources(${name} ${scope} FILE_SET HEADERS BASE_DIRS ${PROJECT_SOURCE_DIR}
                 FILES ${arg_HEADERS})
  target_link_libraries(${name} ${scope} ${arg_PUBLIC})
  set_target_properties(${name} PROPERTIES VERIFY_INTERFACE_HEADER_SETS ON)

  # CMake verifies interface headers alone, so the private ones are the interface of a library that
  # nobody links.
  if(arg_PRIVATE_HEADERS)
    add_library(${name}_private_headers INTERFACE)
    target_sources(${name}_private_headers INTERFACE FILE_SET HEADERS BASE_DIRS ${PROJECT_SOURCE_DIR}
                   FILES ${arg_PRIVATE_HEADERS})
    target_link_libraries(${name}_private_headers INTERFACE ${name} ${arg_PRIVATE})
    set_target_properties(${name}_private_headers PROPERTIES VERIFY_INTERFACE_HEADER_SETS ON)
  endif()
endfunction()

# cascade_test(<name> LABEL unit|checkpoint|integration|lint SOURCES ... LIBS ... [TIMEOUT s])
#
# One GoogleTest binary; each of its tests is a CTest test with the label. Every test can ask
# tests/support/source_path.h where the repository's files are.
function(cascade_test name)
  cmake_parse_arguments(arg "" "LABEL;TIMEOUT" "SOURCES;LIBS" ${ARGN})
  if(NOT arg_TIMEOUT)
    set(arg_TIMEOUT 600)  # a hang must end the run; no test is meant to come near it
  endif()
  add_executable(${name} ${arg_SOURCES})
  target_link_libraries(${name} PRIVATE
    ${arg_LIBS} cascade_options cascade_source_path GTest::gmock GTest::gtest_main)
  set_target_properties(${name} PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/tests)
  # NO_PRETTY_VALUES: a parameter's own name, not its bytes.
  gtest_discover_tests(${name} DISCOVERY_TIMEOUT 120 NO_PRETTY_VALUES
    PROPERTIES LABELS ${arg_LABEL} TIMEOUT ${arg_TIMEOUT})
endfunction()
