/* SPDX-License-Identifier: MIT OR GPL-2.0 */
/* WireGuard's messages, as far as they are looked at here, and what is known of a data message
 * from its receiver index and counter (agent/wire/wg.hpp, agent/noise/replay.hpp).
 */
#ifndef XM_WG_BPF_H
#define XM_WG_BPF_H

#include "maps.bpf.h"
#include "parse.bpf.h"

/* The first four bytes, little-endian: the type and three reserved zeroes. */
#define XM_WG_INITIATION 1
#define XM_WG_RESPONSE 2
#define XM_WG_COOKIE_REPLY 3
#define XM_WG_DATA 4

#define XM_WG_INITIATION_SIZE 148
#define XM_WG_RESPONSE_SIZE 92
#define XM_WG_COOKIE_REPLY_SIZE 64
#define XM_WG_DATA_MINIMUM 32 /* a keepalive: header and tag */
#define XM_WG_DATA_STEP 16    /* what is sent is padded to this */

struct xm_wg_data {
	__le32 type;
	__le32 receiver;
	__le64 counter;
};

/* Whether `counter` is worth its decryption, by the window that the agent publishes. A read torn
 * by the writer may say so wrongly, never the contrary: `next` is read first. That the load of the
 * word cannot overtake it is assured by the word's address, which depends on `next`; an acquiring
 * load exists in newer kernels only. XM_NO_SLOT is the number of no slot.
 */
static __always_inline int xm_judge_counter(__u32 slot, __u32 receiver, __u64 counter)
{
	const volatile struct xm_replay *replay = bpf_map_lookup_elem(&xm_replay, &slot);

	/* Another session's slot by now: nothing is known of this one. */
	if (!replay || replay->receiver_index != receiver)
		return XM_UNDECIDED;

	__u64 next = replay->next, zero = next;

	asm volatile("%0 &= 0" : "+r"(zero));
	if (counter >= XM_REJECT_AFTER_MESSAGES)
		return XM_VERDICT_drop_counter_too_old;
	if (counter >= next)
		return XM_UNDECIDED;
	if (next - counter > XM_REPLAY_WINDOW + 1)
		return XM_VERDICT_drop_counter_too_old;
	if (replay->words[(counter / 64 + zero) % XM_REPLAY_WORDS] >> (counter % 64) & 1)
		return XM_VERDICT_drop_counter_replayed;
	return XM_UNDECIDED;
}

/* Drops a data message that is certainly worthless. The cursor is in front of it. */
static __always_inline int xm_judge_data(struct xm_cursor *cursor, __u32 flags)
{
	const struct xm_wg_data *message = xm_take(cursor, sizeof(*message));

	if (!message)
		return XM_VERDICT_pass_truncated;

	__u32 receiver = __le32_to_cpu(message->receiver);
	const struct xm_session *session = bpf_map_lookup_elem(&xm_sessions, &receiver);

	if (!session)
		return flags & XM_FLAG_UNPUBLISHED ? XM_VERDICT_pass_unknown_index
						   : XM_VERDICT_drop_unknown_index;
	if (session->state != XM_SESSION_LIVE)
		return XM_UNDECIDED;
	return xm_judge_counter(session->slot, receiver, __le64_to_cpu(message->counter));
}

#endif
