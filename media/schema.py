"""The messages as JSON Schema: ``python -m media.schema`` writes ``docs/protocol.schema.json``."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter

from media.messages import PROTOCOL_VERSION, AnyClientMessage, AnyServerMessage


def protocol_schema() -> dict[str, Any]:
    """JSON Schema (2020-12) of all messages, both ways."""
    sent: TypeAdapter[AnyServerMessage] = TypeAdapter(AnyServerMessage)
    taken: TypeAdapter[AnyClientMessage] = TypeAdapter(AnyClientMessage)
    server = sent.json_schema(ref_template="#/$defs/{model}", mode="serialization")
    client = taken.json_schema(ref_template="#/$defs/{model}")
    definitions = {**server.pop("$defs"), **client.pop("$defs")}
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": f"LobbyLens messages {PROTOCOL_VERSION}",
        "$defs": {
            **{name: definitions[name] for name in sorted(definitions)},
            "server_message": server,
            "client_message": client,
        },
    }


def main() -> None:
    """Write the schema to the file named on the command line."""
    target = Path(sys.argv[1] if len(sys.argv) > 1 else "docs/protocol.schema.json")
    target.write_text(json.dumps(protocol_schema(), indent=1, sort_keys=True) + "\n")


if __name__ == "__main__":
    main()
