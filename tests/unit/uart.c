/* SPDX-License-Identifier: Apache-2.0 */
/* The serial port against the PC16550D's registers, and against readers that do not read. */
#include "monitor/legacy/uart.h"

#include <criterion/criterion.h>
#include <fcntl.h>
#include <linux/serial_reg.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

static struct uart uart;
static unsigned n_edges, n_calls;
static bool line;
static int reader;

static void set_line(void *chip, unsigned gsi, bool level)
{
	(void)chip;
	cr_assert_eq(gsi, 4u);
	cr_assert_neq(level, line, "moved only when it changes");
	line = level;
	n_edges += level;
}

static void attend(void *context)
{
	(void)context;
	n_calls++;
}

static void set_up(void)
{
	int ends[2];

	signal(SIGPIPE, SIG_IGN);
	cr_assert_eq(pipe2(ends, O_NONBLOCK), 0);
	reader = ends[0];
	uart.outlet.fd = ends[1];
	uart.outlet.kind = OUTLET_NONBLOCKING;
	uart_init(&uart, (struct irq_line){set_line, NULL, 4},
		  (struct uart_attention){attend, NULL}, NULL);
}

TestSuite(uart, .init = set_up);

static uint8_t get(unsigned reg)
{
	uint8_t value = 0;

	uart_bus_ops.read(&uart, reg, &value, 1);
	return value;
}

static void put(unsigned reg, uint8_t value)
{
	uart_bus_ops.write(&uart, reg, &value, 1);
}

Test(uart, a_byte_leaves_when_it_is_written)
{
	char byte;

	put(UART_TX, 'x');
	cr_assert_eq(read(reader, &byte, 1), 1);
	cr_assert_eq(byte, 'x');
	cr_assert_eq(get(UART_LSR), UART_LSR_TEMT | UART_LSR_THRE);
}

Test(uart, the_divisor_latch_hides_data_and_interrupt_enable)
{
	put(UART_LCR, UART_LCR_DLAB | 3);
	put(UART_DLL, 0x12);
	put(UART_DLM, 0x34);
	cr_assert_eq(get(UART_DLL), 0x12);
	cr_assert_eq(get(UART_DLM), 0x34);
	put(UART_LCR, 3);
	cr_assert_eq(get(UART_IER), 0);
	cr_assert_eq(get(UART_LCR), 3);
	cr_assert_lt(read(reader, (char[1]){0}, 1), 0, "nothing was sent");
}

Test(uart, scratch_holds_what_is_written)
{
	put(UART_SCR, 0xa5);
	cr_assert_eq(get(UART_SCR), 0xa5);
}

/* Linux's driver asks this way whether there is a FIFO, and whether there is a port at all. */
Test(uart, is_a_16550a)
{
	cr_assert_eq(get(UART_IIR), UART_IIR_NO_INT);
	put(UART_FCR, UART_FCR_ENABLE_FIFO);
	cr_assert_eq(get(UART_IIR), 0xc0 | UART_IIR_NO_INT);
	put(UART_IER, 0xff);
	cr_assert_eq(get(UART_IER), 0x0f);
}

Test(uart, loopback_connects_outputs_to_inputs)
{
	put(UART_MCR, UART_MCR_LOOP | UART_MCR_OUT2 | UART_MCR_RTS);
	cr_assert_eq(get(UART_MSR) & 0xf0, UART_MSR_DCD | UART_MSR_CTS);
	put(UART_TX, 'y');
	cr_assert(get(UART_LSR) & UART_LSR_DR);
	cr_assert_eq(get(UART_RX), 'y');
	cr_assert_lt(read(reader, (char[1]){0}, 1), 0, "nothing left the port");
}

Test(uart, the_empty_transmitter_interrupts_until_iir_is_read)
{
	put(UART_IER, UART_IER_THRI);
	cr_assert(line);
	cr_assert_eq(get(UART_IIR) & UART_IIR_ID, UART_IIR_THRI);
	cr_assert_not(line);
	put(UART_TX, 'a');
	cr_assert(line);
	cr_assert_eq(n_edges, 2u);
	put(UART_TX, 'b');
	cr_assert_eq(n_edges, 2u, "one edge for as many bytes as come before IIR is read");
}

Test(uart, received_data_comes_before_the_transmitter)
{
	put(UART_IER, UART_IER_THRI | UART_IER_RDI);
	uart_input(&uart, (const uint8_t *)"hi", 2);
	cr_assert_eq(get(UART_IIR) & UART_IIR_ID, UART_IIR_RDI);
	cr_assert_eq(get(UART_RX), 'h');
	cr_assert_eq(get(UART_RX), 'i');
	cr_assert_eq(get(UART_IIR) & UART_IIR_ID, UART_IIR_THRI);
	cr_assert_not(line);
}

