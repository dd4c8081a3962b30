"""Stored files: AES-256-GCM (NIST SP 800-38D) around one document's picture, data or card.

A file is the magic ``LLK1``, the length of its header (two bytes, big-endian), the header as JSON,
and the ciphertext with its tag. All before the ciphertext is authenticated with it, so that no
time, kind or record can be changed. The header holds nothing of the guest and is readable without
a key: a sweep needs none.
"""

from __future__ import annotations

import base64
import os
import struct
from collections.abc import Mapping
from dataclasses import dataclass

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from pydantic import ConfigDict, ValidationError

from core.errors import StoredFileError
from media.inbound import Inbound

MAGIC = b"LLK1"
LONGEST_HEAD = 1024
"""Bytes that surely hold magic, length and header."""
_NONCE_BYTES = 12


class Header(Inbound):
    """``created_s`` and ``expires_s`` in Unix time; ``kid``: the key's id."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    kid: str
    record: str
    kind: str
    created_s: float
    expires_s: float
    nonce: str


@dataclass(frozen=True, slots=True)
class KeyRing:
    """Keys of 32 bytes by their id; the first encrypts, all decrypt."""

    keys: Mapping[str, bytes]

    @property
    def current(self) -> str:
        return next(iter(self.keys))


@dataclass(frozen=True, slots=True)
class Reencrypted:
    """Files that the first key holds now; ``unreadable``: those that no key opens, left alone."""

    done: int
    unreadable: int


def seal(ring: KeyRing, record: str, kind: str, times_s: tuple[float, float], data: bytes) -> bytes:
    """A stored file of ``data``; ``times_s``: made, and over, in Unix time."""
    nonce = os.urandom(_NONCE_BYTES)
    header = Header(
        kid=ring.current,
        record=record,
        kind=kind,
        created_s=times_s[0],
        expires_s=times_s[1],
        nonce=base64.b64encode(nonce).decode(),
    )
    told = header.model_dump_json().encode()
    head = MAGIC + struct.pack(">H", len(told)) + told
    return head + AESGCM(ring.keys[ring.current]).encrypt(nonce, data, head)


def read_header(file: bytes) -> tuple[Header, int]:
    """The header, not authenticated, and where the ciphertext begins. Raises StoredFileError."""
    if file[:4] != MAGIC or len(file) < 6:
        raise StoredFileError("this is no stored file")
    end = 6 + struct.unpack(">H", file[4:6])[0]
    try:
        return Header.model_validate_json(file[6:end]), end
    except ValidationError:
        raise StoredFileError("a stored file's header cannot be read") from None


def unseal(ring: KeyRing, file: bytes) -> tuple[Header, bytes]:
    """The header, authenticated, and the data. Raises StoredFileError."""
    header, end = read_header(file)
    key = ring.keys.get(header.kid)
    if key is None:
        raise StoredFileError(f"the key {header.kid} is not among keeping.keys")
    try:
        nonce = base64.b64decode(header.nonce, validate=True)
        return header, AESGCM(key).decrypt(nonce, file[end:], file[:end])
    except (InvalidTag, ValueError):
        raise StoredFileError("a stored file was changed, or its key is another") from None
