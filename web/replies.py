"""Refusals of the page as JSON, and bodies that hold texts and nothing else.

Reads   requests
Gives   ``{"error": words}`` with its status; the texts of a body by their names
"""

from __future__ import annotations

import json

from aiohttp import web

_KNOWN: dict[int, type[web.HTTPException]] = {
    400: web.HTTPBadRequest,
    403: web.HTTPForbidden,
    404: web.HTTPNotFound,
    409: web.HTTPConflict,
    410: web.HTTPGone,
    428: web.HTTPPreconditionRequired,
    503: web.HTTPServiceUnavailable,
}


def error(status: int, words: str) -> web.HTTPException:
    return _KNOWN[status](text=json.dumps({"error": words}), content_type="application/json")


def bad(words: str) -> web.HTTPException:
    return error(400, words)


async def texts(request: web.Request, names: frozenset[str], optional: str = "typed") -> dict[str, str]:
    """Read a body of exactly these texts; ``optional`` is empty when it is not given.

    Raises:
        web.HTTPException: 400, anything else.
    """
    try:
        given = await request.json()
    except (ValueError, RecursionError) as why:
        raise bad("the body is not JSON") from why
    if not isinstance(given, dict):
        raise bad("the body must be an object")
    wish = {optional: "", **given}
    if wish.keys() != names | {optional} or not all(isinstance(value, str) for value in wish.values()):
        raise bad(f"the body must hold the texts {', '.join(sorted(names))}")
    return wish
