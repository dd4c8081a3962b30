"""How often something may happen."""

from __future__ import annotations


class TokenBucket:
    """Lets ``rate_per_s`` through on average and twice as many, or ``room``, at once; pure, given
    its clock."""

    def __init__(self, rate_per_s: float, now_s: float, room: float | None = None) -> None:
        self._rate = rate_per_s
        # One at least, or a rate of less than a half would let nothing through, ever.
        self._room = self._tokens = room or max(1.0, 2 * rate_per_s)
        self._last_s = now_s

    def take(self, now_s: float) -> bool:
        """False when nothing is left."""
        self._tokens = min(self._room, self._tokens + (now_s - self._last_s) * self._rate)
        self._last_s = now_s
        if self._tokens < 1:
            return False
        self._tokens -= 1
        return True
