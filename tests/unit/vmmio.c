/* SPDX-License-Identifier: Apache-2.0 */
/* The transport, by a device that does nothing but what the test lets it do. [virtio 1.2 §4.2] */
#include "virtio-mmio/vmmio.h"

#include <criterion/criterion.h>
#include <linux/virtio_config.h>
#include <string.h>
#include <unistd.h>

#include "base/le.h"
#include "base/scope.h"
#include "tests/support/rig.h"

#define ID      63
#define FEATURE (UINT64_C(1) << 3)
#define CONFIG  "configuration"
#define ALIVE                                                                                      \
	(VIRTIO_CONFIG_S_ACKNOWLEDGE | VIRTIO_CONFIG_S_DRIVER | VIRTIO_CONFIG_S_FEATURES_OK |      \
	 VIRTIO_CONFIG_S_DRIVER_OK)

static struct rig rig;

static struct dummy {
	struct vdev vdev;
	struct iovec iov[4];
	unsigned n_starts, n_kicks, n_resets, n_config_writes;
	int held;   /* head that is in flight, or -1 */
	bool holds; /* chains stay in flight */
} dummy;

static void start(struct vdev *vdev)
{
	(void)vdev;
	dummy.n_starts++;
}

static bool kick(struct vdev *vdev, unsigned queue)
{
	struct vq_chain chain = {.iov = dummy.iov, .n_iov = ARRAY_LEN(dummy.iov)};

	dummy.n_kicks++;
	while (dummy.held < 0 && vdev_pop(vdev, queue, &chain)) {
		if (dummy.holds)
			dummy.held = chain.head;
		else
			vdev_push(vdev, queue, chain.head, 0);
	}
	return false;
}

static void complete(struct vdev *vdev, struct ring_tag tag, int32_t result)
{
	(void)vdev;
	(void)tag;
	(void)result;
}

static bool drain(struct vdev *vdev)
{
	(void)vdev;
	return dummy.held < 0;
}

static void reset(struct vdev *vdev)
{
	(void)vdev;
	dummy.n_resets++;
}

static void write_config(struct vdev *vdev, unsigned offset, const uint8_t *data, unsigned len)
{
	(void)data;
	cr_assert_leq(offset + len, VMMIO_PAGE_LEN - VIRTIO_MMIO_CONFIG);
	(void)vdev;
	dummy.n_config_writes++;
}

static void release_held(void)
{
	int head = dummy.held;

	dummy.held = -1;
	vdev_push(&dummy.vdev, 0, (uint16_t)head, 0);
}

static void set_up(void)
{
	static const struct vdev_ops ops = {.start = start,
					    .kick = kick,
					    .complete = complete,
					    .drain = drain,
					    .reset = reset,
					    .write_config = write_config};

	rig_init(&rig);
	dummy = (struct dummy){.held = -1};
	dummy.vdev = (struct vdev){.ops = &ops,
				   .id = ID,
				   .features = FEATURE,
				   .n_queues = 2,
				   .queue_sizes = {16, 32},
				   .config_len = sizeof(CONFIG),
				   .mem = &rig.mem};
	memcpy(dummy.vdev.config, CONFIG, sizeof(CONFIG));
	rig_plug_in(&rig, &dummy.vdev);
}

static void tear_down(void)
{
	rig_done(&rig);
}

TestSuite(vmmio, .init = set_up, .fini = tear_down, .timeout = 60);

static void add_buffer(unsigned queue)
{
	const struct fakedrv_part part = {.gpa = RIG_BUFFERS, .len = 64, .in = true};

	cr_assert_geq(fakedrv_add(&rig.queues[queue], &part, 1), 0);
}

/* One chain that stays in flight. */
static void hold_one(void)
{
	rig_start(&rig, FAKEDRV_FEATURES);
	dummy.holds = true;
	add_buffer(0);
	rig_publish(&rig, 0);
	rig_turn(&rig, true);
	cr_assert_geq(dummy.held, 0);
}

Test(vmmio, says_what_it_is)
{
	cr_assert_eq(rig_read(&rig, VIRTIO_MMIO_MAGIC_VALUE), 0x74726976);
	cr_assert_eq(rig_read(&rig, VIRTIO_MMIO_VERSION), 2);
	cr_assert_eq(rig_read(&rig, VIRTIO_MMIO_DEVICE_ID), ID);
	cr_assert_eq(rig_read(&rig, VIRTIO_MMIO_STATUS), 0);
	cr_assert_eq(rig_read(&rig, VIRTIO_MMIO_CONFIG_GENERATION), 0);
	cr_assert_eq(memcmp(rig.page + VIRTIO_MMIO_CONFIG, CONFIG, sizeof(CONFIG)), 0);
}

