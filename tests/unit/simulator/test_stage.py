import asyncio

from pipeline.simulator.market import Frame, Kind
from pipeline.simulator.stage import AHEAD, RING, Stage
from pipeline.simulator.tape import Tape
from tests.fakes.sim_day import market

MAKER = market("09:15-09:20")
COUNT = len(list(MAKER.frames())) + 2


def stage(**kwargs):
    tape = Tape(MAKER.day, MAKER.listings, MAKER.start_ms)
    return Stage(MAKER, tape, **{"speed": 0.0, "hold": False, "idle_speed": 60.0, **kwargs})


async def drain(one, listener, most=10**9):
    seen = []
    while not one.is_done(listener) and len(seen) < most:
        batch = await one.after(listener)
        seen += batch
        one.read(listener, len(batch))
    return seen


def test_a_listener_gets_every_frame_in_order():
    async def body():
        one = stage()
        async with asyncio.timeout(20):
            async with asyncio.TaskGroup() as group:
                group.create_task(one.run())
                one.open()
                return await drain(one, one.join(0))

    seen = asyncio.run(body())
    assert len(seen) == COUNT
    assert [f.ts for f in seen] == sorted({f.ts for f in seen})
    assert [f.kind for f in seen[:2]] == [Kind.STATUS, Kind.SNAPSHOT]


def test_the_market_waits_for_the_slowest_and_for_the_first():
    async def body():
        one = stage()
        async with asyncio.timeout(20):
            runner = asyncio.ensure_future(one.run())
            await asyncio.sleep(0)
            assert one.head == 0
            slow = one.join(0)
            for _ in range(200):
                await asyncio.sleep(0)
            assert one.head <= AHEAD + 2
            await drain(one, slow)
            await runner
        assert one.is_over

    asyncio.run(body())


def test_holding_stands_still_and_replays_the_same_frames():
    async def body():
        one = stage(hold=True)
        async with asyncio.timeout(20):
            runner = asyncio.ensure_future(one.run())
            first = one.join(0)
            seen = await drain(one, first, 200)
            one.leave(first)
            stopped = one.head
            for _ in range(100):
                await asyncio.sleep(0)
            assert one.head == stopped
            again = await drain(one, one.join(one.oldest))
            await runner
        assert again[:200] == seen[:200]
        assert len(again) == COUNT

    asyncio.run(body())


def test_without_hold_the_market_goes_on_alone():
    async def body():
        one = stage(idle_speed=1e9)
        async with asyncio.timeout(20):
            runner = asyncio.ensure_future(one.run())
            one.leave(one.join(0))
            await runner
        assert one.is_over
        assert one.oldest == max(0, COUNT - RING)

    asyncio.run(body())


def test_speed_paces_the_frames():
    async def body():
        one = stage(speed=3000.0)
        watched: list[Frame] = []
        one.watchers.append(watched.append)
        loop = asyncio.get_running_loop()
        async with asyncio.timeout(20):
            runner = asyncio.ensure_future(one.run())
            start = loop.time()
            await drain(one, one.join(0))
            await runner
        assert loop.time() - start >= 300 / 3000 * 0.9
        assert len(watched) == COUNT

    asyncio.run(body())


def test_in_a_quiet_market_time_goes_on_and_only_states_are_shown():
    async def body():
        one = stage(speed=1_000_000.0)
        one.is_quiet = True
        async with asyncio.timeout(20):
            runner = asyncio.ensure_future(one.run())
            seen = await drain(one, one.join(0))
            await runner
        assert one.tape.now_ms == list(MAKER.frames())[-1].ts
        return [frame.kind for frame in seen]

    kinds = asyncio.run(body())
    assert kinds[:2] == [Kind.STATUS, Kind.SNAPSHOT]
    assert set(kinds[2:]) == {Kind.STATUS}
