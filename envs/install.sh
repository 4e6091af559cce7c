#!/usr/bin/env bash
# Make a virtual environment and install the lock into it: bash envs/install.sh .venv
#
# PYTHON=/path/to/python3.11   which Python
# ICHOR_WHEELS=/path/to/wheels install from this folder alone, without network (docs/how-to/install-offline.md)
set -euo pipefail
venv="$1"
python="${PYTHON:-python3.11}"
wheels="${ICHOR_WHEELS:-}"
here="$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)"

command -v "$python" >/dev/null || python=python3
if ! "$python" -c 'import sys; sys.exit(sys.version_info[:2] != (3, 11))'; then
    echo "Ichor needs Python 3.11; found $("$python" --version). Name it: make PYTHON=/path/to/python3.11" >&2
    exit 2
fi
source=()
if [ -n "$wheels" ]; then
    pip="$(find "$wheels" -maxdepth 1 -name 'pip-*.whl' -print -quit 2>/dev/null || true)"
    if [ -z "$pip" ]; then
        echo "ICHOR_WHEELS=$wheels: no folder with wheels (it must hold pip's own, pip-*.whl, too)." \
            "docs/how-to/install-offline.md says how to make it." >&2
        exit 2
    fi
    source=(--no-index --find-links "$wheels")
    export PIP_CONFIG_FILE=/dev/null # whatever pip's own settings say, it reads this folder alone
    unset PIP_FIND_LINKS
fi
if ! "$python" -m venv "$venv" >/dev/null 2>&1; then
    # Debian splits venv off: bring pip from the wheels, install it when we may, else say how.
    rm -rf "$venv"
    if [ -n "$wheels" ]; then
        "$python" -m venv --without-pip "$venv"
        "$venv/bin/python" "$pip/pip" install --quiet --disable-pip-version-check "${source[@]}" pip
    elif [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
        apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq python3-venv >/dev/null
        "$python" -m venv "$venv"
    else
        echo "Could not make a virtual environment. On Debian: sudo apt-get install python3-venv" >&2
        exit 2
    fi
fi
echo "Installing from envs/requirements.lock into $venv (about 2.5 GB; two to four minutes)"
"$venv/bin/python" -m pip install --quiet --disable-pip-version-check "${source[@]}" -r "$here/requirements.lock"
if ! bash "$here/niivue.sh" "$venv"; then # everything but the viewer works without
    echo "NiiVue was not installed: \`snakemake viewer\` will not work until \`bash envs/niivue.sh $venv\` does." >&2
fi
