#!/usr/bin/env bash
# Make a virtual environment and install the lock into it: bash envs/install.sh .venv
set -euo pipefail
venv="$1"
python="${PYTHON:-python3.11}"
here="$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)"

command -v "$python" >/dev/null || python=python3
if ! "$python" -c 'import sys; sys.exit(sys.version_info[:2] != (3, 11))'; then
    echo "Ichor needs Python 3.11; found $("$python" --version). Name it: make PYTHON=/path/to/python3.11" >&2
    exit 2
fi
if ! "$python" -m venv "$venv" >/dev/null 2>&1; then
    # Debian splits venv off: install it when we may, else say how.
    rm -rf "$venv"
    if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
        apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq python3-venv >/dev/null
        "$python" -m venv "$venv"
    else
        echo "Could not make a virtual environment. On Debian: sudo apt-get install python3-venv" >&2
        exit 2
    fi
fi
echo "Installing from envs/requirements.lock into $venv (about 2.5 GB; two to four minutes)"
"$venv/bin/python" -m pip install --quiet --disable-pip-version-check -r "$here/requirements.lock"
