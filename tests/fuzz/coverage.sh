#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# tests/fuzz/coverage.sh OUT 'SOURCES' PROGRAM...: runs harnesses over the inputs in $FUZZ_INPUTS, prints
# how many of each source's lines they reach, and fails where that is less than 90 %. The lines that
# nothing reaches are in OUT/coverage.txt.
set -eu
out=$1 sources=$2
shift 2
profiles=$out/profiles
rm -rf "$profiles"
for program in "$@"; do
	LLVM_PROFILE_FILE="$profiles/%m.profraw" "$program" >"$out/coverage.log" || {
		cat "$out/coverage.log" >&2
		exit 1
	}
done
llvm-profdata merge -o "$out/all.profdata" "$profiles"/*.profraw
objects=$1
shift
for program in "$@"; do
	objects="$objects -object $program"
done
# Paths stand in there as of the build, so all are shown. Every program has a function of libFuzzer's
# name; that its counts are not merged is no news.
# shellcheck disable=SC2086
llvm-cov show $objects -instr-profile="$out/all.profdata" >"$out/coverage.all" 2>"$out/coverage.log"
# A line's count stands between two bars.
awk -F'|' -v sources="$sources" '
	BEGIN { n = split(sources, files, " "); for (i in files) wanted[files[i]] = 1 }
	/^[^ ].*:$/ {
		file = substr($0, 1, length($0) - 1)
		sub(/^.*\/\.\//, "", file)
		sub(/^\.\//, "", file)
		if (file in wanted)
			print file ":" >missed_lines
		next
	}
	file in wanted && NF >= 3 && $1 ~ /^ *[0-9]+$/ && $2 ~ /[0-9]/ {
		lines[file]++
		if ($2 + 0 == 0) {
			missed[file]++
			print >missed_lines
		}
	}
	END {
		for (i = 1; i <= n; i++) {
			file = files[i]
			share = lines[file] > 0 ? 100 * (lines[file] - missed[file]) / lines[file] : 0
			printf "%-24s %4d lines, %3d not reached: %5.1f %%%s\n", file, lines[file], \
				missed[file], share, share < 90 ? "  FAILED" : ""
			bad += share < 90
		}
		exit bad > 0 || n == 0
	}' missed_lines="$out/coverage.txt" "$out/coverage.all"
