"""Which of a client's offers is the newest.

A network that fails may hold an offer for seconds and bring it when its client has made another.
Nobody awaits its answer any more; answered, it would take the place of the newer one's peer, which
is about to connect, and whose client would wait for that in vain.
"""

from __future__ import annotations

from core.errors import PreconditionFailed


class OfferCount:
    """The offers of one client, which it counts itself, or not at all."""

    def __init__(self) -> None:
        self._newest = 0

    def note(self, attempt: int | None) -> None:
        """An offer has come, or was answered; None for one without a number.

        Raises PreconditionFailed for one that a newer has overtaken.
        """
        if attempt is None:
            return
        if attempt < self._newest:
            raise PreconditionFailed("a newer offer has come before this one: its answer counts")
        self._newest = attempt
