/* SPDX-License-Identifier: Apache-2.0 */
#include "monitor/legacy/uart.h"

#include <linux/serial_reg.h>

#define IIR_FIFO_ON     0xc0
#define LINES_UP        (UART_MSR_DCD | UART_MSR_DSR | UART_MSR_CTS)
#define IDLE_POLLS_WAIT 2 /* a sender looks at LSR once for each byte, a reader again and again */

void uart_init(struct uart *uart, struct irq_line irq, struct uart_attention attention,
	       struct counters *counters)
{
	pthread_mutex_init(&uart->lock, NULL);
	uart->irq = irq;
	uart->attention = attention;
	uart->counters = counters;
	uart->divisor_low = 1; /* 115200 baud */
	uart->lcr = UART_LCR_WLEN8;
	uart->mcr = UART_MCR_OUT2;
}

/* The interrupt that is due, as IIR shows it; the reader's comes first. [PC16550D table 3] */
static uint8_t due(const struct uart *uart)
{
	if ((uart->ier & UART_IER_RDI) != 0 && uart->len > 0)
		return UART_IIR_RDI;
	if ((uart->ier & UART_IER_THRI) != 0 && uart->send_irq)
		return UART_IIR_THRI;
	return UART_IIR_NO_INT;
}

static void update_irq(struct uart *uart)
{
	bool level = due(uart) != UART_IIR_NO_INT;

	if (level == uart->irq_level)
		return;
	uart->irq_level = level;
	irq_set(&uart->irq, level);
}

static void call_attention(struct uart *uart)
{
	uart->attention.call(uart->attention.context);
}

/* The guest waits for input. */
static void ask(struct uart *uart)
{
	if (uart->asks || uart->wished)
		return;
	uart->asks = true;
	call_attention(uart);
}

static void receive(struct uart *uart, uint8_t byte)
{
	if (uart->len == UART_INPUT_MAX)
		return;
	uart->input[(uart->first + uart->len) % UART_INPUT_MAX] = byte;
	uart->len++;
}

static void send(struct uart *uart, uint8_t byte)
{
	bool was_empty = uart->outlet.len == 0;

	uart->idle_polls = 0;
	uart->send_irq = true;
	if ((uart->mcr & UART_MCR_LOOP) != 0) {
		receive(uart, byte);
		return;
	}
	outlet_put(&uart->outlet, &byte, 1);
	counters_stamp(uart->counters, PHASE_OUTPUT);
	if ((was_empty && uart->outlet.len > 0) || ++uart->n_sent == UART_BURST)
		call_attention(uart);
}

static uint8_t take_byte(struct uart *uart)
{
	uint8_t byte = uart->len > 0 ? uart->input[uart->first] : 0;

	if (uart->len > 0) {
		uart->first = (uint16_t)((uart->first + 1) % UART_INPUT_MAX);
		uart->len--;
	}
	if (uart->len == 0)
		ask(uart);
	return byte;
}

static uint8_t read_iir(struct uart *uart)
{
	uint8_t iir = due(uart);

	if (iir == UART_IIR_THRI)
		uart->send_irq = false;
	return iir | (uart->fifo ? IIR_FIFO_ON : 0);
}

static uint8_t read_lsr(struct uart *uart)
{
	if (uart->len == 0 && ++uart->idle_polls >= IDLE_POLLS_WAIT)
		ask(uart);
	return UART_LSR_TEMT | UART_LSR_THRE | (uart->len > 0 ? UART_LSR_DR : 0);
}

/* In loopback the outputs of MCR come back as the inputs of MSR. [PC16550D §8.7] */
static uint8_t read_msr(const struct uart *uart)
{
	uint8_t msr = 0;

	if ((uart->mcr & UART_MCR_LOOP) == 0)
		return LINES_UP;
	msr |= (uart->mcr & UART_MCR_DTR) != 0 ? UART_MSR_DSR : 0;
	msr |= (uart->mcr & UART_MCR_RTS) != 0 ? UART_MSR_CTS : 0;
	msr |= (uart->mcr & UART_MCR_OUT1) != 0 ? UART_MSR_RI : 0;
	msr |= (uart->mcr & UART_MCR_OUT2) != 0 ? UART_MSR_DCD : 0;
	return msr;
}

