/* SPDX-License-Identifier: MIT OR GPL-2.0 */
/* The maps (xdpmesh/abi.h says what is in them and who writes it).
 *
 * BPF_F_RDONLY_PROG is the kernel's word that the program writes none of what the agent publishes:
 * a forged packet can move no window.
 */
#ifndef XM_MAPS_BPF_H
#define XM_MAPS_BPF_H

#include <linux/bpf.h>

#include <bpf/bpf_helpers.h>

#include "xdpmesh/abi.h"

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct xm_config);
} xm_config SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(map_flags, BPF_F_RDONLY_PROG);
	__uint(max_entries, XM_MAX_LOCAL);
	__type(key, struct xm_address);
	__type(value, __u32);
} xm_local SEC(".maps");

/* Preallocated: what is put in is refused for nothing but a full map. An element may be given to
 * another index while it is read here; the slot's own receiver index tells (xm_judge_counter).
 */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(map_flags, BPF_F_RDONLY_PROG);
	__uint(max_entries, 2 * XM_DEFAULT_SLOTS);
	__type(key, __u32);
	__type(value, struct xm_session);
} xm_sessions SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, XM_DEFAULT_SLOTS);
	__type(key, __u32);
	__type(value, struct xm_replay);
} xm_replay SEC(".maps");

/* Not the program's: it stands here for its type, which people see by bpftool. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_RDONLY_PROG);
	__uint(max_entries, XM_MAX_PEERS);
	__type(key, __u32);
	__type(value, struct xm_peer);
} xm_peers SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_XSKMAP);
	__uint(max_entries, XM_MAX_QUEUES);
	__type(key, __u32);
	__type(value, __u32);
} xm_xsks SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, XM_MAX_QUEUES);
	__type(key, __u32);
	__type(value, struct xm_queue);
} xm_queues SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, XM_VERDICT_COUNT);
	__type(key, __u32);
	__type(value, struct xm_stat);
} xm_stats SEC(".maps");

#endif
