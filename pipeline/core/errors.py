"""The five errors of the house; everything else is a bug.

Each message is one line and says what to do. Catch an outside error only to turn it into one of these,
at the edge of the house.
"""


class TickTickError(Exception):
    """Base of the five, so that the shell can print one line and leave with the right exit code."""

    exit_code = 1


class Refused(TickTickError):
    """Definitely not done: bad input, a missing setting, a request the broker turned down."""

    exit_code = 4


class Ambiguous(TickTickError):
    """Perhaps done, perhaps not: a lost reply. Only the broker's book can tell."""


class Unauthorised(TickTickError):
    """The token is absent, expired or rejected: log in again."""

    exit_code = 4


class Corrupt(TickTickError):
    """Our own state contradicts itself. The process ends: corrupt data is worse than no data."""


class Stopped(TickTickError):
    """Asked to stop, or something this process cannot work without has gone away."""

    exit_code = 3
