# The style tests: what a reviewer should not have to say.
set(style ${PROJECT_SOURCE_DIR}/tests/style)

add_test(NAME style.layers
  COMMAND ${Python3_EXECUTABLE} ${PROJECT_SOURCE_DIR}/tools/check_layers.py ${PROJECT_SOURCE_DIR})
add_test(NAME style.layers_self_test COMMAND ${Python3_EXECUTABLE} ${style}/check_layers_test.py)
add_test(NAME style.flamegraph COMMAND ${Python3_EXECUTABLE} ${style}/flamegraph_test.py)
add_test(NAME style.headers
  COMMAND ${style}/headers.sh ${PROJECT_BINARY_DIR} ${CMAKE_CXX_COMPILER})
add_test(NAME style.format COMMAND ${style}/format.sh)
add_test(NAME style.tidy COMMAND ${Python3_EXECUTABLE} ${style}/clang_tidy.py
  ${PROJECT_BINARY_DIR})
add_test(NAME style.shellcheck COMMAND ${style}/shellcheck.sh)
add_test(NAME style.systemd_unit COMMAND ${style}/systemd_unit.sh)
add_test(NAME style.kubernetes COMMAND /usr/bin/python3 ${style}/kubernetes.py ${PROJECT_SOURCE_DIR})
add_test(NAME style.man COMMAND ${style}/man.sh $<TARGET_FILE:xdp-mesh>)
set_tests_properties(style.headers style.tidy PROPERTIES TIMEOUT 1200 PROCESSORS 2)
set_tests_properties(style.systemd_unit style.kubernetes style.man PROPERTIES SKIP_REGULAR_EXPRESSION "skipped: ")
