"""What comes as JSON, from clients, colleagues and files, and of which no string is kept."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict

FORGETS = ConfigDict(cache_strings="none")


class Inbound(BaseModel):
    """A body that is parsed by ``model_validate_json``.

    Pydantic keeps up to 16,384 strings below 64 characters out of the JSON that it parsed, so that
    it need not make them anew (https://docs.pydantic.dev/latest/concepts/json/#caching-strings): a
    guest's name, or the id that opens a session, would lie in memory for as long as the server
    runs. Of this and what is derived from it nothing is kept. The outermost model decides.
    """

    model_config = FORGETS
