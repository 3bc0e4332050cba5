// SPDX-License-Identifier: MIT OR GPL-2.0
/* The smallest XDP program. The loader asks the kernel with it what may be done with programs,
 * without putting it on an interface; tests take it for somebody else's.
 */
#include <linux/bpf.h>

#include <bpf/bpf_helpers.h>

SEC("xdp")
int xm_probe(struct xdp_md *ctx)
{
	return XDP_PASS;
}

char LICENSE[] SEC("license") = "Dual MIT/GPL";
