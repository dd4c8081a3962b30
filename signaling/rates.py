"""How many offers one address may make: each costs the event loop some hundredths of a second."""

from __future__ import annotations

import ipaddress
import time
from collections import OrderedDict

from aiohttp import web

from core.errors import RateLimited
from core.http import client_address, is_internal
from media.rate import TokenBucket

_MOST_ADDRESSES = 4096


class OfferRates:
    """A bucket for each address lately seen; a busy address never makes room for itself."""

    def __init__(self, per_min: int) -> None:
        self._per_min = per_min
        self._buckets: OrderedDict[str, TokenBucket] = OrderedDict()

    def check(self, request: web.Request) -> None:
        """Count one offer. Raises RateLimited. What a colleague passes on was counted there."""
        if not is_internal(request):
            self.count(client_address(request), time.monotonic())

    def count(self, address: str, now_s: float) -> None:
        """The same, given address and clock."""
        key = _network(address)
        bucket = self._buckets.pop(key, None)
        if bucket is None:
            bucket = TokenBucket(self._per_min / 60, now_s, room=self._per_min)
        self._buckets[key] = bucket
        if len(self._buckets) > _MOST_ADDRESSES:
            self._buckets.popitem(last=False)
        if not bucket.take(now_s):
            raise RateLimited("too many offers from this address: try again in a minute", 60)


RATES = web.AppKey("rates", OfferRates)


def _network(address: str) -> str:
    """An IPv6 client has a whole /64 to itself."""
    try:
        known = ipaddress.ip_address(address)
    except ValueError:
        return address
    return (
        str(known) if known.version == 4 else str(ipaddress.ip_network((known, 64), strict=False))
    )
