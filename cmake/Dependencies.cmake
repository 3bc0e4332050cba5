# Every library comes from the distribution: `tools/deps build` installs them.
find_package(PkgConfig REQUIRED)
find_package(Threads REQUIRED)
find_package(OpenSSL 3 REQUIRED COMPONENTS Crypto)
find_package(nlohmann_json 3.11 REQUIRED)
find_package(CLI11 2.1 REQUIRED)
find_package(doctest REQUIRED)
pkg_check_modules(libsodium REQUIRED IMPORTED_TARGET libsodium>=1.0.18)
pkg_check_modules(libmnl REQUIRED IMPORTED_TARGET libmnl)
pkg_check_modules(liburing REQUIRED IMPORTED_TARGET liburing>=2.3)
pkg_check_modules(tomlplusplus REQUIRED IMPORTED_TARGET tomlplusplus>=3.3)
pkg_check_modules(libbpf REQUIRED IMPORTED_TARGET libbpf>=1.0)
pkg_check_modules(libxdp REQUIRED IMPORTED_TARGET libxdp>=1.3)

# What agent/crypto is built on. IPsec-MB exists for x86-64 alone and is optional.
add_library(xm_dep_crypto INTERFACE)
target_link_libraries(xm_dep_crypto INTERFACE PkgConfig::libsodium OpenSSL::Crypto)
if(CMAKE_SYSTEM_PROCESSOR MATCHES "x86_64|AMD64")
  find_path(IPSEC_MB_INCLUDE intel-ipsec-mb.h)
  find_library(IPSEC_MB_LIBRARY IPSec_MB)
endif()
# BoringSSL is loaded at run time; its headers are seen by one file alone (agent/crypto).
find_path(BORINGSSL_INCLUDE openssl/aead.h PATHS /usr/include/android NO_DEFAULT_PATH)
find_library(BORINGSSL_LIBRARY NAMES libcrypto.so.0 NO_DEFAULT_PATH
             PATHS /usr/lib/${CMAKE_LIBRARY_ARCHITECTURE}/android)
if(BORINGSSL_INCLUDE AND BORINGSSL_LIBRARY)
  set_source_files_properties(agent/crypto/aead_boringssl.cpp PROPERTIES
    COMPILE_OPTIONS "-isystem${BORINGSSL_INCLUDE}"
    COMPILE_DEFINITIONS "XM_BORINGSSL_LIBRARY=\"${BORINGSSL_LIBRARY}\"")
else()
  message(STATUS "BoringSSL not found: it is not among the AEAD engines")
endif()
if(IPSEC_MB_INCLUDE AND IPSEC_MB_LIBRARY)
  target_include_directories(xm_dep_crypto SYSTEM INTERFACE ${IPSEC_MB_INCLUDE})
  target_link_libraries(xm_dep_crypto INTERFACE ${IPSEC_MB_LIBRARY})
  target_compile_definitions(xm_dep_crypto INTERFACE XM_HAVE_IPSEC_MB)
else()
  message(STATUS "IPsec-MB not found: the AEAD engines are libsodium and OpenSSL")
endif()
