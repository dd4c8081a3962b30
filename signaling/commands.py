"""``python server.py access …`` and ``store …``: keys, passwords and stored files, by hand."""

from __future__ import annotations

import argparse
import base64
import dataclasses
import getpass
import json
import os
import re
import secrets
import sys
from pathlib import Path

from pydantic import ConfigDict, Field
from pydantic_settings import BaseSettings, SettingsConfigDict

from core.auth import KeepingSettings, Scope
from core.errors import LobbyLensError, SettingsError, StoredFileError
from core.settings import Section, Settings, read_settings
from signaling.access.credentials import KEY_PREFIX, hash_key, hash_password
from signaling.keeping.envelope import KeyRing, Reencrypted
from signaling.keeping.spool import reencrypt_spool
from signaling.keeping.store import Store
from signaling.misspelt import explaining

COMMANDS = ("access", "store")
_LOOK_AFTER = ("list", "sweep", "reencrypt")
"""Commands of ``store`` that take settings as options, as the server does."""


class Spooling(Section):
    """What the commands need to know of webhooks."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    spool: Path | None = Field(None, description="Folder where events wait for a restart.")


class StoreSettings(BaseSettings):
    """Looks after stored files, by the server's own settings of them: from `.env`, the environment
    and these options. Whatever else the server is told may be missing."""

    model_config = Settings.model_config | SettingsConfigDict(
        cli_prog_name=f"server.py store {'|'.join(_LOOK_AFTER)}"
    )

    keeping: KeepingSettings = KeepingSettings()
    webhooks: Spooling = Spooling()


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="server.py")
    areas = parser.add_subparsers(dest="area", required=True)
    access = areas.add_parser("access", help="credentials").add_subparsers(
        dest="command", required=True
    )
    for name, told in (("key", "make an API key"), ("password", "hash a password")):
        made = access.add_parser(name, help=told)
        made.add_argument("name")
        made.add_argument("scopes", nargs="+", choices=[str(scope) for scope in Scope])
    store = areas.add_parser("store", help="stored files").add_subparsers(
        dest="command", required=True
    )
    store.add_parser("key", help="make a key that encrypts stored files").add_argument("id")
    store.add_parser("list", help="list stored records, without their data")
    store.add_parser("sweep", help="delete what is over, and tell what was")
    store.add_parser(
        "reencrypt",
        help="encrypt with the first key what older ones hold, stored files and waiting webhooks",
    )
    return parser


def main(arguments: list[str]) -> int:
    """The exit status: 0, or 2 with a sentence on standard error."""
    try:
        sys.stdout.write(f"{run(arguments)}\n")
    except LobbyLensError as error:
        sys.stderr.write(f"lobbylens: {error.message}\n")
        return 2
    return 0


def run(arguments: list[str]) -> str:
    """What the command prints. Raises SettingsError; argparse ends the program on wrong words."""
    match arguments:
        case ["store", command, *options] if command in _LOOK_AFTER:
            with explaining():
                settings = read_settings(StoreSettings, options)
            return _look_after(command, settings)
    told = _parser().parse_args(arguments)
    if told.area == "access":
        return _credential(told.command, told.name, told.scopes)
    _check_name(told.id)
    return f"{told.id}:{base64.b64encode(os.urandom(32)).decode()}"


def _look_after(command: str, settings: StoreSettings) -> str:
    if command == "reencrypt":
        return _reencrypt(settings)
    store = _store(settings)
    if command == "list":
        return json.dumps(store.records(), indent=1)
    return json.dumps(dataclasses.asdict(store.sweep()))


def _check_name(name: str) -> None:
    if not re.fullmatch(r"[A-Za-z0-9_-]{1,32}", name):
        raise SettingsError("a name has 1 to 32 letters, digits, - and _")


def _credential(kind: str, name: str, scopes: list[str]) -> str:
    _check_name(name)
    told = "+".join(scopes)
    if kind == "key":
        key = KEY_PREFIX + secrets.token_urlsafe(32)
        return f"key, shown once: {key}\nLOBBYLENS_ACCESS__API_KEYS='{name}:{told}:{hash_key(key)}'"
    if sys.stdin.isatty():
        password = getpass.getpass("password: ")
    else:
        password = sys.stdin.readline().rstrip("\n")
    if len(password) < 12:
        raise SettingsError("a password has 12 characters or more")
    return f"LOBBYLENS_ACCESS__BASIC_USERS='{name}:{told}:{hash_password(password)}'"


def _reencrypt(settings: StoreSettings) -> str:
    """Stored files, and webhooks that wait on disk. Raises SettingsError, StoredFileError."""
    keeping, spool = settings.keeping, settings.webhooks.spool
    if keeping.folder is None and spool is None:
        raise SettingsError("nothing is on disk: neither keeping.folder nor webhooks.spool is set")
    ring = KeyRing(keeping.parsed_keys)
    if not ring.keys:
        raise SettingsError("re-encrypting needs keeping.keys, the one that is to hold first")
    files = webhooks = Reencrypted(0, 0)
    try:
        if keeping.folder is not None:
            files = _store(settings).reencrypt()
        if spool is not None:
            webhooks = reencrypt_spool(spool, ring)
    except OSError as error:
        raise StoredFileError(
            f"a file cannot be re-encrypted ({error.strerror}): run this again, and keep the older "
            "keys until then"
        ) from None
    told = {"reencrypted": files.done, "webhooks": webhooks.done}
    left = files.unreadable + webhooks.unreadable
    if left:
        # Whoever drops the older keys now might lose them.
        raise StoredFileError(
            f"{json.dumps(told)}, and {left} files that none of keeping.keys opens, or that were "
            "changed: they stay as they are until their time is over"
        )
    return json.dumps(told)


def _store(settings: StoreSettings) -> Store:
    keeping = settings.keeping
    if keeping.folder is None:
        raise SettingsError("nothing is stored: keeping.folder is not set")
    return Store(keeping.folder, KeyRing(keeping.parsed_keys), keeping.hours)
