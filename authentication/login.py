"""`ticktick login`: by browser (--open), by hand (--paste), or with an analytics or sandbox token (--analytics).

Each function takes what touches a person as a callable (open a browser, ask, say) and stores one token record.
The listener lives only while a login runs, on the loopback address of the redirect URI, and takes one answer:
an answer with a wrong state is turned away and does not end the login. Nothing is logged: the address holds the code.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import TYPE_CHECKING
from urllib.parse import SplitResult, parse_qs, urlsplit

from aiohttp import web

from authentication.token import TokenKind, make_token, save_token
from authentication.upstox_client import (
    LOGIN_COMMAND,
    LOOPBACK,
    STATE_LIFE_MS,
    Endpoints,
    LoginState,
    exchange_code,
    fetch_profile,
    login_address,
)
from pipeline.core.errors import Ambiguous, Refused

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from authentication.token import Token
    from authentication.upstox_client import Credentials

MAX_FORGED = 50
HEADERS = {
    "Cache-Control": "no-store",
    "Referrer-Policy": "no-referrer",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
}


@dataclass(frozen=True, slots=True)
class Desk:
    """Where a login takes place: the broker's addresses, the token file, and the person at the terminal."""

    token_path: Path
    now_ms: Callable[[], int]
    say: Callable[[str], object]
    ask: Callable[[str], str]
    """Show a prompt and return the line; the shell hides what is typed for tokens."""
    endpoints: Endpoints = field(default_factory=Endpoints)


def run_open(credentials: Credentials, desk: Desk, open_browser: Callable[[str], object], wait_s: float = STATE_LIFE_MS / 1000) -> Token:
    """Log in through the browser: listen on the redirect URI, open the dialog, take the answer.

    Raises:
        Refused: the redirect URI is not on loopback, its port is taken, or the answer did not come or was no good.
    """
    target = _loopback(credentials.redirect_uri)
    return asyncio.run(_open(credentials, desk, open_browser, (target, wait_s)))


async def _open(credentials: Credentials, desk: Desk, open_browser: Callable[[str], object], at: tuple[SplitResult, float]) -> Token:
    target, wait_s = at
    state = LoginState(desk.now_ms())
    address = login_address(desk.endpoints, credentials, state.word)
    catcher = _Catcher(state, target, desk.now_ms)
    runner = await catcher.listen()
    try:
        desk.say(f"Log in at Upstox in the browser; if none opens, visit: {address}")
        desk.say(f"The redirect URI must equal the one registered for your app: {credentials.redirect_uri}")
        open_browser(address)
        code = await asyncio.wait_for(catcher.code, wait_s)
    except TimeoutError:
        raise Refused(f"no answer came within {wait_s:.0f} s: run `{LOGIN_COMMAND}` again, or `ticktick login --paste`") from None
    finally:
        await runner.cleanup()
    return await _finish(credentials, desk, code)


def run_paste(credentials: Credentials, desk: Desk) -> Token:
    """Log in by hand, for a machine without a browser: the whole address of the last page is pasted here.

    The whole address, because the state in it proves that the answer belongs to this login.

    Raises:
        Refused: the pasted line is no answer to this login.
    """
    state = LoginState(desk.now_ms())
    desk.say(f"Open this address in any browser and log in: {login_address(desk.endpoints, credentials, state.word)}")
    desk.say(f"The redirect URI must equal the one registered for your app: {credentials.redirect_uri}")
    pasted = desk.ask("Paste the whole address of the page you land on (it may show an error): ").strip()
    query = parse_qs(urlsplit(pasted).query)
    if "state" not in query:
        raise Refused("paste the whole address (http...?code=...&state=...), not the code alone: the state proves that it is yours")
    state.accept(query["state"][0], desk.now_ms())
    return asyncio.run(_finish(credentials, desk, _code_of({name: values[0] for name, values in query.items()})))


def run_analytics(desk: Desk, kind: TokenKind = TokenKind.ANALYTICS) -> Token:
    """Store a token made in the developer console: analytics (one year, reads and feed) or sandbox (thirty days).

    Raises:
        Refused: it is no token.
    """
    desk.say(f"Make an {kind} token at https://account.upstox.com/developer/apps and copy it.")
    token = make_token(desk.ask(f"Paste the {kind} token: "), kind, desk.now_ms())
    save_token(desk.token_path, token)
    desk.say(f"Stored with mode 600 in {desk.token_path.parent}.")
    return token


async def _finish(credentials: Credentials, desk: Desk, code: str) -> Token:
    token = await exchange_code(desk.endpoints, credentials, code, desk.now_ms())
    save_token(desk.token_path, token)  # at once: the code is used up, whatever the profile says
    try:
        profile = await fetch_profile(desk.endpoints, token.access_token)
    except (Refused, Ambiguous):
        desk.say("Logged in; the profile could not be read just now.")
        return token
    desk.say(f"Logged in as {_printable(profile.get('user_name'))} ({_printable(profile.get('user_id'))}).")
    return token


def _printable(text: object) -> str:
    return "".join(letter for letter in str(text or "?") if letter.isprintable())[:60]


def _code_of(query: Mapping[str, str]) -> str:
    code = query.get("code", "")
    if not code:
        raise Refused(f"the broker sent no code (login declined?): run `{LOGIN_COMMAND}` again")
    return code


def _loopback(redirect_uri: str) -> SplitResult:
    parts = urlsplit(redirect_uri)
    if parts.scheme != "http" or parts.hostname not in LOOPBACK:
        raise Refused(
            f"--open needs a redirect URI on this machine, such as http://127.0.0.1:5000/callback, registered for your app; "
            f"yours is {redirect_uri}: register such a one, or use `ticktick login --paste`"
        )
    return parts


class _Catcher:
    """The one-shot listener: one path, one accepted answer."""

    def __init__(self, state: LoginState, target: SplitResult, now_ms: Callable[[], int]) -> None:
        self._state = state
        self._target = target
        self._now_ms = now_ms
        self._forged = 0
        self.code: asyncio.Future[str] = asyncio.get_running_loop().create_future()

    async def listen(self) -> web.AppRunner:
        app = web.Application(client_max_size=1024)
        app.router.add_get(self._target.path or "/", self._answer, allow_head=False)
        runner = web.AppRunner(app, access_log=None)
        await runner.setup()
        port = self._target.port or 80
        try:
            await web.TCPSite(runner, "127.0.0.1" if self._target.hostname == "localhost" else self._target.hostname, port).start()
        except OSError:
            await runner.cleanup()
            raise Refused(
                f"port {port} of the redirect URI is taken or not allowed: stop what uses it, or `ticktick login --paste`"
            ) from None
        return runner

    async def _answer(self, request: web.Request) -> web.Response:
        if self.code.done():
            return web.Response(status=410, text="This login is over.", headers=HEADERS)
        try:
            self._state.accept(request.query.get("state"), self._now_ms())
            code = _code_of(request.query)
        except Refused as refusal:
            self._count(refusal)
            return web.Response(status=400, text="Refused: this answer does not belong to the login that is running.", headers=HEADERS)
        self.code.set_result(code)
        return web.Response(text="Logged in. You may close this page and go back to the terminal.", headers=HEADERS)

    def _count(self, refusal: Refused) -> None:
        """A wrong state may come from any page, so it does not end the login; a used-up state or a flood does."""
        self._forged += 1
        if self._forged > MAX_FORGED or self._state.is_used:
            self.code.set_exception(refusal)
