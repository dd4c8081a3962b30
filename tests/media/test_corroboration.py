"""What a page prints is told after the result, and disturbs nobody who waits for another one."""

from __future__ import annotations

import asyncio

import numpy as np
import pytest

from examples.client import CaptureClient, Refused
from media import reports
from media.messages import ConfirmedMessage
from media.review import edited_fields
from pipeline.card.order import CardOrder
from pipeline.types import (
    Capture,
    CaptureState,
    Document,
    DocumentStatus,
    Field,
    FieldStatus,
    PageWarning,
    Side,
    Trigger,
)
from pipeline.visual.words import Print, Word
from tests.conftest import Serve
from tests.fakes import QUALITY, FakeEngine, FakeReader, TwoSidedReader, specimen_document
from tests.media.test_session import Clients, clients  # noqa: F401  the fixture
from tests.media.test_stream import Begin, begin  # noqa: F401  the fixture


async def results_until_pong(client: CaptureClient) -> list[object]:
    """Results that come before the answer to a ping."""
    client.send({"type": "ping", "id": "end"})
    found: list[object] = []
    async for message in client.messages():
        if message["type"] == "pong":
            return found
        if message["type"] == "result":
            found.append(message)
    return found


SEEN = Print((Word("Ériksson", (0, 0, 90, 20), 0.9),), lambda box: ("", 0.0))


async def test_a_second_result_tells_what_the_print_says(serve: Serve, clients: Clients) -> None:  # noqa: F811
    engine = FakeEngine(capture_at=5)
    engine.print_seen = SEEN
    server = await serve(engine)
    client = clients.make(server)
    await client.open()
    first = await client.wait_for("result", revised=False)
    assert first["fields"]["primary_identifier"]["status"] == "read"
    second = await client.wait_for("result", revised=True)
    assert second["document_id"] == first["document_id"]
    field = second["fields"]["primary_identifier"]
    assert (field["status"], field["printed"]) == ("corroborated", "Ériksson")
    assert second["seq"] > first["seq"]
    assert engine.prints_compared == [1]
    assert all(name.startswith("second-looks") for name in engine.second_looks)
    client.send(
        {
            "type": "confirm",
            "document_id": first["document_id"],
            "fields": {"primary_identifier": "ERIKSSON"},
        }
    )
    assert (await client.wait_for("confirmed"))["edited"] == []


async def test_a_warning_comes_with_the_second_result_and_changes_nothing_else(
    serve: Serve,
    clients: Clients,  # noqa: F811
) -> None:
    engine = FakeEngine(capture_at=5)
    engine.looks_like = (PageWarning.PHOTOCOPY_SUSPECTED,)
    server = await serve(engine)
    client = clients.make(server)
    await client.open()
    first = await client.wait_for("result", revised=False)
    second = await client.wait_for("result", revised=True)
    assert (first["warnings"], second["warnings"]) == ([], ["photocopy_suspected"])
    assert second["fields"] == first["fields"] and second["status"] == first["status"]


async def test_a_page_that_says_nothing_is_told_of_once(serve: Serve, clients: Clients) -> None:  # noqa: F811
    engine = FakeEngine(capture_at=5)
    server = await serve(engine)
    client = clients.make(server)
    await client.open()
    first = await client.wait_for("result")
    assert first["revised"] is False
    assert await results_until_pong(client) == []
    assert engine.prints_compared == []


async def test_a_late_look_is_not_told_of_a_document_that_was_reset(
    serve: Serve,
    clients: Clients,  # noqa: F811
) -> None:
    engine = FakeEngine(capture_at=5)
    engine.print_seen, engine.corroborate_s = SEEN, 0.4
    server = await serve(engine)
    client = clients.make(server)
    await client.open()
    await client.wait_for("result")
    engine.capture_at = -1
    async with asyncio.timeout(5):
        while not engine.prints_compared:
            await asyncio.sleep(0.01)
    client.send({"type": "reset"})
    await asyncio.sleep(2 * engine.corroborate_s)
    assert await results_until_pong(client) == []
    assert engine.prints_compared == [1]


async def test_a_stream_keeps_the_news_and_nobody_takes_it_for_a_new_reading(begin: Begin) -> None:  # noqa: F811
    stream = await begin(FakeEngine())
    told = reports.result(specimen_document("d1"))
    stream.event(told)
    stream.event(reports.result(specimen_document("d1"), revised=True))
    stream.event(reports.result(specimen_document("other"), revised=True))
    assert stream._result is not None
    assert (stream._result.document_id, stream._result.revised) == ("d1", True)
    waiting = asyncio.get_running_loop().create_future()
    stream._outcome = waiting
    stream.event(reports.result(specimen_document("d1"), revised=True))
    assert not waiting.done()
    stream.event(reports.result(specimen_document("d2")))
    assert (await waiting).document_id == "d2"


