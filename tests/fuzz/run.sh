#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# tests/fuzz/run.sh PROGRAM SEEDS ROOT SECONDS: fuzzes with one harness. The corpus grows in
# ROOT/corpus/NAME; what makes it fail is left in ROOT/crashes.
set -eu
program=$1 seeds=$2 root=$3 seconds=$4
name=$(basename "$program")
corpus=$root/corpus/$name crashes=$root/crashes log=$root/$name.log
mkdir -p "$corpus" "$crashes"
set -- "$corpus" "$seeds/$name"
[ ! -d "tests/fuzz/regressions/$name" ] || set -- "$@" "tests/fuzz/regressions/$name"
# Some get theirs from the table of options, with the seeds.
dictionary=$seeds/$name.dict
[ -f "$dictionary" ] || dictionary=tests/fuzz/images.dict
set -- "-dict=$dictionary" "$@"
status=0
"$program" -max_total_time="$seconds" -timeout=10 -rss_limit_mb=1500 -print_final_stats=1 \
	-artifact_prefix="$crashes/$name-" "$@" >"$log" 2>&1 </dev/null || status=$?
runs=$(sed -n 's/^stat::number_of_executed_units: *//p' "$log")
rate=$(sed -n 's/^stat::average_exec_per_sec: *//p' "$log")
if [ "$status" -eq 0 ]; then
	printf '  FUZZ   %s: %s runs, %s a second, %s inputs in the corpus\n' "$name" "$runs" "$rate" \
		"$(find "$corpus" -type f | wc -l)"
	exit 0
fi
tail -n 60 "$log" >&2
input=$(sed -n 's/.*Test unit written to //p' "$log")
echo "FAILED  fuzz $name: ${input:-see $log}; again: $program $input" >&2
exit 1
