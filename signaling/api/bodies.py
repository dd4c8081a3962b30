"""Bodies of every shape: JSON with base64, multipart, the bare file; gzip around any of them.

Everything is counted as it comes, after it was unpacked, and nothing is ever spooled to a file.
"""

from __future__ import annotations

import asyncio
import base64
import binascii
import json
import re
from dataclasses import dataclass, field
from typing import Any, TypeVar, cast

from aiohttp import BodyPartReader, MultipartReader, StreamReader, hdrs, web
from aiohttp.http_exceptions import HttpProcessingError
from pydantic import BaseModel, ValidationError

from core.errors import (
    BadRequest,
    InvalidImage,
    InvalidMessage,
    TooLarge,
    UnsupportedMediaType,
)
from core.http import BODIES, read_body
from media.misfits import first_misfit, misfit

Model = TypeVar("Model", bound=BaseModel)

_JSON_ROOM_BYTES = 16_384
_MAX_PARTS = 600
_MAX_LINES = 20 * _MAX_PARTS
"""Boundaries and headers of as many parts, with room."""
_FORM_S = 30
"""For all of a form, as for any other body."""
_MAX_TEXT_BYTES = 16_384
_PART_CHUNK = 65_536
_LARGE = 65_536
"""Above this many bytes, parsing is worth a thread."""
_DATA_URL = re.compile(r"\s*data:[\w.+/;=-]*?(;base64)?,", re.ASCII)
_FILES = ("image/", "video/", "application/octet-stream", "application/pdf")


@dataclass(slots=True)
class Form:
    """What a body of any shape holds: named values, and files as they are.

    ``body``: all of it, unpacked; None for a multipart form, which is taken apart as it comes.
    """

    values: dict[str, Any] = field(default_factory=dict)
    files: list[bytes] = field(default_factory=list)
    body: bytes | None = None


def longest_json(limit_bytes: int) -> int:
    """Bytes of a JSON body with files of ``limit_bytes``: base64 is a third longer."""
    return limit_bytes * 4 // 3 + _JSON_ROOM_BYTES


async def read_form(request: web.Request, limit_bytes: int) -> Form:
    """A JSON object, a multipart form, or one bare file whose values are in the query.

    ``limit_bytes`` bounds the files together. Raises InvalidMessage, TooLarge,
    UnsupportedMediaType, BadRequest, Overloaded.
    """
    kind = request.content_type
    if kind == "application/json":
        body = await read_body(request, longest_json(limit_bytes))
        return Form(await _json_object(body), body=body)
    if kind == "multipart/form-data":
        return await _multipart(request, limit_bytes)
    if kind.startswith(_FILES) and hdrs.CONTENT_TYPE in request.headers:
        values = {name: _json_value(name, text) for name, text in request.query.items()}
        body = await read_body(request, limit_bytes)
        return Form(values, [body] if body else [], body)
    if kind == "application/octet-stream" and not request.can_read_body:
        return Form(dict(request.query), body=b"")
    raise UnsupportedMediaType("send application/json, multipart/form-data or the file itself")


async def _json_object(body: bytes) -> dict[str, Any]:
    try:
        parsed = await asyncio.to_thread(json.loads, body) if len(body) > _LARGE else (
            json.loads(body) if body.strip() else {}
        )  # fmt: skip
    except (ValueError, RecursionError):
        raise InvalidMessage("the body is no JSON") from None
    if not isinstance(parsed, dict):
        raise InvalidMessage("the body must be a JSON object")
    return parsed


async def _multipart(request: web.Request, limit_bytes: int) -> Form:
    form, room = Form(), limit_bytes
    if request.headers.get(hdrs.CONTENT_ENCODING, "identity") != "identity":
        raise UnsupportedMediaType("send the form as it is: its pictures are packed already")
    try:
        reader = MultipartReader(request.headers, cast(StreamReader, _FewLines(request.content)))
        async with asyncio.timeout(_FORM_S):
            for _ in range(_MAX_PARTS):
                part = await reader.next()
                if part is None:
                    return form
                if not isinstance(part, BodyPartReader):
                    raise InvalidMessage("a part of the form is a form itself")
                is_file = part.filename is not None or _is_file(part)
                body = await _part(request, part, room if is_file else _MAX_TEXT_BYTES)
                if is_file:
                    room -= len(body)
                    form.files.append(body)
                elif part.name:
                    form.values[part.name] = _json_value(part.name, body.decode())
    except TimeoutError:
        raise BadRequest("the request's body did not come in time") from None
    except (ValueError, AssertionError, LookupError, RuntimeError, OSError, HttpProcessingError):
        raise BadRequest("the multipart body cannot be understood") from None
    raise TooLarge(f"a form may have {_MAX_PARTS} parts at most")


