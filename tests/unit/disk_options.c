/* SPDX-License-Identifier: Apache-2.0 */
#include "monitor/disk_options.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <string.h>

static struct disk_list list;
static struct err err;
static json_t *root; /* its texts are the list's */

static void tear_down(void)
{
	json_decref(root);
}

TestSuite(disk_options, .fini = tear_down);

static const struct disk_config *add(const char *text)
{
	cr_assert_eq(disks_add(&list, text, &err), 0, "%s: %s", text, err.text);
	return &list.disks[list.n - 1];
}

static bool is_text(struct disk_path path, const char *text)
{
	return path.len == strlen(text) && memcmp(path.at, text, path.len) == 0;
}

Test(disk_options, a_file_alone_has_defaults)
{
	const struct disk_config *disk = add("a.img");

	cr_assert_eq(disk->kind, DISK_FILE);
	cr_assert(is_text(disk->path, "a.img"));
	cr_assert_str_eq(disk->id, "disk0");
	cr_assert_eq(disk->n_queues, 1);
	cr_assert_eq(disk->sector, 512);
	cr_assert_eq(disk->layer, DISK_LAYER_NONE);
	cr_assert_not(disk->read_only || disk->direct || disk->isr_said);
	cr_assert_eq(disk->ops.size + disk->bandwidth.size, 0);
	cr_assert_str_eq(add("b.img")->id, "disk1");
}

Test(disk_options, every_key_is_taken)
{
	const struct disk_config *disk = add("/a/b,ro,id=root_1,serial=abc,queues=4,sector=4096,"
					     "direct,bw=10M:1M,iops=500,isr=exact");

	cr_assert(is_text(disk->path, "/a/b"));
	cr_assert_str_eq(disk->id, "root_1");
	cr_assert_str_eq(disk->serial, "abc");
	cr_assert_eq(disk->n_queues, 4);
	cr_assert_eq(disk->sector, 4096);
	cr_assert(disk->read_only && disk->direct && disk->isr_said && disk->isr_exact);
	cr_assert_eq(disk->bandwidth.size, 10 << 20);
	cr_assert_eq(disk->bandwidth.refill_ns, 1000000000);
	cr_assert_eq(disk->bandwidth.burst, 1 << 20);
	cr_assert_eq(disk->ops.size, 500);
	cr_assert_eq(disk->ops.burst, 0);
}

Test(disk_options, memory_nothing_and_layers)
{
	cr_assert_eq(add("mem:64M")->len, 64 << 20);
	cr_assert_eq(add("none")->kind, DISK_EMPTY);
	cr_assert_eq(add("a,overlay=memory")->layer_max, 0);
	cr_assert_eq(add("b,overlay=memory:1G")->layer_max, 1 << 30);
	cr_assert_eq(list.disks[3].layer, DISK_LAYER_MEMORY);
	cr_assert(is_text(add("c,overlay=memory.img,queues=2")->layer_path, "memory.img"));
	cr_assert_eq(list.disks[4].layer, DISK_LAYER_FILE);
}

static const char *refused(const char *text)
{
	unsigned n = list.n;

	cr_assert_eq(disks_add(&list, text, &err), -EINVAL, "%s", text);
	cr_assert_eq(list.n, n);
	return err.text;
}

Test(disk_options, what_is_wrong_is_named)
{
	cr_assert_str_eq(refused(""), "the value is empty");
	cr_assert_str_eq(refused(",ro"), "the value is empty");
	cr_assert_str_eq(refused("a,foo=1"), "\"foo\": there is no such key");
	cr_assert_str_eq(refused("a,"
				 ",ro"),
			 "\"\": there is no such key");
	cr_assert_str_eq(refused("a,queues"), "queues: a value is missing");
	cr_assert_str_eq(refused("a,queues=17"), "queues: \"17\" is no number from 1 to 16");
	cr_assert_str_eq(refused("a,sector=1024"), "sector: \"1024\" is none of 512, 4096");
	cr_assert_str_eq(refused("a,ro=maybe"), "ro: \"maybe\" is none of off, on");
	cr_assert_str_eq(refused("a,id=a-b"),
			 "id: \"a-b\" has more in it than letters, digits and _");
	cr_assert_str_eq(refused("a,serial=123456789012345678901"),
			 "serial: \"123456789012345678901\" has more than 20 characters");
	cr_assert_str_eq(refused("a,bw=0"), "bw: \"0\" is no limit");
	cr_assert_str_eq(refused("a,iops=1:x"),
			 "iops: \"x\" is no size (a number with K, M, G or T)");
	cr_assert_str_eq(refused("a,overlay="), "overlay: the value is empty");
	cr_assert_str_eq(refused("a,overlay=memory:0"), "overlay: \"0\" is no size for memory");
	cr_assert_str_eq(refused("mem:1000"), "size 1000 is not a multiple of 512");
	cr_assert_str_eq(refused("mem:1x"), "\"1x\" is no size (a number with K, M, G or T)");
	cr_assert_str_eq(refused("mem:1M,overlay=memory"), "overlay: only over a file");
	cr_assert_str_eq(refused("none,direct"), "direct: only for a file");
	cr_assert_str_eq(refused("a,direct,overlay=memory"), "direct: not together with overlay");
	cr_assert_str_eq(refused("a,ro,overlay=memory"),
			 "ro: not together with overlay, which is there to be written");
}

Test(disk_options, ids_are_unique_and_disks_are_counted)
{
	add("a,id=x");
	cr_assert_str_eq(refused("b,id=x"), "id: \"x\" is another disk's, too");
	for (unsigned i = 1; i < DISKS_MAX; i++)
		add("none,queues=1");
	cr_assert_str_eq(refused("none"), "there are 16 disks already");
}