/* [virtio 1.2 §4.2.2.1]: a region that is not there has a length of all ones. */
Test(vmmio, has_no_shared_memory)
{
	rig_write(&rig, VIRTIO_MMIO_SHM_SEL, 1);
	cr_assert_eq(rig_read(&rig, VIRTIO_MMIO_SHM_LEN_LOW), UINT32_MAX);
	cr_assert_eq(rig_read(&rig, VIRTIO_MMIO_SHM_LEN_HIGH), UINT32_MAX);
}

Test(vmmio, shows_what_a_write_selects)
{
	static const struct {
		uint32_t reg, value, shown, wanted;
	} rows[] = {
		{VIRTIO_MMIO_DEVICE_FEATURES_SEL, 0, VIRTIO_MMIO_DEVICE_FEATURES,
		 FEATURE | 1U << VIRTIO_RING_F_EVENT_IDX | 1U << VIRTIO_RING_F_INDIRECT_DESC},
		{VIRTIO_MMIO_DEVICE_FEATURES_SEL, 1, VIRTIO_MMIO_DEVICE_FEATURES, 1},
		{VIRTIO_MMIO_DEVICE_FEATURES_SEL, 2, VIRTIO_MMIO_DEVICE_FEATURES, 0},
		{VIRTIO_MMIO_DEVICE_FEATURES_SEL, UINT32_MAX, VIRTIO_MMIO_DEVICE_FEATURES, 0},
		{VIRTIO_MMIO_QUEUE_SEL, 0, VIRTIO_MMIO_QUEUE_NUM_MAX, 16},
		{VIRTIO_MMIO_QUEUE_SEL, 1, VIRTIO_MMIO_QUEUE_NUM_MAX, 32},
		/* [virtio 1.2 §4.2.2.1]: no such queue */
		{VIRTIO_MMIO_QUEUE_SEL, 2, VIRTIO_MMIO_QUEUE_NUM_MAX, 0},
		{VIRTIO_MMIO_QUEUE_SEL, UINT32_MAX, VIRTIO_MMIO_QUEUE_NUM_MAX, 0},
	};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		rig_write(&rig, rows[i].reg, rows[i].value);
		cr_assert_eq(rig_read(&rig, rows[i].shown), rows[i].wanted, "row %zu", i);
	}
}

/* [virtio 1.2 §3.1.1 step 6] */
Test(vmmio, agrees_to_what_it_offers_and_to_nothing_else)
{
	cr_assert(rig_negotiate(&rig, FEATURE));
	rig_write(&rig, VIRTIO_MMIO_STATUS, 0);
	cr_assert(rig_negotiate(&rig, 0));
	rig_write(&rig, VIRTIO_MMIO_STATUS, 0);
	cr_assert_not(rig_negotiate(&rig, FEATURE << 1));
	rig_write(&rig, VIRTIO_MMIO_STATUS, 0);
	cr_assert_not(rig_negotiate(&rig, UINT64_C(1) << VIRTIO_F_RING_PACKED));
}

Test(vmmio, does_not_agree_to_a_legacy_driver)
{
	rig_write(&rig, VIRTIO_MMIO_STATUS, VIRTIO_CONFIG_S_ACKNOWLEDGE | VIRTIO_CONFIG_S_DRIVER);
	rig_write(&rig, VIRTIO_MMIO_STATUS,
		  VIRTIO_CONFIG_S_ACKNOWLEDGE | VIRTIO_CONFIG_S_DRIVER |
			  VIRTIO_CONFIG_S_FEATURES_OK);
	cr_assert_eq(rig_read(&rig, VIRTIO_MMIO_STATUS),
		     VIRTIO_CONFIG_S_ACKNOWLEDGE | VIRTIO_CONFIG_S_DRIVER);
	rig_write(&rig, VIRTIO_MMIO_STATUS, ALIVE);
	cr_assert(rig_read(&rig, VIRTIO_MMIO_STATUS) & VIRTIO_CONFIG_S_NEEDS_RESET);
	cr_assert_eq(dummy.n_starts, 0);
}

Test(vmmio, features_are_settled_by_features_ok)
{
	cr_assert(rig_negotiate(&rig, FEATURE));
	rig_write(&rig, VIRTIO_MMIO_DRIVER_FEATURES_SEL, 0);
	rig_write(&rig, VIRTIO_MMIO_DRIVER_FEATURES, 0);
	rig_set_up_queues(&rig, 16, 0);
	rig_write(&rig, VIRTIO_MMIO_STATUS, ALIVE);
	vmmio_attend(&rig.vmmio);
	cr_assert(vdev_has(&dummy.vdev, 3));
	cr_assert_not(vdev_has(&dummy.vdev, 4));
	cr_assert_eq(dummy.n_starts, 1);
}

