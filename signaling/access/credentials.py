"""Credentials become principals: the server's token, JSON Web Tokens, API keys, passwords, and
session tokens for embedded pages.

JWT: RFC 7519 and RFC 8725; HS256 and EdDSA (RFC 8037), each with keys of its own, so that neither
can be taken for the other. API keys have 256 bits of chance, for which one SHA-256 is enough;
passwords are people's, and are hashed by scrypt (RFC 7914) on a thread.
"""

from __future__ import annotations

import asyncio
import base64
import binascii
import hashlib
import hmac
import re
import secrets
from collections.abc import Sequence
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric.ed448 import Ed448PublicKey
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import load_pem_public_key
from pydantic import SecretStr

from core.auth import (
    ANONYMOUS,
    TOKEN_HOLDER,
    AccessSettings,
    Attempt,
    Credential,
    Principal,
    Scope,
    SessionUse,
)
from core.errors import SettingsError, Unauthorized
from signaling.access.audit import label
from signaling.access.session_tokens import SessionTokens

KEY_PREFIX = "ll_"
_SCRYPT = (2**14, 8, 1)
_LEEWAY_S = 30
_AT_ONCE = 2
_INVALID = 'Bearer error="invalid_token"'
_PLAIN_NAME = re.compile(r"[\w.@:+-]{1,64}", re.ASCII)


def hash_key(key: str) -> str:
    """Of an API key, as the settings hold it."""
    return f"sha256${hashlib.sha256(key.encode(errors='surrogateescape')).hexdigest()}"


def hash_password(password: str, salt: bytes | None = None) -> str:
    """Of a password, as the settings hold it; takes some hundredths of a second."""
    salt = salt or secrets.token_bytes(16)
    n, r, p = _SCRYPT
    told = password.encode(errors="surrogateescape")
    digest = hashlib.scrypt(told, salt=salt, n=n, r=r, p=p, dklen=32)
    return f"scrypt${n}${r}${p}${salt.hex()}${digest.hex()}"


def _fits(password: str, kept: str) -> bool:
    _, n, r, p, salt, digest = kept.split("$")
    told = password.encode(errors="surrogateescape")
    found = hashlib.scrypt(told, salt=bytes.fromhex(salt), n=int(n), r=int(r), p=int(p), dklen=32)
    return hmac.compare_digest(found, bytes.fromhex(digest))


def _eddsa_keys(settings: AccessSettings) -> dict[str, Any]:
    """Public keys by file name. Raises SettingsError."""
    keys: dict[str, Any] = {}
    for path in settings.jwt_eddsa_keys:
        try:
            key = load_pem_public_key(path.read_bytes())
        except (OSError, ValueError):
            raise SettingsError(f"{path} is no public key in PEM form") from None
        if not isinstance(key, Ed25519PublicKey | Ed448PublicKey):
            raise SettingsError(f"{path} is no key of EdDSA")
        keys[path.stem] = key
    return keys


def _scopes(claim: object) -> frozenset[Scope]:
    """``scope``: words between spaces (RFC 8693, section 4.2), or a list; unknown ones are not
    ours."""
    words: Sequence[object] = claim.split() if isinstance(claim, str) else ()
    if isinstance(claim, list):
        words = claim
    return frozenset(scope for scope in Scope if scope in words)


