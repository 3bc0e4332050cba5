/* What the BPF object and user space share, C and C++: fixed-width types only, every size asserted.
 */
#ifndef XDPMESH_ABI_H
#define XDPMESH_ABI_H

#include <linux/types.h>

/* Raised with every change of a shared struct, enumerator or map: pins of another version are
 * replaced. */
#define XM_ABI_VERSION 1

/* Verdict counters of the XDP program, by XDP action (XDP_ABORTED 0 .. XDP_REDIRECT 4). */
#define XM_VERDICT_COUNT 5

struct xm_stat {
  __u64 packets;
  __u64 bytes;
};

#ifdef __cplusplus
static_assert(sizeof(struct xm_stat) == 16, "shared with the BPF object");
#else
_Static_assert(sizeof(struct xm_stat) == 16, "shared with user space");
#endif

#endif