/* [virtio 1.2 §2.1.1]: a driver must not clear a bit. */
Test(vmmio, status_bits_only_grow)
{
	rig_write(&rig, VIRTIO_MMIO_STATUS, VIRTIO_CONFIG_S_ACKNOWLEDGE);
	rig_write(&rig, VIRTIO_MMIO_STATUS, VIRTIO_CONFIG_S_DRIVER);
	cr_assert_eq(rig_read(&rig, VIRTIO_MMIO_STATUS),
		     VIRTIO_CONFIG_S_ACKNOWLEDGE | VIRTIO_CONFIG_S_DRIVER);
	/* Nor set what is the device's to set, or nobody's. */
	rig_write(&rig, VIRTIO_MMIO_STATUS, VIRTIO_CONFIG_S_NEEDS_RESET | 0x10 | 0xffffff00);
	cr_assert_eq(rig_read(&rig, VIRTIO_MMIO_STATUS),
		     VIRTIO_CONFIG_S_ACKNOWLEDGE | VIRTIO_CONFIG_S_DRIVER);
}

Test(vmmio, carries_buffers_and_interrupts_once_a_turn)
{
	rig_start(&rig, FAKEDRV_FEATURES);
	for (unsigned i = 0; i < 5; i++)
		add_buffer(0);
	add_buffer(1);
	rig_publish(&rig, 0);
	rig_publish(&rig, 1);
	rig_turn(&rig, true);
	cr_assert_eq(rig.n_interrupts, 1);
	for (unsigned i = 0; i < 5; i++)
		(void)rig_await(&rig, 0);
	(void)rig_await(&rig, 1);
}

/* What a driver made available before DRIVER_OK is not forgotten; no kick came for it. */
Test(vmmio, looks_at_its_queues_when_the_driver_has_come)
{
	cr_assert(rig_negotiate(&rig, FAKEDRV_FEATURES));
	rig_set_up_queues(&rig, 16, FAKEDRV_FEATURES);
	add_buffer(0);
	(void)fakedrv_publish(&rig.queues[0]);
	rig_write(&rig, VIRTIO_MMIO_STATUS, ALIVE);
	vmmio_attend(&rig.vmmio);
	rig_turn(&rig, false);
	(void)rig_await(&rig, 0);
}

Test(vmmio, isr_stays_set_where_it_is_sticky)
{
	rig_start(&rig, FAKEDRV_FEATURES);
	cr_assert_eq(rig_read(&rig, VIRTIO_MMIO_INTERRUPT_STATUS), VIRTIO_MMIO_INT_VRING);
	rig_write(&rig, VIRTIO_MMIO_INTERRUPT_ACK, VIRTIO_MMIO_INT_VRING);
	cr_assert_eq(rig_read(&rig, VIRTIO_MMIO_INTERRUPT_STATUS), VIRTIO_MMIO_INT_VRING);
	vdev_change_config(&dummy.vdev, CONFIG);
	cr_assert_eq(rig_read(&rig, VIRTIO_MMIO_INTERRUPT_STATUS), 3);
	/* The bit for a change of configuration is always exact. */
	rig_write(&rig, VIRTIO_MMIO_INTERRUPT_ACK, 3);
	cr_assert_eq(rig_read(&rig, VIRTIO_MMIO_INTERRUPT_STATUS), VIRTIO_MMIO_INT_VRING);
	rig_write(&rig, VIRTIO_MMIO_STATUS, 0);
	cr_assert_eq(rig_read(&rig, VIRTIO_MMIO_INTERRUPT_STATUS), 0);
}

/* [virtio 1.2 §4.2.2.1] */
Test(vmmio, isr_is_cleared_where_it_is_exact)
{
	rig.vmmio.sticky = false;
	rig_start(&rig, FAKEDRV_FEATURES);
	cr_assert_eq(rig_read(&rig, VIRTIO_MMIO_INTERRUPT_STATUS), 0);
	add_buffer(0);
	rig_publish(&rig, 0);
	(void)rig_await(&rig, 0);
	cr_assert_eq(rig_read(&rig, VIRTIO_MMIO_INTERRUPT_STATUS), VIRTIO_MMIO_INT_VRING);
	rig_write(&rig, VIRTIO_MMIO_INTERRUPT_ACK, VIRTIO_MMIO_INT_CONFIG);
	cr_assert_eq(rig_read(&rig, VIRTIO_MMIO_INTERRUPT_STATUS), VIRTIO_MMIO_INT_VRING);
	rig_write(&rig, VIRTIO_MMIO_INTERRUPT_ACK, VIRTIO_MMIO_INT_VRING);
	cr_assert_eq(rig_read(&rig, VIRTIO_MMIO_INTERRUPT_STATUS), 0);
}

