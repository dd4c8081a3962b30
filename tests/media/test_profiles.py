"""Profiles: when which pictures are asked for, by tables, and with a peer that follows or not."""

from __future__ import annotations

import json
from typing import Any

import jsonschema
import pytest

from core.settings import MediaSettings
from examples.client import CaptureClient
from media import reports
from media.profiles import HOLD_S, WAIT_S, Limits, Profile, ProfileChooser
from media.schema import protocol_schema
from pipeline.types import CaptureState, Frame
from tests.conftest import Serve
from tests.fakes import FakeEngine
from tests.peer import DrawnTrack

SEARCHING, ALIGNING, HOLDING = CaptureState.SEARCHING, CaptureState.ALIGNING, CaptureState.HOLDING
READING, DONE = CaptureState.READING, CaptureState.DONE
STEP_S = 0.08
Phase = tuple[bool, CaptureState, float]
"""(a document is seen, capture state, for how many seconds)"""


def play(phases: list[Phase], **settings: Any) -> list[tuple[float, Profile]]:
    """When the profile changed, in seconds from the start, and to what."""
    chooser, now_s = ProfileChooser(MediaSettings(**settings), 100.0), 100.0
    moves = []
    for detected, state, seconds in phases:
        for _ in range(round(seconds / STEP_S)):
            now_s += STEP_S
            if chooser.saw(detected, state, now_s):
                moves.append((now_s - 100.0, chooser.profile))
    return moves


@pytest.mark.parametrize(
    ("phases", "expected"),
    [
        ([(False, SEARCHING, 60)], []),
        ([(False, SEARCHING, 4), (True, ALIGNING, 0.08), (False, ALIGNING, 4)], []),
        ([(False, SEARCHING, 4), (True, ALIGNING, 1)], [Profile.CAPTURE]),
        (
            [(True, ALIGNING, 1), (False, SEARCHING, HOLD_S + 0.5)],
            [Profile.CAPTURE, Profile.TRACKING],
        ),
        # A hand that comes and goes, as long as it comes back soon, asks for nothing new.
        ([(True, ALIGNING, 0.5), (False, ALIGNING, 1.5)] * 10, [Profile.CAPTURE]),
        # Reading needs no large pictures for itself, but its retry does.
        ([(True, HOLDING, 1), (False, READING, 10)], [Profile.CAPTURE]),
        ([(True, HOLDING, 1), (True, DONE, HOLD_S + 0.5)], [Profile.CAPTURE, Profile.TRACKING]),
    ],
)
def test_the_profile_follows_the_document_without_flapping(
    phases: list[Phase], expected: list[Profile]
) -> None:
    assert [profile for _, profile in play(phases)] == expected


def test_large_pictures_are_asked_for_at_the_second_frame() -> None:
    ((at_s, _),) = play([(False, SEARCHING, 0.8), (True, ALIGNING, 1)])
    assert at_s == pytest.approx(0.8 + 2 * STEP_S)


def test_switched_off_it_never_changes() -> None:
    assert play([(False, SEARCHING, 9), (True, ALIGNING, 9)], profiles=False) == []
    assert ProfileChooser(MediaSettings(profiles=False), 0.0).limits == Limits()


def test_the_shutter_asks_for_a_large_picture_at_once() -> None:
    chooser = ProfileChooser(MediaSettings(), 0.0)
    assert chooser.limits == Limits(360, 12, 500)
    assert chooser.want_capture(1.0) and not chooser.want_capture(1.1)
    assert not chooser.saw(False, SEARCHING, 1.1 + HOLD_S - 0.01)
    assert chooser.saw(False, SEARCHING, 1.1 + HOLD_S)


def test_a_preview_is_told_by_what_the_sender_promised() -> None:
    chooser = ProfileChooser(MediaSettings(), 0.0)
    assert chooser.full_scale(640, 50.0) == 1, "a sender that says nothing is served as it is"
    chooser.follows(1280)
    assert chooser.followed and chooser.full_scale(640, 50.0) == 2
    chooser.want_capture(50.0)
    assert chooser.full_scale(640, 50.0 + WAIT_S) == 2
    assert chooser.full_scale(1280, 50.1) == 1 and chooser.full_scale(1276, 50.1) == 1
    assert chooser.full_scale(640, 50.01 + WAIT_S) == 1, "and so is one that breaks its word"
    chooser.restart(60.0)
    assert chooser.full_scale(640, 60.1) == 1


