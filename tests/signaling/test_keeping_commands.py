"""Stored files by settings and from the command line, as an operator looks after them."""

from __future__ import annotations

import json
import time
from pathlib import Path

import pytest

from core.errors import SettingsError
from core.settings import load_settings
from signaling import commands
from signaling.keeping.envelope import KeyRing
from signaling.keeping.store import Store
from tests.signaling.test_keeping import RECORD, SECRET, Kept, key_setting


@pytest.fixture
def kept(tmp_path: Path) -> Kept:
    return Kept(tmp_path / "kept")


@pytest.mark.parametrize(
    "arguments",
    [
        ["--keeping.json-hours", "1"],
        ["--keeping.json-hours", "1", "--keeping.folder", "x"],
        ["--keeping.keys", "k1:c2hvcnQ="],
        ["--keeping.keys", "k1"],
        ["--keeping.keys", "k1:%%%"],
        ["--keeping.keys", f"{key_setting()},{key_setting()}"],
    ],
)
def test_storing_by_halves_is_refused(arguments: list[str]) -> None:
    with pytest.raises(SettingsError, match="keeping") as told:
        load_settings(arguments)
    assert "c2hvcnQ" not in told.value.message


def test_looking_after_stored_files_needs_nothing_but_their_own_settings(
    kept: Kept, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept.clock.now_s = time.time() - 7200
    kept.store().put(RECORD, "json", SECRET)
    kept.clock.now_s = time.time()
    kept.store(json=5.0).put("cd" * 16, "json", SECRET)
    monkeypatch.setenv("LOBBYLENS_KEEPING__FOLDER", str(kept.folder))
    monkeypatch.setenv("LOBBYLENS_KEEPING__JSON_HOURS", "5")
    # The rest of these the server is told by its command line.
    monkeypatch.setenv("LOBBYLENS_ACCESS__JWT_HS256_KEYS", f"k1:{'x' * 40}")
    monkeypatch.setenv("LOBBYLENS_WEBHOOKS__URLS", "https://pms.example/hook")
    monkeypatch.setenv("LOBBYLENS_HOST", "0.0.0.0")
    listed = json.loads(commands.run(["store", "list"]))
    assert [told["record"] for told in listed] == ["cd" * 16]
    swept = json.loads(commands.run(["store", "sweep"]))
    assert (swept["deleted"]["json"], swept["left"], swept["failed"]) == (1, 1, 0)
    with pytest.raises(SettingsError, match=r"re-encrypting needs keeping\.keys"):
        commands.run(["store", "reencrypt"])


def test_the_commands_take_the_settings_that_the_server_takes(
    kept: Kept, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    kept.clock.now_s = time.time() - 7200
    kept.store(json=100.0).put(RECORD, "json", SECRET)
    # Later wins: the command line.
    monkeypatch.setenv("LOBBYLENS_KEEPING__FOLDER", str(kept.folder / "elsewhere"))
    here = ["--keeping.folder", str(kept.folder)]
    assert json.loads(commands.run(["store", "list", *here]))[0]["record"] == RECORD
    swept = json.loads(commands.run(["store", "sweep", *here, "--keeping.json-hours=5"]))
    assert (swept["deleted"]["json"], swept["left"]) == (0, 1)
    keys = ["--keeping.keys", key_setting("new"), "--webhooks.spool", str(kept.folder / "spool")]
    assert json.loads(commands.run(["store", "reencrypt", *here, *keys]))["reencrypted"] == 0
    swept = json.loads(commands.run(["store", "sweep", *here, "--keeping.json-hours", "1"]))
    assert (swept["deleted"]["json"], swept["left"]) == (1, 0)
    for wrong in (["sweep", "--keeping.foldr", "x"], ["sweep", "--port", "1"], ["key", "a", *here]):
        with pytest.raises(SystemExit) as told:
            commands.run(["store", *wrong])
        assert told.value.code == 2 and "unrecognized arguments" in capsys.readouterr().err


def test_the_commands(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first, second = (commands.run(["store", "key", name]) for name in ("a", "b"))
    monkeypatch.setenv("LOBBYLENS_KEEPING__FOLDER", str(tmp_path))
    monkeypatch.setenv("LOBBYLENS_KEEPING__KEYS", first)
    monkeypatch.setenv("LOBBYLENS_KEEPING__JSON_HOURS", "1")
    settings = load_settings([]).keeping
    store = Store(tmp_path, KeyRing(settings.parsed_keys), settings.hours)
    store.put(RECORD, "json", SECRET)
    monkeypatch.setenv("LOBBYLENS_KEEPING__KEYS", f"{second},{first}")
    assert json.loads(commands.run(["store", "list"]))[0]["record"] == RECORD
    assert json.loads(commands.run(["store", "reencrypt"])) == {
        "reencrypted": 1,
        "webhooks": 0,
    }
    assert json.loads(commands.run(["store", "sweep"]))["left"] == 1
    monkeypatch.setenv("LOBBYLENS_KEEPING__KEYS", second)
    ring = KeyRing(load_settings([]).keeping.parsed_keys)
    assert Store(tmp_path, ring, {"json": 1.0}).get(RECORD, "json") == SECRET
