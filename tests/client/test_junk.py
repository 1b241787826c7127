"""Whatever an app gives: what is wrong is told as InsituError, naming the argument."""

from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from client_lib import (
    CollectionOptions,
    ContextWish,
    Continuous,
    InsituError,
    InvalidArgument,
    Learning,
    PredictorOptions,
    Times,
    TrainerOptions,
    aio,
    testing,
)
from client_lib.credentials import CredentialsFile
from client_lib.identity import new_credentials
from tests.client.awaited import Loop
from tests.client.worlds import MemoryWorld

PLAN = testing.inference_plan("words/next")
TEXTS = st.text(st.characters(exclude_categories=()), max_size=4)
SCALARS = (
    st.none()
    | st.booleans()
    | st.integers(-(1 << 70), 1 << 70)
    | st.floats()
    | TEXTS
    | st.binary(max_size=4)
    | st.timedeltas()
    | st.sampled_from([object(), 1j, int, np.uint64(1 << 63), np.zeros(2), np.array(["\ud800"]), float("nan"), ...])
)
JUNK = st.recursive(
    SCALARS,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.sets(SCALARS.filter(lambda one: not isinstance(one, np.ndarray)), max_size=2)
        | st.dictionaries(TEXTS | st.sampled_from(["x", "y"]) | st.integers(), inner, max_size=3)
    ),
    max_leaves=6,
)


@pytest.fixture(scope="module", params=["blocking", "awaited"])
def learning(request: pytest.FixtureRequest) -> Iterator[Any]:
    loop = Loop() if request.param == "awaited" else None
    with testing.Device() as device:
        device.predicts(PLAN, lambda features, version: {"y": 1.0})
        with MemoryWorld(device, loop).connect("com.example.junk") as made:
            made.get_collection_client(CollectionOptions("words"))
            yield made
    if loop is not None:
        loop.close()


def _configure(learning: Any, name: Any, ttl: Any, context: Any, most: Any, durable: Any) -> None:
    learning.get_collection_client(CollectionOptions(name, ttl, context, most, durable))


def _schedule(learning: Any, session: Any, plan: Any, output: Any, input: Any, cadence: Any) -> None:
    learning.get_trainer_client(TrainerOptions(session, plan, output, input, cadence)).schedule()


def _predict(learning: Any, plan: Any, parameters: Any, required: Any, account: Any, example: Any) -> None:
    learning.get_predictor_client(PredictorOptions(plan, parameters, required, account)).predict(example)


def _by_plan(learning: Any, *options: Any) -> Any:
    return learning.get_predictor_client(PredictorOptions(PLAN, *options))


CALLS: dict[str, tuple[Callable[..., Any], int]] = {
    "collection": (lambda learning, options: learning.get_collection_client(options).stats(), 1),
    "configure": (_configure, 5),
    "wish": (lambda learning, *wish: _configure(learning, "words", None, [ContextWish(*wish)], None, None), 2),
    "add": (lambda learning, *given: learning.get_collection_client("words").add(*given).result(), 2),
    "add_many": (lambda learning, *given: learning.get_collection_client("words").add_many(*given).result(), 2),
    "clear": (lambda learning, account: learning.get_collection_client("words").clear(account), 1),
    "predictor": (lambda learning, options: learning.get_predictor_client(options).load(), 1),
    "predict by any plan": (_predict, 5),
    "predict": (lambda learning, example: _by_plan(learning).predict(example), 1),
    "predict_many": (lambda learning, examples: _by_plan(learning).predict_many(examples), 1),
    "predict_columns": (lambda learning, columns: _by_plan(learning).predict_columns(columns), 1),
    "predict_rank": (lambda learning, *given: _by_plan(learning).predict_rank(*given), 2),
    "trainer": (lambda learning, options: learning.get_trainer_client(options).schedule(), 1),
    "schedule": (_schedule, 5),
    "continuous": (lambda learning, every: _schedule(learning, "s", PLAN, "artifact:/s/p", None, Continuous(every)), 1),
    "times": (lambda learning, crontab: _schedule(learning, "s", PLAN, "artifact:/s/p", None, Times(crontab)), 1),
    "status": (lambda learning, name: learning.get_trainer_client(TrainerOptions(name, PLAN, "p")).status(), 1),
    "stop": (lambda learning, name: learning.get_trainer_client(TrainerOptions(name, PLAN, "p")).stop(), 1),
}


