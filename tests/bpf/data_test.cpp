// The XDP program on data messages: what is known of the receiver index and the counter, then where
// the packet goes.
#include "tests/bpf/rows.hpp"

namespace xm::test {
namespace {

Frame with(std::uint32_t index, std::uint64_t counter, std::size_t size = 128) {
  return message4(data_message(index, counter, size));
}
Frame with6(std::uint32_t index, std::uint64_t counter, std::size_t size = 128) {
  return message6(data_message(index, counter, size));
}
void unpublished(SteerWorld& world) {
  world.all_published = false;
}
void socket_chosen(SteerWorld& world) {
  world.redirect = false;
}
void beats(SteerWorld& world, Beat beat) {
  world.beat = beat;
}

constexpr std::uint64_t kReject = UINT64_MAX - 8128 - 1;  // the paper's 2^64 - 2^13 - 1, and a word

}  // namespace

TEST_CASE("XDP program: the receiver index") {
  check_rows({
      {"unknown", with(kUnknown, 0), XM_ROW_ENDS(DROP, drop_unknown_index)},
      {"unknown, over IPv6", with6(kUnknown, 0), XM_ROW_ENDS(DROP, drop_unknown_index)},
      {"an index with its bytes swapped", with(__builtin_bswap32(kNew), 0),
       XM_ROW_ENDS(DROP, drop_unknown_index)},
      {"zero", with(0, 0), XM_ROW_ENDS(DROP, drop_unknown_index)},
      {"unknown while some session is not in the map", with(kUnknown, 0),
       XM_ROW_ENDS(PASS, pass_unknown_index), unpublished},
      {"known while some session is not in the map", with(kNew, 0), XM_ROW_ENDS(REDIRECT, redirect),
       unpublished},
      {"replayed while some session is not in the map", with(kUsed, kHighest),
       XM_ROW_ENDS(DROP, drop_counter_replayed), unpublished},
      {"unknown while the socket path is chosen", with(kUnknown, 0),
       XM_ROW_ENDS(DROP, drop_unknown_index), socket_chosen},
      {"unknown on a queue without a socket", with(kUnknown, 0),
       XM_ROW_ENDS(DROP, drop_unknown_index), [](SteerWorld& world) { world.socket = false; }},
      {"unknown and a dead worker", with(kUnknown, 0), XM_ROW_ENDS(DROP, drop_unknown_index),
       [](SteerWorld& world) { beats(world, Beat::old); }},
      {"unknown and a dead agent: its successor may know it", with(kUnknown, 0),
       XM_ROW_ENDS(PASS, pass_stale_heartbeat),
       [](SteerWorld& world) { world.agent_beat = Beat::old; }},
      {"replayed and a dead agent", with(kUsed, kHighest), XM_ROW_ENDS(PASS, pass_stale_heartbeat),
       [](SteerWorld& world) { world.agent_beat = Beat::old; }},
      {"new and an agent that has never beaten", with(kNew, 0),
       XM_ROW_ENDS(PASS, pass_stale_heartbeat),
       [](SteerWorld& world) { world.agent_beat = Beat::never; }},
      {"no session at all: as after a crash, when sessions are cleared first", with(kNew, 0),
       XM_ROW_ENDS(DROP, drop_unknown_index), [](SteerWorld& world) { world.sessions.clear(); }},
      {"announced, without keys yet", with(kReserved, 0), XM_ROW_ENDS(REDIRECT, redirect)},
      {"announced, an impossible counter", with(kReserved, UINT64_MAX),
       XM_ROW_ENDS(REDIRECT, redirect)},
      {"without a slot", with(kSlotless, kHighest), XM_ROW_ENDS(REDIRECT, redirect)},
      {"another's slot by now: a replay there is none here", with(kMoved, kHighest),
       XM_ROW_ENDS(REDIRECT, redirect)},
      {"another's slot by now: nor is anything too old", with(kMoved, 0),
       XM_ROW_ENDS(REDIRECT, redirect)},
      {"a slot that was freed", with(kUsed, kHighest), XM_ROW_ENDS(REDIRECT, redirect),
       [](SteerWorld& world) { world.slots[0].receiver_index = 0; }},
      {"a slot number beyond the map", with(kNew, 0), XM_ROW_ENDS(REDIRECT, redirect),
       [](SteerWorld& world) { world.sessions[kNew].slot = XM_DEFAULT_SLOTS; }},
      {"the last slot", with(kNew, 9), XM_ROW_ENDS(DROP, drop_counter_replayed),
       [](SteerWorld& world) { world.add_session(kNew, XM_DEFAULT_SLOTS - 1, {9}); }},
  });
}

TEST_CASE("XDP program: the counter, to the edges of the window") {
  check_rows({
      {"the first of a session", with(kNew, 0), XM_ROW_ENDS(REDIRECT, redirect)},
      {"the first, again", with(kNew, 0), XM_ROW_ENDS(DROP, drop_counter_replayed),
       [](SteerWorld& world) { world.slots[1].received = {0}; }},
      {"far ahead in a session that has received nothing", with(kNew, kReject - 1),
       XM_ROW_ENDS(REDIRECT, redirect)},
      {"the highest, again", with(kUsed, kHighest), XM_ROW_ENDS(DROP, drop_counter_replayed)},
      {"the highest, again, over IPv6", with6(kUsed, kHighest),
       XM_ROW_ENDS(DROP, drop_counter_replayed)},
      {"one above the highest", with(kUsed, kHighest + 1), XM_ROW_ENDS(REDIRECT, redirect)},
      {"one below, which is missing", with(kUsed, kHighest - 1), XM_ROW_ENDS(REDIRECT, redirect)},
      {"two below, which is not", with(kUsed, kHighest - 2),
       XM_ROW_ENDS(DROP, drop_counter_replayed)},
      {"the same bit of the word before", with(kUsed, kHighest - 64),
       XM_ROW_ENDS(DROP, drop_counter_replayed)},
      {"its neighbour", with(kUsed, kHighest - 65), XM_ROW_ENDS(REDIRECT, redirect)},
      {"the window's last, received", with(kUsed, kHighest - 8128),
       XM_ROW_ENDS(DROP, drop_counter_replayed)},
      {"the window's last but one, missing", with(kUsed, kHighest - 8127),
       XM_ROW_ENDS(REDIRECT, redirect)},
      {"one behind the window", with(kUsed, kHighest - 8129),
       XM_ROW_ENDS(DROP, drop_counter_too_old)},
      {"one behind the window, received", with(kUsed, kHighest - 8130),
       XM_ROW_ENDS(DROP, drop_counter_too_old)},
      {"zero, long ago", with(kUsed, 0), XM_ROW_ENDS(DROP, drop_counter_too_old)},
      {"a whole window ahead: the same bit", with(kUsed, kHighest + 8192),
       XM_ROW_ENDS(REDIRECT, redirect)},
      {"zero while the window still reaches it", with(kNew, 0), XM_ROW_ENDS(REDIRECT, redirect),
       [](SteerWorld& world) { world.slots[1].received = {8128}; }},
      {"zero when it has just left the window", with(kNew, 0),
       XM_ROW_ENDS(DROP, drop_counter_too_old),
       [](SteerWorld& world) { world.slots[1].received = {8129}; }},
      {"the last counter that is allowed", with(kUsed, kReject - 1),
       XM_ROW_ENDS(REDIRECT, redirect)},
      {"the first that is not", with(kUsed, kReject), XM_ROW_ENDS(DROP, drop_counter_too_old)},
      {"the greatest", with(kNew, UINT64_MAX), XM_ROW_ENDS(DROP, drop_counter_too_old)},
      {"the last that is allowed, again", with(kNew, kReject - 1),
       XM_ROW_ENDS(DROP, drop_counter_replayed),
       [](SteerWorld& world) { world.slots[1].received = {kReject - 1}; }},
      {"its lower half alone", with(kNew, std::uint64_t{1} << 32 | 5),
       XM_ROW_ENDS(REDIRECT, redirect), [](SteerWorld& world) { world.slots[1].received = {5}; }},
      {"replayed while the socket path is chosen", with(kUsed, kHighest),
       XM_ROW_ENDS(DROP, drop_counter_replayed), socket_chosen},
      {"replayed in a frame that fits no chunk", with(kUsed, kHighest, 2048),
       XM_ROW_ENDS(DROP, drop_counter_replayed)},
  });
}

TEST_CASE("XDP program: the socket, AF_XDP or the kernel's") {
  // The largest frame with 1952 bytes of message has 14 + 20 + 8 more.
  const auto largest = [](SteerWorld& world) { world.largest_frame = 42 + 1952; };
  const auto smaller = [](SteerWorld& world) { world.largest_frame = 42 + 1952 - 1; };
  check_rows({
      {"a keepalive", with(kNew, 7, 32), XM_ROW_ENDS(REDIRECT, redirect)},
      {"a keepalive over IPv6", with6(kNew, 7, 32), XM_ROW_ENDS(REDIRECT, redirect)},
      {"a full packet", with(kNew, 7, 1456), XM_ROW_ENDS(REDIRECT, redirect)},
      {"just fits the chunk", with(kNew, 7, 1952), XM_ROW_ENDS(REDIRECT, redirect), largest},
      {"just does not fit", with(kNew, 7, 1952), XM_ROW_ENDS(PASS, pass_oversized), smaller},
      {"padding counts: it is copied too", data4([](FrameSpec& spec) { spec.padding = 2000; }),
       XM_ROW_ENDS(PASS, pass_oversized)},
      {"the socket path is chosen", with(kNew, 7), XM_ROW_ENDS(PASS, pass_socket_chosen),
       socket_chosen},
      {"the socket path is chosen, and it would not fit either", with(kNew, 7, 2048),
       XM_ROW_ENDS(PASS, pass_socket_chosen), socket_chosen},
      {"no socket on this queue", with(kNew, 7), XM_ROW_ENDS(PASS, pass_no_socket),
       [](SteerWorld& world) { world.socket = false; }},
      {"neither a socket nor a worker", with(kNew, 7), XM_ROW_ENDS(PASS, pass_no_socket),
       [](SteerWorld& world) {
         world.socket = false;
         beats(world, Beat::never);
       }},
      {"a worker that has never beaten", with(kNew, 7), XM_ROW_ENDS(PASS, pass_stale_heartbeat),
       [](SteerWorld& world) { beats(world, Beat::never); }},
      {"a worker that stopped a second ago", with(kNew, 7), XM_ROW_ENDS(PASS, pass_stale_heartbeat),
       [](SteerWorld& world) { beats(world, Beat::old); }},
      {"a beat of another clock", with6(kNew, 7), XM_ROW_ENDS(PASS, pass_stale_heartbeat),
       [](SteerWorld& world) { beats(world, Beat::far_ahead); }},
      {"announced, and a worker that stopped", with(kReserved, 7),
       XM_ROW_ENDS(PASS, pass_stale_heartbeat), [](SteerWorld& world) { beats(world, Beat::old); }},
      {"one datagram in generic mode", with(kNew, 7), XM_ROW_ENDS(REDIRECT, redirect),
       [](SteerWorld& world) { world.generic = true; }},
      {"a replay in generic mode", with(kUsed, kHighest), XM_ROW_ENDS(DROP, drop_counter_replayed),
       [](SteerWorld& world) { world.generic = true; }},
  });
}

}  // namespace xm::test
