// SPDX-License-Identifier: MIT OR GPL-2.0
/* The XDP program: sends WireGuard data messages to the AF_XDP socket of their receive queue, drops
 * what is certainly worthless, and passes the rest.
 *
 * A packet is taken or dropped only when it is certainly ours; what the program does not understand
 * is the kernel's. The walk:
 *
 *   1. parse     Ethernet with up to two tags, IPv4 or IPv6, UDP             parse.bpf.h
 *   2. ours?     our MAC, port and address: a router's transit is not
 *   3. shape     type, reserved bytes and length of a WireGuard message
 *   4. judge     handshake: mac1                                             mac1.bpf.h
 *                data: receiver index, counter                               wg.bpf.h
 *   5. steer     to the socket, if the agent wants it, it fits and the worker lives
 *
 * Every packet leaves through count() with one verdict of xdpmesh/drop.h, so the counters add up to
 * what the interface received. Sessions, counters and keys are only read: what moves a replay
 * window is an authenticated packet, in user space.
 */
#include <linux/bpf.h>

#include <bpf/bpf_helpers.h>
#include <xdp/xdp_helpers.h>

#include "mac1.bpf.h"
#include "maps.bpf.h"
#include "parse.bpf.h"
#include "super_packet.bpf.h"
#include "wg.bpf.h"

/* For libxdp's dispatcher: where in the chain, and that others see what we pass. */
struct {
	__uint(priority, XDP_DEFAULT_RUN_PRIO);
	__uint(XDP_PASS, 1);
} XDP_RUN_CONFIG(xm_steer);

static __always_inline bool is_our_port(const struct xm_config *config, __u32 port)
{
	for (__u32 i = 0; i < XM_MAX_PORTS; i++) {
		if (i < config->port_count && config->ports[i] == port)
			return true;
	}
	return false;
}

/* A beat far in the future is of a clock that is not ours (a time namespace): as good as none. The
 * coarse clock lags by up to a tick, so one slightly in the future is fresh.
 */
static __always_inline bool is_fresh(__u64 heartbeat)
{
	const __u64 since = bpf_ktime_get_coarse_ns() + XM_HEARTBEAT_STALE_NS - heartbeat;

	return heartbeat != 0 && since <= 2 * XM_HEARTBEAT_STALE_NS;
}

/* 5. A data message that may be good. */
static __always_inline int steer_data(const struct xdp_md *ctx, const struct xm_config *config)
{
	__u32 number = ctx->rx_queue_index;
	const volatile struct xm_queue *queue;

	if (!(config->flags & XM_FLAG_REDIRECT))
		return XM_VERDICT_pass_socket_chosen;
	if (ctx->data_end - ctx->data > config->largest_frame)
		return XM_VERDICT_pass_oversized;
	queue = bpf_map_lookup_elem(&xm_queues, &number);
	if (!queue || !is_fresh(queue->heartbeat))
		return bpf_map_lookup_elem(&xm_xsks, &number) ? XM_VERDICT_pass_stale_heartbeat
							      : XM_VERDICT_pass_no_socket;
	if (bpf_redirect_map(&xm_xsks, number, XDP_PASS) != XDP_REDIRECT)
		return XM_VERDICT_pass_no_socket;
	return XM_VERDICT_redirect;
}

/* 3. Whether the payload has the type, reserved bytes and length of a message. */
static __always_inline int check_shape(__u32 type, __u32 length)
{
	switch (type) {
	case XM_WG_INITIATION:
		return length == XM_WG_INITIATION_SIZE ? XM_UNDECIDED
						       : XM_VERDICT_pass_not_wireguard;
	case XM_WG_RESPONSE:
		return length == XM_WG_RESPONSE_SIZE ? XM_UNDECIDED : XM_VERDICT_pass_not_wireguard;
	case XM_WG_COOKIE_REPLY:
		return length == XM_WG_COOKIE_REPLY_SIZE ? XM_VERDICT_pass_cookie_reply
							 : XM_VERDICT_pass_not_wireguard;
	case XM_WG_DATA:
		/* Of any length: padding stops at the sender's MTU. */
		return length >= XM_WG_DATA_MINIMUM ? XM_UNDECIDED : XM_VERDICT_pass_data_shape;
	default:
		return XM_VERDICT_pass_not_wireguard;
	}
}

