"""Who is asking: a bearer token becomes a Principal (RFC 6750)."""

from __future__ import annotations

import hmac
from dataclasses import dataclass

from pydantic import SecretStr

from core.errors import Unauthorized


@dataclass(frozen=True, slots=True)
class Principal:
    """Whoever passed a door. ``name`` is for the logs."""

    name: str


ANONYMOUS = Principal("anonymous")
TOKEN_HOLDER = Principal("token")


class Authenticator:
    """Checks ``Authorization: Bearer``; without a configured token everyone may pass.

    The settings allow that on a loopback bind only.
    """

    def __init__(self, token: SecretStr | None) -> None:
        self._token = token.get_secret_value().encode() if token else None

    def principal(self, authorization: str | None) -> Principal:
        """Raises Unauthorized when a token is configured and ``authorization`` lacks it."""
        if self._token is None:
            return ANONYMOUS
        scheme, _, given = (authorization or "").partition(" ")
        # A header may hold any bytes, which are no text then.
        told = given.strip().encode(errors="surrogateescape")
        if scheme.lower() == "bearer" and hmac.compare_digest(told, self._token):
            return TOKEN_HOLDER
        raise Unauthorized("give the server's token: Authorization: Bearer TOKEN")
