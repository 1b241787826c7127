"""How much of the daemon one tenant may have, so that none starves another: the same over every transport.

A tenant is an app of one OS user, or, before there is a session, a process. Three rules hold:

1. A tenant has so many calls and bytes under way at most; what is more is refused, RESOURCE_EXHAUSTED.
2. So many of its calls begin in one turn of the event loop; the others wait for the next turns, each tenant in a queue
   of its own. Whoever calls once is served between two turns of whoever calls a thousand times.
3. Refusing costs about as much as answering. Beyond a few a second, refusals are therefore held back: whoever repeats
   at once waits, and so do further calls on its connection, of which a transport carries so many at a time.
"""

import asyncio
import math
import time
from collections import deque
from collections.abc import Callable, Hashable
from dataclasses import dataclass

from platform_daemon.errors import ResourceExhausted

Tenant = Hashable
"""The number of an enclave, or what names a process."""


@dataclass(frozen=True, slots=True)
class TenantLimits:
    calls: int = 512
    """Under way at once. Above what one connection carries, so that a program with one is never refused for it."""
    size_bytes: int = 64 << 20
    """Of the requests under way."""
    begun_a_turn: int = 8
    refusals_per_s: float = 100.0
    """So many are told at once; the others wait until their turn comes at this rate."""
    longest_refusal_s: float = 2.0


class Tenancy:
    """Counts and queues, by tenant. Belongs to one event loop; entering and leaving costs about a microsecond."""

    def __init__(self, limits: TenantLimits | None = None, *, now_s: Callable[[], float] = time.monotonic) -> None:
        self._limits = limits or TenantLimits()
        self._turns = Turns(self._limits.begun_a_turn)
        self._refusals = Refusals(self._limits.refusals_per_s, self._limits.longest_refusal_s, now_s)
        self._calls: dict[Tenant, int] = {}
        self._bytes: dict[Tenant, int] = {}

    def calls(self, tenant: Tenant) -> int:
        """How many are under way, those that wait for their turn included."""
        return self._calls.get(tenant, 0)

    def enter(self, tenant: Tenant, size_bytes: int) -> bool:
        """Count a call in; `leave` must follow. False means: await `turn` first. Raises ResourceExhausted."""
        calls = self._calls.get(tenant, 0)
        held_bytes = self._bytes.get(tenant, 0) + size_bytes
        if calls >= self._limits.calls:
            raise ResourceExhausted(
                f"{calls} calls are under way, which is the limit: wait for some and repeat", reason="TOO_MANY_CALLS"
            )
        if held_bytes > self._limits.size_bytes and calls:
            raise ResourceExhausted(
                f"the calls under way have {held_bytes} bytes and {self._limits.size_bytes} is the limit:"
                " wait for some and repeat",
                reason="TOO_MANY_BYTES",
            )
        self._calls[tenant] = calls + 1
        self._bytes[tenant] = held_bytes
        return self._turns.begin(tenant)

    async def turn(self, tenant: Tenant) -> None:
        """Wait in the tenant's queue."""
        await self._turns.wait(tenant)

    def leave(self, tenant: Tenant, size_bytes: int) -> None:
        calls = self._calls[tenant]
        if calls > 1:
            self._calls[tenant] = calls - 1
            self._bytes[tenant] -= size_bytes
        else:
            del self._calls[tenant], self._bytes[tenant]

    async def hold_back(self, tenant: Tenant) -> None:
        """Wait until the tenant may be told of one more refusal."""
        delay_s = self._refusals.delay_s(tenant)
        if delay_s > 0:
            await asyncio.sleep(delay_s)


class Turns:
    """Lets so many calls of each tenant begin in one turn of the event loop."""

    def __init__(self, begun_a_turn: int) -> None:
        self._begun_a_turn = begun_a_turn
        self._begun: dict[Tenant, int] = {}
        """In this turn."""
        self._queues: dict[Tenant, deque[asyncio.Future[None]]] = {}
        self._watching = False

    def begin(self, tenant: Tenant) -> bool:
        """Whether the next call may begin now. Nobody overtakes a queue of its own tenant."""
        if not self._watching:
            self._watch()
        begun = self._begun.get(tenant, 0)
        if begun >= self._begun_a_turn or tenant in self._queues:
            return False
        self._begun[tenant] = begun + 1
        return True

    async def wait(self, tenant: Tenant) -> None:
        waiting = asyncio.get_running_loop().create_future()
        self._queues.setdefault(tenant, deque()).append(waiting)
        if not self._watching:
            self._watch()
        await waiting

    def _next(self) -> None:
        self._begun.clear()
        for tenant in list(self._queues):
            queue, begun = self._queues[tenant], 0
            while queue and begun < self._begun_a_turn:
                waiting = queue.popleft()
                if not waiting.done():  # those who gave up are
                    waiting.set_result(None)
                    begun += 1
            if begun:
                # They go on in the next turn: until then, none that comes now may overtake them.
                self._begun[tenant] = self._begun_a_turn
            if not queue:
                del self._queues[tenant]
        self._watching = False
        if self._begun:
            self._watch()

    def _watch(self) -> None:
        self._watching = True
        asyncio.get_running_loop().call_soon(self._next)


class Refusals:
    """When each tenant may be told next that it is refused: at once for the first of a second, then at a rate."""

    def __init__(self, per_s: float, longest_s: float, now_s: Callable[[], float]) -> None:
        self._per_s = per_s
        self._longest_s = longest_s
        self._now_s = now_s
        self._next_s: dict[Tenant, float] = {}
        """When a tenant's next refusal would be due if they came evenly; a second's may be ahead of their time."""

    def delay_s(self, tenant: Tenant) -> float:
        """How long to hold the refusal back that is being made now."""
        now_s = self._now_s()
        due_s = max(self._next_s.get(tenant, -math.inf), now_s - 1.0) + 1.0 / self._per_s
        self._next_s[tenant] = min(due_s, now_s + self._longest_s)
        if len(self._next_s) > _TENANTS_REMEMBERED:
            self._next_s = {one: due for one, due in self._next_s.items() if due > now_s - 1.0}
        return max(0.0, self._next_s[tenant] - now_s)


_TENANTS_REMEMBERED = 1024
