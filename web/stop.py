"""The button: levels 1 to 4 of the emergency stop, in two deliberate steps. Nothing is lifted from here.

Reads   what holds (the board), the halt file
Writes  a word onto ``controls``, or into the halt file when Redis does not take it; level 4 goes to the broker itself (run/lastcall.py)

First the button is armed: that gives a nonce, good for one pull within half a minute. Then a level is chosen. It does not wait for Redis,
nor for the order process: both may be what has failed. Of pulls at the same time one wins; the others are told what holds already.
"""

from __future__ import annotations

import asyncio
import secrets
import time
from collections.abc import Callable
from typing import Any

from aiohttp import web

from pipeline.broker.lastresort import Step
from pipeline.core.broker import LEVELS, Word, level_of
from pipeline.core.errors import TickTickError
from pipeline.run import emergency, lastcall
from pipeline.run.options import Settings
from web.fields import Json
from web.halted import TITLES, Said, halted
from web.replies import bad, error, texts

ARMED_S = 30.0
MAX_ARMED = 16
RECENT_S = 1.0
"""A word of ours counts for so long before the board has read it."""
TYPED = "KILL"
STEPS = 40
"""Newest steps of a kill that the page keeps."""


class Stops:
    """One button. ``moved`` is called when what it shows has changed."""

    def __init__(self, settings: Settings, moved: Callable[[], None]) -> None:
        self._settings, self._moved = settings, moved
        self._armed: dict[str, float] = {}
        self._pulling = asyncio.Lock()
        self._recent = ("", 0.0)
        self._kill: Json = {"is_running": False, "steps": [], "left": "", "is_done": False, "refusal": lastcall.refusal(settings)}
        self._task: asyncio.Task[None] | None = None

    def view(self, known: Said) -> Json:
        """Give the part of the state that tells what holds."""
        return halted(known, emergency.read(emergency.halt_file(self._settings)), self._kill)

    # ------------------------------------------------------------------ the two steps

    async def arm(self, request: web.Request) -> web.Response:
        """Step one: give a nonce for one pull."""
        await texts(request, frozenset())
        now = time.monotonic()
        kept = [(nonce, until) for nonce, until in self._armed.items() if until > now]
        self._armed = dict(kept[-(MAX_ARMED - 1) :])
        nonce = secrets.token_hex(16)
        self._armed[nonce] = now + ARMED_S
        return web.json_response({"nonce": nonce, "for_s": ARMED_S})

    async def pull(self, request: web.Request, holds: Json) -> web.Response:
        """Step two: pull the string of one level; ``holds`` is what the page shows at this moment."""
        wish = await texts(request, frozenset({"word", "nonce"}))
        word = self._word_of(wish)
        self.spend(wish["nonce"])
        who = request.remote or ""
        async with self._pulling:
            self._require_new(word, holds)
            if word is Word.KILL:
                self._kill |= {"is_running": True, "steps": [], "left": "", "is_done": False}
                self._task = asyncio.create_task(self._run_kill(who))
                self._moved()
                return web.json_response({"word": word, "id": "", "words": "the broker is asked to cancel, exit and lock everything"})
            try:
                entry = await asyncio.to_thread(emergency.pull, self._settings, word, "page", who)
            except OSError as why:
                raise error(503, f"neither Redis nor the halt file takes it ({why.strerror}): `ticktick kill` in a terminal") from why
            self._recent = (word.value, time.monotonic())
        self._moved()
        words = TITLES[word] if entry else f"Redis does not answer: {word} is left in the halt file; no entry leaves meanwhile"
        return web.json_response({"word": word, "id": entry, "words": words})

    def spend(self, nonce: str) -> None:
        """Take an armed nonce, once.

        Raises:
            web.HTTPException: 403, it was never given, is used or too old.
        """
        if self._armed.pop(nonce, 0.0) < time.monotonic():
            raise error(403, "not armed, or too long ago: press STOP again")

    def _word_of(self, wish: dict[str, str]) -> Word:
        if wish["word"] not in LEVELS:
            raise bad(f"word must be one of {', '.join(LEVELS)}: nothing is lifted from the page")
        word = Word(wish["word"])
        if word is Word.KILL and self._kill["refusal"]:
            raise error(409, self._kill["refusal"])
        if word is Word.KILL and wish["typed"] != TYPED:
            raise error(428, f"level 4 needs {TYPED} typed: nothing was done")
        return word

    def _require_new(self, word: Word, holds: Json) -> None:
        """A word that holds already is not said again; a kill may be repeated once it has ended."""
        if self._kill["is_running"]:
            raise error(409, "the broker is being asked to close everything: look at the steps")
        mine, at = self._recent
        now_holds = max(holds["word"], mine if time.monotonic() - at < RECENT_S else "", key=level_of)
        if word is not Word.KILL and level_of(now_holds) >= level_of(word):
            raise error(409, f"{TITLES[now_holds]} holds already: the first answer counts")

    # ------------------------------------------------------------------ level 4

    async def _run_kill(self, who: str) -> None:
        loop = asyncio.get_running_loop()

        def tell(step: Step) -> None:
            loop.call_soon_threadsafe(self._note, step)

        end: dict[str, Any] = {"is_running": False}
        try:
            verdict = await asyncio.to_thread(lastcall.kill, self._settings, "page", who, tell)
        except TickTickError as why:
            end |= {"left": str(why)}
        except BaseException:
            end |= {"left": "a fault of ours ended it: use the broker's app"}
            raise
        else:
            end |= {"left": verdict.left, "is_done": verdict.is_done}
        finally:
            self._kill |= end
            self._moved()

    def _note(self, step: Step) -> None:
        row = {"at_ms": step.at_ms, "words": step.words, "is_bad": step.is_bad}
        self._kill |= {"steps": [*self._kill["steps"], row][-STEPS:]}
        self._moved()

    async def close(self) -> None:
        """Wait for a kill under way: it is not left half done."""
        if self._task is not None:
            await self._task
