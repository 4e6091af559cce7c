#!/usr/bin/env bash
# Put NiiVue, which the pages of `snakemake viewer` draw with, into an installation: bash envs/niivue.sh .venv
#
# It is a package of npm; the deno of envs/requirements.lock gets it, from the registry that npm's settings
# (~/.npmrc, NPM_CONFIG_REGISTRY) name. Version and SHA-256 stand in workflow/ichor/viewer/niivue.py.
# ICHOR_WHEELS=/path/to/wheels take the file from this folder, without network (docs/how-to/install-offline.md)
set -euo pipefail
prefix="$(cd "$1" && pwd)"
wheels="${ICHOR_WHEELS:-}"
pins="$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)/workflow/ichor/viewer/niivue.py"
version="$(sed -n 's/^VERSION = "\(.*\)"$/\1/p' "$pins")"
sha256="$(sed -n 's/^SHA256 = "\(.*\)"$/\1/p' "$pins")"
file="niivue-$version.umd.js"
target="$prefix/share/niivue/$file"

right() { echo "$sha256  $1" | sha256sum --check --status 2>/dev/null; }

if right "$target"; then exit 0; fi
scratch="$(mktemp -d)"
trap 'rm -rf "$scratch"' EXIT
if [ -n "$wheels" ]; then
    found="$wheels/$file"
    if [ ! -f "$found" ]; then
        echo "$found is missing: the folder of wheels has no NiiVue. docs/how-to/install-offline.md says how to add it." >&2
        exit 2
    fi
else
    deno="$prefix/bin/deno"
    [ -x "$deno" ] || deno="$(command -v deno || true)"
    if [ -z "$deno" ]; then
        echo "NiiVue is fetched with deno, which is neither in $prefix/bin nor on the PATH." >&2
        exit 2
    fi
    echo '{}' >"$scratch/deno.json"
    if ! (cd "$scratch" && DENO_DIR="$scratch/cache" DENO_TLS_CA_STORE=mozilla,system DENO_NO_UPDATE_CHECK=1 NO_COLOR=1 \
        "$deno" install --quiet --node-modules-dir=auto "npm:@niivue/niivue@$version") >"$scratch/log" 2>&1; then
        cat "$scratch/log" >&2
        exit 2
    fi
    found="$scratch/node_modules/@niivue/niivue/dist/niivue.umd.js"
fi
if ! right "$found"; then
    echo "What came for NiiVue $version does not have the SHA-256 of $pins; it is not installed." >&2
    exit 2
fi
mkdir -p "$prefix/share/niivue"
cp "$found" "$target.part"
mv "$target.part" "$target"
