# xm_options: the language, warning and instrumentation flags that every one of our files is built with.
add_library(xm_options INTERFACE)
target_compile_features(xm_options INTERFACE cxx_std_20)
target_compile_options(xm_options INTERFACE
  -Wall -Wextra -Wconversion -Wshadow -Werror
  # g++ 12 at -O3 sees an overlap inside std::string's operator+ that is not there (GCC bug 105651).
  $<$<CXX_COMPILER_ID:GNU>:-Wno-restrict>
  # g++ leaves sign conversions out of -Wconversion in C++, clang does not: both judge alike.
  $<$<CXX_COMPILER_ID:Clang>:-Wno-sign-conversion>)

if(XM_ASAN AND XM_TSAN)
  message(FATAL_ERROR "XM_ASAN and XM_TSAN exclude each other: choose one")
endif()
if(XM_FUZZ AND NOT CMAKE_CXX_COMPILER_ID MATCHES Clang)
  message(FATAL_ERROR "XM_FUZZ needs clang: -DCMAKE_CXX_COMPILER=clang++ (the preset `fuzz` sets it)")
endif()

set(sanitize "")
if(XM_FUZZ)
  set(sanitize fuzzer-no-link,address,undefined)
elseif(XM_ASAN)
  set(sanitize address,undefined)
elseif(XM_TSAN)
  set(sanitize thread)
endif()
if(sanitize)
  target_compile_options(xm_options INTERFACE
    -fsanitize=${sanitize} -fno-sanitize-recover=all -fno-omit-frame-pointer)
  target_link_options(xm_options INTERFACE -fsanitize=${sanitize} -fno-sanitize-recover=all)
  # g++ at -O2 with a sanitizer warns of uninitialised and out-of-range uses that are not there.
  target_compile_options(xm_options INTERFACE
    $<$<CXX_COMPILER_ID:GNU>:-Wno-maybe-uninitialized -Wno-stringop-overflow -Wno-array-bounds>)
  # ThreadSanitizer does not see std::atomic_thread_fence; the code avoids it, libraries may not.
  target_compile_options(xm_options INTERFACE $<$<CXX_COMPILER_ID:GNU>:-Wno-tsan>)
endif()

if(XM_LTO)
  include(CheckIPOSupported)
  check_ipo_supported(RESULT lto_works OUTPUT lto_says LANGUAGES CXX)
  if(NOT lto_works)
    message(FATAL_ERROR "XM_LTO: this compiler cannot: ${lto_says}")
  endif()
  set(CMAKE_INTERPROCEDURAL_OPTIMIZATION ON)
  # The objects hold machine code too, which is what tests link: only xdp-mesh pays for the whole
  # program's optimisation.
  target_compile_options(xm_options INTERFACE $<$<CXX_COMPILER_ID:GNU>:-ffat-lto-objects>)
endif()

# xm_test_options: for test code, which is large and run once. Optimising it costs more than it saves.
add_library(xm_test_options INTERFACE)
target_compile_options(xm_test_options INTERFACE -O0)
if(XM_ASAN)
  # Two checks in three of a test's own code would be these: the first crashes anyway, and the second is for
  # what reads packets, which is not here.
  target_compile_options(xm_test_options INTERFACE -fno-sanitize=null,alignment)
endif()
target_compile_definitions(xm_test_options INTERFACE DOCTEST_CONFIG_SUPER_FAST_ASSERTS)
if(XM_LTO)
  target_link_options(xm_test_options INTERFACE -fno-lto)
endif()

# Test code and the instrumented builds precompile the standard library's headers, which halves their
# time. Our own code otherwise does not: there every file shows that it includes what it uses.
set(XM_COMMON_HEADERS <algorithm> <array> <atomic> <chrono> <cstring> <deque> <functional> <map>
    <memory> <mutex> <optional> <span> <string> <string_view> <thread> <unordered_map> <variant> <vector>)
# xm_precompile(TARGET OWNER [header...]): the first to name an owner makes the headers, others reuse them.
function(xm_precompile target owner)
  if(target STREQUAL owner)
    target_precompile_headers(${target} PRIVATE ${XM_COMMON_HEADERS} ${ARGN})
  else()
    target_precompile_headers(${target} REUSE_FROM ${owner})
  endif()
endfunction()
