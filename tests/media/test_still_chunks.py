"""A still over the events channel: announced, brought in chunks, and never in anybody's way."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

from core.errors import BadRequest, InvalidMessage
from examples.client import CaptureClient, Message
from media import still_chunks
from media.still_chunks import MIN_CHUNK_BYTES, StillChunks, StillGivenUp, whole
from tests.conftest import Serve
from tests.media.test_still_door import JPEG, SlowLink, Visit, begin, post
from tests.peer import DrawnTrack

LARGEST = 300_000


@pytest.fixture
async def visit(serve: Serve) -> AsyncIterator[Visit]:
    """Its captures wait for a still for two seconds."""
    made = await begin(serve, 2000, "--media.max-still-bytes", str(LARGEST))
    yield made
    await made.client.close()


async def press(visit: Visit) -> str:
    """The shutter; the name of the picture whose still is awaited."""
    visit.client.send({"type": "capture"})
    told = await visit.client.wait_for("state", capture="captured")
    return str(told["picture"])


async def ends(visit: Visit) -> Message:
    """What comes of a picture, or of a still."""
    async with asyncio.timeout(5):
        async for message in visit.client.messages():
            if message["type"] in ("result", "error"):
                return message
    raise AssertionError("the connection ended")


# Together


async def test_a_still_in_chunks_leads_the_burst(visit: Visit) -> None:
    jpeg = b"\xff\xd8\xff" + bytes(LARGEST - 3)
    visit.client.send_still_here(jpeg, await press(visit))
    assert (await ends(visit))["type"] == "result"
    assert visit.engine.stills == [jpeg] and visit.engine.pages_read == [2]
    assert visit.outcome("used") == 1


async def test_messages_between_its_chunks_are_answered(visit: Visit) -> None:
    await press(visit)
    channel = visit.client.channels["events"]
    visit.client.send({"type": "still", "size_bytes": len(JPEG)})
    channel.send(JPEG[:2000])
    visit.client.send({"type": "ping", "id": 7})
    assert (await visit.client.wait_for("pong"))["id"] == 7
    channel.send(JPEG[2000:])
    assert (await ends(visit))["type"] == "result"
    assert visit.engine.stills == [JPEG]


async def test_on_the_only_channel_it_is_taken_too(serve: Serve) -> None:
    visit = await begin(serve, 2000)
    only = CaptureClient(visit.server.url, DrawnTrack(), channels=("mine",))
    await only.open(stills=True)
    await only.wait_for("overlay")
    only.send({"type": "capture"})
    await only.wait_for("state", capture="captured")
    only.send_still_here(JPEG)
    await only.wait_for("result")
    assert visit.engine.stills == [JPEG]
    await only.close()
    await visit.client.close()


async def test_what_is_no_jpeg_leaves_the_burst_as_it_is(visit: Visit) -> None:
    await press(visit)
    visit.client.send_still_here(b"GIF89a" + bytes(3000))
    assert (await ends(visit))["type"] == "result"
    assert visit.engine.pages_read == [1] and visit.outcome("invalid") == 1


async def test_one_that_comes_late_is_let_fall_and_the_result_tells(serve: Serve) -> None:
    visit = await begin(serve, 200)
    await press(visit)
    visit.client.send({"type": "still", "size_bytes": len(JPEG)})
    visit.client.channels["events"].send(JPEG[:2000])
    assert (await ends(visit))["type"] == "result"
    visit.client.channels["events"].send(JPEG[2000:])
    visit.client.send({"type": "ping", "id": 1})
    async for message in visit.client.messages():
        assert message["type"] != "error"
        if message["type"] == "pong":
            break
    assert visit.engine.stills == []
    await visit.client.close()


@pytest.mark.parametrize("named", [None, "elsewhere"], ids=["no_picture", "another_s"])
async def test_one_that_nobody_awaits_is_told_and_its_chunks_fall(
    visit: Visit, named: str | None
) -> None:
    """As many of them as would end the session, were each one wrong."""
    if named is not None:
        await press(visit)
    visit.client.send_still_here(JPEG * (LARGEST // len(JPEG)), named)
    told = await visit.client.wait_for("error")
    assert (told["code"], told["field"]) == ("INVALID_MESSAGE", "picture")
    for _ in range(3):
        visit.client.channels["events"].send(b"left over")
        told = await visit.client.wait_for("error")
        assert told["code"] == "INVALID_MESSAGE" and "announced" in told["message"]
    assert visit.engine.stills == []


async def test_one_that_is_too_long_is_told_and_the_session_lives_on(visit: Visit) -> None:
    picture = await press(visit)
    visit.client.send_still_here(JPEG + bytes(LARGEST), picture)
    told = await visit.client.wait_for("error")
    assert told["field"] == "size_bytes" and str(LARGEST) in told["message"]
    visit.client.send_still_here(JPEG, picture)
    await visit.client.wait_for("result")
    assert visit.engine.stills == [JPEG]


async def test_another_announcement_takes_the_place_of_a_broken_one(visit: Visit) -> None:
    picture = await press(visit)
    visit.client.send({"type": "still", "size_bytes": 50_000, "picture": picture})
    visit.client.channels["events"].send(bytes(2000))
    visit.client.send_still_here(JPEG, picture)
    assert (await ends(visit))["type"] == "result", "of the first nothing is said"
    assert visit.engine.stills == [JPEG]


async def test_one_by_http_at_the_same_time_is_told_and_ends_nothing(visit: Visit) -> None:
    picture = await press(visit)
    visit.client.send({"type": "still", "size_bytes": len(JPEG), "picture": picture})
    visit.client.channels["events"].send(JPEG[:2000])
    visit.client.send({"type": "ping", "id": 1})
    await visit.client.wait_for("pong")
    assert await post(visit.server, visit.client.session_id) == (429, "RATE_LIMITED")
    visit.client.channels["events"].send(JPEG[2000:])
    await visit.client.wait_for("result")
    assert visit.engine.stills == [JPEG]


async def test_one_beside_another_by_http_is_told_and_ends_nothing(visit: Visit) -> None:
    picture, link = await press(visit), SlowLink(JPEG)
    sent = asyncio.create_task(post(visit.server, visit.client.session_id, link.body()))
    await link.begun.wait()
    visit.client.send_still_here(JPEG, picture)
    told = await visit.client.wait_for("error")
    assert (told["code"], told["field"]) == ("INVALID_MESSAGE", "picture")
    link.free.set()
    assert await sent == (200, True)
    await visit.client.wait_for("result")
    assert visit.engine.stills == [JPEG] and visit.engine.pages_read == [2]


async def test_who_comes_back_begins_its_still_anew(serve: Serve) -> None:
    visit = await begin(serve, 5000)
    picture = await press(visit)
    visit.client.send({"type": "still", "size_bytes": len(JPEG), "picture": picture})
    visit.client.channels["events"].send(JPEG[:2000])
    visit.client.send({"type": "ping", "id": 1})
    await visit.client.wait_for("pong")
    back = CaptureClient(visit.server.url, DrawnTrack())
    await back.open(
        resumed=visit.client.session_id, resume_token=visit.client.resume_token, stills=True
    )
    await back.wait_for("ready")
    back.send_still_here(JPEG, picture)
    await back.wait_for("result")
    assert visit.engine.stills == [JPEG] and visit.engine.pages_read == [2]
    await visit.client.close()
    await back.close()


async def test_who_announces_stills_without_end_is_closed(visit: Visit) -> None:
    for _ in range(5):
        visit.client.send({"type": "still", "size_bytes": 2000})
    told = await visit.client.wait_for("error", code="RATE_LIMITED")
    assert "stills" in told["message"]
    await visit.server.settle(0)


# Alone


async def test_chunks_are_put_together_in_their_order() -> None:
    chunks = StillChunks(LARGEST)
    coming = chunks.announce(3000)
    assert chunks.take(b"a" * 1500) and not coming.done() and chunks.take(b"b" * 1500)
    assert await whole(coming) == b"a" * 1500 + b"b" * 1500
    assert not chunks.take(b"c"), "nothing more was announced"


@pytest.mark.parametrize(
    "wrong", [b"", bytes(MIN_CHUNK_BYTES - 1), bytes(2001)], ids=["empty", "small", "too_much"]
)
async def test_a_chunk_that_does_not_fit_ends_it(wrong: bytes) -> None:
    chunks = StillChunks(LARGEST)
    coming = chunks.announce(4000)
    assert chunks.take(bytes(2000)) and not chunks.take(wrong)
    with pytest.raises(StillGivenUp):
        await whole(coming)
    assert not chunks.take(bytes(2000))


async def test_the_last_chunk_may_be_small() -> None:
    chunks = StillChunks(LARGEST)
    coming = chunks.announce(2001)
    assert chunks.take(bytes(2000)) and chunks.take(b"!")
    assert (await whole(coming))[-1:] == b"!"


async def test_of_one_that_nobody_wants_nothing_is_kept() -> None:
    chunks = StillChunks(LARGEST)
    coming = chunks.announce(9000)
    assert chunks.take(bytes(3000))
    coming.cancel()
    await asyncio.sleep(0)
    assert chunks._body == b""
    assert chunks.take(bytes(3000)) and chunks._body == b"" and chunks.take(bytes(3000))
    assert not chunks.take(bytes(3000))


async def test_of_one_too_long_as_much_as_a_still_may_have_is_let_fall() -> None:
    chunks = StillChunks(LARGEST)
    with pytest.raises(InvalidMessage) as told:
        chunks.announce(2 * LARGEST)
    assert told.value.field == "size_bytes"
    assert chunks.take(bytes(LARGEST)) and not chunks.take(bytes(LARGEST))
    assert chunks._body == b""


async def test_one_that_takes_too_long_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(still_chunks, "_WITHIN_S", 0.02)
    with pytest.raises(BadRequest, match="in time"):
        await whole(StillChunks(LARGEST).announce(9000))
