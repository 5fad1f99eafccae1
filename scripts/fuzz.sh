#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# usage: scripts/fuzz.sh TIME FOLDER...
#
# Fuzzes every target below the folders for TIME each, one after the other, and
# stops at the first that fails. Go writes the failing input into the package's
# testdata/fuzz, where it stays as a regression test.
set -euo pipefail

time=$1
shift

count=0
while IFS=: read -r file target; do
	folder=$(dirname "$file")
	from=$SECONDS
	status=0
	output=$(go test -run '^$' -fuzz "^$target\$" -fuzztime "$time" -fuzzminimizetime 2s "./${folder#./}" 2>&1) || status=$?
	# Go's fuzzer sometimes reports the end of its own time as a failure
	# (golang/go#56238): it is none when no failing input was written.
	if [ $status -ne 0 ] && grep -q '^ *context deadline exceeded$' <<<"$output" &&
		! grep -q 'Failing input written' <<<"$output"; then
		status=0
	fi
	if [ $status -ne 0 ]; then
		printf '%s\n' "$output" >&2
		echo "fuzz: $folder $target failed" >&2
		exit 1
	fi
	printf 'ok  %-24s %-28s %4d s  %s\n' "${folder#./}" "$target" $((SECONDS - from)) \
		"$(grep -o 'execs: [0-9]*' <<<"$output" | tail -n 1)"
	count=$((count + 1))
done < <(grep -rHoE --include='*_test.go' '^func Fuzz[A-Za-z0-9_]*' "$@" | sed 's/:func /:/' | sort)
echo "$count fuzz targets ran $time each"
