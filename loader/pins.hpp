// One interface's folder in the bpffs: its maps under their own names, "program", and "link" where
// a BPF link holds the program. Inside loader/ only.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "loader/bpffs.hpp"
#include "loader/shared_maps.hpp"
#include "loader/steer_program.hpp"
#include "xdpmesh/fd.hpp"
#include "xdpmesh/result.hpp"

namespace xm {

class Pins {
 public:
  static constexpr const char* kProgram = "program";
  static constexpr const char* kLink = "link";

  // Whose pins they are: the beginning of xm_config, the same in every ABI version.
  struct Identity {
    std::uint32_t abi_version = 0;
    std::uint32_t ifindex = 0;
    std::uint64_t network_namespace = 0;
  };

  explicit Pins(std::string directory) : directory_(std::move(directory)) {}
  // The folder of `interface` in the calling thread's network namespace.
  [[nodiscard]] static Pins of(const Bpffs& bpffs, const std::string& interface);
  // The folder that has this identity, whatever its name.
  [[nodiscard]] static std::optional<Pins> find(const Bpffs& bpffs, std::uint32_t ifindex,
                                                std::uint64_t network_namespace);

  [[nodiscard]] const std::string& directory() const { return directory_; }
  [[nodiscard]] bool exist() const;

  // Nothing when there is no readable xm_config.
  [[nodiscard]] std::optional<Identity> identity() const;
  // A pin as a descriptor; empty when there is none.
  [[nodiscard]] Fd open(const std::string& name) const;
  // Those of this ABI's types and sizes, all or nothing.
  [[nodiscard]] std::optional<SharedMaps::Descriptors> shared_maps(std::uint32_t slots) const;
  [[nodiscard]] std::optional<SteerProgram::OwnMaps> own_maps() const;

  // Makes the folder (0700) and pins all maps of the program's in place of what was there.
  [[nodiscard]] Status put_maps(const SteerProgram& program, const SharedMaps& shared);
  [[nodiscard]] Status put(const std::string& name, int fd);
  void remove(const std::string& name);
  [[nodiscard]] Status rename(const std::string& directory);
  [[nodiscard]] Status remove_all();

 private:
  std::string directory_;
};

// The pins of an interface: those under its name, or, if it was renamed while nobody followed,
// those with its number.
[[nodiscard]] std::optional<Pins> existing_pins(const Bpffs& bpffs, const std::string& interface,
                                                std::uint32_t ifindex);

// Those whose interface is gone, so that nobody will come for them: of this network namespace those
// whose number nobody has, of others those whose link has lost its interface.
[[nodiscard]] std::vector<Pins> dead_pins(const Bpffs& bpffs);

// True when they are this interface's; false when their interface is gone or they are incomplete,
// so that they are no use to anyone. An error when another namespace or interface may need them.
[[nodiscard]] Result<bool> are_pins_of(const Pins& pins, std::uint32_t ifindex);

// The kernel's number of a map; 0 when it does not say.
[[nodiscard]] std::uint32_t map_id(int fd);

}  // namespace xm
