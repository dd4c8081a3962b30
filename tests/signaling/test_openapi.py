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
from hypothesis import HealthCheck, Phase, given, settings
from schemathesis.specs.openapi.checks import response_schema_conformance

from core.errors import LobbyLensError
from signaling.api.openapi import description
from signaling.api.operations import OPERATIONS
from signaling.api.status import VERSION
from tests.conftest import Serve
from tests.fakes import FakeEngine

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
    assert told == SEED_PATHS
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
    for operation in OPERATIONS:
        for error in operation.errors:
            assert issubclass(error, LobbyLensError) and 400 <= error.status < 600
            responses = description()["paths"][operation.path][operation.method.lower()][
                "responses"
            ]
            assert error.code in responses[str(error.status)]["description"]


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
    assert all(one["description"] for one in told["endpoints"])
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
HTTP = [operation for operation in OPERATIONS if not operation.path.endswith("/ws")]


@pytest.mark.parametrize("operation", HTTP, ids=lambda one: f"{one.method} {one.path}")
def test_what_the_description_allows_is_never_the_server_s_fault(
    served: str, operation: Any
) -> None:
    schema = schemathesis.openapi.from_dict(description())
    schema.config.update(base_url=served)
    allowed = schema[operation.path][operation.method]

    @_EXAMPLES
    @given(case=allowed.as_strategy())
    def ask(case: schemathesis.Case[Any]) -> None:
        answer = case.call()
        _known(answer, str(operation.path))
        case.validate_response(answer, checks=[response_schema_conformance])

    ask()
