/* Every reason for which a packet may die, once: C and C++, BPF and user space.
 *
 * A packet that dies is counted under exactly one of these, where it dies. X(name, text): the
 * enumerator is XM_DROP_<name>, the text is what status prints. Append only: the numbers appear in
 * BPF maps.
 */
#ifndef XDPMESH_DROP_H
#define XDPMESH_DROP_H

/* clang-format off */
#define XM_DROP_REASONS(X)                                                                            \
  /* Receiving, in the order of the walk. */                                                          \
  X(malformed,              "datagram is no WireGuard message: type, reserved bytes or length")       \
  X(unknown_index,          "no session has this receiver index")                                     \
  X(session_expired,        "session is older than 180 s or past its message limit")                  \
  X(counter_too_old,        "counter is behind the replay window")                                    \
  X(counter_replayed,       "counter was already received")                                           \
  X(bad_tag,                "authentication tag does not verify")                                     \
  X(inner_malformed,        "decrypted payload is no IPv4 or IPv6 packet")                            \
  X(source_not_allowed,     "inner source address is not among the peer's allowed IPs")               \
  X(tun_write_failed,       "kernel refused a packet written to the TUN device")                      \
  X(receive_truncated,      "datagram was larger than the receive buffer")                            \
  /* Handshake messages. */                                                                           \
  X(handshake_queue_full,   "handshake queue was full")                                               \
  X(handshake_bad_mac1,     "mac1 does not verify")                                                   \
  X(handshake_no_cookie,    "under load and mac2 does not verify: a cookie reply was sent")           \
  X(handshake_rate_limited, "source address sent more than 20 handshakes a second")                   \
  X(handshake_invalid,      "handshake message does not decrypt")                                     \
  X(handshake_unknown_peer, "initiation from a public key that is not configured")                    \
  X(handshake_replayed,     "initiation's timestamp is not newer than the last")                      \
  X(handshake_too_frequent, "peer sent more than 50 initiations a second")                            \
  X(handshake_unexpected,   "response or cookie reply that nothing waits for")                        \
  /* Sending, in the order of the walk. */                                                            \
  X(tun_malformed,          "packet read from the TUN device is not IPv4 or IPv6, or its header lies")\
  X(no_allowed_ip,          "no peer has the destination among its allowed IPs")                      \
  X(no_endpoint,            "peer has no endpoint")                                                   \
  X(staged_overflow,        "too many packets waited for a handshake: the oldest gave way")           \
  X(staged_purged,          "handshake did not complete in 90 s, or the peer went")                   \
  X(control_queue_full,     "queue to the control thread was full")                                   \
  X(counters_exhausted,     "session has no counters left")                                           \
  X(send_failed,            "kernel refused to send the datagram")                                    \
  X(send_queue_full,        "socket's send queue stayed full")                                        \
  X(interface_down,         "interface is down")                                                      \
  /* Receiving through AF_XDP, before the walk: what the kernel would not have let a socket see. */   \
  X(outer_malformed,        "frame from XDP is no whole UDP datagram")                                \
  X(outer_checksum,         "IPv4 header checksum of a frame from XDP is wrong")                      \
  X(outer_martian,          "source or destination of a frame from XDP is no address to talk to")    \
  /* The mesh. */                                                                                     \
  X(mesh_queue_full,        "queue of gossip and STUN to the control thread was full")
/* clang-format on */

enum xm_drop {
#define XM_DROP_ENUMERATOR(name, text) XM_DROP_##name,
  XM_DROP_REASONS(XM_DROP_ENUMERATOR)
#undef XM_DROP_ENUMERATOR
      XM_DROP_COUNT
};

/* Every way in which a packet leaves the XDP program, once. X(name, action, text): the enumerator
 * is XM_VERDICT_<name>, the index into xm_stats; the program returns XDP_<action>. The verdicts
 * whose action is DROP are drop reasons above: unknown_index, counter_too_old, counter_replayed,
 * handshake_bad_mac1. Append only.
 */
/* clang-format off */
#define XM_VERDICTS(X)                                                                                \
  X(redirect,                  REDIRECT, "to the AF_XDP socket of its queue")                           \
  X(pass_truncated,            PASS,     "shorter than its headers say")                                \
  X(pass_not_ip,               PASS,     "neither IPv4 nor IPv6, or behind unknown or too many tags")   \
  X(pass_foreign_mac,          PASS,     "destination MAC is not the interface's: bridged or broadcast") \
  X(pass_ip_options,           PASS,     "IPv4 header with options, or one that is not version 4")      \
  X(pass_fragment,             PASS,     "fragment")                                                    \
  X(pass_not_udp,              PASS,     "not UDP, or behind IPv6 extension headers")                   \
  X(pass_foreign_port,         PASS,     "destination port is not ours")                                \
  X(pass_foreign_address,      PASS,     "destination address is not the interface's: to be forwarded") \
  X(pass_length_mismatch,      PASS,     "IP and UDP lengths disagree")                                 \
  X(pass_not_wireguard,        PASS,     "to our port, but no WireGuard message: gossip, STUN, others") \
  X(pass_handshake,            PASS,     "handshake message whose mac1 verifies")                       \
  X(pass_handshake_unchecked,  PASS,     "handshake message whose mac1 was not looked at")              \
  X(pass_cookie_reply,         PASS,     "cookie reply")                                                \
  X(pass_data_shape,           PASS,     "data message of an impossible length")                        \
  X(pass_unknown_index,        PASS,     "receiver index is unknown, but not all sessions are in the map") \
  X(pass_socket_chosen,        PASS,     "data message, and the socket path is chosen")                 \
  X(pass_oversized,            PASS,     "frame does not fit a UMEM chunk")                             \
  X(pass_no_socket,            PASS,     "no AF_XDP socket on this receive queue")                      \
  X(pass_stale_heartbeat,      PASS,     "agent or queue's worker not heard of for a second")       \
  X(drop_unknown_index,        DROP,     "no session has this receiver index")                          \
  X(drop_counter_too_old,      DROP,     "counter is behind the replay window")                         \
  X(drop_counter_replayed,     DROP,     "counter was already received")                                \
  X(drop_bad_mac1,             DROP,     "handshake message whose mac1 does not verify")               \
  X(pass_not_configured,       PASS,     "the agent has not configured the program yet")                \
  X(pass_super_packet,         PASS,     "several datagrams in one, made by GRO")
/* clang-format on */

enum xm_verdict {
#define XM_VERDICT_ENUMERATOR(name, action, text) XM_VERDICT_##name,
  XM_VERDICTS(XM_VERDICT_ENUMERATOR)
#undef XM_VERDICT_ENUMERATOR
      XM_VERDICT_COUNT
};

#endif
