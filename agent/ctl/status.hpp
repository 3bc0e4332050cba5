// What a running agent says about itself: a value, its JSON (the reply of the control socket, which
// is also `status --json`), and the text for people made from that JSON.
//
// The JSON's field names and units are those of the structs below; public keys are base64 as wg
// prints them, endpoints and names are strings. Fields may be added within one schema version,
// never renamed or removed. No secret is ever part of it.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "agent/crypto/secret.hpp"
#include "agent/ctl/attachment_status.hpp"
#include "agent/ctl/mesh_status.hpp"
#include "agent/io/tun.hpp"
#include "xdpmesh/addr.hpp"
#include "xdpmesh/drop.h"
#include "xdpmesh/result.hpp"

namespace xm {

inline constexpr int kStatusSchemaVersion = 1;

struct NamedCount {
  std::string name;  // snake_case
  std::uint64_t value = 0;
};

// A receive queue of an interface whose AF_XDP socket a worker reads.
struct WorkerQueue {
  std::string interface;
  std::uint32_t queue = 0;
};

struct WorkerStatus {
  std::uint32_t id = 0;
  int cpu = -1;        // pinned to it; -1: not pinned
  int tun_queue = -1;  // -1: has none
  std::vector<NamedCount> counters;
  std::vector<WorkerQueue> queues;
};

struct AeadStatus {
  std::string small;  // AeadEngine::description() for packets up to small_limit bytes
  std::string large;  // ... and for larger ones
  std::uint32_t small_limit = 0;
  std::string reason;
};

// How the workers receive and send.
struct IoStatus {
  std::string backend;  // "syscall" or "uring"
  std::string reason;   // of the choice
};

struct TunStatus {
  std::string name;  // as it is called now, in the namespace where it is now
  bool up = false;
  std::uint32_t mtu = 0;
  std::uint32_t queues = 0;
  TunCapabilities capabilities;
};

struct UdpStatus {
  bool gro = false;  // UDP_GRO on receive
  bool gso = false;  // UDP_SEGMENT on send
  std::uint32_t busy_poll_microseconds = 0;
  // Bytes a socket: what was asked for, and what the kernel granted.
  std::uint32_t receive_buffer_asked = 0;
  std::uint32_t receive_buffer = 0;
  std::uint32_t send_buffer_asked = 0;
  std::uint32_t send_buffer = 0;
  std::uint32_t listener_sockets = 0;
  std::uint32_t connected_sockets = 0;
};

// Something faster or better that could not be had.
struct Fallback {
  std::string what;    // "UDP GSO", "TUN USO", "IPsec-MB"
  std::string reason;  // as a sentence
};

// How a peer's packets are sent.
enum class PeerPath : std::uint8_t { none, connected, listener };

// By which receive path the last packet of a peer that authenticated has come.
enum class PacketPath : std::uint8_t { none, socket, xdp };

struct PeerStatus {
  PublicKey public_key{};
  Endpoint endpoint;
  PeerPath path = PeerPath::none;
  PacketPath receive_path = PacketPath::none;
  std::uint64_t received_bytes = 0;
  std::uint64_t sent_bytes = 0;
  std::optional<std::uint64_t> last_handshake_seconds;  // ago; none: never
  bool gso = false;
  std::string gso_reason;  // why it is off; empty while on
  std::uint64_t allowed_ips = 0;
  std::uint32_t persistent_keepalive = 0;  // seconds, 0 = off
};

struct StatusView {
  std::string interface;
  std::uint64_t network_namespace = 0;  // inode of the namespace that the UDP sockets are in
  std::int64_t pid = 0;
  std::uint64_t uptime_seconds = 0;
  std::optional<PublicKey> public_key;
  std::uint16_t listen_port = 0;
  std::uint32_t fwmark = 0;
  std::string io_backend;  // for people: "sockets (recvmmsg, sendmmsg)"
  IoStatus io;
  AeadStatus aead;
  TunStatus tun;
  UdpStatus udp;
  std::vector<WorkerStatus> workers;
  std::vector<AttachmentStatus> interfaces;
  std::array<std::uint64_t, XM_DROP_COUNT> drops{};  // all threads added up, by xm_drop
  std::vector<PeerStatus> peers;
  std::vector<Fallback> fallbacks;
  std::optional<MeshStatus> mesh;  // none: a static tunnel
};

// One line without its end.
[[nodiscard]] std::string status_json(const StatusView& view);

// Whether a line from a control socket is data: an error when it is no JSON object or is the
// agent's
// {"error": ...}.
[[nodiscard]] Status check_reply(std::string_view json);

// The text for people, with a final newline, from a line of status_json() of this or a later
// version: what is missing is left out. An error as of check_reply(), or when the schema version is
// another.
[[nodiscard]] Result<std::string> status_text(std::string_view json);

// What went through an agent's tunnel so far, all peers added up.
struct StatusTraffic {
  std::string agent;  // names it among all that run: interface and network namespace
  std::uint64_t received_bytes = 0;
  std::uint64_t sent_bytes = 0;
};

// From such a line; errors as of status_text().
[[nodiscard]] Result<StatusTraffic> status_traffic(std::string_view json);

// "1.50 MiB"
[[nodiscard]] std::string bytes_text(std::uint64_t bytes);

}  // namespace xm
