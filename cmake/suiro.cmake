# SPDX-License-Identifier: Apache-2.0
# How every folder of src/ becomes a library and a test program, so that a folder's own CMakeLists.txt
# is one line.

find_package(Threads REQUIRED)
find_package(Boost 1.81 REQUIRED)
find_package(OpenSSL REQUIRED)
find_package(fmt REQUIRED)
find_package(spdlog REQUIRED)
find_package(CURL REQUIRED)
find_package(LibArchive REQUIRED)
find_package(simdjson REQUIRED)
find_package(CLI11 REQUIRED)
find_package(ZLIB REQUIRED)
find_package(PkgConfig REQUIRED)
pkg_check_modules(RE2 REQUIRED IMPORTED_TARGET re2)
pkg_check_modules(EXPAT REQUIRED IMPORTED_TARGET expat)
pkg_check_modules(ROCKSDB REQUIRED IMPORTED_TARGET rocksdb)
pkg_check_modules(NGHTTP2 REQUIRED IMPORTED_TARGET libnghttp2)
pkg_check_modules(ZSTD REQUIRED IMPORTED_TARGET libzstd)
pkg_check_modules(SNAPPY REQUIRED IMPORTED_TARGET snappy)
# Its -pthread would differ from the flags of the precompiled header; Threads::Threads links the library.
set_target_properties(PkgConfig::RE2 PROPERTIES INTERFACE_COMPILE_OPTIONS "")

add_library(suiro_flags INTERFACE)
target_compile_options(suiro_flags INTERFACE
  -Wall -Wextra -Wpedantic -Wshadow -Wnon-virtual-dtor -Wno-missing-field-initializers
  -Wno-gnu-statement-expression -fno-omit-frame-pointer)
target_compile_definitions(suiro_flags INTERFACE
  BOOST_ASIO_NO_DEPRECATED BOOST_ASIO_SEPARATE_COMPILATION BOOST_BEAST_SEPARATE_COMPILATION
  SPDLOG_FMT_EXTERNAL SPDLOG_COMPILED_LIB)
target_include_directories(suiro_flags INTERFACE ${CMAKE_SOURCE_DIR}/src ${CMAKE_BINARY_DIR}/generated)
target_link_libraries(suiro_flags INTERFACE Threads::Threads Boost::headers OpenSSL::SSL
  OpenSSL::Crypto fmt::fmt spdlog::spdlog)
target_link_options(suiro_flags INTERFACE -fuse-ld=lld-19)
if(CMAKE_CXX_COMPILER_ID STREQUAL "Clang")
  target_compile_options(suiro_flags INTERFACE "SHELL:-Xclang -fno-pch-timestamp")
endif()
if(SUIRO_SANITIZE)
  target_compile_options(suiro_flags INTERFACE -fsanitize=${SUIRO_SANITIZE})
  target_link_options(suiro_flags INTERFACE -fsanitize=${SUIRO_SANITIZE})
endif()
if(SUIRO_FUZZ)
  target_compile_options(suiro_flags INTERFACE -fsanitize=fuzzer-no-link)
endif()

if(SUIRO_PCH)
  file(CONFIGURE OUTPUT ${CMAKE_BINARY_DIR}/pch.cc CONTENT "// Carrier of the precompiled header.\n")
  add_library(suiro_pch OBJECT ${CMAKE_BINARY_DIR}/pch.cc)
  target_link_libraries(suiro_pch PUBLIC suiro_flags)
  target_precompile_headers(suiro_pch PRIVATE ${CMAKE_SOURCE_DIR}/cmake/pch.h)
endif()

# Test programs of a release build: the libraries as they are shipped, the tests themselves compiled
# fast. Their precompiled header is another one, since it depends on the options.
set(SUIRO_FAST_TESTS OFF)
if(CMAKE_BUILD_TYPE STREQUAL "Release")
  set(SUIRO_FAST_TESTS ON)
endif()
if(SUIRO_PCH AND SUIRO_TESTS AND SUIRO_FAST_TESTS)
  file(CONFIGURE OUTPUT ${CMAKE_BINARY_DIR}/pch_test.cc
       CONTENT "// Carrier of the tests' precompiled header.\n")
  add_library(suiro_pch_test OBJECT ${CMAKE_BINARY_DIR}/pch_test.cc)
  target_link_libraries(suiro_pch_test PUBLIC suiro_flags)
  target_compile_options(suiro_pch_test PRIVATE -O0 -g0)
  target_precompile_headers(suiro_pch_test PRIVATE ${CMAKE_SOURCE_DIR}/cmake/pch.h)