def spared(
    steps: list[tuple[bool, bool, float]], **settings: Any
) -> list[tuple[float, int | None]]:
    """When what is asked for changed, in seconds from the start, and the frames a second; steps:
    (overloaded, whole, for how many seconds)."""
    chooser, now_s = ProfileChooser(MediaSettings(**settings), 100.0), 100.0
    moves = []
    for overloaded, whole, seconds in steps:
        for _ in range(round(seconds / STEP_S)):
            now_s += STEP_S
            if chooser.spare(overloaded, whole, now_s):
                moves.append((round(now_s - 100.0, 1), chooser.limits.max_fps))
    return moves


def test_under_load_fewer_frames_are_asked_of_a_stream_that_stays_whole() -> None:
    assert spared([(False, True, 9)]) == []
    ((at_s, fps),) = spared([(False, True, 4), (True, True, 9)])
    assert fps == 6 and 4.9 < at_s < 5.3
    assert [fps for _, fps in spared([(True, True, 3), (False, True, 3)])] == [6, 12]
    # In layers: some are left out within a moment.
    assert spared([(True, True, 0.6), (True, False, 9)]) == []
    assert spared([(True, True, 9)], profiles=False) == []


def test_a_new_peer_is_asked_for_all_frames_again() -> None:
    chooser = ProfileChooser(MediaSettings(), 0.0)
    chooser.spare(True, True, 0.0)
    assert chooser.spare(True, True, 2.0) and chooser.limits == Limits(360, 6, 500)
    chooser.want_capture(2.0)
    assert chooser.limits == Limits() and not chooser.spare(False, True, 2.1)
    chooser.restart(3.0)
    assert chooser.saw(False, SEARCHING, 3.0 + HOLD_S)
    assert chooser.limits == Limits(360, 12, 500)


def test_the_message_follows_the_schema() -> None:
    schema = {"$ref": "#/$defs/server_message", "$defs": protocol_schema()["$defs"]}
    for profile, limits in ((Profile.TRACKING, Limits(360, 12, 500)), (Profile.CAPTURE, Limits())):
        jsonschema.validate(json.loads(reports.profile(profile, limits).model_dump_json()), schema)


class FollowingTrack(DrawnTrack):
    """Sends 640 pixels across, or 320 when asked to be small."""

    def __init__(self) -> None:
        super().__init__((640, 480))
        self.asked: list[str] = []

    def follow(self, profile: dict[str, Any]) -> int:
        self.asked.append(profile["name"])
        self.resize((640, 480) if profile["max_height"] is None else (320, 240))
        return 640


async def overlay_of(client: CaptureClient, width: int) -> dict[str, Any]:
    """The next overlay that speaks of a frame so wide."""
    while (overlay := await client.wait_for("overlay"))["frame"]["width"] != width:
        pass
    return overlay


async def test_a_peer_that_follows_is_seen_small_then_large(serve: Serve) -> None:
    scales: list[tuple[int, float]] = []

    def note(frame: Frame) -> None:
        scales.append((frame.width_px, round(frame.full_scale, 2)))

    engine = FakeEngine(on_see=note, sees_document=False)
    server = await serve(engine)
    track = FollowingTrack()
    client = CaptureClient(server.url, track)
    await client.open()
    small = await overlay_of(client, 320)
    assert track.asked == ["tracking"] and small["frame"]["height"] == 240
    engine.sees_document = True
    large = await overlay_of(client, 640)
    assert track.asked == ["tracking", "capture"]
    # Ratios of the frame, whatever its size.
    assert large["corners"] == [[0.1, 0.1], [0.9, 0.1], [0.9, 0.9], [0.1, 0.9]]
    assert (320, 2.0) in scales and (640, 1.0) in scales and (640, 2.0) not in scales
    engine.sees_document = False
    await overlay_of(client, 320)
    assert track.asked == ["tracking", "capture", "tracking"]
    assert server.metric("lobbylens_profiles_total", profile="capture") == 1
    await client.close()


async def test_a_peer_that_says_nothing_is_served_as_it_is(serve: Serve) -> None:
    scales: set[float] = set()
    engine = FakeEngine(on_see=lambda frame: scales.add(frame.full_scale), capture_at=10)
    server = await serve(engine)
    client = CaptureClient(server.url, DrawnTrack())
    await client.open()
    await client.wait_for("result")
    assert scales == {1.0}
    await client.close()


async def test_a_width_out_of_reason_is_refused(serve: Serve) -> None:
    server = await serve()
    client = CaptureClient(server.url, DrawnTrack())
    await client.open()
    await client.wait_for("ready")
    client.send({"type": "profile", "name": "capture", "full_width": 1})
    error = await client.wait_for("error")
    assert (error["code"], error["field"]) == ("INVALID_MESSAGE", "full_width")
    await client.close()