Test(uart, a_wide_write_is_one_of_the_first_byte)
{
	uint8_t four[4] = {'a', 'b', 'c', 'd'};
	char out[8];

	uart_bus_ops.write(&uart, UART_TX, four, 4);
	cr_assert_eq(read(reader, out, sizeof(out)), 1);
}

/* A guest that prints looks at LSR once a byte; one that waits for input looks again and again. */
Test(uart, only_a_guest_that_listens_asks_for_input)
{
	for (unsigned i = 0; i < 100; i++) {
		get(UART_LSR);
		put(UART_TX, 'p');
	}
	cr_assert_eq(n_calls, 0u);
	cr_assert_eq(uart_take_wish(&uart), 0u);
	get(UART_LSR);
	get(UART_LSR);
	cr_assert_eq(n_calls, 1u);
	cr_assert_eq(uart_take_wish(&uart), (unsigned)UART_INPUT_MAX);
	get(UART_LSR);
	get(UART_LSR);
	cr_assert_eq(uart_take_wish(&uart), 0u, "one wish at a time");
	uart_input(&uart, (const uint8_t *)"z", 1);
	cr_assert_eq(get(UART_RX), 'z');
	cr_assert_eq(uart_take_wish(&uart), (unsigned)UART_INPUT_MAX, "the next, when it is read");
}

Test(uart, enabling_the_receive_interrupt_is_a_wish)
{
	put(UART_IER, UART_IER_RDI);
	cr_assert_eq(n_calls, 1u);
	cr_assert_eq(uart_take_wish(&uart), (unsigned)UART_INPUT_MAX);
}

Test(uart, more_input_than_there_is_room_for_is_dropped)
{
	uint8_t bytes[UART_INPUT_MAX + 10];

	memset(bytes, 'i', sizeof(bytes));
	uart_input(&uart, bytes, sizeof(bytes));
	cr_assert_eq(uart.len, UART_INPUT_MAX);
}

Test(uart, clearing_the_receive_fifo_empties_it)
{
	uart_input(&uart, (const uint8_t *)"abc", 3);
	put(UART_FCR, UART_FCR_ENABLE_FIFO | UART_FCR_CLEAR_RCVR);
	cr_assert_not(get(UART_LSR) & UART_LSR_DR);
}

/* A guest that goes by interrupts reads nothing more, so nothing else would ask again. */
Test(uart, clearing_the_receive_fifo_is_a_wish_where_the_interrupt_is_enabled)
{
	put(UART_IER, UART_IER_RDI);
	cr_assert_eq(uart_take_wish(&uart), (unsigned)UART_INPUT_MAX);
	uart_input(&uart, (const uint8_t *)"abc", 3);
	cr_assert(line);
	put(UART_FCR, UART_FCR_ENABLE_FIFO | UART_FCR_CLEAR_RCVR);
	cr_assert_not(line);
	cr_assert_eq(n_calls, 2u);
	cr_assert_eq(uart_take_wish(&uart), (unsigned)UART_INPUT_MAX);
}

Test(uart, tells_once_that_much_is_sent)
{
	for (unsigned i = 0; i < UART_BURST - 1; i++)
		put(UART_TX, 'x');
	cr_assert_eq(n_calls, 0u);
	cr_assert_not(uart_take_load(&uart).burst);
	put(UART_TX, 'x');
	cr_assert_eq(n_calls, 1u);
	put(UART_IER, UART_IER_THRI);
	put(UART_TX, 'x');
	cr_assert_eq(n_calls, 1u);
	cr_assert(uart_take_load(&uart).burst);
	cr_assert_not(uart_take_load(&uart).burst);
	cr_assert(uart_take_load(&uart).waits);
}

Test(uart, a_reader_that_sleeps_gets_what_was_kept_and_the_rest_is_counted)
{
	static char bytes[1 << 20];
	size_t got = 0;
	ssize_t n;

	cr_assert_eq(fcntl(reader, F_SETPIPE_SZ, 4096), 4096);
	for (unsigned i = 0; i < 4096 + OUTLET_ROOM + 100; i++)
		put(UART_TX, 'f');
	cr_assert_eq(n_calls, 2u, "once for much output, once for a reader that sleeps");
	cr_assert_eq(uart.outlet.dropped, 100u);
	do {
		while ((n = read(reader, bytes, sizeof(bytes))) > 0)
			got += (size_t)n;
	} while (!uart_drain(&uart));
	while ((n = read(reader, bytes, sizeof(bytes))) > 0)
		got += (size_t)n;
	cr_assert_eq(got, 4096u + OUTLET_ROOM);
}

Test(uart, a_reader_that_is_gone_costs_nothing_but_the_bytes)
{
	close(reader);
	for (unsigned i = 0; i < 10; i++)
		put(UART_TX, 'g');
	cr_assert(uart.outlet.broken);
	cr_assert_eq(uart.outlet.dropped, 10u);
	cr_assert_eq(n_calls, 0u);
}
