"""Requests that name a session of another worker in their body: the body goes on with them."""

from __future__ import annotations

import json
import re
import secrets

from aiohttp import hdrs, web

from core.http import is_internal
from signaling.api.bodies import Form
from signaling.colleagues import COLLEAGUES

_UNSAFE = re.compile(r'["\r\n]')


async def at_owner(
    request: web.Request, form: Form | None, secret: str | None
) -> web.StreamResponse | None:
    """The answer of the worker that a session's or card's id names; None where it is this one.

    ``form``: what the request brought, None for nothing.
    Raises InvalidSession when the owner is gone, Overloaded when it is silent.
    """
    if secret is None or is_internal(request):
        return None
    colleagues = request.app[COLLEAGUES]
    worker = colleagues.owner(secret)
    if worker is None:
        return None
    body = as_sent(request, form) if form is not None else None
    return await colleagues.pass_on(request, worker, body)


def as_sent(request: web.Request, form: Form) -> bytes:
    """The body as it came, unpacked; a multipart form is written anew (RFC 7578)."""
    if form.body is not None:
        return form.body
    # Multipart: parts were taken apart as they came, and their boundary is in the headers.
    found = re.search(r'boundary="?([^";]+)', request.headers.get(hdrs.CONTENT_TYPE, ""))
    boundary = (found[1] if found else secrets.token_hex(16)).strip().encode()
    pieces = []
    for name, value in form.values.items():
        text = value if isinstance(value, str) else json.dumps(value)
        label = _UNSAFE.sub("_", name)
        pieces += [b"--", boundary, b'\r\nContent-Disposition: form-data; name="']
        pieces += [label.encode(), b'"\r\n\r\n', text.encode(), b"\r\n"]
    for data in form.files:
        pieces += [b"--", boundary, b'\r\nContent-Disposition: form-data; name="file"; ']
        pieces += [b'filename="file"\r\nContent-Type: application/octet-stream\r\n\r\n']
        pieces += [data, b"\r\n"]
    return b"".join([*pieces, b"--", boundary, b"--\r\n"])
