/* What the BPF object and user space share, C and C++: fixed-width types only, every size asserted.
 *
 * The maps, all pinned in one folder an interface (loader/pins.hpp):
 *
 *   xm_config    array[1], mmapable     struct xm_config                written by user space
 *   xm_local     hash                   struct xm_address -> __u32      the interface's addresses
 *   xm_sessions  hash                   receiver index -> struct xm_session
 *   xm_replay    array, mmapable        slot -> struct xm_replay        written by user space
 *   xm_peers     array                  struct xm_peer                  for bpftool; no secret
 *   xm_xsks      xskmap[XM_MAX_QUEUES]  receive queue -> AF_XDP socket
 *   xm_queues    array, mmapable        receive queue -> struct xm_queue
 *   xm_stats     per-CPU array          enum xm_verdict -> struct xm_stat
 *
 * xm_sessions, xm_replay and xm_peers are the agent's, shared by all interfaces that it holds; the
 * others are an interface's own. The program writes xm_stats and nothing else.
 */
#ifndef XDPMESH_ABI_H
#define XDPMESH_ABI_H

#include <linux/types.h>

#include "xdpmesh/drop.h"

/* Raised with every change of a shared struct, enumerator or map: pins of another version are
 * replaced. */
#define XM_ABI_VERSION 2

#define XM_MAX_QUEUES 64
#define XM_MAX_PORTS 4
/* So many keys are tried on a handshake message's mac1; with more on the port it passes. */
#define XM_MAX_MAC1_KEYS 4
#define XM_MAX_LOCAL 256
/* Slots of xm_replay unless the loader is told otherwise; xm_sessions holds twice as many. */
#define XM_DEFAULT_SLOTS 4096
#define XM_MAX_PEERS 4096

/* The replay window: 8192 bits, of which the window is 8128 (RFC 6479; agent/noise/replay.hpp). */
#define XM_REPLAY_BITS 8192
#define XM_REPLAY_WINDOW (XM_REPLAY_BITS - 64)
#define XM_REPLAY_WORDS (XM_REPLAY_BITS / 64)
/* Counters at and above this are worthless: 2^64 - 1 - 8128 - 1. */
#define XM_REJECT_AFTER_MESSAGES (0xffffffffffffffffULL - XM_REPLAY_WINDOW - 1)

/* A worker writes its queues' heartbeats at least every 250 ms, the control thread the agent's; one
 * older than this is stale. */
#define XM_HEARTBEAT_STALE_NS 1000000000ULL

struct xm_stat {
  __u64 packets;
  __u64 bytes;
};

/* xm_config.flags */
enum xm_flag {
  /* Data messages go to AF_XDP sockets; without it they pass to the kernel's socket. */
  XM_FLAG_REDIRECT = 1,
  /* Some session has no entry in xm_sessions: an unknown index passes instead of being dropped. */
  XM_FLAG_UNPUBLISHED = 2,
  /* mac1 of handshake messages is checked against `mac1`; without it they pass. Taken away while
   * `mac1` is rewritten, or a half-written key drops good messages. */
  XM_FLAG_CHECK_MAC1 = 4,
  /* Attached in generic mode, behind GRO: a packet may be several (pass_super_packet). */
  XM_FLAG_GENERIC = 8,
};

/* BLAKE2s with a 16-byte digest, keyed with BLAKE2s("mac1----" || public key), after the key block:
 * computed in user space (mac1_chaining()) from a public key only. `port` in host byte order. */
struct xm_mac1 {
  __u32 chaining[8];
  __u32 port;
  __u32 reserved;
};

struct xm_config {
  __u32 abi_version;
  __u32 ifindex;
  __u64 network_namespace; /* inode */
  __u64 heartbeat;         /* the agent's, as xm_queue's: without a fresh one nothing is dropped */
  __u32 flags;             /* enum xm_flag */
  __u32 largest_frame;     /* bytes, Ethernet header included, that fit a UMEM chunk */
  __u32 mac1_count;        /* more than XM_MAX_MAC1_KEYS: none is tried */
  __u32 port_count;
  __u16 ports[XM_MAX_PORTS]; /* host byte order */
  __u8 mac[6];               /* the interface's */
  __u16 reserved;
  struct xm_mac1 mac1[XM_MAX_MAC1_KEYS];
};

/* Network byte order; IPv4 as ::ffff:a.b.c.d. */
struct xm_address {
  __u8 octets[16];
};

enum xm_session_state {
  XM_SESSION_RESERVED = 0, /* announced in a handshake message: it has no keys and no slot yet */
  XM_SESSION_LIVE = 1,
};

/* Without a slot: nothing is known of its counters, its packets go to user space. */
#define XM_NO_SLOT 0xffffffffU

struct xm_session {
  __u32 slot;  /* of xm_replay, or XM_NO_SLOT */
  __u32 state; /* enum xm_session_state */
  __u64 peer;  /* PeerId */
};

/* The writer, one at a time, clears words, sets bits, then stores `next` (release); who reads takes
 * `next` first. A torn read may let a packet through, never drop one. Before a slot changes hands
 * its `receiver_index` is 0 and its session is out of xm_sessions. */
struct xm_replay {
  __u64 next; /* one past the highest counter authenticated; 0: none yet */
  __u32 receiver_index;
  __u32 reserved;
  __u64 words[XM_REPLAY_WORDS]; /* counter c is bit c % 64 of word (c / 64) % XM_REPLAY_WORDS */
};

struct xm_peer {
  __u64 id; /* PeerId; 0: the slot is free */
  __u8 public_key[32];
  char name[64]; /* public key in base64, or the mesh's name; NUL-terminated */
  struct xm_address endpoint;
  __u32 endpoint_port; /* host byte order; 0: none */
  __u32 reserved;
  __u64 received_bytes;
  __u64 sent_bytes;
  __u64 last_handshake; /* seconds since the Unix epoch; 0: never */
};

enum xm_queue_mode {
  XM_QUEUE_NONE = 0, /* no AF_XDP socket */
  XM_QUEUE_COPY = 1,
  XM_QUEUE_ZEROCOPY = 2,
};

/* One cache line: its worker writes it. */
struct xm_queue {
  __u64 heartbeat; /* CLOCK_MONOTONIC, ns; 0: never */
  __u32 mode;      /* enum xm_queue_mode */
  __u32 worker;
  __u64 reserved[6];
};

#ifdef __cplusplus
#define XM_ASSERT_SIZE(type, size) static_assert(sizeof(struct type) == (size), #type)
#else
#define XM_ASSERT_SIZE(type, size) _Static_assert(sizeof(struct type) == (size), #type)
#endif
XM_ASSERT_SIZE(xm_stat, 16);
XM_ASSERT_SIZE(xm_mac1, 40);
XM_ASSERT_SIZE(xm_config, 216);
XM_ASSERT_SIZE(xm_address, 16);
XM_ASSERT_SIZE(xm_session, 16);
XM_ASSERT_SIZE(xm_replay, 1040);
XM_ASSERT_SIZE(xm_peer, 152);
XM_ASSERT_SIZE(xm_queue, 64);
#undef XM_ASSERT_SIZE

#endif