static uint8_t read_register(struct uart *uart, uint64_t offset)
{
	bool divisor = (uart->lcr & UART_LCR_DLAB) != 0;

	switch (offset) {
	case UART_RX:
		return divisor ? uart->divisor_low : take_byte(uart);
	case UART_IER:
		return divisor ? uart->divisor_high : uart->ier;
	case UART_IIR:
		return read_iir(uart);
	case UART_LCR:
		return uart->lcr;
	case UART_MCR:
		return uart->mcr;
	case UART_LSR:
		return read_lsr(uart);
	case UART_MSR:
		return read_msr(uart);
	default:
		return uart->scratch;
	}
}

static void write_ier(struct uart *uart, uint8_t value)
{
	bool was_on = (uart->ier & UART_IER_THRI) != 0;

	uart->ier = value & 0x0f;
	if ((uart->ier & UART_IER_RDI) != 0 && uart->len == 0)
		ask(uart);
	if (!was_on && (uart->ier & UART_IER_THRI) != 0)
		uart->send_irq = true;
}

static void write_fcr(struct uart *uart, uint8_t value)
{
	uart->fifo = (value & UART_FCR_ENABLE_FIFO) != 0;
	if ((value & UART_FCR_CLEAR_RCVR) == 0)
		return;
	uart->len = 0;
	if ((uart->ier & UART_IER_RDI) != 0)
		ask(uart);
}

static void write_register(struct uart *uart, uint64_t offset, uint8_t value)
{
	bool divisor = (uart->lcr & UART_LCR_DLAB) != 0;

	switch (offset) {
	case UART_TX:
		if (divisor)
			uart->divisor_low = value;
		else
			send(uart, value);
		break;
	case UART_IER:
		if (divisor)
			uart->divisor_high = value;
		else
			write_ier(uart, value);
		break;
	case UART_FCR:
		write_fcr(uart, value);
		break;
	case UART_LCR:
		uart->lcr = value;
		break;
	case UART_MCR:
		uart->mcr = value & 0x1f;
		break;
	case UART_SCR:
		uart->scratch = value;
		break;
	default: /* LSR and MSR are read-only */
		break;
	}
}

static void uart_read(void *device, uint64_t offset, uint8_t *data, unsigned len)
{
	struct uart *uart = device;

	(void)len; /* a wide access is one of the first register; the other bytes stay ones */
	pthread_mutex_lock(&uart->lock);
	data[0] = read_register(uart, offset);
	update_irq(uart);
	pthread_mutex_unlock(&uart->lock);
}

static void uart_write(void *device, uint64_t offset, const uint8_t *data, unsigned len)
{
	struct uart *uart = device;

	(void)len;
	pthread_mutex_lock(&uart->lock);
	write_register(uart, offset, data[0]);
	update_irq(uart);
	pthread_mutex_unlock(&uart->lock);
}

const struct bus_ops uart_bus_ops = {.read = uart_read, .write = uart_write};

unsigned uart_take_wish(struct uart *uart)
{
	unsigned wish = 0;

	pthread_mutex_lock(&uart->lock);
	if (uart->asks && uart->len == 0) {
		wish = UART_INPUT_MAX;
		uart->wished = true;
	}
	uart->asks = false;
	pthread_mutex_unlock(&uart->lock);
	return wish;
}

struct uart_load uart_take_load(struct uart *uart)
{
	struct uart_load load;

	pthread_mutex_lock(&uart->lock);
	load = (struct uart_load){.burst = uart->n_sent >= UART_BURST,
				  .waits = (uart->ier & UART_IER_THRI) != 0};
	uart->n_sent = load.burst ? 0 : uart->n_sent;
	pthread_mutex_unlock(&uart->lock);
	return load;
}

bool uart_drain(struct uart *uart)
{
	bool empty;

	pthread_mutex_lock(&uart->lock);
	empty = outlet_drain(&uart->outlet);
	pthread_mutex_unlock(&uart->lock);
	return empty;
}

void uart_wait(const struct uart *uart, int other_fd, int timeout_ms)
{
	outlet_wait(&uart->outlet, other_fd, timeout_ms);
}

uint64_t uart_give_up(struct uart *uart)
{
	uint64_t dropped;

	pthread_mutex_lock(&uart->lock);
	dropped = outlet_give_up(&uart->outlet);
	pthread_mutex_unlock(&uart->lock);
	return dropped;
}

void uart_input(struct uart *uart, const uint8_t *bytes, size_t len)
{
	pthread_mutex_lock(&uart->lock);
	uart->wished = false;
	while (len-- > 0)
		receive(uart, *bytes++);
	update_irq(uart);
	pthread_mutex_unlock(&uart->lock);
}
