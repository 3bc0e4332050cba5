/* SPDX-License-Identifier: MIT OR GPL-2.0 */
/* Generic XDP runs behind GRO: what looks like one datagram may be many, of which only the first
 * can be judged here. Their lengths agree with each other and may fit a chunk, so nothing in the
 * bytes tells; the socket buffer's own shared info does.
 *
 * In generic mode alone: there the xdp_buff is laid over the socket buffer, and its end is where
 * that keeps its shared info (net/core/dev.c, bpf_prog_run_generic_xdp()). A driver's own frame
 * has nothing there yet.
 */
#ifndef XM_SUPER_PACKET_BPF_H
#define XM_SUPER_PACKET_BPF_H

#include <linux/bpf.h>
#include <stdbool.h>

#include <bpf/bpf_core_read.h>
#include <bpf/bpf_helpers.h>

/* What is looked at of the kernel's types; the loader finds the offsets (CO-RE). */
struct xdp_buff {
	void *data_hard_start;
	__u32 frame_sz;
} __attribute__((preserve_access_index));

struct skb_shared_info {
	__u16 gso_size;
} __attribute__((preserve_access_index));

#define XM_CACHE_LINE 64

/* True also where the kernel does not let us look (lockdown): then it is the socket's. */
static __always_inline bool xm_may_be_super_packet(struct xdp_md *ctx)
{
	const struct xdp_buff *buffer = (const void *)ctx;
	const __u32 info_size =
		(bpf_core_type_size(struct skb_shared_info) + XM_CACHE_LINE - 1) & -XM_CACHE_LINE;
	void *start;
	__u32 size;
	__u16 segment;

	if (bpf_core_read(&start, sizeof(start), &buffer->data_hard_start) ||
	    bpf_core_read(&size, sizeof(size), &buffer->frame_sz))
		return true;

	const struct skb_shared_info *info = start + size - info_size;

	if (bpf_core_read(&segment, sizeof(segment), &info->gso_size))
		return true;
	return segment != 0;
}

#endif
