/* SPDX-License-Identifier: Apache-2.0 */
#include "monitor/ending.h"

#include <criterion/criterion.h>
#include <pthread.h>

Test(ending, nothing_until_somebody_says_so)
{
	struct ending_box box = {0};
	uint32_t detail = 7;

	cr_assert_eq(ending_get(&box, &detail), END_NONE);
	cr_assert_eq(detail, 0u);
}

Test(ending, the_first_is_believed)
{
	struct ending_box box = {0};
	uint32_t detail;

	ending_set(&box, END_EXIT, 0xffffffff);
	ending_set(&box, END_PANIC, 1);
	cr_assert_eq(ending_get(&box, &detail), END_EXIT);
	cr_assert_eq(detail, 0xffffffffu);
	cr_assert_eq(ending_get(&box, NULL), END_EXIT);
}

static void *say(void *argument)
{
	for (unsigned i = 0; i < 1000; i++)
		ending_set(argument, END_EXIT, i);
	return NULL;
}

Test(ending, of_many_at_once_one_is_the_first)
{
	struct ending_box box = {0};
	pthread_t threads[4];
	uint32_t detail;

	for (unsigned i = 0; i < 4; i++)
		cr_assert_eq(pthread_create(&threads[i], NULL, say, &box), 0);
	for (unsigned i = 0; i < 4; i++)
		pthread_join(threads[i], NULL);
	cr_assert_eq(ending_get(&box, &detail), END_EXIT);
	cr_assert_eq(detail, 0u);
}
