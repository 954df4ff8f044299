/* SPDX-License-Identifier: Apache-2.0 */
/* irq.h - an interrupt line as its device sees it. Cell; any thread may move it. */
#ifndef MAYFLY_BASE_IRQ_H
#define MAYFLY_BASE_IRQ_H

#include <stdbool.h>

struct irq_line {
	void (*set)(void *chip, unsigned gsi, bool level);
	void *chip;
	unsigned gsi;
};

static inline void irq_set(const struct irq_line *line, bool level)
{
	line->set(line->chip, line->gsi, level);
}

#endif
