"""Shares of the daemon by tenant: counted against a model, queued in turns, and told in time."""

import asyncio
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from context.clock import ManualClock
from platform_daemon.errors import ResourceExhausted
from platform_daemon.transport.tenancy import Refusals, Tenancy, TenantLimits

LIMITS = TenantLimits(calls=3, size_bytes=100, begun_a_turn=2)


@given(st.lists(st.tuples(st.sampled_from([1, 2]), st.integers(0, 120))))
def test_calls_and_bytes_are_counted_by_tenant(arrivals: list[tuple[int, int]]) -> None:
    """Each arrival enters; where it is refused, the tenant's oldest call leaves instead."""

    async def run() -> None:
        tenancy = Tenancy(LIMITS)
        held: dict[int, list[int]] = {1: [], 2: []}
        for tenant, size_bytes in arrivals:
            own = held[tenant]
            if len(own) == 3 or (own and sum(own) + size_bytes > 100):
                reason = "TOO_MANY_CALLS" if len(own) == 3 else "TOO_MANY_BYTES"
                with pytest.raises(ResourceExhausted) as refused:
                    tenancy.enter(tenant, size_bytes)
                assert refused.value.reason == reason
                tenancy.leave(tenant, own.pop(0))
            else:
                tenancy.enter(tenant, size_bytes)
                own.append(size_bytes)
            assert [tenancy.calls(one) for one in held] == [len(sizes) for sizes in held.values()]

    asyncio.run(run())


def test_a_refusal_names_the_limit() -> None:
    async def run() -> None:
        tenancy = Tenancy(LIMITS)
        for _ in range(3):
            tenancy.enter(1, 10)
        with pytest.raises(ResourceExhausted, match="3 calls are under way, which is the limit"):
            tenancy.enter(1, 10)
        tenancy.leave(1, 10)
        with pytest.raises(ResourceExhausted, match="120 bytes and 100 is the limit"):
            tenancy.enter(1, 100)

    asyncio.run(run())


def test_who_calls_once_is_served_between_two_turns_of_who_calls_often() -> None:
    served: list[str] = []

    async def run() -> None:
        tenancy = Tenancy(TenantLimits(calls=1000, begun_a_turn=2))

        async def call(name: str, tenant: int) -> None:
            if not tenancy.enter(tenant, 1):
                await tenancy.turn(tenant)
            served.append(name)
            tenancy.leave(tenant, 1)

        flood = [asyncio.ensure_future(call("flood", 1)) for _ in range(100)]
        await asyncio.sleep(0)
        await call("normal", 2)
        served.append("normal is answered")
        await asyncio.gather(*flood)

    asyncio.run(run())
    assert served.index("normal is answered") <= 6
    assert Counter(served)["flood"] == 100


@given(st.lists(st.integers(0, 5), max_size=12), st.integers(1, 4))
def test_calls_of_a_tenant_keep_their_order(arrivals: list[int], begun_a_turn: int) -> None:
    """So many calls arrive in each turn of the event loop."""
    served: list[int] = []

    async def run() -> None:
        tenancy = Tenancy(TenantLimits(begun_a_turn=begun_a_turn))

        async def call(number: int) -> None:
            if not tenancy.enter(1, 1):
                await tenancy.turn(1)
            served.append(number)
            tenancy.leave(1, 1)

        calls: list[asyncio.Future[None]] = []
        for arriving in arrivals:
            calls += [asyncio.ensure_future(call(len(calls) + one)) for one in range(arriving)]
            await asyncio.sleep(0)
        await asyncio.gather(*calls)

    asyncio.run(run())
    assert served == list(range(sum(arrivals)))


def test_whoever_gives_up_in_the_queue_takes_nobodys_turn() -> None:
    async def run() -> None:
        tenancy = Tenancy(TenantLimits(calls=1000, begun_a_turn=1))
        assert tenancy.enter(1, 1)
        waiting = []
        for _ in range(20):
            assert not tenancy.enter(1, 1)
            waiting.append(asyncio.ensure_future(tenancy.turn(1)))
        await asyncio.sleep(0)
        for one in waiting[:-1]:
            one.cancel()
        for _ in range(4):
            await asyncio.sleep(0)
        assert waiting[-1].done()
        for _ in range(21):
            tenancy.leave(1, 1)
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        assert tenancy.enter(1, 1)

    asyncio.run(run())


def test_a_second_of_refusals_is_told_at_once_and_the_others_at_the_rate() -> None:
    clock = ManualClock()
    refusals = Refusals(per_s=10.0, longest_s=2.0, now_s=clock.monotonic_s)
    delays = [round(refusals.delay_s(1), 6) for _ in range(14)]
    assert delays == [0.0] * 10 + [0.1, 0.2, 0.3, 0.4]
    assert refusals.delay_s(2) == 0.0
    clock.advance(5.0)
    assert refusals.delay_s(1) == 0.0
    assert max(refusals.delay_s(1) for _ in range(1000)) == 2.0


def test_what_is_remembered_of_refusals_does_not_grow() -> None:
    clock = ManualClock()
    refusals = Refusals(per_s=10.0, longest_s=2.0, now_s=clock.monotonic_s)
    for uid in range(10_000):
        clock.advance(0.01)
        refusals.delay_s((uid, 1))
    assert len(refusals._next_s) < 2000
