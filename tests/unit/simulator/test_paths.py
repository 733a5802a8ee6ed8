import numpy as np

from pipeline.core.session import Group
from pipeline.simulator import paths
from pipeline.simulator.exchange import load_calendar
from pipeline.simulator.listing import DEFAULT_LISTINGS

DATE = "2026-11-20"
DAY = load_calendar().day(DATE)
WINDOWS = DAY.continuous(Group.EQ_CAS)
GRID = paths.frame_grid(7, DATE, WINDOWS)


def test_frames_are_half_a_second_apart_and_stall_once():
    steps = np.diff(GRID.ts)
    assert (steps[steps < 700] >= 398).all()
    assert (steps > 700).sum() == 1
    assert 45_000 <= steps.max() < 46_200
    assert (GRID.ts % 1000 != 0).all()
    assert WINDOWS[0].start_ms < GRID.ts[0]
    assert GRID.ts[-1] < WINDOWS[-1].end_ms


def test_volume_and_volatility_are_u_shaped():
    shape = GRID.shape
    middle = shape[(GRID.place > 0.4) & (GRID.place < 0.6)].mean()
    assert shape[GRID.place < 0.02].mean() > 2 * middle
    assert shape[GRID.place > 0.98].mean() > 1.5 * middle
    assert abs(shape.mean() - 1) < 1e-9


def test_returns_have_fat_tails_and_correlate():
    factor = paths.market_factor(GRID)
    drawn = [np.diff(paths.log_path(item, GRID, factor, 1000.0)) for item in DEFAULT_LISTINGS[:4]]
    one = drawn[0] / np.sqrt(GRID.shape[1:])
    assert ((one - one.mean()) ** 4).mean() / one.var() ** 2 > 4
    minutes = [d[: len(d) // 120 * 120].reshape(-1, 120).sum(axis=1) for d in drawn]
    assert np.corrcoef(minutes)[np.triu_indices(4, 1)].mean() > 0.1


def test_the_limit_move_reaches_its_band_and_lets_go():
    move = paths.limit_move(7, DATE, DEFAULT_LISTINGS, WINDOWS)
    item = next(i for i in DEFAULT_LISTINGS if i.key == move.key)
    flat = np.full(len(GRID.ts), np.log(1000.0))
    bent = paths.with_limit_move(flat, GRID, move, 1000.0)
    locked = (GRID.ts > move.start_ms + 7 * 60_000) & (GRID.ts < move.release_ms)
    assert item.is_index is False
    assert (move.sign * (np.exp(bent[locked]) - 1000) > 50).all()
    assert abs(np.exp(bent[-1]) - 1000) < 1e-6
    assert paths.limit_move(7, DATE, (), WINDOWS) is None


def test_an_index_follows_its_stocks():
    up = [np.linspace(0, 0.02, len(GRID.ts))] * 3
    index = paths.index_path(DEFAULT_LISTINGS[0], up)
    assert abs(index[-1] - index[0] - 0.02) < 1e-12
