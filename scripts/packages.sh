#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# Sees to the programs that tests use beside Go. Missing ones are installed on
# Debian when we are root; else they are named and the exit status is 1.
set -euo pipefail

# The program, then the Debian packages that hold it.
wanted="
gcc        gcc libc6-dev
tshark     tshark
nfdump     nfdump
nfcapd     nfdump
softflowd  softflowd
rsyslogd   rsyslog rsyslog-gnutls
bird       bird2
vtysh      frr
gobgpd     gobgpd
nft        nftables
ip         iproute2
python3    python3
curl       curl
chromium   chromium
"

PATH=$PATH:/usr/sbin:/sbin
missing=()
while read -r program packages; do
	[ -n "$program" ] || continue
	command -v "$program" >/dev/null || read -ra missing <<<"${missing[*]-} $packages"
done <<<"$wanted"
if [ ${#missing[@]} -eq 0 ]; then
	echo "all programs that the tests use are installed"
	exit 0
fi
mapfile -t missing < <(printf '%s\n' "${missing[@]}" | sort -u)

if [ "$(id -u)" -ne 0 ] || ! command -v apt-get >/dev/null; then
	echo "the tests need these Debian packages: ${missing[*]}" >&2
	echo "install them as root: apt-get install --no-install-recommends ${missing[*]}" >&2
	exit 1
fi

# The packages of nfdump, softflowd, rsyslog, bird2, frr and gobgpd start daemons, and nfcapd would then hold
# the port that `tidewatch serve` listens on. Only the programs are wanted.
policy=/usr/sbin/policy-rc.d
if [ ! -e "$policy" ]; then
	trap 'rm -f "$policy"' EXIT
	printf '#!/bin/sh\nexit 101\n' >"$policy"
	chmod 755 "$policy"
fi

echo "installing ${missing[*]}"
export DEBIAN_FRONTEND=noninteractive
wait_for_lock=(-o DPkg::Lock::Timeout=300)
apt-get "${wait_for_lock[@]}" -q update
apt-get "${wait_for_lock[@]}" -q -y install --no-install-recommends "${missing[@]}"

if [ -d /run/systemd/system ]; then
	for unit in nfdump softflowd rsyslog; do
		[[ " ${missing[*]} " != *" $unit "* ]] || systemctl --quiet disable --now "$unit" || true
	done
fi
