// One frame as an AF_XDP socket hands it over, checked and added to a batch.
#pragma once

#include <cstdint>

#include "xdpmesh/bytes.hpp"
#include "xdpmesh/frame.hpp"

namespace xm {

// Adds the UDP payload of `frame`, in place, or counts in the batch why not. Frames in a row that
// come from the same place to the same place share a source. False when the batch has no room for
// it: then nothing has happened to the frame.
//
// `interface_index` is the interface's that the frame came in by. What came behind a VLAN tag gets
// interface index 0, "nobody said", because it belongs to an interface on top of that one; a
// link-local address, which means nothing without an interface, is a martian there.
[[nodiscard]] bool add_frame(ReceiveBatch& batch, MutableBytes frame,
                             std::uint32_t interface_index);

}  // namespace xm