def test_the_spelling_of_the_page_is_no_edit_but_a_contradiction_is() -> None:
    agrees = Field("MUELLER", "MUELLER", FieldStatus.CORROBORATED, 1.0, printed="Müller")
    differs = Field("MUELLER", "MUELLER", FieldStatus.CONFLICT, 1.0, printed="Holm")
    both = {"primary_identifier": agrees, "secondary_identifier": differs}
    document = Document("d1", DocumentStatus.NEEDS_REVIEW, None, both)
    said = {"primary_identifier": "Müller", "secondary_identifier": "Holm"}
    assert edited_fields(document, said) == ["secondary_identifier"]


async def test_a_portrait_is_fetched_by_its_address_and_wiped_with_the_reset(
    serve: Serve,
    clients: Clients,  # noqa: F811
) -> None:
    engine = FakeEngine(capture_at=5)
    engine.portrait_seen = b"\xff\xd8portrait"
    server = await serve(engine)
    client = clients.make(server)
    await client.open()
    first = await client.wait_for("result", revised=False)
    assert first["images"] == {}
    second = await client.wait_for("result", revised=True)
    address = second["images"]["portrait"]
    assert await client.fetch(address) == engine.portrait_seen
    engine.capture_at = -1
    client.send({"type": "reset"})
    assert await results_until_pong(client) == []
    with pytest.raises(Refused, match="404"):
        await client.fetch(address)


async def test_without_a_portrait_the_door_says_why(serve: Serve, clients: Clients) -> None:  # noqa: F811
    server = await serve(FakeEngine(capture_at=5))
    client = clients.make(server)
    await client.open()
    result = await client.wait_for("result")
    address = f"/api/sessions/{client.session_id}/documents/{result['document_id']}/portrait.jpg"
    with pytest.raises(Refused, match="404") as refused:
        await client.fetch(address)
    assert "pipeline.visual.portrait" in str(refused.value.body)
    with pytest.raises(Refused, match="404"):
        await client.fetch(address.replace(result["document_id"], "unknown"))


async def test_a_page_s_picture_is_fetched_by_its_address_and_wiped_with_the_reset(
    serve: Serve,
    clients: Clients,  # noqa: F811
) -> None:
    engine = FakeEngine(capture_at=5)
    engine.page_seen = b"\xff\xd8page"
    server = await serve(engine)
    client = clients.make(server)
    await client.open()
    second = await client.wait_for("result", revised=True)
    address = f"/api/sessions/{client.session_id}/captures/{second['document_id']}/page.jpg"
    assert second["images"] == {"page": address}
    assert await client.fetch(address) == engine.page_seen
    engine.capture_at = -1
    client.send({"type": "reset"})
    assert await results_until_pong(client) == []
    held = server.registry.get(client.session_id).viewing._corroboration
    assert (held._pages, held._images) == ({}, {})
    with pytest.raises(Refused, match="404"):
        await client.fetch(address)


async def test_without_a_page_s_picture_the_door_says_why(serve: Serve, clients: Clients) -> None:  # noqa: F811
    server = await serve(FakeEngine(capture_at=5))
    client = clients.make(server)
    await client.open()
    result = await client.wait_for("result")
    for name in ("page", "other_page"):
        path = f"/api/sessions/{client.session_id}/captures/{result['document_id']}/{name}.jpg"
        with pytest.raises(Refused, match="404") as refused:
            await client.fetch(path)
        assert "pipeline.visual.page" in str(refused.value.body)


class CardReader(TwoSidedReader):
    """The engine's fronts are known by what their backs say."""

    def __init__(self, engine: CardEngine) -> None:
        super().__init__(engine, engine.order)

    def picture(self, side: Side, next_side: Side | None) -> Capture:
        page = np.zeros((8, 8, 3), np.uint8)
        return Capture("d1", (page,), QUALITY, Trigger.MANUAL, side=side, next_side=next_side)

    def reading_finished(self, document: Document) -> Document | None:
        return super().reading_finished(specimen_document("d1"))


class CardEngine(FakeEngine):
    """Its fronts have a portrait, and no zone."""

    def __init__(self, *order: Side) -> None:
        super().__init__()
        self.order = order
        self.print_seen = SEEN

    def live_reader(self) -> CardReader:
        return CardReader(self)

    def read(self, capture: Capture) -> Document:
        if capture.side is Side.FRONT:
            return Document(capture.id, DocumentStatus.FAILED, None)
        return specimen_document(capture.id)

    def portrait(self, capture: Capture, document: Document, seen: Print | None) -> bytes | None:
        assert seen is SEEN
        return b"\xff\xd8front" if document.mrz is None else None

    def page_picture(self, capture: Capture, document: Document) -> bytes | None:
        return b"\xff\xd8" + capture.side.value.encode()


