# shellcheck shell=sh disable=SC2154
# SPDX-License-Identifier: Apache-2.0
# tests/lab/row.sh: how a row with Linux is judged. To be sourced; $name is the row's, $results where its
# results go, $console, $said and $report the files of the run, and $machine which lines of
# expected-dmesg hold.
wrong=/tmp/wrong notes=/tmp/notes
: >$wrong
: >$notes

# check WHAT GOT WANTED
check() {
	[ "$2" = "$3" ] || echo "$1: got \"$2\", wanted \"$3\"" >>$wrong
}

# check_that WHAT COMMAND...: the command holds.
check_that() {
	what=$1
	shift
	"$@" >/dev/null 2>&1 || echo "$what: it does not hold that $*" >>$wrong
}

# note WORDS: a figure, to be shown with the result.
note() {
	echo "# $*" >>$notes
}

# wait_for_lines COUNT PATTERN [FILE]: until so many lines of the guest's have it, or mayfly is gone.
wait_for_lines() {
	while kill -0 "$pid"; do
		lines=$(grep -c "$2" "${3:-$console}" 2>/dev/null)
		[ "${lines:-0}" -lt "$1" ] || return 0
		usleep 100000
	done
	return 1
}

# fact KEY: what the guest said of it.
fact() {
	sed -n "s/^lab: $1 //p" "$console" | tr -d '\r'
}

reported() {
	sed -n "s/^  \"$1\": \"*\([^\",]*\)\"*,*\$/\1/p" "$report"
}

# What the kernel said, but for what is known and explained.
check_dmesg() {
	sed -n -e 's/^any //p' -e "s/^$machine //p" -e "s/^$LAB //p" tests/lab/expected-dmesg >/tmp/expected
	sed -n 's/^lab: \(dmesg\|odd\) //p' "$console" | tr -d '\r' | grep -v -E -f /tmp/expected |
		sed 's/^/unexpected in dmesg: /' >>$wrong
}

write_tap() {
	if [ -s $wrong ]; then
		echo "not ok - $name"
		sed 's/^/# /' $wrong
		sed 's/^/# stderr: /' "$said"
		tail -n 20 "$console" | tr -d '\r' | sed 's/^/# console: /'
	else
		echo "ok - $name"
		cat $notes
	fi >"$results/$LAB-$name.tap"
}

# A line as tests/run has it; what is wrong, if anything is, comes after it.
show() {
	printf '  LINUX  %s: %s s\n' "$name" $(($(seconds) - began))
	grep -v '^ok' "$results/$LAB-$name.tap"
}

seconds() {
	cut -d . -f 1 /proc/uptime
}

began=$(seconds)
