#!/usr/bin/env bash
# Install from Debian what some tests need: a Docker engine with both compose programs, a browser, PostgreSQL 15, PgBouncer, nginx, systemd, ip.
set -euo pipefail
wanted=(docker.io docker-compose chromium xfsprogs busybox-static postgresql-15 pgbouncer nginx-light openssl iproute2 systemd git curl)
missing=()
for name in "${wanted[@]}"; do
  dpkg-query -W -f='${Status}' "$name" 2>/dev/null | grep -q 'install ok installed' || missing+=("$name")
done
if [ ${#missing[@]} -eq 0 ]; then
  echo "• All there: ${wanted[*]}"
  exit 0
fi
command -v apt-get >/dev/null || { echo "make test-system needs Debian's apt-get to install: ${missing[*]}" >&2; exit 1; }
[ "$(id -u)" -eq 0 ] || { echo "make test-system must run as root to install: ${missing[*]}" >&2; exit 1; }
echo "• Installing from Debian: ${missing[*]}"
export DEBIAN_FRONTEND=noninteractive
apt-get update -qq
apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null
