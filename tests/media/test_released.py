"""What was released keeps its meaning: the schema against docs/released/, the types against it."""

from __future__ import annotations

import copy
import json
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from media.messages import PROTOCOL_VERSION
from media.schema import protocol_schema
from media.typescript import SCHEMA, TARGET, declarations

ROOT = Path(__file__).resolve().parents[2]
Schema = dict[str, Any]


def released() -> Schema:
    """The newest released schema of the present major version."""
    major = PROTOCOL_VERSION.split(".")[0]
    paths = (ROOT / "docs" / "released").glob(f"protocol-{major}.*.schema.json")
    newest = max(paths, key=lambda path: int(path.name.split(".")[1]))
    schema: Schema = json.loads(newest.read_text())
    return schema


def _alternatives(part: Schema) -> list[Schema]:
    return next((part[word] for word in ("anyOf", "oneOf") if word in part), [part])


def _same_kind(old: Schema, new: Schema) -> bool:
    """Whether one alternative is the other's: the same reference, constant or type."""
    return all(old.get(word) == new.get(word) for word in ("$ref", "const", "type"))


def _narrowed(old: Schema, new: Schema, place: str) -> list[str]:
    """How ``new`` takes less than ``old`` did: what a client sends today might be refused."""
    found = []
    for option in _alternatives(old):
        if not any(_takes(option, other) for other in _alternatives(new)):
            found.append(f"{place}: no longer takes {option}")
    return found


def _takes(old: Schema, new: Schema) -> bool:
    if not _same_kind({**old, "enum": 0}, {**new, "enum": 0}):
        return False
    enum_ok = "enum" not in new or set(old.get("enum", ())) <= set(new["enum"]) != set()
    bounds = all(new[w] >= old.get(w, float("-inf")) for w in ("maximum", "maxLength") if w in new)
    floors = all(new[w] <= old.get(w, float("inf")) for w in ("minimum", "minLength") if w in new)
    return (
        enum_ok
        and bounds
        and floors
        and new.get("pattern", old.get("pattern")) == old.get("pattern")
    )


def _widened(old: Schema, new: Schema, place: str) -> list[str]:
    """How ``new`` may say what ``old`` never did, beside values of an enumeration, of which
    consumers pass over those that they do not know."""
    return [
        f"{place}: may now be {option}"
        for option in _alternatives(new)
        if not any(_same_kind(option, other) for other in _alternatives(old))
    ]


def breaks(old: Schema, new: Schema) -> list[str]:
    """What a consumer or a client of the old schema would stumble over in the new one."""
    found = []
    sent = {part["$ref"].rsplit("/", 1)[1] for part in old["$defs"]["client_message"]["oneOf"]}
    for side in ("client_message", "server_message"):
        before, after = (
            {part["$ref"] for part in schema["$defs"][side]["oneOf"]} for schema in (old, new)
        )
        found += [f"{side}: {gone} is gone" for gone in sorted(before - after)]
    for name, was in old["$defs"].items():
        now = new["$defs"].get(name)
        if now is None:
            found.append(f"{name} is gone")
            continue
        if "properties" not in was:
            continue
        for key, part in was["properties"].items():
            place = f"{name}.{key}"
            if key not in now["properties"]:
                found.append(f"{place} is gone")
            elif name in sent:
                found += _narrowed(part, now["properties"][key], place)
            else:
                found += _widened(part, now["properties"][key], place)
        if name in sent:
            extra = set(now.get("required", ())) - set(was.get("required", ()))
            found += [f"{name}.{key} is asked for now" for key in sorted(extra)]
    return found


def test_nothing_that_was_released_is_broken() -> None:
    assert breaks(released(), protocol_schema()) == []


def _drop_field(schema: Schema) -> None:
    del schema["$defs"]["GuidanceMessage"]["properties"]["code"]


def _drop_message(schema: Schema) -> None:
    del schema["$defs"]["Pong"]


def _change_type(schema: Schema) -> None:
    schema["$defs"]["Overlay"]["properties"]["latency_ms"]["type"] = "string"


def _may_be_null(schema: Schema) -> None:
    part = schema["$defs"]["FieldReport"]["properties"]
    part["confidence"] = {"anyOf": [part["confidence"], {"type": "null"}]}


def _ask_for_more(schema: Schema) -> None:
    schema["$defs"]["Configure"]["required"] = ["type", "language"]


def _take_less(schema: Schema) -> None:
    schema["$defs"]["Confirm"]["properties"]["actor"]["enum"] = ["guest"]


def _shorten(schema: Schema) -> None:
    schema["$defs"]["Ping"]["properties"]["id"]["anyOf"][0]["maxLength"] = 10


@pytest.mark.parametrize(
    "change",
    [_drop_field, _drop_message, _change_type, _may_be_null, _ask_for_more, _take_less, _shorten],
    ids=lambda change: change.__name__,
)
def test_a_break_is_noticed(change: Callable[[Schema], None]) -> None:
    schema = copy.deepcopy(released())
    change(schema)
    assert breaks(released(), schema)


def test_an_addition_is_none() -> None:
    schema = copy.deepcopy(released())
    schema["$defs"]["Pong"]["properties"]["more"] = {"type": "string"}
    schema["$defs"]["FieldReport"]["properties"]["status"]["enum"].append("guessed")
    assert breaks(released(), schema) == []


def test_the_types_are_those_of_the_schema() -> None:
    assert TARGET.read_text() == declarations(json.loads(SCHEMA.read_text())), (
        "write them anew: make schema"
    )


USE = """
import "./embed.js";
import type { FieldReport, ResultMessage } from "./embed.js";
const capture = document.querySelector("lobbylens-capture")!;
capture.addEventListener("result", ({ detail }) => {
  const read: ResultMessage = detail;
  const field: FieldReport | undefined = read.fields["primary_identifier"];
  console.log(field?.status === "checksum", field?.value?.length);
});
capture.addEventListener("close", ({ detail }) => console.log(detail.reason === "idle"));
capture.start({ token: "t", language: "de" });
capture.stop();
"""
MISUSE = {
    "an unknown status": 'const x: import("./embed.js").FieldReport["status"] = "sure";',
    "an unknown option": 'document.querySelector("lobbylens-capture")!.start({ key: "t" });',
}


def _compile(folder: Path, source: str) -> subprocess.CompletedProcess[str]:
    (folder / "embed.d.ts").write_text(TARGET.read_text())
    (folder / "use.ts").write_text(source)
    command = ["node", str(ROOT / "examples" / "node_modules" / "typescript" / "bin" / "tsc")]
    options = ["--noEmit", "--strict", "--target", "es2022", "--module", "es2022"]
    options += ["--moduleResolution", "bundler", "--lib", "es2022,dom", "use.ts"]
    return subprocess.run(
        [*command, *options], cwd=folder, capture_output=True, text=True, timeout=100, check=False
    )


def test_typescript_takes_the_types(tmp_path: Path) -> None:
    compiled = _compile(tmp_path, USE)
    assert compiled.returncode == 0, compiled.stdout
    wrong = _compile(tmp_path, "export {};\n" + "\n".join(MISUSE.values()))
    assert wrong.stdout.count("error TS") == len(MISUSE), wrong.stdout
