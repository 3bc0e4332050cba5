# The doctest binaries. Every test case is one CTest test, named <kind>.[<folder>.]<test case>; a case that cannot
# run here prints "skipped: <reason>" (tests/support/skip.hpp) and is reported as such.
set(CMAKE_INTERPROCEDURAL_OPTIMIZATION OFF)
find_package(Python3 REQUIRED COMPONENTS Interpreter)

# ThreadSanitizer examines what has threads: the bench, the command line, the mesh and what
# crosses NATs have one.
set(tested xm_node)
if(NOT XM_TSAN)
  list(APPEND tested xm_cli xm_bench)
endif()
file(GLOB support CONFIGURE_DEPENDS tests/support/*.cpp)
if(support)
  add_library(xm_test_support STATIC ${support})
  target_link_libraries(xm_test_support PUBLIC ${tested} doctest::doctest)
else()
  add_library(xm_test_support INTERFACE)
  target_link_libraries(xm_test_support INTERFACE ${tested} doctest::doctest)
endif()

add_library(xm_test_main OBJECT tests/unit/main.cpp)
target_link_libraries(xm_test_main PUBLIC xm_base xm_dep_crypto doctest::doctest)
# doctest's own implementation need not be examined.
target_compile_options(xm_test_main PRIVATE -O0 -fno-sanitize=all)

# All unit tests; and what runs under the sanitizers too.
add_custom_target(xm_unit_tests)
add_custom_target(xm_tests DEPENDS xm_unit_tests)

# xm_test_binary(NAME PREFIX SECONDS sources...)
function(xm_test_binary name prefix seconds)
  if(NOT ARGN)
    return()
  endif()
  add_executable(${name} ${ARGN})
  target_link_libraries(${name} PRIVATE xm_test_main xm_test_support xm_test_options)
  xm_precompile(${name} xm_unit_tests_base <doctest/doctest.h>)
  # The list of cases is made whenever the binary is, and CTest reads it when it runs.
  set(cases ${PROJECT_BINARY_DIR}/${name}.ctest.cmake)
  add_custom_command(TARGET ${name} POST_BUILD BYPRODUCTS ${cases}
    COMMAND ${Python3_EXECUTABLE} ${PROJECT_SOURCE_DIR}/cmake/discover_tests.py
            $<TARGET_FILE:${name}> ${prefix} ${seconds} ${PROJECT_SOURCE_DIR} ${cases}
    VERBATIM)
  file(WRITE ${PROJECT_BINARY_DIR}/${name}.include.cmake
    "if(EXISTS \"${cases}\")\n  include(\"${cases}\")\n"
    "else()\n  add_test(${prefix}.not_built ${name}_is_not_built)\nendif()\n")
  set_property(DIRECTORY APPEND PROPERTY TEST_INCLUDE_FILES
    ${PROJECT_BINARY_DIR}/${name}.include.cmake)
endfunction()

# Naive oracles and races that count: the tests that are worth optimising.
set_source_files_properties(tests/unit/peer/allowed_ips_test.cpp tests/unit/peer/index_table_test.cpp
  tests/unit/path/offload_property_test.cpp tests/bpf/oracle_test.cpp PROPERTIES
  COMPILE_OPTIONS -O2 SKIP_PRECOMPILE_HEADERS ON)
# Only where files are read: elsewhere the folder's name would keep ccache from serving two clones.
file(GLOB readers CONFIGURE_DEPENDS tests/unit/bench/*_test.cpp tests/unit/mesh/*_test.cpp)
set_property(SOURCE ${readers} tests/unit/noise/fuzz_corpus_test.cpp
  tests/unit/ctl/status_schema_test.cpp tests/unit/ctl/metrics_test.cpp
  tests/unit/nat/stun_test.cpp tests/bpf/budget_test.cpp
  APPEND PROPERTY COMPILE_DEFINITIONS XM_SOURCE_DIR="${PROJECT_SOURCE_DIR}")
# One binary a folder. Each case runs in a process of its own, and under a sanitizer a process takes the longer to
# start the more there is in its binary.
set(folders base crypto wire loader noise io peer path ctl node nat mesh store cli bench)
if(XM_TSAN)
  list(REMOVE_ITEM folders nat mesh store cli bench)
endif()
foreach(folder IN LISTS folders)
  file(GLOB unit CONFIGURE_DEPENDS tests/unit/${folder}/*_test.cpp)
  xm_test_binary(xm_unit_tests_${folder} unit 300 ${unit})
  add_dependencies(xm_unit_tests xm_unit_tests_${folder})
endforeach()
# The mesh under virtual time: for tests and for xdp-mesh-sim, and optimised, for it runs long.
add_library(xm_mesh_world STATIC tests/sim/mesh_world.cpp tests/sim/mesh_scenarios.cpp)
target_link_libraries(xm_mesh_world PUBLIC xm_mesh)
add_executable(xdp-mesh-sim tests/sim/mesh_sim.cpp)
target_link_libraries(xdp-mesh-sim PRIVATE xm_mesh_world)
file(GLOB sim CONFIGURE_DEPENDS tests/sim/*_test.cpp)
if(XM_TSAN)
  list(FILTER sim EXCLUDE REGEX "mesh_test")
endif()
xm_test_binary(xm_sim_tests sim 900 ${sim})
target_link_libraries(xm_sim_tests PRIVATE xm_mesh_world)
file(GLOB bpf CONFIGURE_DEPENDS tests/bpf/*_test.cpp)
xm_test_binary(xm_bpf_tests bpf 300 ${bpf})
if(TARGET xm_sim_tests)
  add_dependencies(xm_tests xm_sim_tests)
endif()

# The BPF half without the rest of the tree, outside `all`: its tests need the object and what makes macs.
add_executable(xm_unit_tests_bpf EXCLUDE_FROM_ALL ${bpf})
target_link_libraries(xm_unit_tests_bpf PRIVATE xm_test_main xm_skeleton xm_noise PkgConfig::libbpf
                      xm_test_options)

# And the mesh's simulations.
add_executable(xm_sim_tests_mesh EXCLUDE_FROM_ALL tests/sim/mesh_test.cpp)
target_link_libraries(xm_sim_tests_mesh PRIVATE xm_test_main xm_mesh_world xm_test_options)

if(EXISTS ${PROJECT_SOURCE_DIR}/tests/style/style.cmake)
  include(tests/style/style.cmake)
endif()