Test(vmmio, configuration_changes_as_a_whole)
{
	const char other[sizeof(CONFIG)] = "another one";

	rig_start(&rig, FAKEDRV_FEATURES);
	vdev_change_config(&dummy.vdev, other);
	cr_assert_eq(rig.n_closed, 1);
	cr_assert_not(rig.is_closed);
	cr_assert_eq(memcmp(rig.page + VIRTIO_MMIO_CONFIG, other, sizeof(other)), 0);
	cr_assert_eq(rig_read(&rig, VIRTIO_MMIO_CONFIG_GENERATION), 1);
	cr_assert_eq(rig.n_interrupts, 1);
}

/* Drivers read it before DRIVER_OK, and hear nothing until then. */
Test(vmmio, configuration_that_changes_during_a_set_up_is_told_after_it)
{
	vdev_change_config(&dummy.vdev, "before there was one");
	cr_assert(rig_negotiate(&rig, FAKEDRV_FEATURES));
	rig_set_up_queues(&rig, 16, FAKEDRV_FEATURES);
	rig_write(&rig, VIRTIO_MMIO_STATUS, ALIVE);
	vmmio_attend(&rig.vmmio);
	cr_assert_eq(rig.n_interrupts, 0);
	rig_write(&rig, VIRTIO_MMIO_STATUS, 0);
	cr_assert(rig_negotiate(&rig, FAKEDRV_FEATURES));
	rig_set_up_queues(&rig, 16, FAKEDRV_FEATURES);
	vdev_change_config(&dummy.vdev, "another one at last");
	cr_assert_eq(rig.n_interrupts, 0);
	rig_write(&rig, VIRTIO_MMIO_STATUS, ALIVE);
	vmmio_attend(&rig.vmmio);
	cr_assert_eq(rig.n_interrupts, 1);
	cr_assert(rig_read(&rig, VIRTIO_MMIO_INTERRUPT_STATUS) & VIRTIO_MMIO_INT_CONFIG);
	vmmio_attend(&rig.vmmio);
	cr_assert_eq(rig.n_interrupts, 1);
}

Test(vmmio, configuration_can_be_written_at_any_width)
{
	const uint8_t bytes[8] = {1};

	for (unsigned len = 1; len <= 8; len *= 2)
		vmmio_write(&rig.vmmio, VMMIO_PAGE_LEN - len, bytes, len);
	cr_assert_eq(dummy.n_config_writes, 4);
}

/* [virtio 1.2 §4.2.2.2]: registers are words. */
Test(vmmio, registers_are_written_as_words_only)
{
	const uint8_t bytes[8] = {1, 0, 0, 0, 1};

	vmmio_write(&rig.vmmio, VIRTIO_MMIO_STATUS, bytes, 1);
	vmmio_write(&rig.vmmio, VIRTIO_MMIO_STATUS, bytes, 2);
	vmmio_write(&rig.vmmio, VIRTIO_MMIO_STATUS, bytes, 8);
	vmmio_write(&rig.vmmio, VIRTIO_MMIO_STATUS + 1, bytes, 4);
	cr_assert_eq(rig_read(&rig, VIRTIO_MMIO_STATUS), 0);
}

Test(vmmio, the_read_only_registers_are_that)
{
	uint8_t before[VMMIO_PAGE_LEN];
	static const unsigned regs[] = {VIRTIO_MMIO_MAGIC_VALUE,
					VIRTIO_MMIO_VERSION,
					VIRTIO_MMIO_DEVICE_ID,
					VIRTIO_MMIO_VENDOR_ID,
					VIRTIO_MMIO_DEVICE_FEATURES,
					VIRTIO_MMIO_QUEUE_NUM_MAX,
					VIRTIO_MMIO_INTERRUPT_STATUS,
					VIRTIO_MMIO_CONFIG_GENERATION,
					0xf8,
					0x1c};

	memcpy(before, rig.page, sizeof(before));
	for (size_t i = 0; i < ARRAY_LEN(regs); i++)
		rig_write(&rig, regs[i], UINT32_MAX);
	cr_assert_eq(memcmp(rig.page, before, sizeof(before)), 0);
}

