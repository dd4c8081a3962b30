"""A session's card: told, chosen, ordered."""

from __future__ import annotations

import asyncio
import base64
import threading
import time
from collections.abc import Mapping
from typing import Any

import aiohttp
import pytest

from core.errors import InvalidMessage
from examples.client import CaptureClient
from media.cards import card_order
from media.events import Event
from media.messages import (
    CardFormMessage,
    Configure,
    Confirm,
    ConfirmedMessage,
    ErrorMessage,
    Reset,
    ServerMessage,
    parse_client_message,
)
from media.session import Session
from pipeline.card.order import CardForm, CardOrder, Signature, Variant
from pipeline.types import Document
from tests.conftest import Serve
from tests.fakes import FakeEngine
from tests.media.test_stream import Begin, begin, until  # noqa: F401  the fixture
from tests.peer import DrawnTrack


class SlowCards(FakeEngine):
    """``delays_s``: how long each card's form takes to be read, None for the usual one's; ``gate``
    holds the filling up."""

    def __init__(self, **delays_s: float) -> None:
        super().__init__()
        self._delays_s = delays_s
        self.gate = threading.Event()
        self.gate.set()

    def card_form(self, name: str | None = None) -> CardForm:
        time.sleep(self._delays_s.get(name or "usual", 0.0))
        return super().card_form(name)

    def fill_card(
        self,
        document: Document,
        confirmed: Mapping[str, str],
        order: CardOrder = CardOrder(),  # noqa: B008
    ) -> bytes:
        self.gate.wait(5)
        return super().fill_card(document, confirmed, order)


def told_to(session: Session) -> list[ServerMessage]:
    told: list[ServerMessage] = []
    before = session._channels.overheard

    def hear(message: ServerMessage) -> None:
        told.append(message)
        before(message)

    session._channels.overheard = hear
    return told


@pytest.mark.parametrize("delays_s", [{"usual": 0.2}, {"fake": 0.2}, {"other": 0.2}])
async def test_the_card_chosen_last_is_told_last_and_filled(
    begin: Begin,  # noqa: F811
    delays_s: dict[str, float],
) -> None:
    engine = SlowCards(**delays_s)
    session = (await begin(engine)).session
    told = told_to(session)
    session.spawn(session.cards.announce())  # as when a client is greeted
    for name in ("fake", "other"):
        session._hearing.obey(Configure(type="configure", card=name))
    session._hearing.obey(_confirm())
    await until(lambda: bool(engine.orders))
    forms = [message.card for message in told if isinstance(message, CardFormMessage)]
    assert forms[1:] == ["fake", "other"] and engine.orders[0].card == "other"


async def test_a_card_that_is_filled_over_a_reset_is_nobody_s(begin: Begin) -> None:  # noqa: F811
    engine = SlowCards()
    session = (await begin(engine)).session
    told, events = told_to(session), list[Event]()
    object.__setattr__(session._around, "listeners", (events.append,))
    engine.gate.clear()
    session._hearing.obey(_confirm())
    await asyncio.sleep(0.05)
    session._hearing.obey(Reset(type="reset"))
    engine.gate.set()
    await until(lambda: bool(engine.orders) and not session.cards._confirms)
    await asyncio.sleep(0.05)
    assert not any(isinstance(message, ConfirmedMessage | ErrorMessage) for message in told)
    assert events == [] and not session.desk.overview()["confirmed"]


def _confirm(**more: Any) -> Confirm:
    return Confirm(type="confirm", fields={}, **more)


def test_a_confirm_says_how_the_card_comes_out() -> None:
    assert card_order(_confirm(), None) == CardOrder()
    assert card_order(_confirm(), "germany_bmg").card == "germany_bmg"
    assert card_order(_confirm(card="spain_rd933"), "germany_bmg").card == "spain_rd933"
    order = card_order(_confirm(variant="print", archival=True), None)
    assert (order.variant, order.archival) == (Variant.PRINT, True)


def test_a_signature_comes_as_a_picture_or_as_strokes() -> None:
    png = base64.b64encode(b"picture").decode()
    drawn = card_order(_confirm(signature={"png": png}), None).signature
    assert drawn == Signature(png=b"picture")
    drawn = card_order(_confirm(signature={"strokes": [[[0.0, 0.5], [1.0, 1.0]]]}), None).signature
    assert drawn == Signature(strokes=(((0.0, 0.5), (1.0, 1.0)),))


@pytest.mark.parametrize("signature", [{}, {"png": "AA==", "strokes": []}, {"png": "no base64"}])
def test_a_signature_that_is_none_is_refused(signature: dict[str, Any]) -> None:
    with pytest.raises(InvalidMessage) as caught:
        card_order(_confirm(signature=signature), None)
    assert caught.value.field == "signature"


@pytest.mark.parametrize(
    ("message", "field"),
    [
        ('{"type": "confirm", "fields": {}, "card": "../x"}', "card"),
        ('{"type": "confirm", "fields": {}, "variant": "round"}', "variant"),
        ('{"type": "confirm", "fields": {}, "signature": {"strokes": [[[2, 0]]]}}', "signature"),
        ('{"type": "configure", "card": "A B"}', "card"),
    ],
)
def test_a_wrong_wish_is_named(message: str, field: str) -> None:
    with pytest.raises(InvalidMessage, match=f"^{field}"):
        parse_client_message(message, 10_000)


async def test_a_session_tells_what_its_card_asks_for_and_takes_another(serve: Serve) -> None:
    engine = FakeEngine()
    server = await serve(engine)
    client = CaptureClient(server.url, DrawnTrack())
    await client.open()
    form = await client.wait_for("card_form")
    assert form["card"] == "fake" and form["forbidden"] == ["optional_data"]
    assert form["fields"][0]["name"] == "room" and form["fields"][0]["required"]
    client.send({"type": "configure", "card": "nowhere"})
    error = await client.wait_for("error")
    assert (error["code"], error["field"]) == ("DOCUMENT_FILLING_ERROR", "card")
    client.send({"type": "configure", "card": "other"})
    assert (await client.wait_for("card_form"))["card"] == "other"
    async with aiohttp.ClientSession() as http:
        path = f"{server.url}/api/sessions/{client.session_id}/card-form"
        async with http.get(path) as answer:
            told = await answer.json()
        async with http.get(path, params={"card": "nowhere"}) as refused:
            assert refused.status == 422
            assert (await refused.json())["error_code"] == "DOCUMENT_FILLING_ERROR"
    assert told.keys() == {
        "card", "title", "law", "counsel", "fields", "forbidden", "signature",
    }  # fmt: skip
    assert told["signature"] is True
    assert told["card"] == "other"
    client.send({"type": "confirm", "document_id": None, "fields": {"room": "1"}})
    await client.wait_for("confirmed")
    client.send(
        {"type": "confirm", "document_id": None, "fields": {}, "card": "fake", "variant": "print"}
    )
    await client.wait_for("confirmed")
    assert engine.orders == [CardOrder("other"), CardOrder("fake", Variant.PRINT)]
    await client.close()
