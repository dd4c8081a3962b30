"""``/api/mrz/update``, preview and PDF: the original beside the edit, before and after closing."""

from __future__ import annotations

import asyncio
import io
from typing import Any

import pytest
from pypdf import PdfReader

from benchmarks.doors import timed_cards
from core.settings import DoorSettings, PipelineSettings
from pipeline.engine import Engine
from signaling.api.documents import preview_page
from signaling.api.shelf import Shelf
from signaling.shards import Shard
from tests.conftest import RunningServer, Serve
from tests.fakes import FakeEngine
from tests.signaling.pictures import base64_of, grey
from tests.signaling.test_stream_http import Http, begin, post


async def captured(http: Http, server: RunningServer) -> tuple[str, dict[str, str]]:
    """A session with a document, and its data."""
    own = await begin(http, server)
    await post(
        http, server, "/api/stream/frame", json={"session_id": own, "image": base64_of(grey())}
    )
    _, told = await post(http, server, "/api/stream/capture", json={"session_id": own})
    return own, told["data"]


async def update(http: Http, server: RunningServer, **body: Any) -> tuple[int, Any]:
    return await post(http, server, "/api/mrz/update", json=body)


async def fetch(http: Http, server: RunningServer, address: str) -> tuple[int, bytes]:
    async with http.get(f"{server.url}{address}") as answer:
        return answer.status, await answer.read()


async def test_the_original_stays_beside_the_edit(serve: Serve) -> None:
    server = await serve(FakeEngine())
    async with Http() as http:
        own, data = await captured(http, server)
        status, told = await update(http, server, session_id=own, guest_data=data)
        assert (status, told["success"], told["is_edited"], told["edited"]) == (
            200,
            True,
            False,
            [],
        )
        changed = {**data, "surname": "ERIKSEN", "room": 204, "email": None}
        status, told = await update(http, server, session_id=own, guest_data=changed)
        assert told["is_edited"] is True and told["edited"] == ["surname"]
        assert told["data"]["surname"] == "ERIKSEN" and told["data"]["room"] == "204"
        assert told["original"]["surname"] == "ERIKSSON"
        status, pdf = await fetch(http, server, told["filled_document"])
        assert status == 200 and pdf.startswith(b"%PDF")
        assert b"primary_identifier" in pdf and b"surname" not in pdf, "ICAO names fill the card"


async def test_the_benchmark_has_a_card_filled_each_time(serve: Serve) -> None:
    engine = FakeEngine()
    server = await serve(engine)
    async with Http() as http:
        own, data = await captured(http, server)

        async def ask(path: str, **how: Any) -> None:
            assert (await post(http, server, path, **how))[0] == 200

        assert len(await timed_cards(ask, {"session_id": own}, data, 5)) == 5
    assert len(engine.orders) == 5


def text_of(pdf: bytes) -> str:
    return PdfReader(io.BytesIO(pdf)).pages[0].extract_text()


async def test_the_card_says_what_was_confirmed(serve: Serve) -> None:
    server = await serve(await asyncio.to_thread(Engine, PipelineSettings()))
    async with Http() as http:
        own = await begin(http, server)
        data = {"surname": "OKAFOR", "given_names": "ADA", "document_number": "X1234567"}
        data |= {"nationality": "UTO", "date_of_birth": "1990-01-02"}
        status, told = await update(http, server, session_id=own, guest_data=data)
        assert status == 200, told
        assert told["is_edited"] is True and told["original"] is None
        _, pdf = await fetch(http, server, told["filled_document"])
        text = await asyncio.to_thread(text_of, pdf)
        assert "OKAFOR" in text and "X1234567" in text
        missing = {**data, "surname": "\U00013000"}
        status, told = await update(http, server, session_id=own, guest_data=missing)
        assert (status, told["error_code"]) == (422, "DOCUMENT_FILLING_ERROR")


async def test_after_closing_the_data_s_own_sender_can_still_have_a_card(serve: Serve) -> None:
    server = await serve(FakeEngine())
    async with Http() as http:
        own, data = await captured(http, server)
        _, before = await update(http, server, session_id=own, guest_data=data)
        await http.delete(f"{server.url}/api/stream/session/{own}")
        assert (await fetch(http, server, before["filled_document"]))[0] == 200
        status, told = await update(http, server, session_id=own, guest_data=data)
        assert (status, told["is_edited"], told["original"]) == (200, False, None)
        changed = {**data, "given_names": "ANNA"}
        status, told = await update(http, server, session_id=own, guest_data=changed)
        assert (status, told["is_edited"]) == (200, True)


