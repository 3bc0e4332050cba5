// SPDX-License-Identifier: MIT OR GPL-2.0
/* The XDP program: for now it passes every packet and counts what it decided.
 *
 * Whatever the program does not understand is the kernel's: XDP_PASS. Every packet leaves through
 * count() with its verdict, so the counters add up to what the interface received.
 */
#include <linux/bpf.h>

#include <bpf/bpf_helpers.h>

#include "maps.bpf.h"
#include "xdpmesh/abi.h"

static __always_inline void count(const struct xdp_md *ctx, __u32 verdict)
{
	struct xm_stat *stat = bpf_map_lookup_elem(&xm_stats, &verdict);

	if (stat) {
		stat->packets++;
		stat->bytes += ctx->data_end - ctx->data;
	}
}

SEC("xdp")
int xm_steer(struct xdp_md *ctx)
{
	count(ctx, XM_VERDICT_pass_not_ip);
	return XDP_PASS;
}

char LICENSE[] SEC("license") = "Dual MIT/GPL";
