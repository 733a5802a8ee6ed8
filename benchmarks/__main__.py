"""Run every benchmark: ``python -m benchmarks [--json]``. Each is also a module of its own."""

from __future__ import annotations

import importlib
import pkgutil
import sys

import benchmarks

for found in sorted(pkgutil.iter_modules(benchmarks.__path__), key=lambda m: m.name):
    if not found.name.startswith("_"):
        print(f"== benchmarks.{found.name}", flush=True)
        importlib.import_module(f"benchmarks.{found.name}").main(sys.argv[1:])