Test(vmmio, needs_a_reset_for_a_queue_that_cannot_be)
{
	static const struct {
		unsigned reg;
		uint32_t value;
	} rows[] = {
		{VIRTIO_MMIO_QUEUE_NUM, 0},
		{VIRTIO_MMIO_QUEUE_NUM, 3},
		{VIRTIO_MMIO_QUEUE_NUM, 32}, /* more than it said */
		{VIRTIO_MMIO_QUEUE_NUM, 0x10010},
		{VIRTIO_MMIO_QUEUE_DESC_LOW, 8},
		{VIRTIO_MMIO_QUEUE_DESC_HIGH, 1},
		{VIRTIO_MMIO_QUEUE_AVAIL_LOW, (uint32_t)RIG_MEMORY - 2},
		{VIRTIO_MMIO_QUEUE_AVAIL_HIGH, UINT32_MAX},
		{VIRTIO_MMIO_QUEUE_USED_LOW, 2},
		{VIRTIO_MMIO_QUEUE_USED_HIGH, 0x10},
	};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		cr_assert(rig_negotiate(&rig, 0));
		rig_set_up_queues(&rig, 16, 0);
		rig_write(&rig, VIRTIO_MMIO_QUEUE_SEL, 0);
		rig_write(&rig, VIRTIO_MMIO_QUEUE_READY, 0);
		rig_write(&rig, rows[i].reg, rows[i].value);
		rig_write(&rig, VIRTIO_MMIO_QUEUE_READY, 1);
		rig_write(&rig, VIRTIO_MMIO_STATUS, ALIVE);
		cr_assert(rig_read(&rig, VIRTIO_MMIO_STATUS) & VIRTIO_CONFIG_S_NEEDS_RESET,
			  "row %zu", i);
		vmmio_attend(&rig.vmmio);
		cr_assert_eq(dummy.n_starts, 0);
		rig_write(&rig, VIRTIO_MMIO_STATUS, 0);
		cr_assert_eq(rig_read(&rig, VIRTIO_MMIO_STATUS), 0);
	}
}

Test(vmmio, works_with_the_queues_that_are_ready)
{
	cr_assert(rig_negotiate(&rig, FAKEDRV_FEATURES));
	rig_set_up_queues(&rig, 16, FAKEDRV_FEATURES);
	rig_write(&rig, VIRTIO_MMIO_QUEUE_SEL, 1);
	rig_write(&rig, VIRTIO_MMIO_QUEUE_READY, 0);
	rig_write(&rig, VIRTIO_MMIO_STATUS, ALIVE);
	vmmio_attend(&rig.vmmio);
	add_buffer(0);
	rig_publish(&rig, 0);
	(void)rig_await(&rig, 0);
	dummy.n_kicks = 0;
	rig_write(&rig, VIRTIO_MMIO_QUEUE_NOTIFY, 1);
	rig_write(&rig, VIRTIO_MMIO_QUEUE_NOTIFY, 2);
	rig_write(&rig, VIRTIO_MMIO_QUEUE_NOTIFY, UINT32_MAX);
	rig_turn(&rig, false);
	cr_assert_eq(dummy.n_kicks, 0);
}

Test(vmmio, geometry_is_frozen_once_the_driver_is_there)
{
	rig_start(&rig, FAKEDRV_FEATURES);
	rig_write(&rig, VIRTIO_MMIO_QUEUE_SEL, 0);
	rig_write(&rig, VIRTIO_MMIO_QUEUE_DESC_LOW, 0x1000);
	rig_write(&rig, VIRTIO_MMIO_QUEUE_NUM, 8);
	rig_write(&rig, VIRTIO_MMIO_QUEUE_READY, 1);
	add_buffer(0);
	rig_publish(&rig, 0);
	(void)rig_await(&rig, 0);
	cr_assert_eq(dummy.vdev.queues[0].size, 16);
}

/* [virtio 1.2 §4.2.2.2]: reading 0 means that the device is done with the queue. */
Test(vmmio, a_queue_is_ready_until_it_has_stopped)
{
	hold_one();
	rig.patience = 3;
	rig_write(&rig, VIRTIO_MMIO_QUEUE_SEL, 0);
	rig_write(&rig, VIRTIO_MMIO_QUEUE_READY, 0);
	cr_assert_eq(rig_read(&rig, VIRTIO_MMIO_QUEUE_READY), 1);
	release_held();
	rig_turn(&rig, false);
	cr_assert_eq(rig_read(&rig, VIRTIO_MMIO_QUEUE_READY), 0);
	rig_write(&rig, VIRTIO_MMIO_QUEUE_SEL, 1);
	cr_assert_eq(rig_read(&rig, VIRTIO_MMIO_QUEUE_READY), 1);
}

