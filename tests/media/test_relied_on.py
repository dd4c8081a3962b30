"""What a new aiortc or aioice has no longer is left out, and a guest is served all the same."""

from __future__ import annotations

import asyncio
import json
import math
import sys

import pytest
from aiortc import RTCPeerConnection, RTCRtpReceiver
from aiortc.rate import RemoteBitrateEstimator

from media import datagrams, estimation
from media.arrival import adapt_arrival
from media.estimation import lightened
from media.reception import adapt_reception
from media.relied_on import Missing, are_there, from_module, has_all, mentions


def test_what_a_module_lacks_is_missing_and_told_once(caplog: pytest.LogCaptureFixture) -> None:
    pi, gone = from_module("math", "pi", "no_such_thing")
    (nowhere,) = from_module("no_such_module.inside", "thing")
    assert pi == math.pi and issubclass(gone, Missing) and issubclass(nowhere, Missing)

    class Derived(gone):  # type: ignore[misc, valid-type]
        """As ours are of aiortc's."""

    assert are_there((pi, Derived.__mro__[-1], 0), "all is there")
    for _ in range(2):
        assert not are_there((pi, gone), "math has changed")
        assert not has_all(math, ("pi", "no_such_thing"), "it has changed")
    told = [record.getMessage() for record in caplog.records]
    assert ["math has changed" in each for each in told] == [True, False]
    assert ["it has changed" in each for each in told] == [False, True]


def test_one_part_of_the_estimator_that_is_gone_leaves_aiortc_s(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(estimation, "_PARTS", from_module("aiortc.rate", "InterArrival", "no_such"))
    theirs = RemoteBitrateEstimator()
    assert lightened(theirs) is theirs and lightened(theirs) is theirs
    (told,) = caplog.records
    assert "its bandwidth estimator works as it came" in told.getMessage()


async def test_sockets_are_read_without_aioice_s_protocol(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    (gone,) = from_module("aioice.ice", "no_such_protocol")
    monkeypatch.setattr(datagrams, "StunProtocol", gone)
    loop = asyncio.get_running_loop()
    for _ in range(2):
        transport, _ = await loop.create_datagram_endpoint(
            asyncio.DatagramProtocol, local_addr=("127.0.0.1", 0)
        )
        assert datagrams.read_in_bursts(transport)
        transport.close()
    (told,) = caplog.records
    assert "media is looked through for STUN" in told.getMessage()


async def test_packets_that_get_no_content_beside_their_payload_go_aiortc_s_way(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    async def handled_otherwise(receiver: object, packet: object, arrival_time_ms: int) -> None:
        pass

    pc = RTCPeerConnection()
    receiver = pc.addTransceiver("video", direction="recvonly").receiver
    assert mentions(receiver._handle_rtp_packet, "_data", "it has changed")
    monkeypatch.setattr(RTCRtpReceiver, "_handle_rtp_packet", handled_otherwise)
    for _ in range(2):
        assert not adapt_reception(receiver, 0.1)
        assert not adapt_arrival(receiver)
    await pc.close()
    told = [record.getMessage() for record in caplog.records]
    assert len(told) == 2
    assert "frames come later" in told[0] and "the long way" in told[1]


@pytest.mark.timeout(180)
async def test_a_guest_is_served_without_any_of_them() -> None:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "tests.media.without_parts"),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    out, errors = await process.communicate()
    assert process.returncode == 0, errors.decode()[-3000:]
    rows = [json.loads(line) for line in out.decode().splitlines() if line.startswith('{"without"')]
    assert len(rows) > 8 and len(rows[-1]["without"]) == len(rows) - 1
    for row in rows:
        told = row["told"]
        assert told and all("has changed" in each or "have changed" in each for each in told), row
        assert len(told) == len(set(told)), row
