"""The generated code is what the schema gives, the wire is Upstox's, and the SDK may live in the same process."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest
from google.protobuf import descriptor_pb2

from proto import MarketDataFeedV3_pb2 as pb

PROTO = Path(__file__).resolve().parents[2] / "proto"


def _without_version(text: str) -> str:
    """Leave out the lines that only name the compiler's version."""
    text = re.sub(r"# Protobuf Python Version: .*\n", "", text)
    return re.sub(r"(Domain\.PUBLIC,\n)(\s+\d+,\n){3}", r"\1", text)


def test_generated_code_is_current(tmp_path):
    pytest.importorskip("grpc_tools", reason="grpcio-tools is not installed: pip install the dev extra to compare the generated schema")
    command = [sys.executable, "-m", "grpc_tools.protoc", "-I", str(PROTO), f"--python_out={tmp_path}", "MarketDataFeedV3.proto"]
    subprocess.run(command, check=True, timeout=60)
    fresh = (tmp_path / "MarketDataFeedV3_pb2.py").read_text()
    kept = (PROTO / "MarketDataFeedV3_pb2.py").read_text()
    assert _without_version(fresh) == _without_version(kept)


def test_sdk_can_be_imported_in_the_same_process():
    pytest.importorskip("upstox_client", reason="the SDK is not installed")
    code = "import proto.MarketDataFeedV3_pb2 as a; from upstox_client.feeder.proto import MarketDataFeedV3_pb2 as b; assert a.FeedResponse is b.FeedResponse"
    swapped = "from upstox_client.feeder.proto import MarketDataFeedV3_pb2 as b; import proto.MarketDataFeedV3_pb2 as a; assert a.FeedResponse is b.FeedResponse"
    for text in (code, swapped):
        subprocess.run([sys.executable, "-c", text], check=True, cwd=PROTO.parent, timeout=60)


def test_schema_equals_the_sdk():
    sdk = pytest.importorskip("upstox_client.feeder.proto.MarketDataFeedV3_pb2", reason="the SDK is not installed")
    ours, theirs = descriptor_pb2.FileDescriptorProto(), descriptor_pb2.FileDescriptorProto()
    pb.DESCRIPTOR.CopyToProto(ours)
    sdk.DESCRIPTOR.CopyToProto(theirs)
    assert ours == theirs


@pytest.mark.parametrize(
    ("hexed", "check"),
    [
        (
            "080218c0dcbcb58d3422180a0a0a064e53455f455110020a0a0a064e53455f464f1002",
            lambda m: (m.type, dict(m.marketInfo.segmentStatus)) == (pb.market_info, {"NSE_EQ": 2, "NSE_FO": 2}),
        ),
        (
            "12340a134e53455f45517c494e45303032413031303138121d0a1b09666666666611964010a4ddbcb58d34180a210000000000e0954018bbddbcb58d34",
            lambda m: m.feeds["NSE_EQ|INE002A01018"].ltpc.ltp == 1412.35 and m.currentTs == 1790308200123 and m.type == pb.initial_feed,
        ),
        (
            "080218e0e2d0bf8d34221e121c0a064e53455f455112120a094354535f434c4f534510e0e2d0bf8d34",
            lambda m: m.marketInfo.casMarketStatus["NSE_EQ"].status == "CTS_CLOSE",
        ),
    ],
)
def test_composed_vectors_decode(hexed, check):
    assert check(pb.FeedResponse.FromString(bytes.fromhex(hexed)))
