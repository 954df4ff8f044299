# shellcheck shell=sh
# SPDX-License-Identifier: Apache-2.0
# tests/lab/l2.sh: what the init of any Linux under mayfly begins with. To be sourced.
export PATH=/bin
/bin/busybox --install -s /bin
mount -t proc proc /proc
mount -t sysfs sysfs /sys
mount -t devtmpfs dev /dev
mount -t tmpfs tmp /tmp

say() {
	echo "lab: $*"
}

# Warnings and worse, and whatever sounds like a machine that is not as Linux wants it.
say_dmesg() {
	dmesg -r | grep -E '^<[0-4]>' | sed 's/^<[0-9]*>\[[^]]*\] /lab: dmesg /'
	dmesg -r | grep -E '^<[5-7]>' |
		grep -iE 'firmware|bios|unexpected|invalid|conflict|unstable|timed out|stuck|not found' |
		sed 's/^<[0-9]*>\[[^]]*\] /lab: odd /'
}

insert_modules() {
	while read -r module; do
		insmod "$module"
	done </modules/order
}