Test(disk_options, queues_are_counted_over_all_disks)
{
	for (unsigned i = 0; i < 4; i++)
		add("none,queues=16");
	cr_assert_str_eq(refused("none"), "queues: more than 64 for all disks");
}

/* Drives. */

static int read_drives(const char *text)
{
	json_error_t error;

	json_decref(root);
	root = json_loads(text, 0, &error);
	cr_assert_not_null(root, "%s", error.text);
	return disks_from_json(&list, root, &err);
}

Test(disk_options, drives_of_firecracker_are_read)
{
	cr_assert_eq(
		read_drives(
			"[{\"drive_id\": \"data\", \"path_on_host\": \"d.img\", \"is_root_device\": "
			"false, \"is_read_only\": true, \"partuuid\": null, \"cache_type\": "
			"\"Unsafe\", \"io_engine\": \"Async\", \"rate_limiter\": {\"bandwidth\": "
			"{\"size\": 1000, \"refill_time\": 100, \"one_time_burst\": 5}, \"ops\": "
			"{\"size\": 0, \"refill_time\": 100}}}, {\"drive_id\": \"rootfs\", "
			"\"path_on_host\": \"r.img\", \"is_root_device\": true, \"rate_limiter\": "
			"{}}]"),
		0, "%s", err.text);
	cr_assert_eq(list.n, 2);
	cr_assert_str_eq(list.disks[0].id, "rootfs");
	cr_assert_eq(disks_root(&list), &list.disks[0]);
	cr_assert(is_text(list.disks[1].path, "d.img"));
	cr_assert(list.disks[1].read_only);
	cr_assert_eq(list.disks[1].bandwidth.size, 1000);
	cr_assert_eq(list.disks[1].bandwidth.refill_ns, 100000000);
	cr_assert_eq(list.disks[1].bandwidth.burst, 5);
	cr_assert_eq(list.disks[1].ops.size, 0);
}

Test(disk_options, drives_have_our_keys_too)
{
	cr_assert_eq(
		read_drives("[{\"drive_id\": \"a\", \"path_on_host\": \"b,c.img\", \"queues\": 4, "
			    "\"overlay\": \"memory:1M\", \"serial\": \"s\", \"iops\": 100, "
			    "\"isr\": \"exact\"}, {\"path_on_host\": \"mem:1M\"}]"),
		0, "%s", err.text);
	cr_assert(is_text(list.disks[0].path, "b,c.img"));
	cr_assert_eq(list.disks[0].n_queues, 4);
	cr_assert_eq(list.disks[0].layer_max, 1 << 20);
	cr_assert_eq(list.disks[0].ops.size, 100);
	cr_assert_eq(list.disks[1].kind, DISK_MEMORY);
	cr_assert_not_null(disks_root(&list));
}

Test(disk_options, the_command_line_wins)
{
	cr_assert_eq(read_drives("[{\"drive_id\": \"a\", \"path_on_host\": \"old\"}]"), 0);
	add("new,id=a");
	cr_assert_eq(list.n, 1);
	cr_assert(is_text(list.disks[0].path, "new"));
	cr_assert_str_eq(refused("newer,id=a"), "id: \"a\" is another disk's, too");
}

Test(disk_options, what_is_wrong_with_a_drive_is_named)
{
	static const char *const wrong[][2] = {
		{"{}", "it is no list"},
		{"[1]", "drive 0: it is no object"},
		{"[{\"foo\": 1}]", "drive 0: \"foo\": there is no such key"},
		{"[{\"path_on_host\": 1}]", "drive 0: path_on_host: it is no text"},
		{"[{\"is_root_device\": 1}]", "drive 0: is_root_device: neither true nor false"},
		{"[{\"socket\": \"x\"}]", "drive 0: \"socket\": there is no such key"},
		{"[{\"overlay\": 7}]", "drive 0: overlay: it is no text"},
		{"[{\"queues\": 1.5}]", "drive 0: queues: neither a text nor a number"},
		{"[{\"cache_type\": \"none\"}]", "drive 0: \"cache_type\": there is no such key"},
		{"[{\"rate_limiter\": 1}]", "drive 0: rate_limiter: it is no object"},
		{"[{\"rate_limiter\": {\"x\": 1}}]", "drive 0: rate_limiter.x is unknown"},
		{"[{\"rate_limiter\": {\"ops\": {\"size\": -1, \"refill_time\": 1}}}]",
		 "drive 0: rate_limiter.ops: no size, refill_time and one_time_burst that go "
		 "together"},
		{"[{\"drive_id\": \"a\"}, {\"drive_id\": \"a\"}]",
		 "drive 1: id: \"a\" is another disk's, too"},
	};

	for (unsigned i = 0; i < ARRAY_LEN(wrong); i++) {
		cr_assert_eq(read_drives(wrong[i][0]), -EINVAL, "%s", wrong[i][0]);
		cr_assert_str_eq(err.text, wrong[i][1]);
	}
}

/* What is written is read again as the same. */
Test(disk_options, written_and_read_it_is_the_same)
{
	static struct disk_list again;
	json_t *json, *back;

	add("/a/b,ro,id=root_1,serial=abc,queues=4,sector=4096,direct,bw=10M:1M,iops=500,isr=exact");
	add("mem:1M");
	add("none");
	add("c,overlay=memory:8K");
	add("d,overlay=e");
	json = disks_to_json(&list);
	cr_assert_eq(disks_from_json(&again, json, &err), 0, "%s", err.text);
	cr_assert_eq(again.n, list.n);
	back = disks_to_json(&again);
	cr_assert(json_equal(json, back));
	json_decref(back);
	json_decref(json);
}
