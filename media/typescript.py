"""The messages as TypeScript, for pages that embed ours: ``static/embed.d.ts``.

Made from ``docs/protocol.schema.json`` by ``python -m media.typescript``; a test holds the two
together. Written here because the schema uses few words of JSON Schema, and an optional key of a
server's message is always there.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
SCHEMA = ROOT / "docs" / "protocol.schema.json"
TARGET = ROOT / "static" / "embed.d.ts"

_PLAIN = {
    "string": "string",
    "integer": "number",
    "number": "number",
    "boolean": "boolean",
    "null": "null",
}
_HEAD = """\
// Types of static/embed.js and of the messages it brings.
// Made from docs/protocol.schema.json by `make schema`; not written by hand.

"""
_TAIL = """\
/** What the frame says once it listens; `v` is the version of what is said over its port. */
export interface FrameReady {
  v: number;
  /** Languages that `start` takes. */
  languages: string[];
}

/** Something failed: a message of the server, or what the guest's page ran into. */
export interface CaptureFault {
  code: string;
  message: string;
}

export interface CaptureClosed {
  reason: "finished" | "cancelled" | "idle" | "reset" | "stopped";
}

export interface StartOptions {
  /** The server's bearer token; goes over the frame's port, never into an address. */
  token?: string;
  language?: string;
  /** Play the drawn specimen as a camera, where the server's settings allow it. */
  specimen?: boolean;
}

export interface LobbylensCaptureEvents {
  ready: CustomEvent<FrameReady>;
  guidance: CustomEvent<GuidanceMessage>;
  capture: CustomEvent<CaptureMessage>;
  result: CustomEvent<ResultMessage>;
  confirmed: CustomEvent<ConfirmedMessage>;
  error: CustomEvent<CaptureFault>;
  close: CustomEvent<CaptureClosed>;
}

export declare class LobbylensCapture extends HTMLElement {
  /** The server's origin: the attribute `origin`, or that of the script. */
  readonly origin: string;
  /** Begins with a guest. */
  start(options?: StartOptions): void;
  /** Forgets the guest and shows the first screen. */
  reset(): void;
  /** Ends the session and the camera, and forgets the guest. */
  stop(): void;
  addEventListener<K extends keyof LobbylensCaptureEvents>(
    type: K,
    listener: (this: LobbylensCapture, event: LobbylensCaptureEvents[K]) => void,
    options?: boolean | AddEventListenerOptions,
  ): void;
  addEventListener(
    type: string,
    listener: EventListenerOrEventListenerObject | null,
    options?: boolean | AddEventListenerOptions,
  ): void;
  removeEventListener<K extends keyof LobbylensCaptureEvents>(
    type: K,
    listener: (this: LobbylensCapture, event: LobbylensCaptureEvents[K]) => void,
    options?: boolean | EventListenerOptions,
  ): void;
  removeEventListener(
    type: string,
    listener: EventListenerOrEventListenerObject | null,
    options?: boolean | EventListenerOptions,
  ): void;
}

declare global {
  interface HTMLElementTagNameMap {
    "lobbylens-capture": LobbylensCapture;
  }
}
"""


def _type(schema: dict[str, Any]) -> str:
    """One type expression. Raises ValueError for a word of JSON Schema that is not known here."""
    if "$ref" in schema:
        return str(schema["$ref"]).rsplit("/", 1)[1]
    if "const" in schema:
        return json.dumps(schema["const"])
    if "enum" in schema:
        return " | ".join(json.dumps(value) for value in schema["enum"])
    for word in ("anyOf", "oneOf"):
        if word in schema:
            return " | ".join(_type(part) for part in schema[word])
    kind = schema.get("type")
    if kind == "array":
        if "prefixItems" in schema:
            return f"[{', '.join(_type(part) for part in schema['prefixItems'])}]"
        item = _type(schema["items"])
        return f"({item})[]" if " | " in item else f"{item}[]"
    if kind == "object":
        return f"Record<string, {_type(schema['additionalProperties'])}>"
    if kind in _PLAIN:
        return _PLAIN[kind]
    raise ValueError(f"no TypeScript for {sorted(schema)}")


def _comment(text: str) -> str:
    return f"/** {' '.join(text.split())} */\n" if text else ""


def _interface(name: str, schema: dict[str, Any], *, sent: bool) -> str:
    required = set(schema.get("required", ()))
    lines = [
        f"  {key}{'' if sent or key in required else '?'}: {_type(part)};\n"
        for key, part in schema["properties"].items()
    ]
    told = _comment(schema.get("description", ""))
    return f"{told}export interface {name} {{\n{''.join(lines)}}}\n\n"


def declarations(schema: dict[str, Any]) -> str:
    """The text of ``static/embed.d.ts`` for a protocol schema."""
    definitions = dict(schema["$defs"])
    server, client = definitions.pop("server_message"), definitions.pop("client_message")
    asked = {part["$ref"].rsplit("/", 1)[1] for part in client["oneOf"]}
    body = "".join(
        _interface(name, part, sent=name not in asked)
        for name, part in definitions.items()
        if "properties" in part
    )
    unions = (
        f"export type ServerMessage = {_type(server)};\n\n"
        f"export type ClientMessage = {_type(client)};\n\n"
    )
    return _HEAD + body + unions + _TAIL


def main() -> None:
    """Write the declarations to the file named on the command line."""
    target = Path(sys.argv[1]) if len(sys.argv) > 1 else TARGET
    target.write_text(declarations(json.loads(SCHEMA.read_text())))


if __name__ == "__main__":
    main()
