"""Frames to the V3 wire: protobuf, in whichever mode each key was subscribed.

Reads   Frame, and a map of instrument key to mode (``ltpc`` ``full`` ``option_greeks`` ``full_d30``)
Writes  the bytes of one FeedResponse; the same frame gives the same bytes in every process (maps are sorted)
A recorded update (``wire``) is sent on as it was recorded. Never keeps anything between frames.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from pipeline.simulator.market import Bar, Frame, Kind, Status, Update
from proto import MarketDataFeedV3_pb2 as pb

MODES = ("ltpc", "full", "option_greeks", "full_d30")
_REQUEST_MODE = {"ltpc": pb.RequestMode.ltpc, "full": pb.full_d5, "option_greeks": pb.option_greeks, "full_d30": pb.full_d30}
_TYPE = {Kind.SNAPSHOT: pb.initial_feed, Kind.LIVE: pb.live_feed, Kind.STATUS: pb.market_info}
DEEP_LEVELS = 30
FEWEST_DEEP = 15


def encode(frame: Frame, modes: Mapping[str, str], clock_offset_ms: int = 0) -> bytes | None:
    """Encode what a subscriber gets of a frame, stamped by the server's clock; None when nothing of it concerns him."""
    message = pb.FeedResponse(type=_TYPE[frame.kind], currentTs=frame.ts + clock_offset_ms)
    if frame.status is not None:
        _fill_status(message.marketInfo, frame.status)
        return message.SerializeToString(deterministic=True)
    feeds = message.feeds
    has_any = False
    for update in frame.updates:
        mode = modes.get(update.key)
        if mode is not None:
            has_any = True
            fill_feed(feeds[update.key], update, mode)
    return message.SerializeToString(deterministic=True) if has_any else None


def fill_feed(feed: Any, update: Update, mode: str) -> None:
    """Fill one ``Feed`` message."""
    if update.wire is not None and mode == "full":
        feed.CopyFrom(update.wire)
        return
    if mode != "ltpc":
        feed.requestMode = _REQUEST_MODE[mode]
    if mode == "ltpc":
        _fill_ltpc(feed.ltpc, update)
    elif mode == "option_greeks":
        _fill_first_level(feed.firstLevelWithGreeks, update)
    elif update.is_index:
        index = feed.fullFeed.indexFF
        _fill_ltpc(index.ltpc, update)
        _fill_bars(index.marketOHLC.ohlc, update)
    else:
        _fill_market(feed.fullFeed.marketFF, update, mode == "full_d30")


def _fill_ltpc(ltpc: Any, update: Update) -> None:
    ltpc.ltp = update.ltp
    ltpc.ltt = update.ltt
    if update.ltq != 0:
        ltpc.ltq = update.ltq
    ltpc.cp = update.cp
    if update.auction is not None and update.auction.iep > 0:
        ltpc.iep.value = update.auction.iep


def _fill_market(market: Any, update: Update, is_deep: bool) -> None:
    _fill_ltpc(market.ltpc, update)
    add = market.marketLevel.bidAskQuote.add
    levels = deep_levels(update) if is_deep else zip(update.bid_qty, update.bid_px, update.ask_qty, update.ask_px, strict=True)
    for bid_qty, bid_px, ask_qty, ask_px in levels:
        quote = add()
        quote.bidQ = bid_qty
        quote.bidP = bid_px
        quote.askQ = ask_qty
        quote.askP = ask_px
    _fill_greeks(market.optionGreeks, update)
    _fill_bars(market.marketOHLC.ohlc, update)
    market.atp = update.atp
    market.vtt = update.vtt
    market.tbq = update.tbq
    market.tsq = update.tsq
    market.oi = update.oi
    market.iv = update.iv
    market.casEligible = update.is_cas
    if update.auction is not None:
        market.iep = update.auction.iep
        market.rp = update.auction.rp
        market.ieq = update.auction.ieq
        market.iiqTotal = update.auction.iiq_total
        market.iiqM = update.auction.iiq_market


def _fill_first_level(first: Any, update: Update) -> None:
    _fill_ltpc(first.ltpc, update)
    if update.bid_px:
        first.firstDepth.bidQ, first.firstDepth.bidP = update.bid_qty[0], update.bid_px[0]
        first.firstDepth.askQ, first.firstDepth.askP = update.ask_qty[0], update.ask_px[0]
    _fill_greeks(first.optionGreeks, update)
    first.vtt, first.oi, first.iv = update.vtt, update.oi, update.iv


def _fill_greeks(greeks: Any, update: Update) -> None:
    # The live feed sends an empty message for papers without greeks, too.
    if update.greeks is None:
        greeks.SetInParent()
    else:
        greeks.delta, greeks.theta, greeks.gamma, greeks.vega, greeks.rho = update.greeks


def _fill_bars(ohlc: Any, update: Update) -> None:
    if update.day is not None:
        _fill_bar(ohlc.add(), "1d", update.day)
    if update.minute is not None:
        _fill_bar(ohlc.add(), "I1", update.minute)


def _fill_bar(message: Any, interval: str, bar: Bar) -> None:
    message.interval = interval
    message.open = bar.open
    message.high = bar.high
    message.low = bar.low
    message.close = bar.close
    message.vol = bar.vol
    message.ts = bar.ts


def _fill_status(info: Any, status: Status) -> None:
    for segment, word in status.segments.items():
        info.segmentStatus[segment] = pb.MarketStatus.Value(word)
    for place, words in ((info.casMarketStatus, status.cas), (info.preOpenSessionStatus, status.pre_open)):
        for segment, (word, since) in words.items():
            place[segment].status = word
            place[segment].updatedTime = since


def deep_levels(update: Update) -> list[tuple[int, float, int, float]]:
    """Go on with the five levels to thirty (Plus plan's ``full_d30``): 15 to 30 of each side are quoted, the rest is zero.

    Steps and sizes come of the price itself, so that a level stays the same while the market moves around it.
    """
    sides = [_deepen(update.bid_px, update.bid_qty, -1), _deepen(update.ask_px, update.ask_qty, 1)]
    return [(bid[1], bid[0], ask[1], ask[0]) for bid, ask in zip(*sides, strict=True)]


def _deepen(prices: Sequence[float], sizes: Sequence[int], sign: int) -> list[tuple[float, int]]:
    levels = list(zip(prices, sizes, strict=True))
    if len(levels) >= 2 and prices[-1] > 0:
        step = max(1, round(abs(prices[-1] - prices[-2]) * 100))
        typical = max(1, sum(sizes) // len(sizes))
        paise = round(prices[-1] * 100)
        quoted = FEWEST_DEEP + _mix(paise // (step * 50)) % (DEEP_LEVELS - FEWEST_DEEP + 1)
        while len(levels) < quoted:
            # Far from the touch the book is thinner in places: some prices have no order.
            paise += sign * step * (1 + (_mix(paise) % 4 == 0))
            if paise <= 0:
                break
            levels.append((paise / 100, 1 + typical * (25 + _mix(paise + 1) % 200) // 100))
    return levels + [(0.0, 0)] * (DEEP_LEVELS - len(levels))


def _mix(value: int) -> int:
    """Spread an integer over 32 bits: the same in every process."""
    value = (value ^ 0x9E3779B9) * 0x85EBCA6B & 0xFFFFFFFF
    value = (value ^ value >> 13) * 0xC2B2AE35 & 0xFFFFFFFF
    return value ^ value >> 16
