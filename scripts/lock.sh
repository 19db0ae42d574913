#!/usr/bin/env bash
# Makes the lock files anew from requirements*.in. Called by `make lock`.
#   scripts/lock.sh              keep what is locked, add and drop what the .in files changed
#   scripts/lock.sh --upgrade    take the newest versions that fit
set -euo pipefail
cd "$(dirname "$0")/.."

tool=var/lock-tool
if [ ! -x "$tool/bin/uv" ]; then
    .venv/bin/python -m venv "$tool"
    "$tool/bin/python" -m pip install --quiet --require-hashes -r scripts/lock-tool.lock
fi
for name in build "" dev; do
    base="requirements${name:+-$name}"
    echo "locking $base.in"
    "$tool/bin/uv" pip compile --quiet --generate-hashes --universal --python-version 3.11 \
        --custom-compile-command "make lock" --no-emit-index-url --no-emit-find-links \
        "$@" --output-file "$base.lock" "$base.in"
done
