"""The description: made of the code, complete, true; and nothing it allows breaks the server."""

from __future__ import annotations

import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import aiohttp
import jsonschema
import pytest
import schemathesis
from aiortc import RTCSessionDescription
from hypothesis import HealthCheck, Phase, given, settings
from schemathesis.specs.openapi.checks import response_schema_conformance

from core.errors import LobbyLensError
from core.settings import load_settings
from examples.client import CaptureClient
from server import make_app
from signaling.access.table import RULES, Asks, rule_of
from signaling.api.described import FOR_BROWSERS
from signaling.api.openapi import ALL, description
from signaling.api.status import VERSION
from tests.conftest import Serve
from tests.fakes import FakeEngine
from tests.peer import DrawnTrack

ROOT = Path(__file__).resolve().parents[2]

SEED_PATHS = {
    ("GET", "/health"), ("GET", "/api/status"), ("GET", "/api/stream/ws"),
    ("POST", "/api/stream/session"), ("DELETE", "/api/stream/session/{session_id}"),
    ("POST", "/api/stream/frame"), ("POST", "/api/stream/capture"), ("POST", "/api/stream/video"),
    ("POST", "/api/stream/video/frames"), ("POST", "/api/extract"), ("POST", "/api/detect"),
    ("POST", "/api/mrz/update"), ("POST", "/api/document/preview"),
    ("GET", "/api/document/pdf/{document_id}"),
}  # fmt: skip


def test_every_promised_address_is_described() -> None:
    paths = description()["paths"]
    told = {(method.upper(), path) for path, methods in paths.items() for method in methods}
    assert told >= SEED_PATHS
    summaries = [one["summary"] for methods in paths.values() for one in methods.values()]
    assert all(summaries) and len(set(summaries)) == len(summaries)
    ids = [one["operationId"] for methods in paths.values() for one in methods.values()]
    assert len(set(ids)) == len(ids)


def test_the_description_s_references_lead_somewhere() -> None:
    spec = description()
    assert spec["openapi"] == "3.1.0"
    for name in re.findall(r"#/components/schemas/(\w+)", str(spec)):
        assert name in spec["components"]["schemas"]
    for schema in spec["components"]["schemas"].values():
        jsonschema.Draft202012Validator.check_schema(schema)


def test_every_error_told_by_an_operation_is_of_the_tree_and_fits_its_status() -> None:
    for operation in ALL:
        for error in operation.errors:
            assert issubclass(error, LobbyLensError) and 400 <= error.status < 600
            responses = description()["paths"][operation.path][operation.method.lower()][
                "responses"
            ]
            assert error.code in responses[str(error.status)]["description"]


@pytest.mark.parametrize(
    ("path", "status", "code"),
    [
        ("/api/webrtc/offer", "412", "PRECONDITION_FAILED"),
        ("/api/sessions/{session_id}/offer", "412", "PRECONDITION_FAILED"),
        ("/api/staff/sessions/{label}/confirm", "412", "PRECONDITION_FAILED"),
        ("/api/stream/frame", "422", "CAPTURE_FAILED"),
        ("/api/stream/video", "422", "CAPTURE_FAILED"),
        ("/api/stream/video/frames", "422", "CAPTURE_FAILED"),
    ],
)
def test_what_comes_too_late_is_described(path: str, status: str, code: str) -> None:
    """An offer that was overtaken, a form taken back, a frame from before a reset."""
    assert code in description()["paths"][path]["post"]["responses"][status]["description"]


def test_every_route_is_described_or_left_out_for_a_reason() -> None:
    app = make_app(load_settings([]), FakeEngine())
    routes = {
        (route.method, route.resource.canonical)
        for route in app.router.routes()
        if route.resource is not None and route.method != "HEAD"
    }
    told = {(each.method, each.path) for each in ALL}
    left_out = {(method, path) for method, path in routes if path in FOR_BROWSERS}
    assert told | left_out == routes and not told & left_out
    assert {path for _, path in left_out} == FOR_BROWSERS
    assert all(rule_of(*door).asks is Asks.NOTHING for door in left_out)


