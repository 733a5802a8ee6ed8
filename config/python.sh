#!/bin/sh
# Run a script with the project's interpreter: TICKTICK_PYTHON, else .venv (make setup), else the one on PATH (conda).
root=$(CDPATH= cd -- "$(dirname -- "$0")/.." && pwd)
for candidate in "$TICKTICK_PYTHON" "$root/.venv/bin/python"; do
    if [ -n "$candidate" ] && [ -x "$candidate" ]; then exec "$candidate" "$@"; fi
done
exec python3 "$@"
