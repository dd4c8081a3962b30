"""One operation of the API, as its description tells it."""

from __future__ import annotations

from dataclasses import dataclass

from pydantic import BaseModel

from core.errors import LobbyLensError
from core.http import Endpoint
from signaling.access.table import Rule, rule_of
from signaling.api.access import first_line

Errors = tuple[type[LobbyLensError], ...]


@dataclass(frozen=True, slots=True)
class Parameter:
    """A value beside the body. ``place``: query or header; ``choices``: all that is taken."""

    name: str
    place: str
    description: str
    choices: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Operation:
    """``body``: the model of a JSON body. ``file_field``: the field that holds files in a multipart
    form; ``file_types``: those of a bare file, whose other values are then in the query.
    ``success``: the status of a good answer, ``headers`` what it carries besides the usual.
    ``summary_in_place``: of what the endpoint says of itself."""

    method: str
    path: str
    tag: str
    endpoint: Endpoint
    result: type[BaseModel] | None = None
    body: type[BaseModel] | None = None
    body_required: bool = True
    form: bool = False
    file_field: str = ""
    file_types: tuple[str, ...] = ()
    result_types: tuple[str, ...] = ("application/json",)
    errors: Errors = ()
    success: int = 200
    headers: tuple[str, ...] = ()
    parameters: tuple[Parameter, ...] = ()
    summary_in_place: str = ""

    @property
    def rule(self) -> Rule:
        """Who may."""
        return rule_of(self.method, self.path)

    @property
    def summary(self) -> str:
        return self.summary_in_place or first_line(self.endpoint)
