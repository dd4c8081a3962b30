"""Signed webhooks: a receiver verifies them; what fails is tried again, within bounds."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
import json
import runpy
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from core.auth import WebhookSettings
from core.errors import SettingsError
from core.metrics import Metrics
from core.settings import load_settings
from media.events import Confirmed
from signaling.webhooks import Webhooks, payload, signature
from tests.conftest import Serve
from tests.fakes import specimen_document

KEY, NEXT_KEY = b"k" * 32, b"n" * 32
SECRET, NEXT_SECRET = (base64.b64encode(key).decode() for key in (KEY, NEXT_KEY))


def verified(headers: Mapping[str, str], body: bytes, key: bytes, now_s: float) -> dict[str, Any]:
    """What docs/guest-data.md shows. Raises ValueError."""
    event_id, timestamp = headers["Webhook-Id"], headers["Webhook-Timestamp"]
    if abs(now_s - int(timestamp)) > 300:
        raise ValueError("too old")
    told = f"{event_id}.{timestamp}.".encode() + body
    good = base64.b64encode(hmac.digest(key, told, hashlib.sha256)).decode()
    given = [part.removeprefix("v1,") for part in headers["Webhook-Signature"].split()]
    if not any(hmac.compare_digest(good, part) for part in given):
        raise ValueError("not signed by the one who knows the secret")
    event: dict[str, Any] = json.loads(body)
    return event


@dataclass
class Receiver:
    """Answers as it is told, then 204; keeps what came."""

    url: str = ""
    answers: list[tuple[int, dict[str, str]]] = field(default_factory=list)
    came: list[tuple[dict[str, str], bytes]] = field(default_factory=list)
    paths: list[str] = field(default_factory=list)

    async def take(self, request: web.Request) -> web.Response:
        self.paths.append(request.path)
        self.came.append((dict(request.headers), await request.read()))
        status, headers = self.answers.pop(0) if self.answers else (204, {})
        return web.Response(status=status, headers=headers)

    async def wait(self, count: int) -> None:
        async with asyncio.timeout(10):
            while len(self.came) < count:
                await asyncio.sleep(0.01)


@pytest.fixture
async def receiver() -> AsyncIterator[Receiver]:
    told = Receiver()
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", told.take)
    server = TestServer(app, host="127.0.0.1")
    await server.start_server()
    told.url = str(server.make_url("/hook"))
    yield told
    await server.close()


Start = Callable[..., Awaitable[Webhooks]]


@pytest.fixture
async def start(receiver: Receiver) -> AsyncIterator[Start]:
    made: list[Webhooks] = []

    async def begin(**given: Any) -> Webhooks:
        told = {"urls": [receiver.url], "secrets": SECRET, "first_wait_s": 0.01, **given}
        made.append(Webhooks(WebhookSettings(**told), Metrics()))
        await made[-1].start()
        return made[-1]

    yield begin
    for each in made:
        await each.close()


def confirmed() -> Confirmed:
    return Confirmed(
        record="ab" * 16,
        session="a1b2",
        document=specimen_document("d1"),
        fields={"primary_identifier": "ERIKSEN", "room": "12"},
        edited=("primary_identifier",),
        actor="guest",
        card=b"%PDF",
    )


def metric(hooks: Webhooks, name: str, **labels: str) -> float:
    # Not the process's own figures, which are read from files.
    only = hooks._metrics.registry.restricted_registry([f"lobbylens_{name}"])
    found = [sample for family in only.collect() for sample in family.samples]
    return sum(sample.value for sample in found if sample.labels == labels)


def count_of(hooks: Webhooks, outcome: str) -> float:
    return metric(hooks, "webhooks_total", outcome=outcome)


async def finished(hooks: Webhooks, outcome: str, count: int = 1) -> None:
    async with asyncio.timeout(10):
        while count_of(hooks, outcome) < count:
            await asyncio.sleep(0.01)


async def test_a_confirmed_document_is_told_signed_and_without_guest_data(
    serve: Serve, receiver: Receiver
) -> None:
    told = ["--webhooks.urls", receiver.url, "--webhooks.secrets", f"whsec_{SECRET}"]
    server = await serve(None, *told)
    async with aiohttp.ClientSession() as http:
        body = {"guest_data": {"surname": "ERIKSEN"}}
        assert (await http.post(f"{server.url}/api/mrz/update", json=body)).status == 200
    await receiver.wait(1)
    headers, sent = receiver.came[0]
    event = verified(headers, sent, KEY, time.time())
    assert event["type"] == "document.confirmed" and len(event["data"]["record"]) == 32
    assert set(event["data"]) == {
        "record", "session", "document_id", "status", "format", "edited"
    }  # fmt: skip
    assert b"ERIKSEN" not in sent
    assert headers["Idempotency-Key"] == headers["Webhook-Id"]
    with pytest.raises(ValueError, match="not signed"):
        verified(headers, sent.replace(b"confirmed", b"captured"), KEY, time.time())
    with pytest.raises(ValueError, match="not signed"):
        verified(headers, sent, NEXT_KEY, time.time())
    with pytest.raises(ValueError, match="too old"):
        verified(headers, sent, KEY, time.time() + 3600)


async def test_guest_data_are_sent_where_that_is_asked_for(start: Start) -> None:
    event = payload(confirmed(), True, 0.0)
    assert event["timestamp"] == "1970-01-01T00:00:00Z"
    assert event["data"]["fields"] == {"surname": "ERIKSEN", "room": "12"}
    assert event["data"]["actor"] == "guest"


async def test_an_event_keeps_its_id_until_it_is_taken(start: Start, receiver: Receiver) -> None:
    receiver.answers = [(500, {}), (503, {}), (429, {"Retry-After": "0"})]
    hooks = await start()
    hooks.listen(confirmed())
    await finished(hooks, "delivered")
    assert len(receiver.came) == 4 and metric(hooks, "webhook_failures_total") == 3
    assert len({headers["Idempotency-Key"] for headers, _ in receiver.came}) == 1
    assert len({body for _, body in receiver.came}) == 1
    for headers, body in receiver.came:
        verified(headers, body, KEY, time.time())


async def test_attempts_end(start: Start, receiver: Receiver) -> None:
    receiver.answers = [(500, {})] * 10
    hooks = await start(attempts=3)
    hooks.listen(confirmed())
    await finished(hooks, "given_up")
    assert len(receiver.came) == 3 and metric(hooks, "webhook_failures_total") == 3


@pytest.mark.parametrize("status", [301, 302, 307, 400, 401, 404, 410])
async def test_a_refusal_stands_and_no_redirect_is_followed(
    start: Start, receiver: Receiver, status: int
) -> None:
    receiver.answers = [(status, {"Location": "/elsewhere"})]
    hooks = await start()
    hooks.listen(confirmed())
    await finished(hooks, "refused")
    assert receiver.paths == ["/hook"]


async def test_nobody_there_is_tried_again(start: Start) -> None:
    hooks = await start(urls=["http://127.0.0.1:9/hook"], attempts=2)
    hooks.listen(confirmed())
    await finished(hooks, "given_up")


async def test_what_waits_is_bounded_and_ends_with_the_server(
    start: Start, receiver: Receiver, caplog: pytest.LogCaptureFixture
) -> None:
    receiver.answers = [(503, {"Retry-After": "600"})] * 10
    hooks = await start(max_pending=3)
    for _ in range(5):
        hooks.listen(confirmed())
    assert count_of(hooks, "left_out") == 2
    await receiver.wait(3)
    assert metric(hooks, "webhooks_waiting") == 3
    assert 0 < metric(hooks, "webhooks_oldest_seconds") < 10
    began_s = time.monotonic()
    await hooks.close()
    assert time.monotonic() - began_s < 8 and not hooks._under_way
    assert "ERIKS" not in caplog.text and receiver.url not in caplog.text
    # Each that was not delivered is told, by ids that a receiver and the store know it by.
    lines = [r.__dict__["values"] for r in caplog.records if r.msg.startswith("webhook undeliv")]
    sent = {headers["Webhook-Id"] for headers, _ in receiver.came}
    assert {line["webhook"] for line in lines} == sent and len(sent) == 3
    assert {line["record"] for line in lines} == {"ab" * 16}
    assert {(line["type"], line["attempts"]) for line in lines} == {("document.confirmed", 1)}
    assert count_of(hooks, "undelivered") == 3 and metric(hooks, "webhook_failures_total") == 3
    assert metric(hooks, "webhooks_waiting") == metric(hooks, "webhooks_oldest_seconds") == 0


async def test_two_secrets_sign_while_one_is_replaced(start: Start, receiver: Receiver) -> None:
    hooks = await start(secrets=f"{NEXT_SECRET},{SECRET}")
    hooks.listen(confirmed())
    await finished(hooks, "delivered")
    for key in (KEY, NEXT_KEY):
        verified(*receiver.came[0], key, time.time())


def test_the_receiver_in_the_docs_verifies(tmp_path: Path) -> None:
    page = (Path(__file__).resolve().parents[2] / "docs" / "guest-data.md").read_text()
    (tmp_path / "receiver.py").write_text(page.split("```python\n")[1].split("```")[0])
    verify = runpy.run_path(str(tmp_path / "receiver.py"))["verify"]
    body, timestamp = b'{"type": "document.confirmed"}', str(int(time.time()))
    headers = {
        "Webhook-Id": "evt_1",
        "Webhook-Timestamp": timestamp,
        "Webhook-Signature": signature([NEXT_KEY, KEY], "evt_1", timestamp, body),
    }
    verify(headers, body, f"whsec_{SECRET}")
    with pytest.raises(ValueError, match="not signed"):
        verify(headers, body + b" ", SECRET)
    with pytest.raises(ValueError, match="too old"):
        verify({**headers, "Webhook-Timestamp": "1"}, body, SECRET)


def test_waits_double_with_jitter_and_listen_to_the_receiver() -> None:
    settings = WebhookSettings(first_wait_s=1, max_wait_s=60)
    hooks = Webhooks(settings, Metrics())
    for attempt, most_s in enumerate([1, 2, 4, 8, 16, 32, 60, 60]):
        waits = [hooks._wait_s(attempt, 0) for _ in range(200)]
        assert max(waits) <= most_s and max(waits) > most_s * 0.8 and min(waits) < most_s * 0.2
    assert 30 <= hooks._wait_s(0, 30) <= 31 and hooks._wait_s(0, 1e9) == 60


@pytest.mark.parametrize(
    "arguments",
    [
        ["--webhooks.urls", "https://pms.example/hook"],
        ["--webhooks.urls", "http://pms.example/hook", "--webhooks.secrets", SECRET],
        ["--webhooks.urls", "https://a:b@pms.example/", "--webhooks.secrets", SECRET],
        ["--webhooks.urls", "ftp://pms.example/", "--webhooks.secrets", SECRET],
        ["--webhooks.urls", "https://pms.example/", "--webhooks.secrets", "c2hvcnQ="],
        ["--webhooks.urls", "https://pms.example/", "--webhooks.secrets", "%%%"],
    ],
)
def test_settings_that_would_tell_strangers_are_refused(arguments: list[str]) -> None:
    with pytest.raises(SettingsError, match="webhooks"):
        load_settings(arguments)
