/* SPDX-License-Identifier: MIT OR GPL-2.0 */
/* From the frame to the UDP datagram in it, by a cursor: every step checks that its header is
 * there, reads it and goes behind it.
 *
 * A step returns XM_UNDECIDED, or the verdict with which the packet leaves. Without xdp.frags the
 * whole frame lies between data and data_end; with it only the beginning does, and what it is not
 * whole for passes as truncated.
 */
#ifndef XM_PARSE_BPF_H
#define XM_PARSE_BPF_H

#include <asm/byteorder.h>
#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/in.h>
#include <linux/ip.h>
#include <linux/ipv6.h>
#include <linux/udp.h>
#include <stdbool.h>

#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

#include "xdpmesh/abi.h"

/* No verdict yet: the walk goes on. */
#define XM_UNDECIDED XM_VERDICT_COUNT

#define XM_MAX_TAGS 2
#define XM_IPV4_WITHOUT_OPTIONS 0x45 /* version 4, five words */
#define XM_IPV4_FRAGMENT 0x3fff	     /* more fragments, or an offset */
#define XM_IPV6_VERSION 6

struct xm_cursor {
	const void *at;
	const void *end;
};

/* The next `size` bytes, or NULL. */
static __always_inline const void *xm_take(struct xm_cursor *cursor, __u32 size)
{
	const void *taken = cursor->at;

	if (taken + size > cursor->end)
		return NULL;
	cursor->at = taken + size;
	return taken;
}

/* IEEE 802.1Q: behind the addresses and the type that announces it. */
struct xm_tag {
	__be16 control;
	__be16 protocol;
};

static __always_inline bool xm_is_tagged(__be16 protocol)
{
	return protocol == bpf_htons(ETH_P_8021Q) || protocol == bpf_htons(ETH_P_8021AD);
}

static __always_inline int xm_parse_ethernet(struct xm_cursor *cursor, const __u8 mac[ETH_ALEN],
					     __be16 *protocol)
{
	const struct ethhdr *ethernet = xm_take(cursor, sizeof(*ethernet));

	if (!ethernet)
		return XM_VERDICT_pass_truncated;
	*protocol = ethernet->h_proto;
	for (int i = 0; i < XM_MAX_TAGS && xm_is_tagged(*protocol); i++) {
		const struct xm_tag *tag = xm_take(cursor, sizeof(*tag));

		if (!tag)
			return XM_VERDICT_pass_truncated;
		*protocol = tag->protocol;
	}
	if (*protocol != bpf_htons(ETH_P_IP) && *protocol != bpf_htons(ETH_P_IPV6))
		return XM_VERDICT_pass_not_ip;

	const __u16 *to = (const __u16 *)ethernet->h_dest, *ours = (const __u16 *)mac;

	if (to[0] != ours[0] || to[1] != ours[1] || to[2] != ours[2])
		return XM_VERDICT_pass_foreign_mac;
	return XM_UNDECIDED;
}

struct xm_ip {
	struct xm_address destination;
	__u32 payload_length; /* as the header says; wraps where that is less than the header */
};

static __always_inline int xm_parse_ipv4(struct xm_cursor *cursor, struct xm_ip *ip)
{
	const struct iphdr *header = xm_take(cursor, sizeof(*header));

	if (!header)
		return XM_VERDICT_pass_truncated;
	if (*(const __u8 *)header != XM_IPV4_WITHOUT_OPTIONS)
		return XM_VERDICT_pass_ip_options;
	if (header->frag_off & bpf_htons(XM_IPV4_FRAGMENT))
		return XM_VERDICT_pass_fragment;
	if (header->protocol != IPPROTO_UDP)
		return XM_VERDICT_pass_not_udp;
	ip->payload_length = bpf_ntohs(header->tot_len) - (__u32)sizeof(*header);

	__u32 *words = (__u32 *)ip->destination.octets;

	words[0] = 0;
	words[1] = 0;
	words[2] = bpf_htonl(0xffff);
	words[3] = header->daddr;
	return XM_UNDECIDED;
}

static __always_inline int xm_parse_ipv6(struct xm_cursor *cursor, struct xm_ip *ip)
{
	const struct ipv6hdr *header = xm_take(cursor, sizeof(*header));

	if (!header)
		return XM_VERDICT_pass_truncated;
	if (header->version != XM_IPV6_VERSION)
		return XM_VERDICT_pass_not_ip;
	if (header->nexthdr == IPPROTO_FRAGMENT)
		return XM_VERDICT_pass_fragment;
	if (header->nexthdr != IPPROTO_UDP)
		return XM_VERDICT_pass_not_udp;
	ip->payload_length = bpf_ntohs(header->payload_len);
	__builtin_memcpy(&ip->destination, &header->daddr, sizeof(ip->destination));

	/* In xm_local ::ffff:a.b.c.d is IPv4; on a wire it is nobody's address, like ::. */
	__u32 *words = (__u32 *)ip->destination.octets;

	if (words[0] == 0 && words[1] == 0 && words[2] == bpf_htonl(0xffff)) {
		words[2] = 0;
		words[3] = 0;
	}
	return XM_UNDECIDED;
}

static __always_inline int xm_parse_ip(struct xm_cursor *cursor, __be16 protocol, struct xm_ip *ip)
{
	if (protocol == bpf_htons(ETH_P_IP))
		return xm_parse_ipv4(cursor, ip);
	return xm_parse_ipv6(cursor, ip);
}

/* Whether the lengths that IP and UDP state are one, and the frame has that many bytes: behind
 * them Ethernet may have padded. The cursor is behind the UDP header.
 */
static __always_inline int xm_check_lengths(const struct xm_cursor *cursor, const struct xm_ip *ip,
					    __u32 udp_length)
{
	if (udp_length != ip->payload_length || udp_length < sizeof(struct udphdr))
		return XM_VERDICT_pass_length_mismatch;
	if (udp_length - sizeof(struct udphdr) > (__u64)(cursor->end - cursor->at))
		return XM_VERDICT_pass_truncated;
	return XM_UNDECIDED;
}

#endif
