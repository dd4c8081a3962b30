"""A still over the events channel: announced, brought in chunks, and never in anybody's way."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

from core.errors import BadRequest, InvalidMessage
from examples.client import CaptureClient, Message
from media import still_chunks
from media.still_chunks import MIN_CHUNK_BYTES, Fit, StillChunks, StillGivenUp, whole
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


async def errors_until_pong(visit: Visit) -> list[Message]:
    """What was told wrong until now; errors of a task come some turns of the loop later."""
    await asyncio.sleep(0.1)
    visit.client.send({"type": "ping", "id": 1})
    told = []
    async for message in visit.client.messages():
        if message["type"] == "error":
            told.append(message)
        if message["type"] == "pong":
            break
    return told


async def test_one_that_comes_late_is_let_fall_and_the_result_tells(serve: Serve) -> None:
    visit = await begin(serve, 200)
    await press(visit)
    visit.client.send({"type": "still", "size_bytes": len(JPEG)})
    visit.client.channels["events"].send(JPEG[:2000])
    assert (await ends(visit))["type"] == "result"
    assert body_of(visit) == b"", "nobody waits for it"
    visit.client.channels["events"].send(JPEG[2000:])
    assert await errors_until_pong(visit) == [] and visit.engine.stills == []
    await visit.client.close()


def body_of(visit: Visit) -> bytes:
    """What the server holds of a still that is on its way."""
    session = visit.server.registry.get(visit.client.session_id)
    return bytes(session._hearing._chunks._body)


async def test_a_reset_forgets_what_has_come_and_tells_the_next_guest_nothing(
    serve: Serve,
) -> None:
    visit = await begin(serve, 5000, "--media.messages-per-s", "5")
    await press(visit)
    visit.client.send({"type": "still", "size_bytes": 200_000})
    for _ in range(50):
        visit.client.channels["events"].send(bytes(2000))
    await errors_until_pong(visit)
    assert len(body_of(visit)) == 100_000
    visit.client.send({"type": "reset"})
    await visit.client.wait_for("state", capture="searching")
    for _ in range(50):
        visit.client.channels["events"].send(bytes(2000))
    assert await errors_until_pong(visit) == [] and body_of(visit) == b""
    picture = await press(visit)
    visit.client.send_still_here(JPEG, picture)
    assert (await ends(visit))["type"] == "result"
    assert visit.engine.stills == [JPEG]
    await visit.client.close()


@pytest.mark.parametrize("named", [None, "elsewhere"], ids=["no_picture", "another_s"])
async def test_one_that_nobody_awaits_is_told_once_and_its_chunks_fall(
    serve: Serve, named: str | None
) -> None:
    """As many of them as would end the session, were each one wrong."""
    visit = await begin(serve, 2000, "--media.messages-per-s", "5")
    if named is not None:
        await press(visit)
    visit.client.send_still_here(JPEG * 60, named)
    (told,) = await errors_until_pong(visit)
    assert (told["code"], told["field"]) == ("INVALID_MESSAGE", "picture")
    for _ in range(3):
        visit.client.channels["events"].send(b"left over")
    left_over = await errors_until_pong(visit)
    assert len(left_over) == 3 and all("announced" in each["message"] for each in left_over)
    assert visit.engine.stills == []
    await visit.client.close()


async def test_one_that_is_too_long_is_told_once_and_the_session_lives_on(serve: Serve) -> None:
    limit = ("--media.max-still-bytes", "300000", "--media.messages-per-s", "5")
    visit = await begin(serve, 2000, *limit)
    picture = await press(visit)
    visit.client.send_still_here(JPEG + bytes(3 * LARGEST), picture)
    (told,) = await errors_until_pong(visit)
    assert told["field"] == "size_bytes" and str(LARGEST) in told["message"]
    await visit.client.close()


async def test_one_with_a_chunk_that_does_not_fit_is_told_once_and_the_rest_falls(
    serve: Serve,
) -> None:
    visit = await begin(serve, 5000, "--media.messages-per-s", "5")
    picture = await press(visit)
    channel = visit.client.channels["events"]
    visit.client.send({"type": "still", "size_bytes": 60_000, "picture": picture})
    for size in (2000, 100, 100, *[2000] * 28, 1800):
        channel.send(bytes(size))
    (told,) = await errors_until_pong(visit)
    assert "1024" in told["message"]
    visit.client.send_still_here(JPEG, picture)
    assert (await ends(visit))["type"] == "result"
    assert visit.engine.stills == [JPEG]
    await visit.client.close()


async def test_chunks_that_are_too_small_end_the_session_as_messages_do(serve: Serve) -> None:
    visit = await begin(serve, 5000, "--media.messages-per-s", "5")
    visit.client.send({"type": "still", "size_bytes": 60_000})
    for _ in range(20):
        visit.client.channels["events"].send(bytes(100))
    await visit.client.wait_for("error", code="RATE_LIMITED")
    await visit.server.settle(0)


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
    session = visit.server.registry.get(visit.client.session_id)
    assert (body_of(visit), session._hearing._chunks._left) == (b"", 0)
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
    assert chunks.take(b"a" * 1500) is Fit.PART and not coming.done()
    assert chunks.take(b"b" * 1500) is Fit.PART
    assert await whole(coming) == b"a" * 1500 + b"b" * 1500
    assert chunks.take(b"c") is Fit.WRONG, "nothing more was announced"


@pytest.mark.parametrize(
    ("wrong", "rest"),
    [(0, Fit.PART), (MIN_CHUNK_BYTES - 1, Fit.PART), (2001, Fit.WRONG)],
    ids=["empty", "small", "too_much"],
)
async def test_a_chunk_that_does_not_fit_ends_it(wrong: int, rest: Fit) -> None:
    chunks = StillChunks(LARGEST)
    coming = chunks.announce(4000)
    assert chunks.take(bytes(2000)) is Fit.PART and chunks.take(bytes(wrong)) is Fit.WRONG
    with pytest.raises(StillGivenUp):
        await whole(coming)
    assert chunks._body == b"" and chunks.take(bytes(max(1, 2000 - wrong))) is rest


async def test_the_last_chunk_may_be_small() -> None:
    chunks = StillChunks(LARGEST)
    coming = chunks.announce(2001)
    assert chunks.take(bytes(2000)) is Fit.PART and chunks.take(b"!") is Fit.PART
    assert (await whole(coming))[-1:] == b"!"


async def test_of_one_that_nobody_wants_nothing_is_kept() -> None:
    chunks = StillChunks(LARGEST)
    coming = chunks.announce(9000)
    assert chunks.take(bytes(3000)) is Fit.PART
    coming.cancel()
    await asyncio.sleep(0)
    assert chunks._body == b""
    assert chunks.take(bytes(3000)) is Fit.PART and chunks._body == b""
    assert chunks.take(bytes(10)) is Fit.SMALL
    assert chunks.take(bytes(2990)) is Fit.PART and chunks.take(bytes(3000)) is Fit.WRONG


async def test_of_one_too_long_some_times_a_still_is_let_fall() -> None:
    chunks = StillChunks(LARGEST)
    assert [chunks.cost(count * LARGEST) for count in (1, 2, 100)] == [1, 2, 4]
    with pytest.raises(InvalidMessage) as told:
        chunks.announce(100 * LARGEST)
    assert told.value.field == "size_bytes"
    for _ in range(4):
        assert chunks.take(bytes(LARGEST)) is Fit.PART
    assert chunks.take(bytes(LARGEST)) is Fit.WRONG and chunks._body == b""


async def test_one_that_takes_too_long_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(still_chunks, "_WITHIN_S", 0.02)
    with pytest.raises(BadRequest, match="in time"):
        await whole(StillChunks(LARGEST).announce(9000))
