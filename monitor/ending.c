/* SPDX-License-Identifier: Apache-2.0 */
#include "monitor/ending.h"

#include <stdatomic.h>
#include <stddef.h>

void ending_set(struct ending_box *box, enum end_reason reason, uint32_t detail)
{
	uint64_t none = 0;

	atomic_compare_exchange_strong(&box->first, &none, (uint64_t)reason << 32 | detail);
}

enum end_reason ending_get(struct ending_box *box, uint32_t *ret_detail)
{
	uint64_t first = atomic_load_explicit(&box->first, memory_order_acquire);

	if (ret_detail != NULL)
		*ret_detail = (uint32_t)first;
	return (enum end_reason)(first >> 32);
}
