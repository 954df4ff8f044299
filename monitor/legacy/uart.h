/* SPDX-License-Identifier: Apache-2.0 */
/*
 * uart.h - the serial port, a 16550A. [PC16550D datasheet] Cell.
 *
 * It is always ready to send: a byte leaves through the outlet when it is written. Received bytes
 * wait in a buffer that the supervisor fills on request, so a guest that never listens never takes
 * the user's input. vCPU threads and the control thread meet here; one lock, never held over a wait.
 * What a vCPU thread cannot do itself - ask for input, try again to write - it leaves to the control
 * thread by calling for its attention.
 */
#ifndef MAYFLY_LEGACY_UART_H
#define MAYFLY_LEGACY_UART_H

#include <pthread.h>

#include "base/irq.h"
#include "monitor/bus.h"
#include "monitor/outlet.h"

#define UART_REGISTERS 8
#define UART_INPUT_MAX 1024
#define UART_BURST     1024 /* bytes sent after which the control thread is called */

/* Makes the control thread call uart_take_wish() and uart_drain(). Any thread, under the lock. */
struct uart_attention {
	void (*call)(void *context);
	void *context;
};

struct uart { /* all under `lock` */
	pthread_mutex_t lock;
	struct irq_line irq;
	struct uart_attention attention;
	struct counters *counters; /* may be NULL */
	uint8_t ier, lcr, mcr, scratch, divisor_low, divisor_high;
	bool fifo;           /* the guest switched it on */
	bool send_irq;       /* "transmitter empty" has not been read from IIR */
	bool irq_level;      /* of the line, as last set */
	bool asks;           /* the guest waits for input */
	bool wished;         /* and the supervisor was told */
	unsigned n_sent;     /* since it was asked for its load */
	unsigned idle_polls; /* reads of LSR since the guest last sent a byte */
	uint16_t first, len; /* of the bytes received */
	uint8_t input[UART_INPUT_MAX];
	struct outlet outlet; /* its room comes last */
};

extern const struct bus_ops uart_bus_ops;

/* As after a reset. The caller sets up `outlet` first. */
void uart_init(struct uart *uart, struct irq_line irq, struct uart_attention attention,
	       struct counters *counters);

/*
 * How many bytes of input the guest wants now, 0 for none. Asking again before uart_input() gives
 * 0: one request is out at a time.
 */
unsigned uart_take_wish(struct uart *uart);

/* What the guest does with it, for monitor/coalesced.h. */
struct uart_load {
	bool burst; /* it has sent UART_BURST bytes since it was asked */
	bool waits; /* for "transmitter empty" */
};

struct uart_load uart_take_load(struct uart *uart);

/* Tries again to write what the reader has not taken. True when nothing is left. */
bool uart_drain(struct uart *uart);

/* Waits until output can be written or `other_fd` be read, `timeout_ms` at most. */
void uart_wait(const struct uart *uart, int other_fd, int timeout_ms);

/* Drops what is left. Returns how many bytes were dropped in all. */
uint64_t uart_give_up(struct uart *uart);

/* Bytes from the user, at most as many as were wished for. */
void uart_input(struct uart *uart, const uint8_t *bytes, size_t len);

#endif
