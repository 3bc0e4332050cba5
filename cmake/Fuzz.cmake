# One libFuzzer binary per tests/fuzz/<name>_fuzz.cpp; its seeds are in tests/fuzz/corpus/<name>/.
file(GLOB targets CONFIGURE_DEPENDS tests/fuzz/*_fuzz.cpp)
foreach(source IN LISTS targets)
  get_filename_component(name ${source} NAME_WE)
  add_executable(${name} ${source})
  target_link_libraries(${name} PRIVATE xm_ctl xm_store xm_nat)
  target_link_options(${name} PRIVATE -fsanitize=fuzzer)
endforeach()
