# SPDX-License-Identifier: Apache-2.0
# How every target of ours is made: one library per room, the same warnings everywhere.

# What our own code compiles with. Generated code does not link it.
add_library(cascade_options INTERFACE)
target_include_directories(cascade_options INTERFACE ${PROJECT_SOURCE_DIR})
target_compile_options(cascade_options INTERFACE
  -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wsign-conversion -Wold-style-cast
  $<$<BOOL:${CASCADE_WERROR}>:-Werror>
  $<$<CXX_COMPILER_ID:Clang>:-Wthread-safety>
  # The numerics contract: a fused multiply-add happens where it is written, and nowhere else.
  -ffp-contract=off)
if(CASCADE_SANITIZE)
  target_compile_options(cascade_options INTERFACE
    -fsanitize=${CASCADE_SANITIZE} -fno-sanitize-recover=all -fno-omit-frame-pointer)
  target_link_options(cascade_options INTERFACE -fsanitize=${CASCADE_SANITIZE})
endif()

# cascade_reuse_headers(<name>): where CASCADE_PRECOMPILE says so and outside model/, what cmake/headers has
# precompiled. It wants equal options in all targets, and some libraries ask for -pthread. GCC wants equal
# definitions too, which our libraries do not have: they may be precompiled with Clang only.
function(cascade_reuse_headers name)
  if(TARGET cascade_headers)
    target_compile_options(${name} PRIVATE -pthread)
    target_precompile_headers(${name} REUSE_FROM cascade_headers)
  endif()
endfunction()

# cascade_library(<name> SOURCES ... HEADERS ... PRIVATE_HEADERS ... PUBLIC <libs> PRIVATE <libs>)
#
# A static library whose headers are named from the project's root ("model/config.h"). HEADERS are for
# everybody who links the library; PRIVATE_HEADERS are for its own sources and tests
# (tests/lint/include_rules.txt holds this).
#
# Each header compiles alone. A header with a source of its name is the first that the source includes
# (tests/lint/include_direction.sh), so compiling the source shows it; the others are compiled by
# `cmake --build ... --target all_verify_interface_header_sets`.
function(cascade_library name)
  cmake_parse_arguments(arg "" "" "SOURCES;HEADERS;PRIVATE_HEADERS;PUBLIC;PRIVATE" ${ARGN})
  if(arg_SOURCES)
    add_library(${name} STATIC ${arg_SOURCES})
    set(scope PUBLIC)
    target_link_libraries(${name} PRIVATE cascade_options ${arg_PRIVATE})
    if(NOT CASCADE_PRECOMPILE STREQUAL "TESTS")
      cascade_reuse_headers(${name})
    endif()
  else()
    add_library(${name} INTERFACE)
    set(scope INTERFACE)
  endif()
  target_link_libraries(${name} ${scope} ${arg_PUBLIC})

  list(TRANSFORM arg_SOURCES REPLACE "\\.cc$" ".h" OUTPUT_VARIABLE shown_by_sources)
  foreach(headers IN ITEMS HEADERS PRIVATE_HEADERS)
    set(to_verify ${arg_${headers}})
    list(REMOVE_ITEM to_verify ${shown_by_sources})
    if(to_verify)
      # CMake verifies interfaces, so these headers are the interface of a library that nobody links.
      string(TOLOWER ${name}_${headers} verified)
      add_library(${verified} INTERFACE)
      target_sources(${verified} INTERFACE FILE_SET HEADERS BASE_DIRS ${PROJECT_SOURCE_DIR}
                     FILES ${to_verify})
      target_link_libraries(${verified} INTERFACE ${name} ${arg_PRIVATE})
      set_target_properties(${verified} PROPERTIES VERIFY_INTERFACE_HEADER_SETS ON)
    endif()
  endforeach()
  target_sources(${name} ${scope} FILE_SET HEADERS BASE_DIRS ${PROJECT_SOURCE_DIR}
                 FILES ${arg_HEADERS})
endfunction()

# cascade_test(<name> LABEL unit|checkpoint|integration|lint SOURCES ... LIBS ... [TIMEOUT s])
#
# One GoogleTest binary; each of its tests is a CTest test with the label. Every test can ask
# tests/support/source_path.h where the repository's files are. The test's own sources compile with
# CASCADE_TEST_FLAGS besides.
function(cascade_test name)
  cmake_parse_arguments(arg "" "LABEL;TIMEOUT" "SOURCES;LIBS" ${ARGN})
  if(NOT arg_TIMEOUT)
    set(arg_TIMEOUT 600)  # a hang must end the run; no test is meant to come near it
  endif()
  add_executable(${name} ${arg_SOURCES})
  target_link_libraries(${name} PRIVATE
    ${arg_LIBS} cascade_options cascade_source_path GTest::gmock GTest::gtest_main)
  separate_arguments(flags UNIX_COMMAND "${CASCADE_TEST_FLAGS}")
  target_compile_options(${name} PRIVATE ${flags})
  cascade_reuse_headers(${name})
  set_target_properties(${name} PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/tests)
  # NO_PRETTY_VALUES: a parameter's own name, not its bytes.
  gtest_discover_tests(${name} DISCOVERY_TIMEOUT 120 NO_PRETTY_VALUES
    PROPERTIES LABELS ${arg_LABEL} TIMEOUT ${arg_TIMEOUT})
endfunction()
