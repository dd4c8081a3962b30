"""A slow watcher: what falls, what never does, and what it costs."""

from __future__ import annotations

import asyncio
import json

import pytest

from core.errors import Overloaded
from core.metrics import Metrics
from media.messages import (
    ConfirmedMessage,
    FormMessage,
    GuidanceMessage,
    HintMessage,
    Overlay,
    Pong,
    StateMessage,
)
from media.state import CloseReason
from media.watching import Feed, Watcher


def overlay(number: int) -> Overlay:
    frame = {"index": number, "rtp_timestamp": None, "width": 4, "height": 4}
    return Overlay.model_validate(
        {"frame": frame, "detected": False, "corners": None, "cut": False, "confidence": 0,
         "document_kind": None, "mrz_region": None, "stable_count": 0, "stable_required": 8,
         "progress": 0, "ready_for_capture": False, "quality": None, "latency_ms": 1}
    )  # fmt: skip


def guidance(code: str) -> GuidanceMessage:
    return GuidanceMessage(frame=None, code=code, severity="info", min_ms=0, text="")


def confirmed(number: int) -> ConfirmedMessage:
    return ConfirmedMessage(document_id=f"d{number}", card="/x", edited=[])


async def drained(watcher: Watcher) -> list[tuple[int, str]]:
    """What waits, in order, of a watcher that is at its end."""
    found = []
    while (told := await watcher.get()) is not None:
        found.append((told.seq, told.kind))
    return found


async def test_the_newest_overlays_stay_and_every_confirmation() -> None:
    metrics = Metrics()
    feed = Feed("secret", metrics)
    with feed.watch(None, True) as watcher:
        for number in range(500):
            feed.overlay(overlay(number))
            feed.event(guidance(f"G{number}"))
            if number % 25 == 0:
                feed.event(confirmed(number))
        feed.close(CloseReason.CLIENT)
        found = await drained(watcher)
    kinds = [kind for _, kind in found]
    assert kinds.count("overlay") == 2 and kinds.count("confirmed") == 20
    assert len(found) == 66
    assert [seq for seq, _ in found] == sorted(seq for seq, _ in found)
    # 498 overlays, and of 520 events all but 64.
    assert metrics.registry.get_sample_value("lobbylens_messages_skipped_total") == 498 + 456
    assert watcher.end == "client"


async def test_rather_than_lose_a_result_a_watcher_is_cut_off() -> None:
    feed = Feed("secret", Metrics())
    with feed.watch(None, True) as watcher:
        for number in range(70):
            feed.event(confirmed(number))
        found = await drained(watcher)
        assert len(found) == 64 and watcher.end == "slow"
    with feed.watch(found[-1][0], True) as back:
        feed.close(CloseReason.IDLE)
        assert [seq for seq, _ in await drained(back)] == [65, 66, 67, 68, 69, 70]


async def test_what_is_superseded_is_told_once_and_a_pong_to_nobody() -> None:
    feed = Feed("secret", Metrics())
    for capture in ("searching", "holding", "captured"):
        feed.event(StateMessage(capture=capture, session="connected"))
        feed.event(Pong(id=1))
    feed.event(HintMessage(code="GLARE", text=""))
    feed.event(FormMessage(holder="clerk"))
    feed.event(confirmed(1))
    with feed.watch(None, True) as new, feed.watch(0, True) as back:
        feed.close(CloseReason.CLIENT)
        assert [kind for _, kind in await drained(new)] == ["state", "form", "confirmed"]
        assert [kind for _, kind in await drained(back)] == ["state", "hint", "form", "confirmed"]
    with feed.watch(None, True) as late:
        assert await asyncio.wait_for(late.get(), 1) is None and late.end == "client"


async def test_nothing_of_a_guest_stays_after_a_reset_nor_grows_without_one() -> None:
    feed = Feed("secret", Metrics())
    for number in range(1000):
        feed.event(HintMessage(code=None, text=f"words {number}"))
    feed.event(guidance("GLARE"))
    feed.event(confirmed(1))
    feed.event(FormMessage(holder="clerk"))
    with feed.watch(0, False) as before:
        assert len(before._waiting) == 64
    feed.forget()
    with feed.watch(0, False) as watcher:
        feed.close(CloseReason.CLIENT)
        assert [kind for _, kind in await drained(watcher)] == ["guidance"]


async def test_few_may_watch() -> None:
    feed = Feed("secret", Metrics())
    with feed.watch(None, False), feed.watch(None, False), feed.watch(None, False):
        with (
            feed.watch(None, False),
            pytest.raises(Overloaded),
            feed.watch(None, False),
        ):
            pass
        with feed.watch(None, False) as again:
            feed.overlay(overlay(1))
            feed.event(guidance("GLARE"))
            told = await again.get()
            assert told is not None and json.loads(told.json)["code"] == "GLARE"