@pytest.mark.parametrize(
    "order", [(Side.BACK, Side.FRONT), (Side.FRONT, Side.BACK)], ids=["back-first", "front-first"]
)
async def test_a_card_s_pictures_are_told_apart_whichever_side_came_first(
    serve: Serve,
    clients: Clients,  # noqa: F811
    order: tuple[Side, ...],
) -> None:
    server = await serve(CardEngine(*order))
    client = clients.make(server)
    await client.open()
    await client.wait_for("overlay")
    client.send({"type": "capture"})
    await client.wait_for("state", capture="done")
    client.send({"type": "capture"})
    async with asyncio.timeout(15):
        while True:
            told = await client.wait_for("result", revised=True)
            if len(told["images"]) == 3:
                break
    wanted = {"portrait": b"\xff\xd8front", "page": b"\xff\xd8back", "other_page": b"\xff\xd8front"}
    for name, jpeg in wanted.items():
        assert await client.fetch(told["images"][name]) == jpeg


@pytest.mark.parametrize("lost", [Side.BACK, Side.FRONT], ids=["back", "front"])
async def test_a_page_keeps_its_name_where_the_other_was_not_looked_at(
    serve: Serve,
    clients: Clients,  # noqa: F811
    lost: Side,
) -> None:
    """Of two pictures that wait for their look the newer is looked at."""

    class Busy(CardEngine):
        def portrait(
            self, capture: Capture, document: Document, seen: Print | None
        ) -> bytes | None:
            return None

        def page_picture(self, capture: Capture, document: Document) -> bytes | None:
            return None if capture.side is lost else b"\xff\xd8" + capture.side.value.encode()

    server = await serve(Busy(Side.BACK, Side.FRONT))
    client = clients.make(server)
    await client.open()
    await client.wait_for("overlay")
    for _ in range(2):
        client.send({"type": "capture"})
        await client.wait_for("state", capture="done")
    async with asyncio.timeout(15):
        while not (told := await client.wait_for("result", revised=True))["images"]:
            pass
    name = "other_page" if lost is Side.BACK else "page"
    assert list(told["images"]) == [name]
    kept = b"\xff\xd8front" if lost is Side.BACK else b"\xff\xd8back"
    assert await client.fetch(told["images"][name]) == kept


async def test_of_a_document_that_could_not_be_read_the_page_is_shown(
    serve: Serve,
    clients: Clients,  # noqa: F811
) -> None:
    class Unreadable(FakeEngine):
        def read(self, capture: Capture) -> Document:
            return Document(capture.id, DocumentStatus.FAILED, None)

    engine = Unreadable(capture_at=5)
    engine.page_seen = b"\xff\xd8page"
    server = await serve(engine)
    client = clients.make(server)
    await client.open()
    told = await client.wait_for("result", revised=True)
    assert told["status"] == "failed" and list(told["images"]) == ["page"]


async def test_what_is_said_again_of_a_result_comes_before_its_confirmation(
    begin: Begin,  # noqa: F811
) -> None:
    desk = (await begin(FakeEngine())).session.desk
    desk.note(reports.result(specimen_document("d1")))
    desk.note(ConfirmedMessage(document_id="h1", card="", edited=[]))
    desk.note(reports.result(specimen_document("d1"), revised=True))
    assert desk.overview()["confirmed"]
    desk.note(reports.result(specimen_document("d2")))
    assert not desk.overview()["confirmed"]


async def test_a_front_that_nobody_asked_for_is_not_looked_at_again(
    serve: Serve,
    clients: Clients,  # noqa: F811
) -> None:
    class Uncalled(FakeEngine):
        def read(self, capture: Capture) -> Document:
            return Document(capture.id, DocumentStatus.FAILED, None)

        def portrait(
            self, capture: Capture, document: Document, seen: Print | None
        ) -> bytes | None:
            self.orders.append(CardOrder())
            return b"\xff\xd8"

    class Silent(FakeReader):
        def reading_finished(self, document: Document) -> Document | None:
            self.state = CaptureState.DONE
            return None

    engine = Uncalled(capture_at=5)
    engine.live_reader = lambda: Silent(engine)  # type: ignore[method-assign]
    server = await serve(engine)
    client = clients.make(server)
    await client.open()
    await client.wait_for("state", capture="done")
    await asyncio.sleep(0.3)
    assert await results_until_pong(client) == []
    assert engine.orders == [] and not engine.second_looks
