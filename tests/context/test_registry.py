import inspect

import pytest

import context
from context import (
    WELL_KNOWN,
    BadValue,
    ContextRegistry,
    ContextTypeSpec,
    FeatureSpec,
    SourceMisconfigured,
    UnknownContextType,
    UnknownFeature,
    ValueType,
)

SCREEN = ContextTypeSpec(
    "screen", (FeatureSpec("on", ValueType.BOOL, "The screen is lit."),), 60_000, "Whether it is lit."
)


def test_public_surface_is_what_all_lists() -> None:
    named = {name for name, value in vars(context).items() if not name.startswith("_") and not inspect.ismodule(value)}
    assert set(context.__all__) == named


def test_well_known_types() -> None:
    assert ContextRegistry().names == {"power", "network", "day", "device", "activity"}
    assert ContextRegistry().spec("power").feature_names == {"charging", "on_battery", "battery_level"}


@pytest.mark.parametrize("spec", WELL_KNOWN, ids=lambda spec: spec.name)
def test_every_type_tells_people_what_it_is(spec: ContextTypeSpec) -> None:
    assert spec.permission.endswith(".")
    assert spec.validity_ms > 0
    assert all(feature.doc.endswith(".") for feature in spec.features)


def test_unknown_names_are_answered_with_what_exists() -> None:
    with pytest.raises(UnknownContextType, match="activity, day, device, network, power"):
        ContextRegistry().spec("weather")
    with pytest.raises(UnknownFeature, match="battery_level, charging, on_battery"):
        ContextRegistry().spec("power").feature("voltage")


def test_a_plugin_adds_a_type_once() -> None:
    registry = ContextRegistry().extended([SCREEN])
    assert registry.spec("screen") is SCREEN
    assert "screen" not in ContextRegistry()
    with pytest.raises(SourceMisconfigured, match="screen is declared twice"):
        registry.extended([SCREEN])


@pytest.mark.parametrize("name", ["", "Power", "power.x", "9day", "a" * 65, "place alias"])
def test_names_that_cannot_be_addressed_are_refused(name: str) -> None:
    with pytest.raises(BadValue, match="a-z"):
        FeatureSpec(name, ValueType.BOOL, "x")
    with pytest.raises(BadValue, match="a-z"):
        ContextTypeSpec(name, SCREEN.features, 1, "x")


@pytest.mark.parametrize(
    ("value_type", "given", "held"),
    [
        (ValueType.BOOL, True, True),
        (ValueType.BOOL, 0, False),
        (ValueType.INT, -3, -3),
        (ValueType.FLOAT, 2, 2.0),
        (ValueType.FLOAT, 0.5, 0.5),
        (ValueType.TEXT, "wifi", "wifi"),
    ],
)
def test_values_that_fit(value_type: ValueType, given: object, held: object) -> None:
    checked = FeatureSpec("f", value_type, "x").checked(given)
    assert checked == held
    assert type(checked) is type(held)


@pytest.mark.parametrize(
    ("value_type", "given"),
    [
        (ValueType.BOOL, 2),
        (ValueType.BOOL, "true"),
        (ValueType.INT, True),
        (ValueType.INT, 2**63),
        (ValueType.INT, 1.0),
        (ValueType.FLOAT, float("nan")),
        (ValueType.FLOAT, float("inf")),
        (ValueType.FLOAT, True),
        (ValueType.TEXT, b"wifi"),
        (ValueType.TEXT, "ä" * 600),
    ],
)
def test_values_that_do_not_fit_are_refused_by_name(value_type: ValueType, given: object) -> None:
    with pytest.raises(BadValue, match="strength takes a finite"):
        FeatureSpec("strength", value_type, "x").checked(given)


def test_a_refusal_does_not_repeat_a_text() -> None:
    with pytest.raises(BadValue) as refused:
        FeatureSpec("title", ValueType.INT, "x").checked("private words")
    assert "private" not in str(refused.value)