Test(vmmio, stopping_a_queue_that_has_stopped_does_nothing)
{
	unsigned n_calls;

	rig_start(&rig, FAKEDRV_FEATURES);
	rig_write(&rig, VIRTIO_MMIO_QUEUE_SEL, 0);
	rig_write(&rig, VIRTIO_MMIO_QUEUE_READY, 0);
	n_calls = rig.n_calls;
	rig_write(&rig, VIRTIO_MMIO_QUEUE_READY, 0);
	cr_assert_eq(rig.n_calls, n_calls);
	cr_assert_eq(rig_read(&rig, VIRTIO_MMIO_QUEUE_READY), 0);
}

/* The driver may have read the configuration, and the loop not yet seen the driver. */
Test(vmmio, a_change_is_told_from_driver_ok_on)
{
	const char other[sizeof(CONFIG)] = "another one";

	cr_assert(rig_negotiate(&rig, 0));
	rig_set_up_queues(&rig, 16, 0);
	rig_write(&rig, VIRTIO_MMIO_STATUS, ALIVE);
	vdev_change_config(&dummy.vdev, other);
	cr_assert_eq(rig.n_interrupts, 1);
	cr_assert(rig_read(&rig, VIRTIO_MMIO_INTERRUPT_STATUS) & VIRTIO_MMIO_INT_CONFIG);
}

Test(vmmio, doorbells_before_the_driver_are_not_heard)
{
	rig_write(&rig, VIRTIO_MMIO_QUEUE_NOTIFY, 0);
	cr_assert(rig_negotiate(&rig, 0));
	rig_set_up_queues(&rig, 16, 0);
	rig_write(&rig, VIRTIO_MMIO_QUEUE_NOTIFY, 0);
	rig_turn(&rig, false);
	cr_assert_eq(dummy.n_kicks, 0);
}

Test(vmmio, kvm_takes_over_after_some_kicks)
{
	rig_start(&rig, FAKEDRV_FEATURES);
	for (unsigned i = 1; i < VMMIO_KICKS_BEFORE_ARMING; i++)
		rig_write(&rig, VIRTIO_MMIO_QUEUE_NOTIFY, 0);
	cr_assert_eq(rig.n_armed, 0);
	rig_write(&rig, VIRTIO_MMIO_QUEUE_NOTIFY, 1);
	cr_assert_eq(rig.n_armed, 1);
	rig_write(&rig, VIRTIO_MMIO_QUEUE_NOTIFY, 0);
	rig_write(&rig, VIRTIO_MMIO_STATUS, 0);
	rig_start(&rig, FAKEDRV_FEATURES);
	vmmio_arm(&rig.vmmio);
	cr_assert_eq(rig.n_armed, 1);
}

Test(vmmio, kvm_takes_over_when_it_is_told)
{
	vmmio_arm(&rig.vmmio);
	cr_assert_eq(rig.n_armed, 0);
	rig_start(&rig, FAKEDRV_FEATURES);
	vmmio_arm(&rig.vmmio);
	cr_assert_eq(rig.n_armed, 1);
}

Test(vmmio, reset_forgets_everything)
{
	rig_start(&rig, FAKEDRV_FEATURES | FEATURE);
	rig_write(&rig, VIRTIO_MMIO_QUEUE_SEL, 1);
	rig_write(&rig, VIRTIO_MMIO_STATUS, 0);
	cr_assert_eq(rig_read(&rig, VIRTIO_MMIO_STATUS), 0);
	cr_assert_eq(rig_read(&rig, VIRTIO_MMIO_QUEUE_NUM_MAX), 16);
	cr_assert_eq(rig_read(&rig, VIRTIO_MMIO_QUEUE_READY), 0);
	cr_assert_eq(dummy.n_resets, 1);
	cr_assert_not(dummy.vdev.live);
	cr_assert_null(dummy.vdev.queues[0].desc);
	rig_start(&rig, 0);
	cr_assert_eq(dummy.n_starts, 2);
	cr_assert_not(vdev_has(&dummy.vdev, 3));
}

/* Before the loop has so much as seen the driver. */
Test(vmmio, reset_right_after_driver_ok)
{
	cr_assert(rig_negotiate(&rig, FAKEDRV_FEATURES));
	rig_set_up_queues(&rig, 16, FAKEDRV_FEATURES);
	rig_write(&rig, VIRTIO_MMIO_STATUS, ALIVE);
	rig_write(&rig, VIRTIO_MMIO_STATUS, 0);
	cr_assert_eq(rig_read(&rig, VIRTIO_MMIO_STATUS), 0);
	cr_assert_eq(rig.vmmio.state, VMMIO_OFF);
	cr_assert_not(dummy.vdev.live);
}

