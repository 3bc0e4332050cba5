# What is installed, and the Debian package of it: `cpack -G DEB` in the build folder of the preset `release`.
include(GNUInstallDirs)

# The completions are what the binary prints.
set(completions ${PROJECT_BINARY_DIR}/completions)
add_custom_command(
  OUTPUT ${completions}/xdp-mesh.bash ${completions}/_xdp-mesh ${completions}/xdp-mesh.fish
  COMMAND ${CMAKE_COMMAND} -E make_directory ${completions}
  COMMAND xdp-mesh completion bash > ${completions}/xdp-mesh.bash
  COMMAND xdp-mesh completion zsh > ${completions}/_xdp-mesh
  COMMAND xdp-mesh completion fish > ${completions}/xdp-mesh.fish
  DEPENDS xdp-mesh
  COMMENT "Shell completions")
add_custom_target(xm_completions ALL
  DEPENDS ${completions}/xdp-mesh.bash ${completions}/_xdp-mesh ${completions}/xdp-mesh.fish)

install(TARGETS xdp-mesh RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR})
install(FILES docs/man/xdp-mesh.8 DESTINATION ${CMAKE_INSTALL_MANDIR}/man8)
install(FILES ${completions}/xdp-mesh.bash RENAME xdp-mesh
  DESTINATION ${CMAKE_INSTALL_DATADIR}/bash-completion/completions)
install(FILES ${completions}/_xdp-mesh DESTINATION ${CMAKE_INSTALL_DATADIR}/zsh/vendor-completions)
install(FILES ${completions}/xdp-mesh.fish
  DESTINATION ${CMAKE_INSTALL_DATADIR}/fish/vendor_completions.d)
install(FILES README.md CHANGELOG.md LICENSE DESTINATION ${CMAKE_INSTALL_DOCDIR})
install(FILES docs/status-schema.json docs/control-socket.md docs/mesh.md docs/nat.md docs/trust.md
  docs/kubernetes.md DESTINATION ${CMAKE_INSTALL_DOCDIR})
install(FILES deploy/systemd/example.env deploy/examples/wg0.conf deploy/examples/home.toml
  deploy/grafana/xdp-mesh.json
  DESTINATION ${CMAKE_INSTALL_DOCDIR}/examples)
install(PROGRAMS deploy/systemd/configure DESTINATION ${CMAKE_INSTALL_LIBEXECDIR}/xdp-mesh)
install(FILES deploy/systemd/xdp-mesh@.service deploy/systemd/xdp-mesh-node@.service
  DESTINATION lib/systemd/system)

set(CPACK_PACKAGE_NAME xdp-mesh)
set(CPACK_PACKAGE_CONTACT "xdp-mesh maintainers <xdp-mesh@localhost>")
set(CPACK_PACKAGE_DESCRIPTION_SUMMARY "${PROJECT_DESCRIPTION}")
set(CPACK_PACKAGE_DESCRIPTION
  "A WireGuard tunnel in user space, for wg(8) and wg-quick(8), that receives by\n XDP and AF_XDP where an interface allows it; alone, or as a node of a mesh without\n a coordination server. With a systemd unit an interface.")
set(CPACK_PACKAGE_VERSION ${PROJECT_VERSION})
set(CPACK_PACKAGING_INSTALL_PREFIX /usr)
set(CPACK_STRIP_FILES ON)
set(CPACK_GENERATOR DEB)
set(CPACK_DEBIAN_FILE_NAME DEB-DEFAULT)
set(CPACK_DEBIAN_PACKAGE_SECTION net)
set(CPACK_DEBIAN_PACKAGE_SHLIBDEPS ON)
set(CPACK_DEBIAN_PACKAGE_DEPENDS "iproute2")
set(CPACK_DEBIAN_PACKAGE_RECOMMENDS "wireguard-tools")
# Loaded at run time where it is there: one AEAD engine more.
set(CPACK_DEBIAN_PACKAGE_SUGGESTS "android-libboringssl, xdp-tools, bpftool")
set(CPACK_DEBIAN_PACKAGE_CONTROL_EXTRA
  ${PROJECT_SOURCE_DIR}/deploy/debian/postinst ${PROJECT_SOURCE_DIR}/deploy/debian/prerm
  ${PROJECT_SOURCE_DIR}/deploy/debian/postrm)
set(CPACK_DEBIAN_PACKAGE_CONTROL_STRICT_PERMISSION ON)
include(CPack)
