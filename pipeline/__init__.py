"""Tick-Tick: below, everything that thinks; above, everything that touches the world; one runner between.

An import only points down::

    6  scripts/     doors: one file per process, no logic
    5  web/         the window: the dashboard and its guard
    4  run/         the shell: command line, runner, wiring, settings, logs, discovery
    3  jobs/        what each process does, as a pure step over records
       broker/      Upstox over REST and websocket; the paper account
       simulator/   an Upstox on loopback, for demos and tests
    2  indicators/  patterns/  market/  signals/  strategies/  engine/     pure: arrays and records in and out
       store/       Redis, and its twin in memory
       authentication/ (beside this package)  login, token, credentials
    1  core/        the vocabulary: records, schema, money, session clock, registries, errors
       kernels/     Numba: arrays in, arrays out

``core kernels indicators patterns signals strategies market engine jobs`` know no clock, no random source, no
environment, file, socket or Redis: time and chance come in as arguments, so the same input gives the same bytes.
Tests of the house in ``tests/house`` hold these rules.
"""

__version__ = "0.1.0"
