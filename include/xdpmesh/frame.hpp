// What a receive call hands to the walk: datagrams in lent buffers, whichever socket they came
// from.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include "xdpmesh/addr.hpp"
#include "xdpmesh/bytes.hpp"

namespace xm {

// By which way a datagram reached the walk.
enum class ReceivePath : std::uint8_t {
  socket,  // a UDP socket of the kernel
  xdp,     // an AF_XDP socket
};

// Where a datagram came from and where it arrived. Shared by all datagrams of one receive message.
struct Source {
  Endpoint remote;
  IpAddress local;                    // family none when the kernel did not say
  std::uint32_t interface_index = 0;  // 0 when nobody said
  std::uint8_t ecn = 0;               // the two ECN bits of the outer header
  ReceivePath path = ReceivePath::socket;
};

// One UDP payload. The bytes are lent by the receiving edge, writable, and valid until the next
// receive into the same batch.
struct Frame {
  std::uint8_t* data = nullptr;
  std::uint32_t length = 0;
  std::uint32_t source = 0;  // index into ReceiveBatch::sources

  [[nodiscard]] MutableBytes bytes() const { return {data, length}; }
};

// The result of one receive: frames in the order of arrival. Cleared by the edge that fills it.
struct ReceiveBatch {
  static constexpr std::size_t kMaxFrames = 512;
  static constexpr std::size_t kMaxSources = 64;

  std::array<Frame, kMaxFrames> frames;
  std::array<Source, kMaxSources> sources;
  std::size_t frame_count = 0;
  std::size_t source_count = 0;
  // What arrived and is not in `frames`, by why: datagrams that did not fit their buffer, and
  // frames of an AF_XDP socket that agent/wire/outer.hpp does not accept.
  std::size_t truncated = 0;
  std::size_t outer_malformed = 0;
  std::size_t outer_checksum = 0;
  std::size_t outer_martian = 0;
  // There were more, already received: no descriptor will say so, the next receive brings them.
  bool rest_is_held = false;

  void clear() {
    frame_count = source_count = truncated = 0;
    outer_malformed = outer_checksum = outer_martian = 0;
    rest_is_held = false;
  }
};

}  // namespace xm
