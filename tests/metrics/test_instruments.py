"""What is counted, and what Prometheus' own parser reads of it."""

import asyncio
import math
import threading

from hypothesis import given
from hypothesis import strategies as st
from prometheus_client.parser import text_string_to_metric_families

from platform_daemon.errors import NotFound
from platform_daemon.metrics import CallMetrics, Counter, Family, Histogram, gauge, render
from platform_daemon.metrics.calls import MOST_REASONS, outcome
from platform_daemon.metrics.reading import ReadSample, samples
from platform_daemon.transport.calls import Method
from tests.transport.echo import EchoServicer, echo_table

Read = dict[tuple[str, tuple[tuple[str, str], ...]], float]


def read(*families: Family) -> Read:
    """Every sample, as the library of Prometheus reads it."""
    return {
        (sample.name, tuple(sorted(sample.labels.items()))): sample.value
        for family in text_string_to_metric_families(render(families))
        for sample in family.samples
    }


def a_method() -> Method:
    return echo_table(EchoServicer()).methods["/insitu.test.Echo/Say"]


def test_a_counter_adds_up_by_its_labels() -> None:
    counter = Counter("x_total", "Things.", ("kind",))
    counter.add("a")
    counter.add("a", amount=2)
    counter.add("b")
    assert read(counter.family()) == {("x_total", (("kind", "a"),)): 3, ("x_total", (("kind", "b"),)): 1}


def test_counters_lose_nothing_between_threads() -> None:
    counter = Counter("x_total", "Things.")
    threads = [threading.Thread(target=lambda: [counter.add() for _ in range(5000)]) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert read(counter.family()) == {("x_total", ()): 20_000}


def test_what_was_never_counted_is_not_shown() -> None:
    assert render([Counter("x_total", "Things.").family(), gauge("y", "None.", [])]) == ""


@given(st.lists(st.floats(min_value=0, max_value=100), min_size=1, max_size=50))
def test_a_histogram_agrees_with_counting_by_hand(values: list[float]) -> None:
    bounds = (0.5, 1.0, 10.0)
    histogram = Histogram("t_seconds", "Time.", bounds, ("method",))
    for value in values:
        histogram.of("Add").observe(value)
    found = read(histogram.family())
    for bound, label in (*((bound, f"{bound:g}") for bound in bounds), (math.inf, "+Inf")):
        # The reader of Prometheus writes bounds as it likes; compare them as numbers.
        (count,) = [
            value
            for (name, labels), value in found.items()
            if name == "t_seconds_bucket" and float(dict(labels)["le"]) == float(label)
        ]
        assert count == sum(value <= bound for value in values)
    assert found["t_seconds_count", (("method", "Add"),)] == len(values)
    assert math.isclose(found["t_seconds_sum", (("method", "Add"),)], sum(values), abs_tol=1e-9)


@given(st.text(max_size=40), st.floats(allow_nan=False))
def test_any_label_and_any_value_survive(label: str, value: float) -> None:
    family = gauge("x", 'a "help"\nwith \\ in it', [({"package": label}, value)])
    assert read(family) == {("x", (("package", label),)): value}
    assert list(samples(render([family]))) == [ReadSample("x", {"package": label}, value)]


def test_calls_are_counted_by_method_status_and_reason() -> None:
    metrics = CallMetrics()
    metrics(a_method(), None, 0.002)
    metrics(a_method(), NotFound("no such thing: make it", reason="NO_COLLECTION"), 0.001)
    metrics(a_method(), ValueError("canary"), 0.001)
    metrics(a_method(), asyncio.CancelledError(), 0.001)
    found = read(*metrics.families())
    calls = {labels: value for (name, labels), value in found.items() if name == "insitu_calls_total"}
    assert {dict(labels)["status"]: value for labels, value in calls.items()} == {
        "OK": 1, "NOT_FOUND": 1, "INTERNAL": 1, "CANCELLED": 1,
    }  # fmt: skip
    assert {dict(labels)["method"] for labels in calls} == {"Echo.Say"}
    assert found["insitu_call_refusals_total", (("reason", "NO_COLLECTION"), ("status", "NOT_FOUND"))] == 1
    assert found["insitu_call_duration_seconds_count", (("method", "Echo.Say"),)] == 4
    assert "canary" not in render(metrics.families())


def test_reasons_that_somebody_makes_up_do_not_fill_the_memory() -> None:
    metrics = CallMetrics()
    for number in range(3 * MOST_REASONS):
        metrics(a_method(), NotFound("x: y", reason=f"R{number}"), 0.0)
    metrics(a_method(), NotFound("x: y", reason="words of an app"), 0.0)
    reasons = {dict(labels)["reason"] for name, labels in read(*metrics.families()) if name.startswith("insitu_call_r")}
    assert len(reasons) == MOST_REASONS + 1
    assert "OTHER" in reasons


def test_an_outcome_holds_no_words_of_the_error() -> None:
    assert outcome(ValueError("canary")) == ("INTERNAL", "DEFECT")
    assert outcome(NotFound("canary")) == ("NOT_FOUND", "NOT_FOUND")
