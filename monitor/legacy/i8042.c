/* SPDX-License-Identifier: Apache-2.0 */
#include "monitor/legacy/i8042.h"

#include "boot-proto/ports_abi.h"

/* Status register */
#define STATUS_OUTPUT_FULL 0x01
#define STATUS_SYSTEM      0x04
#define STATUS_COMMAND     0x08
#define STATUS_UNLOCKED    0x10

/* Command byte */
#define CONFIG_INTERRUPT 0x01
#define CONFIG_SYSTEM    0x04
#define CONFIG_DISABLED  0x10
#define CONFIG_NO_MOUSE  0x20

/* Commands to the controller */
#define COMMAND_READ_CONFIG   0x20
#define COMMAND_WRITE_CONFIG  0x60
#define COMMAND_SELF_TEST     0xaa
#define COMMAND_TEST_KEYBOARD 0xab
#define COMMAND_DISABLE       0xad
#define COMMAND_ENABLE        0xae
#define COMMAND_READ_OUTPUT   0xd0
#define COMMAND_WRITE_OUTPUT  0xd1
#define COMMAND_WRITE_BACK    0xd2 /* the next byte comes back as if typed */
#define SELF_TEST_PASSED      0x55
#define OUT_PORT_RESET        0x01 /* 0 resets the machine */
#define OUT_PORT_A20          0x02

/* Commands to the keyboard, and its answers */
#define KEYBOARD_LEDS     0xed
#define KEYBOARD_SCAN_SET 0xf0
#define KEYBOARD_IDENTIFY 0xf2
#define KEYBOARD_REPEAT   0xf3
#define KEYBOARD_RESET    0xff
#define KEYBOARD_ACK      0xfa
#define KEYBOARD_OK       0xaa

void i8042_init(struct i8042 *i8042, struct irq_line irq, struct ending_box *ending)
{
	*i8042 = (struct i8042){
		.lock = PTHREAD_MUTEX_INITIALIZER,
		.irq = irq,
		.ending = ending,
		.config = CONFIG_SYSTEM | CONFIG_INTERRUPT | CONFIG_NO_MOUSE,
		.out_port = OUT_PORT_RESET | OUT_PORT_A20,
	};
}

static void update_irq(struct i8042 *i8042)
{
	bool level = i8042->len > 0 && (i8042->config & CONFIG_INTERRUPT) != 0;

	if (level == i8042->irq_level)
		return;
	i8042->irq_level = level;
	irq_set(&i8042->irq, level);
}

static void push(struct i8042 *i8042, uint8_t byte)
{
	if (i8042->len == I8042_BYTES)
		return;
	i8042->bytes[(i8042->first + i8042->len) % I8042_BYTES] = byte;
	i8042->len++;
}

static void write_out_port(struct i8042 *i8042, uint8_t value)
{
	i8042->out_port = value;
	if ((value & OUT_PORT_RESET) == 0)
		ending_set(i8042->ending, END_RESET, 0);
}

static void set_disabled(struct i8042 *i8042, bool disabled)
{
	i8042->config = (uint8_t)((i8042->config & ~CONFIG_DISABLED) |
				  (disabled ? CONFIG_DISABLED : 0));
}

static void command(struct i8042 *i8042, uint8_t value)
{
	i8042->pending = 0;
	switch (value) {
	case COMMAND_READ_CONFIG:
		push(i8042, i8042->config);
		break;
	case COMMAND_SELF_TEST:
		push(i8042, SELF_TEST_PASSED);
		break;
	case COMMAND_TEST_KEYBOARD:
		push(i8042, 0);
		break;
	case COMMAND_DISABLE:
	case COMMAND_ENABLE:
		set_disabled(i8042, value == COMMAND_DISABLE);
		break;
	case COMMAND_READ_OUTPUT:
		push(i8042, i8042->out_port);
		break;
	case COMMAND_WRITE_CONFIG:
	case COMMAND_WRITE_OUTPUT:
	case COMMAND_WRITE_BACK:
		i8042->pending = value;
		break;
	case I8042_RESET:
		ending_set(i8042->ending, END_RESET, 0);
		break;
	default: /* the mouse's are among them: there is none */
		break;
	}
}

