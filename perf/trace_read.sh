#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# trace_read.sh MAYFLY GUEST FOLDER: runs a guest that reads a disk block by block, under a mayfly that
# notes which functions it enters (perf/tracer.c), and prints one read as it went: from the doorbell to the
# interrupt, on the loop's thread, each function below its caller. Fails where the way through the files
# is another one than perf/read_route.txt has. 77: this host has no KVM.
set -eu
mayfly=$1 guest=$2 folder=$3
expected=$(dirname "$0")/read_route.txt
disk=$folder/disk.img trace=$folder/read.trace route=$folder/read_route.txt

if ! [ -w /dev/kvm ]; then
	echo "trace-read: /dev/kvm may not be written"
	exit 77
fi
# What was just written is in the page cache.
dd if=/dev/zero of="$disk" bs=64k count=4 2>/dev/null
MAYFLY_TRACE=$trace "$mayfly" run --timeout=60s -d "$disk" "$guest" -- read count=32 >"$folder/read.out"

# The first line is the trace's own; what was not filled is zero.
tail -c +24 "$trace" | tr -d '\0' >"$folder/entered"
cut -c7- "$folder/entered" | sort -u >"$folder/addresses"
addr2line -f -e "$mayfly" <"$folder/addresses" | paste - - | sed 's|\t\./|\t|; s| (.*||' >"$folder/places"
paste "$folder/addresses" "$folder/places" >"$folder/names"

# THREAD DEPTH NAME PLACE of the loop's thread, and of these the shortest of the reads: nothing else came
# between its doorbell and its interrupt.
awk -F'\t' -v OFS='\t' '
	NR == FNR { name[$1] = $2; place[$1] = $3; next }
	{
		split($0, entry, " ")
		called = name[entry[3]]
		if (called == "loop_thread")
			loop = entry[1]
		if (entry[1] != loop)
			next
		sub(/^0/, "", entry[2])
		n++
		depth[n] = hex(entry[2]); called_at[n] = called; at[n] = place[entry[3]]
	}
	function hex(text,    i, value) {
		for (i = 1; i <= length(text); i++)
			value = value * 16 + index("0123456789abcdef", substr(text, i, 1)) - 1
		return value
	}
	function last_before(i, called) {
		while (i > 0 && called_at[i] != called)
			i--
		return i
	}
	# Of a read that the doorbell announced: in the turn in which the loop slept until it rang.
	function first_of(i) {
		i = last_before(last_before(i, "vblk_complete"), "ring_readv")
		return last_before(last_before(i, "listen_to_doorbell"), "ring_turn")
	}
	END {
		for (i = 1; i <= n; i++) {
			if (called_at[i] != "on_interrupt")
				continue
			first = first_of(i)
			for (last = i; last < n && depth[last + 1] > depth[i]; last++)
				;
			if (first > 0 && (best == 0 || last - first < best_last - best)) {
				best = first
				best_last = last
			}
		}
		for (i = best; i > 0 && i <= best_last; i++)
			print depth[i] - depth[best], called_at[i], at[i]
	}' "$folder/names" "$folder/entered" >"$folder/read"

echo "vCPU  the store to QueueNotify: KVM writes the doorbell's eventfd"
awk -F'\t' '{ printf "loop  %-58s %s\n", sprintf("%*s%s", 2 * $1, "", $2), $3 }' "$folder/read"

# What is pinned are the calls from one file into another: how a file does its part is its own matter.
awk -F'\t' '
	{
		sub(/:.*/, "", $3)
		crosses = $1 == 0 || $3 != file[$1 - 1]
		file[$1] = $3
		level[$1] = $1 == 0 ? 0 : level[$1 - 1] + crosses
		if (crosses)
			printf "%*s%s %s\n", 2 * level[$1], "", $2, $3
	}' "$folder/read" >"$route"
awk -F'\t' '
	{ sub(/:.*/, "", $3); functions[$2 $3]; files[$3] }
	END { printf "%d calls of %d functions in %d files", NR, length(functions), length(files) }' "$folder/read"
printf '; %d calls from one file into another, of %d functions\n' \
	"$(wc -l <"$route")" "$(sed 's/^ *//' "$route" | sort -u | wc -l)"
if ! diff -u "$expected" "$route"; then
	echo "trace-read: a read goes another way than $expected has; $route is how it went"
	exit 1
fi