async def test_unknown_sessions_and_documents(serve: Serve) -> None:
    server = await serve(FakeEngine(), "--api-token", "s3cret")
    async with Http() as http:
        for stranger in ("unknown", "../../etc/passwd", "%00"):
            status, told = await update(http, server, session_id=stranger, guest_data={})
            assert (status, told["error_code"]) == (404, "INVALID_SESSION")
        status, told = await update(http, server, guest_data={"surname": "OKAFOR"})
        assert (status, told["error_code"]) == (401, "UNAUTHORIZED"), "by hand asks for the token"
        head = {"Authorization": "Bearer s3cret"}
        by_hand = {"json": {"guest_data": {"surname": "OKAFOR"}}, "headers": head}
        status, told = await post(http, server, "/api/mrz/update", **by_hand)
        assert (status, told["is_edited"], told["edited"]) == (200, True, ["surname"])
        for path in ("x", "..%2f..%2fetc%2fpasswd", "%2e%2e", "x" * 3000):
            # A client may resolve a path before it asks, and then asks for another.
            assert (await fetch(http, server, f"/api/document/pdf/{path}"))[0] in (401, 404)


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"guest_data": "x"}, "guest_data"),
        ({}, "guest_data"),
        ({"guest_data": {"surname": ["x"]}}, "guest_data"),
        ({"guest_data": {"surname": True}}, "guest_data"),
        ({"guest_data": {"surname": "x" * 501}}, "guest_data"),
        ({"guest_data": {f"f{n}": "x" for n in range(61)}}, "guest_data"),
        ({"guest_data": {"not a word": "x"}}, "fields"),
        ({"guest_data": {}, "actor": "nobody"}, "actor"),
    ],
)
async def test_wrong_bodies_name_the_field(serve: Serve, body: dict[str, Any], field: str) -> None:
    server = await serve(FakeEngine())
    async with Http() as http:
        own = await begin(http, server)
        status, told = await update(http, server, **{"session_id": own, **body})
        assert (status, told["error_code"], told["field"]) == (400, "INVALID_MESSAGE", field)


async def test_the_preview_shows_every_value_and_runs_none(serve: Serve) -> None:
    server = await serve(FakeEngine())
    async with Http() as http:
        own, _ = await captured(http, server)
        body = {"session_id": own, "guest_data": {"surname": "<script>alert(1)</script>$rows"}}
        address = f"{server.url}/api/document/preview"
        async with http.post(address, json=body) as answer:
            page = await answer.text()
            assert answer.content_type == "text/html" and "<script" not in page
            assert "default-src 'none'" in answer.headers["Content-Security-Policy"]
            assert "&lt;script&gt;alert(1)&lt;/script&gt;$rows" in page and "L898902C3" in page
            assert 'class="edited"' in page
        head = {"Accept": "application/json"}
        _, told = await post(http, server, "/api/document/preview", json=body, headers=head)
        assert told["html"] == page
        status, told = await post(http, server, "/api/document/preview", json={"session_id": "no"})
        assert (status, told["error_code"]) == (404, "INVALID_SESSION")


def test_a_preview_escapes_names_too() -> None:
    assert "<b>" not in preview_page({"<b>": "x"}, [])


def test_the_shelf_forgets_in_time_and_in_number() -> None:
    now_s = 0.0
    shelf = Shelf(DoorSettings(card_ttl_s=10, max_cards=2), Shard().new_secret, clock=lambda: now_s)
    first, second, third = (shelf.put(bytes([number])) for number in range(3))
    for kept, there in ((first, False), (second, True), (third, True)):
        assert _has(shelf, kept) is there
    shelf.close("s", {"surname": "ERIKSSON"})
    assert shelf.was_closed("s") and shelf.is_as_read("s", {"surname": "ERIKSSON ", "room": ""})
    assert not shelf.is_as_read("s", {"surname": "ERIKSEN"})
    assert "ERIKSSON" not in repr(vars(shelf))
    now_s = 10.0
    assert not _has(shelf, third) and not shelf.was_closed("s")
    assert not shelf.is_as_read("s", {"surname": "ERIKSSON"})


def _has(shelf: Shelf, card_id: str) -> bool:
    from core.errors import NotFound

    try:
        return bool(shelf.card(card_id) is not None)
    except NotFound:
        return False


async def test_what_a_card_must_not_hold_is_left_out_and_told(serve: Serve) -> None:
    engine = FakeEngine()
    server = await serve(engine)
    async with Http() as http:
        own, data = await captured(http, server)
        sent = {**data, "optional_data": "ZE184226B"}
        for session in ({"session_id": own}, {}):
            status, told = await update(http, server, **session, guest_data=sent)
            assert (status, told["left_out"]) == (200, ["optional_data"])
            _, pdf = await fetch(http, server, told["filled_document"])
            assert b"document_number" in pdf and b"optional_data" not in pdf


async def test_another_card_and_its_form_can_be_ordered(serve: Serve) -> None:
    engine = FakeEngine()
    server = await serve(engine)
    async with Http() as http:
        own, data = await captured(http, server)
        wanted = {"card": "other", "variant": "print", "archival": True}
        for session in ({"session_id": own}, {}):
            status, _ = await update(http, server, **session, guest_data=data, **wanted)
            order = engine.orders[-1]
            assert (status, order.card, order.variant.value) == (200, "other", "print")
            assert order.archival
            status, told = await update(http, server, **session, guest_data=data, card="none")
            assert (status, told["error_code"]) == (422, "DOCUMENT_FILLING_ERROR")
    assert len(engine.orders) == 2