endif()

# suiro_use_pch(target): share the one precompiled header.
function(suiro_use_pch target)
  if(SUIRO_PCH)
    target_precompile_headers(${target} REUSE_FROM suiro_pch)
  endif()
endfunction()

# suiro_as_test(target): compiled as test programs are.
function(suiro_as_test target)
  if(SUIRO_PCH AND SUIRO_FAST_TESTS)
    target_compile_options(${target} PRIVATE -O0 -g0)
    target_precompile_headers(${target} REUSE_FROM suiro_pch_test)
  else()
    suiro_use_pch(${target})
  endif()
endfunction()

# suiro_folder(name [DEPS lib...]): *.cc of this folder -> library suiro_<name>; *_test.cc -> program
# <name>_test, registered with CTest; main.cc is left to the folder's own add_executable.
function(suiro_folder name)
  cmake_parse_arguments(ARG "" "" "DEPS" ${ARGN})
  file(GLOB sources CONFIGURE_DEPENDS ${CMAKE_CURRENT_SOURCE_DIR}/*.cc)
  set(tests ${sources})
  list(FILTER sources EXCLUDE REGEX "(_test|/main)\\.cc$")
  list(FILTER tests INCLUDE REGEX "_test\\.cc$")
  if(sources)
    add_library(suiro_${name} STATIC ${sources})
    target_link_libraries(suiro_${name} PUBLIC suiro_flags ${ARG_DEPS})
    suiro_use_pch(suiro_${name})
  else()
    add_library(suiro_${name} INTERFACE)
    target_link_libraries(suiro_${name} INTERFACE suiro_flags ${ARG_DEPS})
  endif()
  if(tests AND SUIRO_TESTS)
    suiro_test(${name}_test SOURCES ${tests} DEPS suiro_${name})
  endif()
endfunction()

# suiro_test(name SOURCES file... DEPS lib...): a GoogleTest program.
function(suiro_test name)
  cmake_parse_arguments(ARG "" "" "SOURCES;DEPS" ${ARGN})
  find_package(GTest REQUIRED)
  add_executable(${name} ${ARG_SOURCES})
  target_link_libraries(${name} PRIVATE ${ARG_DEPS} suiro_flags GTest::gtest GTest::gmock GTest::gtest_main)
  target_compile_definitions(${name} PRIVATE SUIRO_SOURCE_DIR="${CMAKE_SOURCE_DIR}")
  suiro_as_test(${name})
  add_test(NAME ${name} COMMAND ${name} WORKING_DIRECTORY ${CMAKE_SOURCE_DIR})
endfunction()

# suiro_recorded_cases(name FILE file SCRIPT script TEST program DEFINE macro): what `script` makes of
# shared/data/`file`, for a test program, which is told its path by `macro`. The file is not part of
# the repository: where it is not there, the macro is not defined.
function(suiro_recorded_cases name)
  cmake_parse_arguments(ARG "" "FILE;SCRIPT;TEST;DEFINE" "" ${ARGN})
  set(cases ${CMAKE_SOURCE_DIR}/../shared/data/${ARG_FILE})
  if(NOT SUIRO_TESTS OR NOT EXISTS ${cases})
    return()
  endif()
  find_package(Python3 REQUIRED COMPONENTS Interpreter)
  set(text ${CMAKE_BINARY_DIR}/generated/${name})
  set(script ${CMAKE_SOURCE_DIR}/${ARG_SCRIPT})
  add_custom_command(OUTPUT ${text}
    COMMAND ${Python3_EXECUTABLE} -B ${script} ${cases} ${text}
    DEPENDS ${script} ${cases} VERBATIM)
  add_custom_target(${ARG_TEST}_cases DEPENDS ${text})
  add_dependencies(${ARG_TEST} ${ARG_TEST}_cases)
  target_compile_definitions(${ARG_TEST} PRIVATE ${ARG_DEFINE}="${text}")
endfunction()