def _is_file(part: BodyPartReader) -> bool:
    return part.headers.get(hdrs.CONTENT_TYPE, "").startswith(_FILES)


async def _part(request: web.Request, part: BodyPartReader, limit_bytes: int) -> bytes:
    if {hdrs.CONTENT_ENCODING, hdrs.CONTENT_TRANSFER_ENCODING} & set(part.headers):
        # RFC 7578, section 4.7: nobody sends it; unpacked, it could be of any size.
        raise InvalidMessage("a part of the form is encoded: send it as it is")
    body = bytearray()
    while chunk := await part.read_chunk(_PART_CHUNK):
        request.app[BODIES].take(request, len(chunk))
        body += chunk
        if len(body) > limit_bytes:
            raise TooLarge(f"a part of the form is longer than {limit_bytes} bytes")
    return bytes(body)


class _FewLines:
    """A form's bytes as they come; between its parts there are boundaries and headers only.

    What stands before the first boundary (RFC 2046, 5.1.1) is read line by line and thrown away,
    without ever giving the loop to others while bytes are there: megabytes of empty lines would
    hold every session up.
    """

    def __init__(self, content: StreamReader) -> None:
        self._content = content
        self._lines = 0

    def __getattr__(self, name: str) -> Any:
        return getattr(self._content, name)

    async def readline(self, **given: Any) -> bytes:
        self._lines += 1
        if self._lines > _MAX_LINES:
            raise BadRequest(f"the form has more than {_MAX_LINES} lines outside its parts")
        return await self._content.readline(**given)


def _json_value(name: str, text: str) -> Any:
    """Objects come as JSON text where a form has only text."""
    if name in ("enhance", "guest_data"):
        try:
            return json.loads(text)
        except (ValueError, RecursionError):
            raise InvalidMessage(f"{name} must be JSON", name) from None
    return text


def checked(model: type[Model], values: dict[str, Any]) -> Model:
    """Raises InvalidMessage that names the field and repeats nothing of what was sent."""
    try:
        return model.model_validate(values)
    except ValidationError as error:
        first = first_misfit(error)
        name = str(first["loc"][0]) if first["loc"] else "body"
        # Keys below other names are the client's own.
        place = first["loc"][:2] if name in ("enhance", "frames") else [name]
        raise InvalidMessage(misfit(".".join(map(str, place)), first), name) from None


async def file_of(form: Form, encoded: str | None, limit_bytes: int) -> bytes:
    """The one file of a form, sent as such or as base64. Raises InvalidImage, TooLarge."""
    if form.files:
        return form.files[0]
    if not encoded:
        raise InvalidImage("no image was sent", "image")
    return await from_base64(encoded, limit_bytes)


async def from_base64(text: str, limit_bytes: int) -> bytes:
    """Decode base64 or a data URL (RFC 2397). Raises InvalidImage, TooLarge."""
    begin = _DATA_URL.match(text[:200])
    if begin is not None:
        text = text[begin.end() :]
    if len(text) * 3 // 4 > limit_bytes + 2:
        raise TooLarge(f"the file is longer than {limit_bytes} bytes")
    try:
        if len(text) > _LARGE:
            return await asyncio.to_thread(_decode, text)
        return _decode(text)
    except (binascii.Error, ValueError):
        raise InvalidImage("the image is no base64", "image") from None


def _decode(text: str) -> bytes:
    packed = "".join(text.split()).replace("-", "+").replace("_", "/").rstrip("=")
    return base64.b64decode(packed + "=" * (-len(packed) % 4), validate=True)
