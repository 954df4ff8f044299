/* SPDX-License-Identifier: Apache-2.0 */
/* serial.c - the serial port in both directions, by polling and by interrupts. */
#include "images/act/act.h"

#include <linux/serial_reg.h>

#include "boot-proto/ports_abi.h"
#include "images/lib/guest.h"

#define VECTOR 0x50

static volatile uint32_t n_interrupts;
static volatile bool quit;

void act_say(void)
{
	print("%s\n", next_word());
}

void act_flood(void)
{
	for (uint64_t n = next_number(); n > 0; n--)
		for (unsigned i = 0; i < 1024; i++)
			out8(PORT_COM1, i % 64 == 63 ? '\n' : (uint8_t)('0' + i % 64));
}

static uint8_t read_port(unsigned reg)
{
	return in8((uint16_t)(PORT_COM1 + reg));
}

static void write_port(unsigned reg, uint8_t value)
{
	out8((uint16_t)(PORT_COM1 + reg), value);
}

static void echo_byte(void)
{
	uint8_t byte = read_port(UART_RX);

	write_port(UART_TX, byte);
	quit = byte == 'q';
}

void act_echo(void)
{
	for (quit = false; !quit;)
		if ((read_port(UART_LSR) & UART_LSR_DR) != 0)
			echo_byte();
	print("\n");
}

static void on_receive(struct frame *frame)
{
	(void)frame;
	n_interrupts++;
	while ((read_port(UART_LSR) & UART_LSR_DR) != 0 && !quit)
		echo_byte();
	lapic_eoi();
}

void act_echo_irq(void)
{
	quit = false;
	lapic_init();
	interrupts_handle(VECTOR, on_receive);
	ioapic_route(GSI_COM1, VECTOR, false);
	write_port(UART_FCR, UART_FCR_ENABLE_FIFO);
	write_port(UART_IER, UART_IER_RDI);
	while (!quit)
		wait_for_interrupt();
	write_port(UART_IER, 0);
	print("\n");
}

/* The transmitter says that it is empty until IIR is read: a level line stays up until then. */
static void on_transmit(struct frame *frame)
{
	(void)frame;
	n_interrupts++;
	if ((read_port(UART_IIR) & UART_IIR_ID) != UART_IIR_THRI)
		print("spurious\n");
	lapic_eoi();
}

void act_serial_irq(void)
{
	bool level = same_text(next_word(), "level");
	uint64_t count = next_number();

	lapic_init();
	interrupts_handle(VECTOR, on_transmit);
	ioapic_route(GSI_COM1, VECTOR, level);
	n_interrupts = 0;
	for (uint64_t i = 0; i < count; i++) {
		write_port(UART_IER, UART_IER_THRI);
		while (n_interrupts == i)
			wait_for_interrupt();
		write_port(UART_IER, 0);
	}
	print("%u interrupts\n", n_interrupts);
}

void act_loopback(void)
{
	write_port(UART_MCR, UART_MCR_LOOP | UART_MCR_RTS);
	write_port(UART_TX, 'x');
	quit = read_port(UART_RX) == 'x' && (read_port(UART_MSR) & 0xf0) == UART_MSR_CTS;
	write_port(UART_MCR, UART_MCR_OUT2);
	print("loopback %s\n", quit ? "ok" : "bad");
}
