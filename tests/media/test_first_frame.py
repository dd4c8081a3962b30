"""A stream whose first packets were lost: nobody knows that they were ever sent."""

from __future__ import annotations

import fractions

import av
import numpy as np
import pytest
from aiortc.codecs import depayload, get_encoder
from aiortc.rtcrtpparameters import RTCRtpCodecParameters
from aiortc.rtp import RtpPacket

from media.decoding import Decoder
from media.reception import FrameAssembler
from tests.media.rtp_packets import WAIT_S, Time
from tests.media.test_reception import frames_of

VP8 = RTCRtpCodecParameters("video/VP8", clockRate=90_000, payloadType=96)
H264 = RTCRtpCodecParameters(
    "video/H264",
    clockRate=90_000,
    payloadType=97,
    parameters={"packetization-mode": "1", "profile-level-id": "42e01f"},
)


def coded(codec: RTCRtpCodecParameters, frames: int, keys: set[int]) -> list[RtpPacket]:
    """Packets of noise, which takes several for each frame."""
    noise = np.random.default_rng(1).integers(0, 255, (360, 640, 3), np.uint8)
    encoder, made = get_encoder(codec), list[RtpPacket]()
    for number in range(frames):
        picture = av.VideoFrame.from_ndarray(np.roll(noise, 8 * number, axis=1), "bgr24")
        picture.pts, picture.time_base = number * 3750, fractions.Fraction(1, 90_000)
        payloads, timestamp = encoder.encode(picture, force_keyframe=number in keys)
        for place, payload in enumerate(payloads):
            packet = RtpPacket(
                payload_type=codec.payloadType or 0,
                marker=int(place == len(payloads) - 1),
                sequence_number=len(made),
                timestamp=timestamp,
                payload=payload,
            )
            packet._data = depayload(codec, payload)  # type: ignore[attr-defined]
            made.append(packet)
    return made


@pytest.mark.parametrize("codec", [VP8, H264], ids=["VP8", "H264"])
@pytest.mark.parametrize("lost", range(3))
def test_what_is_left_of_the_first_frame_is_none(codec: RTCRtpCodecParameters, lost: int) -> None:
    """The stream's first packets were lost: nobody knows that they were ever sent."""
    clock, decoder = Time(), Decoder(codec)
    assembler, asked, shown = FrameAssembler(WAIT_S, clock), list[float](), 0
    sent = coded(codec, 10, {0, 8})
    for packet in sent[lost:]:
        clock.now_s = packet.timestamp / 90_000 * 2
        wanted, run = assembler.add(packet)
        asked += [clock.now_s] * wanted
        for frame in frames_of(run):
            shown += len(decoder.decode(frame))  # which raises for what it can do nothing with
    assert shown == (2 if lost else 10)
    if lost:
        assert asked and asked[0] <= 0.35, "the next is not waited for without asking"
