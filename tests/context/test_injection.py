from hypothesis import given, settings
from hypothesis import strategies as st

from context import (
    PREFIX,
    ContextManager,
    ContextRegistry,
    ContextTypeSpec,
    FeatureSpec,
    Grants,
    Injector,
    ManualClock,
    Reading,
    Value,
    ValueType,
    Withheld,
    WithheldReason,
    inject,
    qualified,
)
from insitu.v1.example_pb2 import Features
from tests.context.machines import FakeSource

CALENDAR = ContextTypeSpec(
    "calendar",
    (FeatureSpec("busy", ValueType.BOOL, "In a meeting."),),
    60_000,
    "When you are busy.",
    needs_account=True,
)
REGISTRY = ContextRegistry().extended([CALENDAR])
TYPES = sorted(REGISTRY.names)
SAMPLES: dict[ValueType, Value] = {ValueType.BOOL: True, ValueType.INT: 7, ValueType.FLOAT: 0.25, ValueType.TEXT: "x"}
FULL = {
    spec.name: Reading(spec.name, {f.name: SAMPLES[f.value_type] for f in spec.features}, "s", 0, 1, {}, number)
    for number, spec in enumerate(REGISTRY, start=1)
}


def names(serialized: bytes) -> set[str]:
    return set(Features.FromString(serialized).feature)


def test_both_forms_carry_the_granted_features() -> None:
    injection = inject(REGISTRY, ["power", "day"], {"power": frozenset({"charging"}), "day": frozenset({"hour"})}, FULL)
    assert [(part.type, names(part.features), part.version) for part in injection.parts] == [
        ("power", {"charging"}, FULL["power"].version),
        ("day", {"hour"}, FULL["day"].version),
    ]
    assert set(injection.features.feature) == {"context:power.charging", "context:day.hour"}
    assert injection.features.feature["context:power.charging"].int64_list.value == [1]
    assert injection.features.feature["context:day.hour"].int64_list.value == [7]


def test_what_is_withheld_and_why() -> None:
    reading = Reading("power", {"charging": True}, "s", 0, 1, {}, 1)
    granted = {
        "power": frozenset({"charging", "battery_level"}),
        "calendar": frozenset({"busy"}),
        "network": frozenset({"connected"}),
    }
    injection = inject(
        REGISTRY, ["power", "day", "calendar", "network", "weather"], granted, {"power": reading, "day": FULL["day"]}
    )
    assert injection.withheld == (
        Withheld("power", "on_battery", WithheldReason.NOT_GRANTED),
        Withheld("power", "battery_level", WithheldReason.UNKNOWN),
        Withheld("day", "", WithheldReason.NOT_GRANTED),
        Withheld("calendar", "", WithheldReason.NEEDS_ACCOUNT),
        Withheld("network", "", WithheldReason.UNKNOWN),
        Withheld("weather", "", WithheldReason.UNKNOWN),
    )
    assert str(injection.withheld[0]) == "power.on_battery (not granted)"
    assert str(injection.withheld[2]) == "day (not granted)"


def test_types_that_need_an_account_come_with_one() -> None:
    granted = {"calendar": frozenset({"busy"})}
    assert inject(REGISTRY, ["calendar"], granted, FULL).parts == ()
    assert len(inject(REGISTRY, ["calendar"], granted, FULL, account_named=True).parts) == 1


def test_a_repeated_wish_is_injected_once() -> None:
    assert len(inject(REGISTRY, ["day", "day"], {"day": frozenset({"hour"})}, FULL).parts) == 1


def test_equal_values_give_equal_bytes_whatever_their_order() -> None:
    granted = {"power": REGISTRY.spec("power").feature_names}
    forth = Reading("power", {"charging": True, "on_battery": False}, "s", 0, 1, {}, 1)
    back = Reading("power", {"on_battery": False, "charging": True}, "s", 0, 1, {}, 1)
    assert inject(REGISTRY, ["power"], granted, {"power": forth}) == inject(
        REGISTRY, ["power"], granted, {"power": back}
    )


APPS = [f"com.example.app{number}" for number in range(20)]
feature_sets = {spec.name: st.sets(st.sampled_from(sorted(spec.feature_names))) for spec in REGISTRY}
grant_rows = st.lists(
    st.sampled_from(TYPES).flatmap(
        lambda kind: st.tuples(
            st.sampled_from(APPS),
            st.just(kind),
            st.frozensets(st.sampled_from(sorted(REGISTRY.spec(kind).feature_names))),
        )
    ),
    max_size=60,
    unique_by=lambda row: row[:2],
)


@settings(max_examples=60)
@given(
    grant_rows,
    st.lists(st.sampled_from([*TYPES, "weather"]), max_size=8),
    st.sets(st.sampled_from(TYPES)),
    st.booleans(),
)
def test_nothing_is_injected_without_a_grant(
    rows: list[tuple[str, str, frozenset[str]]], wishes: list[str], unknown: set[str], account: bool
) -> None:
    grants = Grants.of(rows)
    allowed = {(app, qualified(kind, feature)) for app, kind, features in rows for feature in features}
    readings = {kind: reading for kind, reading in FULL.items() if kind not in unknown}
    for app in APPS:
        injection = inject(REGISTRY, wishes, grants.of_package(app), readings, account_named=account)
        injected = {qualified(part.type, name) for part in injection.parts for name in names(part.features)}
        assert injected == set(injection.features.feature)
        assert {(app, name) for name in injected} <= allowed
        withheld_types = {entry.type for entry in injection.withheld if not entry.feature}
        withheld = {qualified(entry.type, entry.feature) for entry in injection.withheld if entry.feature}
        for wish in set(wishes) & set(TYPES):
            for feature in REGISTRY.spec(wish).feature_names:
                name = qualified(wish, feature)
                assert (name in injected) + (name in withheld) + (wish in withheld_types) == 1
        assert all(name.startswith(PREFIX) for name in injected)


def test_the_injector_follows_readings_and_grants_and_remembers() -> None:
    clock, source = ManualClock(), FakeSource(frozenset({"power"}))
    manager = ContextManager(clock, REGISTRY, [source])
    manager.start()
    injector = Injector(manager, capacity=2)
    charging, level = {"power": frozenset({"charging"})}, {"power": frozenset({"battery_level"})}
    assert injector.inject(("power",), charging).parts == ()
    source.say("power", {"charging": True, "battery_level": 0.5})
    first = injector.inject(("power",), charging)
    assert names(first.parts[0].features) == {"charging"}
    clock.advance(10)
    source.say("power", {"charging": True, "battery_level": 0.5})
    assert injector.inject(("power",), charging) is first
    assert names(injector.inject(("power",), level).parts[0].features) == {"battery_level"}
    assert injector.inject(("power",), {}).parts == ()
    assert injector.inject(("weather",), charging).parts == ()
    assert injector.inject(("power",), charging) == first
    clock.advance(60)
    assert injector.inject(("power",), charging).parts == ()