class Credentials:
    """The authenticator of a server; see `core.auth.Authenticator`."""

    def __init__(
        self, settings: AccessSettings, token: SecretStr | None, tokens: SessionTokens
    ) -> None:
        """Raises SettingsError for key files that cannot be used."""
        self._settings = settings
        self._token = token.get_secret_value().encode() if token else None
        self._tokens = tokens
        self._keys: dict[str, dict[str, Any]] = {
            "HS256": dict(settings.hs256_keys),
            "EdDSA": _eddsa_keys(settings),
        }
        self._api_keys = [Credential.parse(item) for item in settings.api_keys]
        self._users = {user.name: user for user in map(Credential.parse, settings.basic_users)}
        self._open = token is None and not settings.names_credentials
        self._hashing = asyncio.Semaphore(_AT_ONCE)
        self._known_key = secrets.token_bytes(32)
        self._known: dict[str, bytes] = {}
        self._missing = 'Basic realm="lobbylens", charset="UTF-8", Bearer'
        if not self._users:
            self._missing = "Bearer"

    async def principal(
        self,
        authorization: str | None,
        origin: str | None = None,
        use: SessionUse = SessionUse.NO,
        api_key: str | None = None,
        attempt: Attempt | None = None,
    ) -> Principal:
        """Who asks. Raises Unauthorized, and what ``attempt`` does."""
        if api_key is not None and not self._open:
            return self._holder_of_key(api_key.strip())
        scheme, _, told = (authorization or "").partition(" ")
        told = told.strip()
        if scheme.lower() == "basic" and self._users:
            return await self._user(told, attempt)
        # A header may hold any bytes, which are no text then.
        given = told.encode(errors="surrogateescape")
        if scheme.lower() == "bearer" and given:
            if self._token is not None and hmac.compare_digest(given, self._token):
                return TOKEN_HOLDER
            if use is not SessionUse.NO and self._tokens.knows(told):
                return self._tokens.redeem(told, origin, use)
            if not self._open:
                return self._bearer(told)
        if self._open:
            return ANONYMOUS
        raise Unauthorized(
            "give the server's token or another credential: Authorization: Bearer TOKEN, or an "
            "API key as X-API-Key",
            self._missing,
        )

    def give_back(self, principal: Principal) -> None:
        """The door did not open: the session token may be used again."""
        self._tokens.give_back(principal)

    def settle(self, principal: Principal) -> None:
        """The door opened: the session token is used up."""
        self._tokens.settle(principal)

    def _key(self, told: str) -> Principal | None:
        """Whose API key this is."""
        digest = hash_key(told)
        found = None
        for key in self._api_keys:
            # All are compared, whichever fits.
            if hmac.compare_digest(key.hash, digest):
                found = Principal(f"key:{key.name}", key.scopes)
        return found

    def _holder_of_key(self, told: str) -> Principal:
        found = self._key(told)
        if found is None:
            raise Unauthorized(
                "the key in X-API-Key is not known here; other credentials go by Authorization",
                _INVALID,
            )
        return found

    def _bearer(self, told: str) -> Principal:
        found = self._key(told)
        if found is not None:
            return found
        if told.count(".") == 2:
            return self._jwt(told)
        raise Unauthorized("this token or key is not known here", _INVALID)

    def _jwt(self, told: str) -> Principal:
        try:
            header = jwt.get_unverified_header(told)
        except (jwt.PyJWTError, UnicodeError):
            raise Unauthorized("this is no JSON Web Token", _INVALID) from None
        algorithm, kid = header.get("alg"), header.get("kid")
        keys = self._keys.get(str(algorithm), {})
        chosen = list(keys.values()) if kid is None else [keys[kid]] if kid in keys else []
        why = "this token is signed by no key of this server"
        for key in chosen:
            try:
                return self._holder(self._claims(told, key, str(algorithm)))
            except jwt.InvalidSignatureError:
                continue
            except jwt.ExpiredSignatureError:
                why = "this token has expired"
            except jwt.PyJWTError:
                why = "this token's claims do not fit: exp, nbf, iss, aud and sub are checked"
            break
        raise Unauthorized(why, _INVALID)

    def _claims(self, told: str, key: Any, algorithm: str) -> dict[str, Any]:
        return jwt.decode(
            told,
            key,
            algorithms=[algorithm],
            issuer=self._settings.jwt_issuer,
            audience=self._settings.jwt_audience,
            leeway=_LEEWAY_S,
            options={"require": ["exp", "iss", "aud", "sub"]},
        )

    def _holder(self, claims: dict[str, Any]) -> Principal:
        subject = str(claims["sub"])
        name = subject if _PLAIN_NAME.fullmatch(subject) else label(subject)
        return Principal(f"jwt:{name}", _scopes(claims.get("scope")))

    async def _user(self, told: str, attempt: Attempt | None) -> Principal:
        """Basic authentication, RFC 7617."""
        try:
            pair = base64.b64decode(told, validate=True).decode()
        except (binascii.Error, UnicodeError):
            raise Unauthorized("the name and password cannot be read", self._missing) from None
        name, _, password = pair.partition(":")
        shown = hmac.digest(self._known_key, pair.encode(), hashlib.sha256)
        if not self._knows(name, shown):
            async with self._hashing:
                # Whoever waited here may bring what was found good meanwhile.
                if not self._knows(name, shown):
                    await self._try(name, password, attempt)
                    self._known[name] = shown
        return Principal(f"user:{name}", self._users[name].scopes)

    async def _try(self, name: str, password: str, attempt: Attempt | None) -> None:
        """Raises Unauthorized, and what ``attempt`` does."""
        # Before the hashing, in which time as many could be tried as are sent at once.
        if attempt is not None:
            attempt.begin()
        user = self._users.get(name)
        # An unknown name costs as much time as a wrong password.
        kept = (user or next(iter(self._users.values()))).hash
        fits = await asyncio.to_thread(_fits, password, kept)
        if user is None or not fits:
            raise Unauthorized("the name or the password is wrong", self._missing)
        if attempt is not None:
            attempt.forgive()

    def _knows(self, name: str, shown: bytes) -> bool:
        """Whether this name was found to have this password, of which ``shown`` is a digest."""
        return hmac.compare_digest(self._known.get(name, b""), shown)
