"""How often a principal and an address may ask, told in headers.

The generic cell rate algorithm: one time for each key says when its quota will be whole again.
Headers: RateLimit and RateLimit-Policy of draft-ietf-httpapi-ratelimit-headers, Retry-After of
RFC 9110, section 10.2.3.
"""

from __future__ import annotations

import asyncio
import ipaddress
import math
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum

from aiohttp import web

from core.auth import ANONYMOUS, NOBODY, AccessSettings, Principal
from core.errors import RateLimited

_WINDOW_S = 60
_MOST_KEYS = 8192


class Rate(StrEnum):
    """The quotas, see the settings of their names."""

    OPENINGS = "openings"
    FRAMES = "frames"
    REQUESTS = "requests"
    FAILURES = "failures"


@dataclass(frozen=True, slots=True)
class Quota:
    """What is left of ``most`` in a window, and in how many seconds it will be whole again."""

    rate: Rate
    most: int
    left: int
    whole_in_s: int

    def headers(self) -> dict[str, str]:
        return {
            "RateLimit-Policy": f'"{self.rate}";q={self.most};w={_WINDOW_S}',
            "RateLimit": f'"{self.rate}";r={self.left};t={self.whole_in_s}',
        }


class Limits:
    """``clock`` is monotonic. Keys are bounded; those longest unused fall.

    Addresses of guests stand in them, so that none is kept for longer than it is good for.
    """

    def __init__(
        self, settings: AccessSettings, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._clock = clock
        self._most = {
            Rate.OPENINGS: settings.openings_per_min,
            Rate.FRAMES: settings.frames_per_min,
            Rate.REQUESTS: settings.requests_per_min,
            Rate.FAILURES: settings.failures_per_min,
        }
        self._whole_at_s: OrderedDict[tuple[Rate, str], float] = OrderedDict()

    def take(self, rate: Rate, principal: Principal, address: str) -> Quota:
        """Count one request. Gives the tighter quota of the two. Raises RateLimited."""
        keys = [f"address {network(address)}"]
        if rate is not Rate.FRAMES and principal not in (ANONYMOUS, NOBODY):
            keys.append(f"principal {principal.name}")
        return min((self._take(rate, key) for key in keys), key=lambda quota: quota.left)

    def fail(self, address: str) -> None:
        """Count refused credentials. Raises RateLimited."""
        self._take(Rate.FAILURES, network(address))

    def forgive(self, address: str) -> None:
        """Take one back of those that were counted by `fail`."""
        key = (Rate.FAILURES, network(address))
        if key in self._whole_at_s:
            self._whole_at_s[key] -= _WINDOW_S / self._most[Rate.FAILURES]

    def check_failures(self, address: str) -> None:
        """Raises RateLimited while an address has shown too many wrong credentials."""
        at_s = self._whole_at_s.get((Rate.FAILURES, network(address)), 0.0)
        self._refuse_late(Rate.FAILURES, at_s + _WINDOW_S / self._most[Rate.FAILURES])

    def sweep(self) -> None:
        """Forget who has all of their quota again: as good as new."""
        now_s = self._clock()
        for key in [key for key, at_s in self._whole_at_s.items() if at_s <= now_s]:
            del self._whole_at_s[key]

    async def run(self) -> None:
        """Until cancelled."""
        while True:
            await asyncio.sleep(_WINDOW_S)
            self.sweep()

    def _refuse_late(self, rate: Rate, at_s: float) -> None:
        late_s = at_s - self._clock() - _WINDOW_S
        if late_s > 1e-9:
            raise RateLimited("too many requests: wait as Retry-After tells", math.ceil(late_s))

    def _take(self, rate: Rate, name: str) -> Quota:
        now_s, most = self._clock(), self._most[rate]
        key, each_s = (rate, name), _WINDOW_S / most
        at_s = max(self._whole_at_s.get(key, now_s), now_s) + each_s
        self._refuse_late(rate, at_s)
        self._whole_at_s[key] = at_s
        self._whole_at_s.move_to_end(key)
        if len(self._whole_at_s) > _MOST_KEYS:
            self._whole_at_s.popitem(last=False)
        left = math.floor((_WINDOW_S - (at_s - now_s)) / each_s + 1e-6)
        return Quota(rate, most, left, math.ceil(at_s - now_s))


class Attempt:
    """One request's credentials, which count as refused once: when they begin or at the end."""

    def __init__(self, limits: Limits, address: str) -> None:
        self._limits = limits
        self._address = address
        self._counted = False

    def begin(self) -> None:
        """See `core.auth.Attempt`. Raises RateLimited."""
        self._limits.fail(self._address)
        self._counted = True

    def forgive(self) -> None:
        """See `core.auth.Attempt`."""
        if self._counted:
            self._limits.forgive(self._address)
            self._counted = False

    def fail(self) -> None:
        """They were refused. Raises RateLimited."""
        if not self._counted:
            self.begin()


def network(address: str) -> str:
    """An IPv6 client has a whole /64 to itself."""
    try:
        known = ipaddress.ip_address(address)
    except ValueError:
        return address
    if known.version == 4:
        return str(known)
    return str(ipaddress.ip_network((known, 64), strict=False))


LIMITS = web.AppKey("limits", Limits)
QUOTA = web.RequestKey("quota", Quota)
"""Where a request keeps its quota until its answer is sent."""


async def add_quota(request: web.Request, response: web.StreamResponse) -> None:
    """Signal on_response_prepare."""
    quota = request.get(QUOTA)
    if quota is not None:
        response.headers.update(quota.headers())
