"""Strings out of a client's JSON are gone with what held them."""

from __future__ import annotations

import ast
import importlib
import json
from collections.abc import Callable
from operator import attrgetter
from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel, TypeAdapter

from media.messages import Confirm, parse_client_message
from signaling.api.stream_ws import Init, parse_command
from signaling.documents import ConfirmBody
from signaling.keeping.spool import Spooled
from signaling.offer import parse_offer_body

ROOT = Path(__file__).resolve().parent.parent.parent
THE_OPERATORS = {"signaling/property.py"}
"""Parse a file of the operator's, with nothing of a guest in it."""

CONFIRM = {"type": "confirm", "fields": {"surname": "ERIKSSON"}}
OFFER = {"type": "offer", "sdp": "v=0\r\n", "session": {"resume_token": "rt_of_this_one_guest"}}
SPOOLED = {
    **{"event_id": "evt_1", "type": "confirmed", "record": "r", "url": "https://hotel.example/"},
    **{"body": "RVJJS1NTT04=", "created_s": 1.0},
}


def surname_said(text: str) -> str:
    message = parse_client_message(text, 10_000)
    assert isinstance(message, Confirm)
    return message.fields["surname"]


def session_named(text: str) -> str | None:
    command = parse_command(text)
    assert isinstance(command, Init)
    return command.session_id


@pytest.mark.parametrize(
    ("body", "parsed"),
    [
        (CONFIRM, surname_said),
        (CONFIRM, lambda text: ConfirmBody.model_validate_json(text).fields["surname"]),
        (OFFER, lambda text: parse_offer_body(text).session.resume_token),
        ({"action": "init", "session_id": "s-of-this-one-guest"}, session_named),
        (SPOOLED, lambda text: Spooled.model_validate_json(text).body),
    ],
    ids=["events", "http", "offer", "stream", "spool"],
)
def test_a_string_is_made_anew_each_time(body: Any, parsed: Callable[[str], str | None]) -> None:
    text = json.dumps(body)
    first, second = parsed(text), parsed(text)
    assert first == second
    assert first is not second  # The same one would have come out of a cache.


def parsers() -> list[tuple[str, str]]:
    """(file, what is called there) of each call that parses JSON by a model."""
    found = []
    for path in sorted([*(ROOT / "media").rglob("*.py"), *(ROOT / "signaling").rglob("*.py")]):
        name = str(path.relative_to(ROOT))
        found += [
            (name, ast.unparse(node.func.value))
            for node in ast.walk(ast.parse(path.read_text()))
            if isinstance(node, ast.Call)
            and isinstance(node.func, ast.Attribute)
            and node.func.attr in ("model_validate_json", "validate_json")
            and name not in THE_OPERATORS
        ]
    return found


@pytest.mark.parametrize(("file", "called"), parsers())
def test_whatever_parses_json_forgets_it(file: str, called: str) -> None:
    module = importlib.import_module(file.removesuffix(".py").replace("/", "."))
    parser = attrgetter(called)(module)
    if isinstance(parser, TypeAdapter):
        config = parser._config
    else:
        assert issubclass(parser, BaseModel)
        config = parser.model_config
    assert config is not None
    assert config.get("cache_strings") == "none"


def test_such_calls_are_found() -> None:
    assert ("signaling/documents.py", "ConfirmBody") in parsers()
    assert ("signaling/api/stream_ws.py", "_command") in parsers()
