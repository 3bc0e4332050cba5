#include "agent/path/gso_batch.hpp"

namespace xm {

GsoRun next_gso_run(std::span<const SealedDatagram> datagrams) {
  if (datagrams.empty()) return {};
  const SealedDatagram& first = datagrams.front();
  GsoRun run{.datagrams = 1, .bytes = first.length, .segment_size = first.length};
  for (const SealedDatagram& next : datagrams.subspan(1)) {
    if (next.destination != first.destination) break;               // [1]
    if (next.tos != first.tos) break;                               // [2]
    if (run.bytes != run.datagrams * run.segment_size) break;       // [3]
    if (next.length > run.segment_size || next.length == 0) break;  // [4]
    if (run.datagrams == kMaxSegments) break;                       // [5]
    if (run.bytes + next.length > kMaxUdpPayload) break;            // [6]
    ++run.datagrams;
    run.bytes += next.length;
  }
  return run;
}

}  // namespace xm