/* Drivers free their buffers next. */
Test(vmmio, reset_waits_for_what_is_in_flight)
{
	hold_one();
	rig.patience = 3;
	rig_write(&rig, VIRTIO_MMIO_STATUS, 0);
	cr_assert_neq(rig_read(&rig, VIRTIO_MMIO_STATUS), 0);
	cr_assert_eq(dummy.n_resets, 0);
	/* Until then it is deaf. */
	rig_write(&rig, VIRTIO_MMIO_STATUS, ALIVE | VIRTIO_CONFIG_S_FAILED);
	cr_assert_eq(rig_read(&rig, VIRTIO_MMIO_STATUS), ALIVE);
	rig_write(&rig, VIRTIO_MMIO_QUEUE_NOTIFY, 0);
	rig_write(&rig, VIRTIO_MMIO_QUEUE_READY, 0);
	release_held();
	rig_turn(&rig, false);
	cr_assert_eq(rig_read(&rig, VIRTIO_MMIO_STATUS), 0);
	cr_assert_eq(dummy.n_resets, 1);
}

/* [virtio 1.2 §4.2.2.2 QueueReady] */
Test(vmmio, a_queue_can_be_stopped_alone)
{
	hold_one();
	rig.patience = 3;
	rig_write(&rig, VIRTIO_MMIO_QUEUE_SEL, 0);
	rig_write(&rig, VIRTIO_MMIO_QUEUE_READY, 0);
	cr_assert_eq(rig.vmmio.state, VMMIO_DRAINING);
	dummy.holds = false;
	release_held();
	rig_turn(&rig, false);
	cr_assert_eq(rig.vmmio.state, VMMIO_LIVE);
	cr_assert_eq(rig_read(&rig, VIRTIO_MMIO_QUEUE_READY), 0);
	add_buffer(1);
	rig_publish(&rig, 1);
	(void)rig_await(&rig, 1);
	dummy.n_kicks = 0;
	rig_write(&rig, VIRTIO_MMIO_QUEUE_NOTIFY, 0);
	rig_turn(&rig, false);
	cr_assert_eq(dummy.n_kicks, 0);
}

/* [virtio 1.2 §2.1.2] */
Test(vmmio, needs_a_reset_where_the_driver_broke_a_rule)
{
	rig_start(&rig, FAKEDRV_FEATURES);
	fakedrv_put(&rig.queues[0], 999);
	rig_publish(&rig, 0);
	rig_turn(&rig, true);
	cr_assert(rig_read(&rig, VIRTIO_MMIO_STATUS) & VIRTIO_CONFIG_S_NEEDS_RESET);
	cr_assert(rig_read(&rig, VIRTIO_MMIO_INTERRUPT_STATUS) & VIRTIO_MMIO_INT_CONFIG);
	cr_assert_eq(rig.n_interrupts, 1);
	dummy.n_kicks = 0;
	rig_write(&rig, VIRTIO_MMIO_QUEUE_NOTIFY, 1);
	rig_turn(&rig, false);
	cr_assert_eq(dummy.n_kicks, 0);
	rig_write(&rig, VIRTIO_MMIO_STATUS, 0);
	rig_start(&rig, FAKEDRV_FEATURES);
	add_buffer(0);
	rig_publish(&rig, 0);
	(void)rig_await(&rig, 0);
}

/* Found while a queue is being stopped: the device lives on without it, and must say so. */
Test(vmmio, needs_a_reset_for_a_rule_broken_while_a_queue_stops)
{
	hold_one();
	rig.patience = 0;
	rig_write(&rig, VIRTIO_MMIO_QUEUE_SEL, 0);
	rig_write(&rig, VIRTIO_MMIO_QUEUE_READY, 0);
	cr_assert_eq(rig.vmmio.state, VMMIO_DRAINING);
	vdev_fail(&dummy.vdev);
	release_held();
	rig_turn(&rig, false);
	cr_assert_eq(rig.vmmio.state, VMMIO_LIVE);
	cr_assert(rig_read(&rig, VIRTIO_MMIO_STATUS) & VIRTIO_CONFIG_S_NEEDS_RESET);
	cr_assert(rig_read(&rig, VIRTIO_MMIO_INTERRUPT_STATUS) & VIRTIO_MMIO_INT_CONFIG);
}