static void to_keyboard(struct i8042 *i8042, uint8_t value)
{
	uint8_t parameter_of = i8042->keyboard_pending;

	i8042->keyboard_pending = 0;
	push(i8042, KEYBOARD_ACK);
	if (parameter_of != 0) {
		if (parameter_of == KEYBOARD_SCAN_SET && value == 0)
			push(i8042, 2);
		return;
	}
	switch (value) {
	case KEYBOARD_IDENTIFY:
		push(i8042, 0xab);
		push(i8042, 0x83);
		break;
	case KEYBOARD_RESET:
		push(i8042, KEYBOARD_OK);
		break;
	case KEYBOARD_LEDS:
	case KEYBOARD_REPEAT:
	case KEYBOARD_SCAN_SET:
		i8042->keyboard_pending = value;
		break;
	default:
		break;
	}
}

static void write_data(struct i8042 *i8042, uint8_t value)
{
	uint8_t pending = i8042->pending;

	i8042->pending = 0;
	switch (pending) {
	case COMMAND_WRITE_CONFIG:
		i8042->config = value;
		i8042->driven = true;
		break;
	case COMMAND_WRITE_OUTPUT:
		write_out_port(i8042, value);
		break;
	case COMMAND_WRITE_BACK:
		push(i8042, value);
		break;
	default:
		to_keyboard(i8042, value);
		break;
	}
}

static uint8_t read_data(struct i8042 *i8042)
{
	uint8_t byte = i8042->len > 0 ? i8042->bytes[i8042->first] : 0;

	if (i8042->len > 0) {
		i8042->first = (uint8_t)((i8042->first + 1) % I8042_BYTES);
		i8042->len--;
	}
	/* An edge for each byte: the line falls when one is read, and rises for the next. */
	if (i8042->irq_level) {
		i8042->irq_level = false;
		irq_set(&i8042->irq, false);
	}
	return byte;
}

static void data_read(void *device, uint64_t offset, uint8_t *data, unsigned len)
{
	struct i8042 *i8042 = device;

	(void)offset;
	(void)len;
	pthread_mutex_lock(&i8042->lock);
	data[0] = read_data(i8042);
	update_irq(i8042);
	pthread_mutex_unlock(&i8042->lock);
}

static void data_write(void *device, uint64_t offset, const uint8_t *data, unsigned len)
{
	struct i8042 *i8042 = device;

	(void)offset;
	(void)len;
	pthread_mutex_lock(&i8042->lock);
	write_data(i8042, data[0]);
	update_irq(i8042);
	pthread_mutex_unlock(&i8042->lock);
}

static void status_read(void *device, uint64_t offset, uint8_t *data, unsigned len)
{
	struct i8042 *i8042 = device;

	(void)offset;
	(void)len;
	pthread_mutex_lock(&i8042->lock);
	data[0] = STATUS_SYSTEM | STATUS_UNLOCKED;
	if (i8042->len > 0)
		data[0] |= STATUS_OUTPUT_FULL;
	if (i8042->pending != 0)
		data[0] |= STATUS_COMMAND;
	pthread_mutex_unlock(&i8042->lock);
}

static void command_write(void *device, uint64_t offset, const uint8_t *data, unsigned len)
{
	struct i8042 *i8042 = device;

	(void)offset;
	(void)len;
	pthread_mutex_lock(&i8042->lock);
	command(i8042, data[0]);
	update_irq(i8042);
	pthread_mutex_unlock(&i8042->lock);
}

const struct bus_ops i8042_data_ops = {.read = data_read, .write = data_write};
const struct bus_ops i8042_command_ops = {.read = status_read, .write = command_write};

bool i8042_ctrl_alt_del(struct i8042 *i8042)
{
	static const uint8_t keys[] = {0x14, 0x11, 0xe0, 0x71}; /* Ctrl, Alt, Del in scan set 2 */
	bool heard;

	pthread_mutex_lock(&i8042->lock);
	heard = (i8042->config & (CONFIG_INTERRUPT | CONFIG_DISABLED)) == CONFIG_INTERRUPT &&
		i8042->driven;
	for (unsigned i = 0; heard && i < sizeof(keys); i++)
		push(i8042, keys[i]);
	update_irq(i8042);
	pthread_mutex_unlock(&i8042->lock);
	return heard;
}