@pytest.mark.parametrize("call", CALLS)
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_no_junk_brings_another_error(learning: Any, call: str, data: st.DataObject) -> None:
    act, count = CALLS[call]
    arguments = data.draw(st.lists(JUNK, min_size=count, max_size=count))
    with suppress(InsituError):
        act(learning, *arguments)


@pytest.mark.parametrize(
    ("call", "arguments", "field"),
    [
        ("collection", (5,), "options"),
        ("collection", ("\ud800",), "collection"),
        ("configure", (5, None, None, None, None), "collection"),
        ("configure", ("words", 5, None, None, None), "options.time_to_live"),
        ("configure", ("words", timedelta.max, None, None, None), "options.time_to_live"),
        ("configure", ("words", None, "power", None, None), "options.context"),
        ("configure", ("words", None, [5], None, None), "options.context.wishes.type"),
        ("configure", ("words", None, None, "a", None), "options.max_examples"),
        ("configure", ("words", None, None, 1 << 70, None), "options.max_examples"),
        ("configure", ("words", None, None, None, "yes"), "options.durable"),
        ("wish", ("power", 5), "options.context.wishes.time_to_live"),
        ("add", ({"x": 1.0}, 5), "account"),
        ("add", ({"x": 1.0}, "\ud800"), "account"),
        ("add_many", ([{"x": 1.0}], 5), "account"),
        ("add_many", (5, None), "examples"),
        ("clear", (5,), "account"),
        ("predictor", (5,), "options"),
        ("predict by any plan", (5, None, False, None, {"x": 1.0}), "plan"),
        ("predict by any plan", ("file:\0", None, False, None, {"x": 1.0}), "plan"),
        ("predict by any plan", (PLAN, 5, False, None, {"x": 1.0}), "model.parameters"),
        ("predict by any plan", (PLAN, None, "yes", None, {"x": 1.0}), "model.parameters_required"),
        ("predict by any plan", (PLAN, None, False, "\ud800", {"x": 1.0}), "model.account"),
        ("predict_many", (5,), "examples"),
        ("predict_columns", (None,), "columns"),
        ("predict_columns", ([],), "columns"),
        ("predict_columns", ({5: [1.0]},), "columns"),
        ("predict_columns", ({"": [1.0]},), "columns"),
        ("predict_columns", ({"x": ["\ud800"]},), "x"),
        ("predict_rank", ({"x": 1.0}, 5), "candidates"),
        ("trainer", (5,), "options"),
        ("schedule", (5, PLAN, "artifact:/s/p", None, Continuous()), "options.session"),
        ("schedule", ("s", PLAN, 5, None, Continuous()), "options.output"),
        ("schedule", ("s", PLAN, "artifact:/s/p", 5, Continuous()), "options.input"),
        ("schedule", ("s", PLAN, "artifact:/s/p", None, 5), "options.cadence"),
        ("continuous", (5,), "options.cadence.continuous"),
        ("times", (5,), "options.cadence.times"),
        ("status", (5,), "session"),
        ("stop", (5,), "session"),
    ],
)
def test_what_does_not_fit_is_named(learning: Any, call: str, arguments: tuple[Any, ...], field: str) -> None:
    with pytest.raises(InvalidArgument) as refusal:
        CALLS[call][0](learning, *arguments)
    assert refusal.value.field == field


@pytest.mark.parametrize("value", [5, b"bytes", "\ud800", "\0", "~nobody-of-this-name/x"])
@pytest.mark.parametrize("field", ["credentials", "assets", "socket"])
@pytest.mark.parametrize("style", [Learning, aio.Learning])
def test_what_is_no_path_is_named(tmp_path: Path, style: Any, field: str, value: Any) -> None:
    file = CredentialsFile(tmp_path / "app.json")
    file.create(new_credentials("com.example.junk"))
    with pytest.raises(InvalidArgument) as refusal:
        style.connect(package="com.example.junk", **{"credentials": file.path, field: value})
    assert refusal.value.field == field