/* 3 to 5. The cursor is behind the UDP header; the frame has the `length` bytes that follow. */
static __always_inline int steer_message(struct xdp_md *ctx, const struct xm_config *config,
					 struct xm_cursor *cursor, __u32 length, __u32 port)
{
	struct xm_cursor whole = *cursor;
	const __le32 *first = xm_take(cursor, sizeof(*first));

	if (length < sizeof(*first) || !first)
		return XM_VERDICT_pass_not_wireguard;

	const __u32 type = __le32_to_cpu(*first);
	int verdict = check_shape(type, length);

	if (verdict != XM_UNDECIDED)
		return verdict;
	if (config->flags & XM_FLAG_GENERIC && xm_may_be_super_packet(ctx))
		return XM_VERDICT_pass_super_packet;
	/* What a dead agent knew is worth nothing to its successor, which may use sockets alone. */
	if (!is_fresh(config->heartbeat))
		return type == XM_WG_DATA ? XM_VERDICT_pass_stale_heartbeat
					  : XM_VERDICT_pass_handshake_unchecked;
	if (type == XM_WG_INITIATION)
		return xm_judge_handshake(&whole, XM_WG_INITIATION_SIZE, config, port);
	if (type == XM_WG_RESPONSE)
		return xm_judge_handshake(&whole, XM_WG_RESPONSE_SIZE, config, port);
	verdict = xm_judge_data(&whole, config->flags);
	return verdict == XM_UNDECIDED ? steer_data(ctx, config) : verdict;
}

/* 1, 2, and the rest by steer_message(). */
static __always_inline int steer(struct xdp_md *ctx)
{
	struct xm_cursor cursor = {(void *)(long)ctx->data, (void *)(long)ctx->data_end};
	__u32 zero = 0;
	const struct xm_config *config = bpf_map_lookup_elem(&xm_config, &zero);
	const struct udphdr *udp;
	__be16 protocol;
	struct xm_ip ip;
	int verdict;

	if (!config || config->abi_version != XM_ABI_VERSION)
		return XM_VERDICT_pass_not_configured;
	verdict = xm_parse_ethernet(&cursor, config->mac, &protocol);
	if (verdict != XM_UNDECIDED)
		return verdict;
	verdict = xm_parse_ip(&cursor, protocol, &ip);
	if (verdict != XM_UNDECIDED)
		return verdict;
	udp = xm_take(&cursor, sizeof(*udp));
	if (!udp)
		return XM_VERDICT_pass_truncated;

	const __u32 port = bpf_ntohs(udp->dest);
	const __u32 length = bpf_ntohs(udp->len);

	if (!is_our_port(config, port))
		return XM_VERDICT_pass_foreign_port;
	if (!bpf_map_lookup_elem(&xm_local, &ip.destination))
		return XM_VERDICT_pass_foreign_address;
	verdict = xm_check_lengths(&cursor, &ip, length);
	if (verdict != XM_UNDECIDED)
		return verdict;
	return steer_message(ctx, config, &cursor, length - sizeof(*udp), port);
}

static __always_inline void count(const struct xdp_md *ctx, __u32 verdict)
{
	struct xm_stat *stat = bpf_map_lookup_elem(&xm_stats, &verdict);

	if (stat) {
		stat->packets++;
		stat->bytes += ctx->data_end - ctx->data;
	}
}

static __always_inline int action_of(int verdict)
{
	switch (verdict) {
#define ACTION(name, action, text)                                                                 \
	case XM_VERDICT_##name:                                                                    \
		return XDP_##action;
		XM_VERDICTS(ACTION)
#undef ACTION
	default:
		return XDP_PASS;
	}
}

SEC("xdp")
int xm_steer(struct xdp_md *ctx)
{
	const int verdict = steer(ctx);

	count(ctx, verdict);
	return action_of(verdict);
}

char LICENSE[] SEC("license") = "Dual MIT/GPL";
