#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# usage: scripts/fuzz.sh TIME FOLDER...
#
# Fuzzes every target below the folders for TIME each, as many side by side as there
# are cores, and starts no further one when a target failed. Go writes the failing
# input into the package's testdata/fuzz, where it stays as a regression test.
set -euo pipefail

time=$1
shift

root=$PWD
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
corpus=$(go env GOCACHE)/fuzz
mapfile -t targets < <(grep -rHoE --include='*_test.go' '^func Fuzz[A-Za-z0-9_]*' "$@" |
	sed -E 's/^(\.\/)?(.*)\/[^/]*:func /\2 /' | sort)
cores=$(nproc)
# One worker each, and more when the targets alone do not keep the cores busy.
workers=$(((cores + ${#targets[@]} - 1) / ${#targets[@]}))

# A package is built once for all of its targets.
for folder in $(printf '%s\n' "${targets[@]% *}" | uniq); do
	mkdir -p "$work/$folder"
	go test -c -fuzz . -o "$work/$folder/fuzz.test" "./$folder"
done

fuzz() {
	local folder=$1 target=$2 from=$SECONDS status=0 output
	cd "$root/$folder"
	output=$(GOMAXPROCS=$workers "$work/$folder/fuzz.test" -test.run '^$' -test.fuzz "^$target\$" -test.fuzztime "$time" -test.fuzzminimizetime 2s \
		-test.parallel "$workers" -test.timeout 0 -test.fuzzcachedir "$corpus/$module/$folder" 2>&1) || status=$?
	# Go's fuzzer sometimes reports the end of its own time as a failure
	# (golang/go#56238): it is none when no failing input was written.
	if [ $status -ne 0 ] && grep -q '^ *context deadline exceeded$' <<<"$output" &&
		! grep -q 'Failing input written' <<<"$output"; then
		status=0
	fi
	if [ $status -ne 0 ]; then
		printf '%s\n' "$output" >&2
		echo "fuzz: $folder $target failed" >&2
		return 255 # xargs starts no other
	fi
	printf 'ok  %-24s %-28s %4d s  %s\n' "$folder" "$target" $((SECONDS - from)) \
		"$(grep -o 'execs: [0-9]*' <<<"$output" | tail -n 1)"
}
export -f fuzz
module=$(go list -m)
export root work corpus module time workers

printf '%s\n' "${targets[@]}" | xargs -P "$cores" -n 2 bash -euo pipefail -c 'fuzz "$1" "$2"' fuzz
echo "${#targets[@]} fuzz targets ran $time each"
