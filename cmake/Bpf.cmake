# xm_skeleton: the BPF objects and their generated skeletons, built by Makefile.bpf.
set(bpf_out ${PROJECT_BINARY_DIR}/bpf)
file(GLOB bpf_programs CONFIGURE_DEPENDS bpf/*.bpf.c)
file(GLOB bpf_headers CONFIGURE_DEPENDS bpf/*.bpf.h)
set(bpf_skeletons "")
foreach(program IN LISTS bpf_programs)
  get_filename_component(stem ${program} NAME)
  string(REGEX REPLACE "\\.bpf\\.c$" ".skel.h" stem ${stem})
  list(APPEND bpf_skeletons ${bpf_out}/${stem})
endforeach()
add_custom_command(
  OUTPUT ${bpf_skeletons}
  COMMAND make --no-print-directory -f ${PROJECT_SOURCE_DIR}/Makefile.bpf
          SRC=${PROJECT_SOURCE_DIR} OUT=${bpf_out} all
  DEPENDS ${bpf_programs} ${bpf_headers} Makefile.bpf
          include/xdpmesh/abi.h include/xdpmesh/drop.h
  COMMENT "BPF objects and skeletons"
  VERBATIM)
add_custom_target(xm_skeleton_files DEPENDS ${bpf_skeletons})
add_library(xm_skeleton INTERFACE)
add_dependencies(xm_skeleton xm_skeleton_files)
target_include_directories(xm_skeleton SYSTEM INTERFACE ${bpf_out})
