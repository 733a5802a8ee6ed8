from pipeline.simulator.market import Bar, Frame, Kind, Status, Update


def test_frames_compare_by_content():
    one = Frame(1, Kind.LIVE, (Update("k", 1.0, 1, 1, 1.0, day=Bar(0, 1, 1, 1, 1, 1)),))
    two = Frame(1, Kind.LIVE, (Update("k", 1.0, 1, 1, 1.0, day=Bar(0, 1, 1, 1, 1, 1)),))
    assert one == two
    assert Status({"NSE_EQ": "NORMAL_OPEN"}).cas == {}
