"""OpenAPI 3.1, made of the table of operations and of the models; and a page to try it.

python -m signaling.api.openapi docs/openapi.json
"""

from __future__ import annotations

import functools
import json
import re
import sys
from pathlib import Path
from typing import Any

from aiohttp import web
from pydantic import BaseModel
from pydantic.json_schema import JsonSchemaMode, models_json_schema

from core.errors import (
    BadRequest,
    InsufficientScope,
    LobbyLensError,
    RateLimited,
    Unauthorized,
)
from core.http import public
from signaling.access.door import API_KEY
from signaling.access.table import Asks
from signaling.api.described import DESCRIBED
from signaling.api.models import ErrorBody
from signaling.api.operation import Errors, Operation
from signaling.api.operations import OPERATIONS, add_api
from signaling.api.status import VERSION
from signaling.pages import STATIC

_REF = "#/components/schemas/{model}"
_FILE = {"type": "string", "format": "binary"}
_TEXT = {"type": "string"}
ALL = (*OPERATIONS, *DESCRIBED)
"""Every operation that the description tells."""
_SCHEMES = {
    "token": {
        "type": "http",
        "scheme": "bearer",
        "description": "The server's token, a JSON Web Token, an API key or, to begin a session, a "
        "session token.",
    },
    "api_key": {
        "type": "apiKey",
        "in": "header",
        "name": API_KEY,
        "description": "An API key. Where it stands, Authorization is not looked at.",
    },
    "password": {"type": "http", "scheme": "basic"},
}

Json = dict[str, Any]


@functools.cache
def description() -> Json:
    """The OpenAPI document (https://spec.openapis.org/oas/v3.1)."""
    wanted: list[tuple[type[BaseModel], JsonSchemaMode]] = [(ErrorBody, "serialization")]
    for operation in ALL:
        if operation.body is not None:
            wanted.append((operation.body, "validation"))
        if operation.result is not None:
            wanted.append((operation.result, "serialization"))
    refs, schemas = models_json_schema(list(dict.fromkeys(wanted)), ref_template=_REF)
    paths: dict[str, Json] = {}
    for operation in ALL:
        body = refs[operation.body, "validation"] if operation.body else None
        result = refs[operation.result, "serialization"] if operation.result else None
        error = refs[ErrorBody, "serialization"]
        told = _operation(operation, body, result, error, schemas["$defs"])
        paths.setdefault(operation.path, {})[operation.method.lower()] = told
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "LobbyLens",
            "version": VERSION,
            "license": {"name": "MIT", "identifier": "MIT"},
            "description": "Passports and identity cards read from cameras, streams and files; see "
            "docs/api.md. A session's id and a document's address are secrets.",
        },
        "paths": paths,
        "components": {
            "schemas": schemas["$defs"],
            "securitySchemes": _SCHEMES,
        },
    }


def _operation(
    operation: Operation, body: Json | None, result: Json | None, error: Json, defs: Json
) -> Json:
    told: Json = {
        "operationId": operation.path.strip("/").replace("/", "_").translate(_NO_BRACES)
        + "_"
        + operation.method.lower(),
        "tags": [operation.tag],
        "summary": operation.summary,
        "responses": _responses(operation, result, error),
        "security": _security(operation),
    }
    parameters: list[Json] = [
        {"name": name, "in": "path", "required": True, "schema": {"type": "string"}}
        for name in re.findall(r"{(\w+)}", operation.path)
    ]
    parameters += [
        {
            "name": each.name,
            "in": each.place,
            "required": False,
            "description": each.description,
            "schema": {**_TEXT, "enum": list(each.choices)} if each.choices else _TEXT,
        }
        for each in operation.parameters
    ]
    if body is not None or operation.file_types:
        told["requestBody"] = {
            "required": operation.body_required,
            "content": _bodies(operation, body, defs),
        }
    if operation.file_types and body is not None:
        parameters += _query(operation, defs)
    if parameters:
        told["parameters"] = parameters
    return told