/* Every register in every state with every kind of value; the device can be reset after all of it. */
Test(vmmio, any_write_in_any_state)
{
	static const uint32_t values[] = {0, 1, 2, 4, 15, 16, 0x40, 0xff, 0x10000, UINT32_MAX};

	for (unsigned state = 0; state < 3; state++)
		for (unsigned reg = 0; reg < VIRTIO_MMIO_CONFIG; reg += 4)
			for (size_t i = 0; i < ARRAY_LEN(values); i++) {
				if (state == 1)
					cr_assert(rig_negotiate(&rig, 0));
				if (state == 2)
					rig_start(&rig, 0);
				rig_write(&rig, reg, values[i]);
				vmmio_attend(&rig.vmmio);
				rig_turn(&rig, false);
				rig_write(&rig, VIRTIO_MMIO_STATUS, 0);
				cr_assert_eq(rig_read(&rig, VIRTIO_MMIO_STATUS), 0);
			}
}

/* Another process: the same device, on the same memory. */
static void make_anew(void)
{
	const struct vdev_ops *ops = dummy.vdev.ops;
	struct vmmio before = rig.vmmio;

	memset(dummy.vdev.queues, 0, sizeof(dummy.vdev.queues));
	dummy.vdev.live = false;
	memset(rig.page, 0, sizeof(rig.page));
	vmmio_init(&rig.vmmio, &dummy.vdev, rig.page);
	rig.vmmio.host = before.host;
	rig.vmmio.host_ops = before.host_ops;
	rig.vmmio.irq = before.irq;
	rig.vmmio.sticky = true;
	cr_assert_eq(ops, dummy.vdev.ops);
}

Test(vmmio, goes_on_where_it_was_saved)
{
	static struct vmmio_saved saved;
	uint8_t before[VMMIO_PAGE_LEN];

	rig_start(&rig, FAKEDRV_FEATURES | FEATURE);
	for (unsigned i = 0; i < 20; i++) {
		add_buffer(0);
		rig_publish(&rig, 0);
		(void)rig_await(&rig, 0);
	}
	vdev_change_config(&dummy.vdev, CONFIG);
	rig_write(&rig, VIRTIO_MMIO_QUEUE_SEL, 1);
	rig_write(&rig, VIRTIO_MMIO_DEVICE_FEATURES_SEL, 1);
	memcpy(before, rig.page, sizeof(before));
	vmmio_save(&rig.vmmio, &saved);
	make_anew();
	cr_assert_eq(vmmio_load(&rig.vmmio, &saved), 0);
	cr_assert_eq(memcmp(rig.page, before, sizeof(before)), 0);
	vmmio_attend(&rig.vmmio);
	cr_assert(vdev_has(&dummy.vdev, 3));
	for (unsigned i = 0; i < 20; i++) {
		add_buffer(0);
		rig_publish(&rig, 0);
		(void)rig_await(&rig, 0);
	}
}

Test(vmmio, goes_on_in_the_middle_of_a_set_up)
{
	static struct vmmio_saved saved;

	cr_assert(rig_negotiate(&rig, FAKEDRV_FEATURES));
	rig_set_up_queues(&rig, 16, FAKEDRV_FEATURES);
	vmmio_save(&rig.vmmio, &saved);
	make_anew();
	cr_assert_eq(vmmio_load(&rig.vmmio, &saved), 0);
	rig_write(&rig, VIRTIO_MMIO_STATUS, ALIVE);
	vmmio_attend(&rig.vmmio);
	add_buffer(1);
	rig_publish(&rig, 1);
	(void)rig_await(&rig, 1);
}

Test(vmmio, refuses_a_state_that_cannot_be)
{
	static struct vmmio_saved good, bad;
	uint8_t fresh[VMMIO_PAGE_LEN];

	rig_start(&rig, FAKEDRV_FEATURES);
	vmmio_save(&rig.vmmio, &good);
	make_anew();
	memcpy(fresh, rig.page, sizeof(fresh));
	for (unsigned i = 0; i < 9; i++) {
		bad = good;
		switch (i) {
		case 0:
			bad.n_queues = 3;
			break;
		case 1:
			bad.status |= 0x100;
			break;
		case 2:
			bad.ready |= 4;
			break;
		case 3:
			bad.driver_features |= UINT64_C(1) << 50;
			break;
		case 4:
			bad.driver_features = 0;
			break;
		case 5:
			bad.status &= ~(uint32_t)VIRTIO_CONFIG_S_DRIVER_OK;
			break;
		case 6:
			bad.queues[0].desc = RIG_MEMORY;
			break;
		case 7:
			bad.queues[0].size = 32;
			break;
		default:
			bad.queues[1].size = 17;
			break;
		}
		cr_assert_lt(vmmio_load(&rig.vmmio, &bad), 0, "case %u", i);
		cr_assert_eq(memcmp(rig.page, fresh, sizeof(fresh)), 0);
		cr_assert_null(dummy.vdev.queues[0].desc);
	}
	cr_assert_eq(vmmio_load(&rig.vmmio, &good), 0);
}