def test_the_description_asks_for_what_the_doors_ask_for() -> None:
    spec = description()
    schemes = spec["components"]["securitySchemes"]
    assert schemes["api_key"]["name"] == "X-API-Key" and schemes["api_key"]["in"] == "header"
    for path, methods in spec["paths"].items():
        for method, told in methods.items():
            rule = RULES[method.upper(), path]
            if rule.asks in (Asks.NOTHING, Asks.SECRET):
                assert told["security"] == [] and "401" not in told["responses"]
            else:
                needed = [{name: [rule.scope.value]} for name in schemes]
                assert told["security"] == [*needed, {}]
                assert {"401", "403", "429"} <= set(told["responses"])


def conforms(body: Any, method: str, path: str, status: str = "200") -> None:
    spec = description()
    content = spec["paths"][path][method]["responses"][status]["content"]
    schema = {**content["application/json"]["schema"], "components": spec["components"]}
    jsonschema.Draft202012Validator(schema).validate(body)


async def test_what_the_doors_answer_is_as_described(serve: Serve) -> None:
    server = await serve(
        FakeEngine(capture_at=3), "--signaling.turn-urls", "turn:192.0.2.1:3478",
        "--signaling.turn-secret", "s3cret",
    )  # fmt: skip
    client = CaptureClient(server.url, DrawnTrack())
    body = {"sdp": await client.offer(), "type": "offer", "session": {}}
    async with aiohttp.ClientSession(server.url) as http:
        async with http.post("/api/webrtc/offer", json=body) as answer:
            opened = await answer.json()
        conforms(opened, "post", "/api/webrtc/offer")
        await client.pc.setRemoteDescription(RTCSessionDescription(opened["sdp"], "answer"))
        result = await client.wait_for("result")
        own = f"/api/sessions/{opened['session_id']}"
        desk = f"/api/staff/sessions/{next(iter(server.registry)).label}"
        fields = {"fields": {"primary_identifier": "Eriksson"}}
        asked: list[tuple[str, str, str, Any]] = [
            ("get", "/api/webrtc/config", "/api/webrtc/config", None),
            ("get", f"{own}/card-form", "/api/sessions/{session_id}/card-form", None),
            (
                "post",
                f"{own}/documents/{result['document_id']}/confirm",
                "/api/sessions/{session_id}/documents/{document_id}/confirm",
                fields,
            ),
            ("get", "/api/staff/sessions", "/api/staff/sessions", None),
            ("post", f"{desk}/form", "/api/staff/sessions/{label}/form", {}),
            ("post", f"{desk}/confirm", "/api/staff/sessions/{label}/confirm", fields),
            (
                "post",
                "/api/session-tokens",
                "/api/session-tokens",
                {"origin": "https://hotel.example"},
            ),
        ]
        for method, url, path, sent in asked:
            async with http.request(method, url, json=sent) as answer:
                assert answer.status == 200, (path, await answer.text())
                conforms(await answer.json(), method, path)
    await client.close()


def test_the_version_is_the_project_s() -> None:
    assert tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"] == VERSION


async def test_the_description_and_its_page_are_served(serve: Serve) -> None:
    server = await serve(FakeEngine(), "--api-token", "s3cret")
    async with aiohttp.ClientSession() as http:
        async with http.get(f"{server.url}/api/openapi.json") as answer:
            assert await answer.json() == description()
        async with http.get(f"{server.url}/api/docs") as answer:
            page = await answer.text()
            policy = answer.headers["Content-Security-Policy"]
            assert "default-src 'self'" in policy and "unsafe" not in policy
        for target in re.findall(r'(?:href|src)="([^"]+)"', page):
            assert target.startswith("/") and "//" not in target
            async with http.get(f"{server.url}{target}") as answer:
                assert answer.status == 200
        assert not re.search(r"<script(?![^>]*src=)|\sstyle=|\son\w+=", page)