def _security(operation: Operation) -> list[Json]:
    """Credentials, each with the scope that is asked for; an empty one where none will do, as on a
    server whose settings name none."""
    rule = operation.rule
    if rule.asks in (Asks.NOTHING, Asks.SECRET):
        return []
    return [*({name: [rule.scope.value]} for name in _SCHEMES), {}]


_NO_BRACES = str.maketrans("", "", "{}")


def _bodies(operation: Operation, body: Json | None, defs: Json) -> Json:
    content: Json = {"application/json": {"schema": body}} if body is not None else {}
    if operation.file_field:
        own = _model(operation, defs)
        properties = {
            name: schema
            for name, schema in own["properties"].items()
            if name != operation.file_field
        }
        several = operation.file_field == "frames"
        files = {"type": "array", "items": _FILE} if several else _FILE
        form = {
            "type": "object",
            "properties": {**properties, operation.file_field: files},
            "required": [*own.get("required", []), operation.file_field],
        }
        content["multipart/form-data"] = {"schema": form}
    for kind in operation.file_types:
        content[kind] = {"schema": _schema(kind)}
    return content


def _schema(kind: str) -> Json:
    """Of a body that is no JSON."""
    return _TEXT if kind.startswith("text/") or "sdp" in kind else _FILE


def _model(operation: Operation, defs: Json) -> Json:
    assert operation.body is not None
    found: Json = defs[operation.body.__name__]
    return found


def _query(operation: Operation, defs: Json) -> list[Json]:
    """For a bare file the other values are in the query."""
    own = _model(operation, defs)["properties"]
    return [
        {
            "name": name,
            "in": "query",
            "required": False,
            "description": "With a bare file as the body.",
            "schema": {"type": "string"},
        }
        for name in own
        if name != operation.file_field and name != "enhance"
    ]


def _responses(operation: Operation, result: Json | None, error: Json) -> Json:
    shown: Json = {}
    for kind in operation.result_types:
        if kind == "application/json":
            shown[kind] = {"schema": result} if result else {}
        else:
            shown[kind] = {"schema": _schema(kind)}
    socket = operation.path.endswith("/ws")
    responses: Json = (
        {"101": {"description": "The connection speaks WebSocket; see docs/api.md."}}
        if socket
        else {str(operation.success): {"description": "Done."}}
    )
    if not socket and operation.success != web.HTTPNoContent.status_code and shown:
        responses[str(operation.success)]["content"] = shown
    if operation.headers:
        told = {name: {"schema": _TEXT} for name in operation.headers}
        responses[str(operation.success)]["headers"] = told
    by_status: dict[int, list[type[LobbyLensError]]] = {}
    # Whoever asks too often, and whoever lacks the scope: any door may say so.
    raised: Errors = (*operation.errors, BadRequest, RateLimited)
    if operation.rule.asks in (Asks.SCOPE, Asks.SECRET_OR_SCOPE):
        raised = (*raised, Unauthorized, InsufficientScope)
    for kind_of in dict.fromkeys(raised):
        by_status.setdefault(kind_of.status, []).append(kind_of)
    for status, kinds in sorted(by_status.items()):
        codes = ", ".join(sorted({kind_of.code for kind_of in kinds}))
        responses[str(status)] = {
            "description": codes,
            "content": {"application/json": {"schema": error}},
        }
    return responses


@public
async def openapi(request: web.Request) -> web.Response:
    """``GET /api/openapi.json``: the description of the API, OpenAPI 3.1."""
    return web.json_response(description())


@public
async def page(request: web.Request) -> web.FileResponse:
    """``GET /api/docs``: a page to read the description and to try it."""
    return web.FileResponse(STATIC / "api" / "index.html")


def add_api_routes(app: web.Application) -> None:
    """Every operation, the description and its page."""
    add_api(app)
    app.router.add_get("/api/openapi.json", openapi)
    app.router.add_get("/api/docs", page)


def main() -> None:
    """Write the description to the file named on the command line."""
    target = Path(sys.argv[1] if len(sys.argv) > 1 else "docs/openapi.json")
    target.write_text(json.dumps(description(), indent=1) + "\n")


if __name__ == "__main__":
    main()
