/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Our guests' virtio drivers, at the devices of another monitor: QEMU, which needs no KVM here, and
 * therefore has no x2APIC, so the drivers poll.
 */
#include <criterion/criterion.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/support/host.h"
#include "tests/support/run.h"

#define SECTOR            512
#define DISK_SECTORS      2048
#define STATUS(n)         ((n) << 1 | 1) /* what QEMU makes of the guest's status */
#define ARGS_MAX          40
#define WITHOUT_EVENT_IDX "without=0x20000000 "
#define WITHOUT_INDIRECT  "without=0x10000000 "

static void need_qemu(void)
{
	need_program("qemu-system-x86_64");
}

TestSuite(drivers, .init = need_qemu);

/* Runs a guest; `devices` are further arguments of QEMU's and end with NULL. */
static struct run run_guest(const char *name, const char *words, const char *const devices[])
{
	const char *argv[ARGS_MAX] = {"/usr/bin/qemu-system-x86_64",
				      "-M",
				      "microvm,acpi=off,x-option-roms=off,pit=off,pic=off,rtc=off",
				      "-accel",
				      "tcg",
				      "-cpu",
				      "max",
				      "-m",
				      "128",
				      "-nodefaults",
				      "-no-user-config",
				      "-display",
				      "none",
				      "-serial",
				      "stdio",
				      "-no-reboot",
				      "-global",
				      "virtio-mmio.force-legacy=false",
				      "-device",
				      "isa-debug-exit,iobase=0xf4,iosize=4",
				      "-kernel",
				      guest(name),
				      "-append",
				      words};
	size_t n = 0;

	while (argv[n] != NULL)
		n++;
	while (*devices != NULL && n < ARGS_MAX - 1)
		argv[n++] = *devices++;
	return run_program(argv, NULL);
}

static const char *new_disk(void)
{
	static uint8_t zeros[DISK_SECTORS * SECTOR];

	return write_file("disk", zeros, sizeof(zeros));
}

static struct run run_blk(const char *disk, const char *words)
{
	char drive[256];

	snprintf(drive, sizeof(drive), "if=none,id=d,format=raw,file=%s", disk);
	return run_guest("blk", words,
			 (const char *const[]){"-drive", drive, "-device",
					       "virtio-blk-device,drive=d,serial=mayfly-1", NULL});
}

/* As images/blk/blk.h promises it. */
static uint64_t pattern_word(uint64_t seed, uint64_t i)
{
	uint64_t z = seed + (i + 1) * UINT64_C(0x9e3779b97f4a7c15);

	z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
	return z ^ z >> 31;
}

Test(drivers, blk_says_what_the_disk_says)
{
	struct run run = run_blk(new_disk(), "info poll=1");

	cr_assert_eq(run.status, STATUS(0), "%s%s", run.out, run.err);
	cr_assert(has(run.out, "blk info capacity=2048 block=512 "), "%s", run.out);
	cr_assert(has(run.out, " read-only=0 ") && has(run.out, " serial=mayfly-1\n"), "%s",
		  run.out);
}

static void write_and_verify(const char *how)
{
	const char *disk = new_disk();
	char words[512];
	struct run run;
	char *bytes;
	size_t len;

	snprintf(words, sizeof(words),
		 "write pattern=7 sector=8 count=60 size=8192 poll=1 %s "
		 "verify pattern=7 sector=8 count=120 size=4096 poll=1 %s",
		 how, how);
	run = run_blk(disk, words);
	cr_assert_eq(run.status, STATUS(0), "%s: %s%s", how, run.out, run.err);
	cr_assert(has(run.out, "blk write requests=60 failed=0 "), "%s", run.out);
	cr_assert(has(run.out, "blk verify requests=120 failed=0 "), "%s", run.out);
	bytes = read_file(disk, &len);
	for (uint64_t i = 0; i < 60 * 8192 / 8; i++) {
		uint64_t word;

		memcpy(&word, bytes + UINT64_C(8) * SECTOR + i * 8, 8);
		cr_assert_eq(word, pattern_word(7, UINT64_C(8) * SECTOR / 8 + i), "%s: %zu", how,
			     i);
	}
	free(bytes);
}

Test(drivers, blk_writes_what_can_be_verified)
{
	write_and_verify("");
	write_and_verify("depth=32");
	write_and_verify("depth=7 segments=3");
	write_and_verify(WITHOUT_INDIRECT "depth=7 segments=5 ring=64");
	write_and_verify(WITHOUT_EVENT_IDX "depth=4");
	write_and_verify(WITHOUT_INDIRECT "ring=4");
}

Test(drivers, blk_sees_other_data_and_errors)
{
	const char *disk = new_disk();
	struct run run = run_blk(disk, "write pattern=1 count=2 poll=1 "
				       "verify pattern=2 count=2 poll=1");

	cr_assert_eq(run.status, STATUS(1));
	cr_assert(has(run.out, " bad=16 first-bad=0\n"), "%s", run.out);
	run = run_blk(disk, "read sector=2048 size=512 poll=1");
	cr_assert_eq(run.status, STATUS(1));
	cr_assert(has(run.out, "requests=1 failed=1 "), "%s", run.out);
}

