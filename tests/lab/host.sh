# shellcheck shell=bash disable=SC2154
# SPDX-License-Identifier: Apache-2.0
# tests/lab/host.sh: the host's side of both labs. To be sourced; $substrate names the lab, $results is
# where its results go, $from_lab the descriptor on which it speaks, and wake() may do something for one
# that does not.

# Linux hands unknown words of its command line to its init.
environment() {
	echo "LAB=$substrate MAYFLY=$MAYFLY GUESTS=$GUESTS MAYFLY_LONG=${MAYFLY_LONG:-0}" \
		"SEED=${SEED:-$RANDOM} FILTER=${FILTER:-}"
}

# The next line that the lab sends, in $line; fails when $SECONDS are at END, or the lab is gone. One that
# is quiet is woken now and then.
hear() {
	local end=$1 part=
	while [ $SECONDS -lt "$end" ]; do
		IFS= read -r -t 10 -u "$from_lab" line
		case $? in
		0) line=$part$line && return ;;
		1) return 1 ;;
		esac
		part=$part$line
		wake
	done
	return 1
}

# listen SECONDS WORD: takes what the lab sends, until WORD. Fails when the time is up or the lab gone.
listen() {
	local end=$((SECONDS + $1)) file=/dev/null line
	while hear "$end"; do
		case $line in
		"$2"*) return 0 ;;
		@say\ *) printf '%s\n' "${line#@say }" ;;
		@file\ *) file=$results/$(basename "${line#@file }") && : >"$file" ;;
		:*) printf '%s\n' "${line#:}" >>"$file" ;;
		esac
	done
	return 1
}

# As tests/run and tests/lab/linux-row name their results.
name_of() {
	local what program
	read -r what program _ <<<"$1"
	case $what in
	test) echo "$(basename "$(dirname "$program")")-$(basename "$program")" ;;
	*) echo "${1// /-}" ;;
	esac
}
