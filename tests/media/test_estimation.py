"""The lighter parts of the bandwidth estimator say what aiortc's own say."""

from __future__ import annotations

import random

import pytest
from aiortc import RTCPeerConnection
from aiortc.rate import RateCounter, RemoteBitrateEstimator

from media.estimation import ArrivalRate, QuickBitrateEstimator, lightened
from media.reception import adapt_reception


@pytest.mark.parametrize("seed", range(6))
def test_rates_are_those_of_aiortcs_counter(seed: int) -> None:
    draw, ours, theirs, now_ms = random.Random(seed), ArrivalRate(), RateCounter(1000, 8000), 5000
    for _ in range(3000):
        # Bursts, quiet moments, and now and then more than a window of silence.
        now_ms += draw.choice((0, 0, 0, 1, 1, 5, 40, 300, 999, 1000, 1001, 2500))
        if draw.random() < 0.6:
            size = draw.randrange(20, 1300)
            ours.add(size, now_ms)
            theirs.add(size, now_ms)
        assert ours.rate(now_ms) == theirs.rate(now_ms)
        assert ours.goes_on(now_ms) is (theirs.rate(now_ms) is not None)
        if draw.random() < 0.01:
            ours.reset()
            theirs.reset()


@pytest.mark.parametrize("seed", range(4))
def test_estimates_are_those_of_aiortcs_estimator(seed: int) -> None:
    """A stream that fills its link, in frames of some packets, to overuse and back."""
    draw, told = random.Random(seed), list[object]()
    ours, theirs = lightened(RemoteBitrateEstimator()), RemoteBitrateEstimator()
    assert type(ours) is QuickBitrateEstimator
    sent_ms = arrival_ms = 1000.0
    for frame in range(1500):
        sent_ms += 1000 / 24
        behind_ms = 0.4 if 400 < frame < 700 else -0.4
        queued_ms = max(0.0, arrival_ms - sent_ms + behind_ms * 10)
        for _ in range(draw.randrange(1, 9)):
            arrival_ms = max(arrival_ms, sent_ms + queued_ms + draw.uniform(0, 6))
            stamp = int(sent_ms / 1000 * (1 << 18)) & 0xFFFFFF
            packet = (int(arrival_ms), stamp, draw.randrange(200, 1200), 77)
            said = ours.add(*packet)
            assert said == theirs.add(*packet)
            told.append(said)
        assert ours.detector.state() is theirs.detector.state()
        assert ours.estimator.offset() == theirs.estimator.offset()
    assert sum(each is not None for each in told) > 20


async def test_the_pinned_aiortc_has_what_it_relies_on(caplog: pytest.LogCaptureFixture) -> None:
    pc = RTCPeerConnection()
    receiver = pc.addTransceiver("video", direction="recvonly").receiver
    assert adapt_reception(receiver, 0.1)
    inside = getattr(receiver, "_RTCRtpReceiver__remote_bitrate_estimator")  # noqa: B009
    assert isinstance(inside._estimator, QuickBitrateEstimator)
    assert not caplog.records
    await pc.close()


def test_another_estimator_is_left_as_it_is(caplog: pytest.LogCaptureFixture) -> None:
    changed = RemoteBitrateEstimator()
    changed.incoming_bitrate = RateCounter(500, 8000)
    assert lightened(changed) is changed
    nothing = object()
    assert lightened(nothing) is nothing
    assert len(caplog.records) == 1
