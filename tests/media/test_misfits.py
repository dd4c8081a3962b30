"""What is wrong with a body is said in words, by every kind that our models can raise."""

from __future__ import annotations

from typing import Any

import pytest

from core.errors import InvalidMessage
from media.messages import parse_client_message
from signaling.api.bodies import checked
from signaling.api.models import (
    BatchRequest,
    CaptureRequest,
    FrameRequest,
    SessionRequest,
    UpdateRequest,
)
from signaling.api.stream_ws import parse_command


@pytest.mark.parametrize(
    ("model", "body", "said"),
    [
        (FrameRequest, {}, "session_id: must be there"),
        (FrameRequest, {"session_id": "s", "image": 5}, "image: must be a text"),
        (FrameRequest, {"session_id": "s" * 101}, "session_id: has more than 100 characters"),
        (CaptureRequest, {"session_id": "s", "enhance": 5}, "enhance: must be an object"),
        (CaptureRequest, {"session_id": "s", "enhance": {"target_width": 1}},
         "enhance.target_width: must be 400 or more"),
        (SessionRequest, {"stable_required": 1}, "stable_required: must be 3 or more"),
        (SessionRequest, {"stable_required": "x"}, "stable_required: must be a whole number"),
        (SessionRequest, {"language": "?"},
         "language: has another form than the description says"),
        (BatchRequest, {"session_id": "s", "frames": 5}, "frames: must be a list"),
        (BatchRequest, {"session_id": "s", "frames": ["", {"x": 1}]}, "frames.1: must be there"),
        (UpdateRequest, {"guest_data": 5}, "guest_data: must be an object"),
        (UpdateRequest, {"guest_data": {}, "variant": "SECRET"},
         "variant: must be 'flat', 'print' or 'editable'"),
    ],
)  # fmt: skip
def test_a_field_is_named_with_what_belongs_there(
    model: Any, body: dict[str, Any], said: str
) -> None:
    with pytest.raises(InvalidMessage) as refused:
        checked(model, body)
    assert refused.value.message == said and "SECRET" not in said


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("hello", "a command is a JSON object with the action init, capture, ping, reset or close"),
        ("[1]", "a command is a JSON object with the action init, capture, ping, reset or close"),
        ("{}", "a command is a JSON object with the action init, capture, ping, reset or close"),
        ('{"action": "SECRET"}',
         "action: must be 'init', 'capture', 'ping', 'reset', 'close'"),
        ('{"action": "init", "stable_required": 99}', "stable_required: must be 60 or less"),
    ],
)  # fmt: skip
def test_a_command_too(text: str, said: str) -> None:
    with pytest.raises(InvalidMessage) as refused:
        parse_command(text)
    assert refused.value.message == said


def test_a_message_of_a_data_channel_too() -> None:
    with pytest.raises(InvalidMessage) as refused:
        parse_client_message('{"type": "configure", "stable_required": "SECRET"}', 1000)
    assert refused.value.message == "stable_required: must be a whole number"
