/* SPDX-License-Identifier: MIT OR GPL-2.0 */
/* mac1 of handshake messages: BLAKE2s (RFC 7693) with a key and 16 bytes of output, over all bytes
 * before it (the WireGuard paper, 5.4.4). The block of the key lies behind us: user space hands
 * over the chaining value after it, struct xm_mac1.
 *
 * What is compared is no secret: the key is made of a public one, so who could learn a mac1 by its
 * timing can compute it. A plain comparison will do.
 */
#ifndef XM_MAC1_BPF_H
#define XM_MAC1_BPF_H

#include "parse.bpf.h"

#define XM_MAC1_WORDS 4
#define XM_MACS_SIZE 32 /* mac1 and mac2 end a message */

#define XM_BLAKE2S_BLOCK 64
#define XM_BLAKE2S_BLOCK_WORDS 16

struct xm_blake2s {
	__u32 chaining[8];
	__u32 block[XM_BLAKE2S_BLOCK_WORDS];
};

/* Of 32 bits, to the right. BPF has no such instruction; doubled by a multiplication, the word
 * needs one shift instead of two shifts, a copy and an "or".
 */
#define XM_ROTATE(x, n) ((__u32)((__u64)(x)*0x100000001ULL >> (n)))

/* RFC 7693, 3.1. */
#define XM_MIX(a, b, c, d, x, y)                                                                   \
	do {                                                                                       \
		a += b + (x);                                                                      \
		d = XM_ROTATE(d ^ a, 16);                                                          \
		c += d;                                                                            \
		b = XM_ROTATE(b ^ c, 12);                                                          \
		a += b + (y);                                                                      \
		d = XM_ROTATE(d ^ a, 8);                                                           \
		c += d;                                                                            \
		b = XM_ROTATE(b ^ c, 7);                                                           \
	} while (0)

/* A round of 3.2 with a row of 2.7's table: which word goes where. */
#define XM_ROUND(v, m, s0, s1, s2, s3, s4, s5, s6, s7, s8, s9, s10, s11, s12, s13, s14, s15)       \
	do {                                                                                       \
		XM_MIX(v[0], v[4], v[8], v[12], m[s0], m[s1]);                                     \
		XM_MIX(v[1], v[5], v[9], v[13], m[s2], m[s3]);                                     \
		XM_MIX(v[2], v[6], v[10], v[14], m[s4], m[s5]);                                    \
		XM_MIX(v[3], v[7], v[11], v[15], m[s6], m[s7]);                                    \
		XM_MIX(v[0], v[5], v[10], v[15], m[s8], m[s9]);                                    \
		XM_MIX(v[1], v[6], v[11], v[12], m[s10], m[s11]);                                  \
		XM_MIX(v[2], v[7], v[8], v[13], m[s12], m[s13]);                                   \
		XM_MIX(v[3], v[4], v[9], v[14], m[s14], m[s15]);                                   \
	} while (0)

/* RFC 7693, 3.2; `total` counts the bytes up to the end of the block, the key's block included.
 *
 * Not static: the verifier walks through a global function once and through a static one at every
 * call. For one it must not be NULL, which it therefore asks for.
 */
__noinline int xm_blake2s_compress(struct xm_blake2s *state, __u32 total, __u32 last)
{
	if (!state)
		return 0;

	const __u32 *m = state->block;
	__u32 *h = state->chaining;
	__u32 v[16] = {
		h[0],
		h[1],
		h[2],
		h[3],
		h[4],
		h[5],
		h[6],
		h[7],
		0x6a09e667,
		0xbb67ae85,
		0x3c6ef372,
		0xa54ff53a,
		0x510e527f ^ total,
		0x9b05688c,
		last ? ~0x1f83d9abU : 0x1f83d9ab,
		0x5be0cd19,
	};

	XM_ROUND(v, m, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15);
	XM_ROUND(v, m, 14, 10, 4, 8, 9, 15, 13, 6, 1, 12, 0, 2, 11, 7, 5, 3);
	XM_ROUND(v, m, 11, 8, 12, 0, 5, 2, 15, 13, 10, 14, 3, 6, 7, 1, 9, 4);
	XM_ROUND(v, m, 7, 9, 3, 1, 13, 12, 11, 14, 2, 6, 5, 10, 4, 0, 15, 8);
	XM_ROUND(v, m, 9, 0, 5, 7, 2, 4, 10, 15, 14, 1, 11, 12, 6, 8, 3, 13);
	XM_ROUND(v, m, 2, 12, 6, 10, 0, 11, 8, 3, 4, 13, 7, 5, 15, 14, 1, 9);
	XM_ROUND(v, m, 12, 5, 1, 15, 14, 13, 4, 10, 0, 7, 6, 3, 9, 2, 8, 11);
	XM_ROUND(v, m, 13, 11, 7, 14, 12, 1, 3, 9, 5, 0, 15, 4, 8, 6, 2, 10);
	XM_ROUND(v, m, 6, 15, 14, 9, 11, 3, 0, 8, 12, 2, 13, 7, 1, 4, 10, 5);
	XM_ROUND(v, m, 10, 2, 8, 4, 7, 6, 1, 5, 15, 11, 9, 14, 3, 12, 13, 0);
	for (int i = 0; i < 8; i++)
		h[i] ^= v[i] ^ v[i + 8];
	return 0;
}

/* Whether the message's mac1 was made with this key. `covered`, the bytes before mac1, is a
 * constant where this is inlined: the loops unroll.
 */
static __always_inline bool xm_mac1_verifies(const __u32 *message, const __u32 covered,
					     const struct xm_mac1 *key)
{
	struct xm_blake2s state = {};

	__builtin_memcpy(state.chaining, key->chaining, sizeof(state.chaining));
#pragma unroll
	for (__u32 at = 0; at < covered; at += XM_BLAKE2S_BLOCK) {
		const __u32 end = at + XM_BLAKE2S_BLOCK < covered ? at + XM_BLAKE2S_BLOCK : covered;

#pragma unroll
		for (__u32 i = 0; i < XM_BLAKE2S_BLOCK_WORDS; i++)
			state.block[i] = at + 4 * i < end ? __le32_to_cpu(message[at / 4 + i]) : 0;
		xm_blake2s_compress(&state, XM_BLAKE2S_BLOCK + end, end == covered);
	}

	const __u32 *mac1 = message + covered / 4;
	__u32 difference = 0;

	for (int i = 0; i < XM_MAC1_WORDS; i++)
		difference |= state.chaining[i] ^ __le32_to_cpu(mac1[i]);
	return difference == 0;
}

/* Tries all keys that the port has. The cursor is in front of a message of `size` bytes. */
static __always_inline int xm_judge_handshake(struct xm_cursor *cursor, const __u32 size,
					      const struct xm_config *config, __u32 port)
{
	const __u32 *message = xm_take(cursor, size);
	bool looked = false;

	if (!message)
		return XM_VERDICT_pass_truncated;
	if (!(config->flags & XM_FLAG_CHECK_MAC1) || config->mac1_count > XM_MAX_MAC1_KEYS)
		return XM_VERDICT_pass_handshake_unchecked;
	for (__u32 i = 0; i < XM_MAX_MAC1_KEYS && i < config->mac1_count; i++) {
		if (config->mac1[i].port != port)
			continue;
		looked = true;
		if (xm_mac1_verifies(message, size - XM_MACS_SIZE, &config->mac1[i]))
			return XM_VERDICT_pass_handshake;
	}
	return looked ? XM_VERDICT_drop_bad_mac1 : XM_VERDICT_pass_handshake_unchecked;
}

#endif
