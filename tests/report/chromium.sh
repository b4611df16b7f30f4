#!/usr/bin/env bash
# See that there is a Chromium or Chrome; root on Debian and Ubuntu gets the package where there is none.
set -euo pipefail

give_up() { echo "tests/report/chromium.sh: $1" >&2; exit 1; }

is_there() { type chromium || type chromium-browser || type google-chrome; }

is_there >/dev/null 2>&1 && exit
[ "$(id --user)" = 0 ] || give_up "there is no chromium, and root is needed to install it"
command -v apt-get >/dev/null || give_up "there is no chromium and no apt-get to install it"
export DEBIAN_FRONTEND=noninteractive
{ timeout 120 apt-get -qq update && timeout 300 apt-get -qq install --no-install-recommends chromium; } >/dev/null 2>&1 \
  || give_up "apt-get could not install chromium"