Test(drivers, blk_sends_a_batch_by_one_kick)
{
	struct run run = run_blk(new_disk(),
				 "batch n=32 poll=1 batch n=32 poll=1 " WITHOUT_EVENT_IDX);

	cr_assert_eq(run.status, STATUS(0), "%s%s", run.out, run.err);
	cr_assert_str_eq(run.out, "blk batch n=32 failed=0 kicks=1 interrupts=0\n"
				  "blk batch n=32 failed=0 kicks=1 interrupts=0\n");
}

/* QEMU ignores a discard unless it is told otherwise, so the data of those sectors stay. */
Test(drivers, blk_discards_and_zeroes)
{
	struct run run = run_blk(new_disk(),
				 "write count=16 poll=1 zeroes size=4096 poll=1 "
				 "discard sector=8 size=4096 poll=1 "
				 "zeroes sector=16 size=4096 unmap=1 poll=1 flush poll=1 "
				 "read poll=1 verify sector=8 poll=1 verify poll=1");

	cr_assert_eq(run.status, STATUS(1), "%s%s", run.out, run.err);
	cr_assert(has(run.out, "blk zeroes sector=0 sectors=8 status=0\n"), "%s", run.out);
	cr_assert(has(run.out, "blk discard sector=8 sectors=8 status=0\n"), "%s", run.out);
	cr_assert(has(run.out, "blk flush status=0\n"), "%s", run.out);
	cr_assert(has(run.out, " sum=0x0\n"), "%s", run.out);
	cr_assert(has(run.out, " bad=0 first-bad=0\n"), "%s", run.out);
	cr_assert(has(run.out, " bad=8 first-bad=0\n"), "%s", run.out);
}

/* The check must find each record that is not there: one is spoilt behind the guest's back. */
Test(drivers, blk_finds_what_was_flushed_and_what_is_missing)
{
	const char *disk = new_disk();
	struct run run = run_blk(disk, "flush-order count=6 depth=2 sector=10 poll=1");
	FILE *file;

	cr_assert_str_eq(run.out, "flushed 2\nflushed 4\nflushed 6\n", "%s", run.err);
	run = run_blk(disk, "flush-check sector=10 poll=1 flush-check sector=10 expect=7 poll=1");
	cr_assert_str_eq(run.out, "blk flush-check marker=6 promised=6 highest=6 missing=0\n"
				  "blk flush-check marker=6 promised=7 highest=6 missing=1\n");
	cr_assert_eq(run.status, STATUS(1));
	file = fopen(disk, "r+");
	cr_assert(file != NULL && fseek(file, 13 * SECTOR + 100, SEEK_SET) == 0 &&
		  fputc('x', file) == 'x' && fclose(file) == 0);
	run = run_blk(disk, "flush-check sector=10 poll=1");
	cr_assert_str_eq(run.out, "blk flush-check marker=6 promised=6 highest=6 missing=1\n");
}

Test(drivers, console_writes_every_byte)
{
	const char *path = scratch("console");
	char chardev[256], *text;
	struct run run;
	size_t len;

	snprintf(chardev, sizeof(chardev), "file,id=c,path=%s", path);
	run = run_guest("console", "poll say=hello write=10000 chunk=65536 write=100000",
			(const char *const[]){"-chardev", chardev, "-device",
					      "virtio-serial-device", "-device",
					      "virtconsole,chardev=c", NULL});
	cr_assert_eq(run.status, STATUS(0), "%s%s", run.out, run.err);
	cr_assert(has(run.out, "console write bytes=10000 kicks=4 interrupts=0\n"), "%s", run.out);
	text = read_file(path, &len);
	cr_assert_eq(len, 6u + 10000 + 100000);
	cr_assert_eq(memcmp(text, "hello\n", 6), 0);
	for (size_t i = 0; i < 10000; i++)
		cr_assert_eq(text[6 + i], i % 64 == 63 ? '\n' : (char)('0' + i % 64));
	free(text);
}

Test(drivers, entropy_comes_and_is_not_all_the_same)
{
	struct run run = run_guest("entropy", "bytes=65536 size=1000 poll=1",
				   (const char *const[]){"-object", "rng-builtin,id=r", "-device",
							 "virtio-rng-device,rng=r", NULL});

	cr_assert_eq(run.status, STATUS(0), "%s%s", run.out, run.err);
	cr_assert(has(run.out, "entropy bytes=65536 requests=66 distinct=256 "), "%s", run.out);
}

Test(drivers, say_what_is_not_there)
{
	static const char *const none[] = {NULL};

	cr_assert_eq(run_guest("blk", "info", none).status, STATUS(120));
	cr_assert_eq(run_guest("console", "say=x", none).status, STATUS(120));
	cr_assert(has(run_guest("entropy", "", none).out, "there is no entropy device 0\n"));
}