async def test_status_lists_every_address_and_how_it_is(serve: Serve) -> None:
    server = await serve(FakeEngine())
    async with aiohttp.ClientSession() as http:
        async with http.get(f"{server.url}/api/status") as answer:
            told = await answer.json()
        async with http.get(f"{server.url}/health") as answer:
            healthy = await answer.json()
    listed = {(one["method"], one["path"]) for one in told["endpoints"]}
    assert listed >= SEED_PATHS | {("POST", "/api/webrtc/offer"), ("POST", "/whip")}
    for one in told["endpoints"]:
        # Words of its own: what went on from an address was cut from it, as ", if one is kept".
        assert re.match(r"[\w`]+,? .*\w.*[.:]$", one["description"]), one
    asking = {(one["method"], one["path"]): one["token"] for one in told["endpoints"]}
    assert asking["POST", "/api/webrtc/offer"] and asking["POST", "/api/mrz/update"]
    assert not asking["GET", "/health"] and not asking["DELETE", "/api/sessions/{session_id}"]
    assert told["models"] == healthy["models"] == {"detector": "fake"}
    assert set(told["transports"]) == {"webrtc", "whip", "websocket", "http"}
    assert told["sessions"] == {"active": 0, "max": 20, "accepting": True}
    assert healthy["websocket"] is True and healthy["active_sessions"] == 0


@pytest.fixture(scope="module")
def served() -> Iterator[str]:
    """A whole server, the real pipeline in it."""
    process = subprocess.Popen(
        [sys.executable, str(ROOT / "server.py"), "--port", "0", "--log-level", "error",
         "--signaling.max-sessions", "1000", "--load.max-cpu-share", "2"],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    try:
        assert process.stdout is not None
        yield process.stdout.readline().split()[-1].rstrip("/")
    finally:
        process.terminate()
        _, said = process.communicate(timeout=20)
    assert "failed" not in said and "Traceback" not in said, said


@schemathesis.serializer("application/sdp", "application/trickle-ice-sdpfrag")
def as_it_is(context: Any, value: Any) -> bytes:
    """Descriptions are text, which is sent as it is."""
    return str(value).encode(errors="surrogatepass")


_UPLOAD_TIMEOUT_S = 60
"""``doors.max_upload_s``, and twice ``mrz.deadline_ms`` for the page that is being read then."""
_EXAMPLES = settings(
    max_examples=12,
    deadline=None,
    database=None,
    derandomize=True,
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=list(HealthCheck),
)


def _known(answer: schemathesis.Response, operation: str) -> None:
    """An error has the one body; no answer is the server's own fault."""
    assert answer.status_code < 500, f"{operation}: {answer.status_code} {answer.text}"
    if answer.status_code >= 400:
        told: dict[str, Any] = answer.json()
        assert told["success"] is False and told["error"] and told["error_code"].isupper()


# What is said on the WebSocket is no matter of OpenAPI: see test_stream_ws.py.
HTTP = [operation for operation in ALL if not operation.path.endswith("/ws")]


@pytest.mark.parametrize("operation", HTTP, ids=lambda one: f"{one.method} {one.path}")
def test_what_the_description_allows_is_never_the_server_s_fault(
    served: str, operation: Any
) -> None:
    schema = schemathesis.openapi.from_dict(description())
    # Beyond what an upload may take, and not the 10 s that are usual.
    schema.config.update(base_url=served, request_timeout=_UPLOAD_TIMEOUT_S)
    allowed = schema[operation.path][operation.method]

    @_EXAMPLES
    @given(case=allowed.as_strategy())
    def ask(case: schemathesis.Case[Any]) -> None:
        answer = case.call()
        _known(answer, str(operation.path))
        case.validate_response(answer, checks=[response_schema_conformance])

    ask()


def test_whatever_can_be_got_has_a_head() -> None:
    """RFC 9110, section 9.1."""
    app = make_app(load_settings([]), FakeEngine())
    by_method: dict[str, set[str]] = {"GET": set(), "HEAD": set()}
    for route in app.router.routes():
        if route.method in by_method and route.resource is not None:
            by_method[route.method].add(route.resource.canonical)
    assert by_method["GET"] == by_method["HEAD"] and len(by_method["GET"]) > 20
