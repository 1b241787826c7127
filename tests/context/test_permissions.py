import pytest
from hypothesis import given
from hypothesis import strategies as st

from context import (
    WELL_KNOWN,
    BadScope,
    ContextRegistry,
    Grants,
    Reading,
    Scope,
    UnknownContextType,
    UnknownFeature,
    covered,
    narrow,
    outstanding,
    parse_scope,
)

REGISTRY = ContextRegistry()
SCOPES = [Scope(spec.name, feature) for spec in WELL_KNOWN for feature in ("", *sorted(spec.feature_names))]
PACKAGES = ["com.example.keyboard", "com.example.camera", "com.example.mail"]


def test_scopes_in_words() -> None:
    assert parse_scope("power", REGISTRY) == Scope("power")
    assert parse_scope("power.charging", REGISTRY) == Scope("power", "charging")
    assert [str(parse_scope(str(scope), REGISTRY)) for scope in SCOPES] == [str(scope) for scope in SCOPES]


@pytest.mark.parametrize("text", ["", ".", "power.", ".charging"])
def test_malformed_scopes(text: str) -> None:
    with pytest.raises(BadScope, match=r"power\.charging"):
        parse_scope(text, REGISTRY)


def test_scopes_that_do_not_exist() -> None:
    with pytest.raises(UnknownContextType):
        parse_scope("weather", REGISTRY)
    with pytest.raises(UnknownFeature):
        parse_scope("power.charging.now", REGISTRY)


def test_granting_a_type_grants_the_features_of_today() -> None:
    grants, change = Grants.of([]).granting("p", Scope("power"), REGISTRY)
    assert grants.features("p", "power") == {"charging", "on_battery", "battery_level"}
    assert change.lost == frozenset()
    assert grants.features("q", "power") == frozenset()


def test_narrowing_tells_what_is_lost() -> None:
    grants = Grants.of([("p", "power", ["charging", "battery_level"]), ("p", "day", ["hour"])])
    grants, change = grants.revoking("p", Scope("power", "charging"))
    assert (change.before, change.after) == ({"charging", "battery_level"}, {"battery_level"})
    assert change.lost == {"charging"}
    grants, change = grants.revoking("p", Scope("power"))
    assert change.lost == {"battery_level"}
    assert dict(grants.of_package("p")) == {"day": {"hour"}}
    assert dict(grants.without("p").by_package) == {}


def test_what_a_removed_plugin_declared_can_be_revoked() -> None:
    grants, change = Grants.of([("p", "weather", ["rain"])]).revoking("p", Scope("weather"))
    assert change.lost == {"rain"}
    assert dict(grants.by_package) == {}


def test_rows_without_features_grant_nothing() -> None:
    assert Grants.of([("p", "power", [])]) == Grants({})


def test_narrow_lets_through_what_is_granted() -> None:
    reading = Reading("power", {"charging": True, "battery_level": 0.5}, "s", 0, 1, {}, 1)
    assert narrow(reading, frozenset({"battery_level", "on_battery"})) == {"battery_level": 0.5}
    assert narrow(reading, frozenset()) == {}


def test_outstanding_wishes() -> None:
    granted = {"power": frozenset({"charging"})}
    wishes = [Scope("power"), Scope("power", "charging"), Scope("day")]
    assert outstanding(wishes, granted, REGISTRY) == [Scope("power"), Scope("day")]


@given(st.lists(st.tuples(st.booleans(), st.sampled_from(PACKAGES), st.sampled_from(SCOPES)), max_size=30))
def test_any_decisions_equal_a_set_of_features(decisions: list[tuple[bool, str, Scope]]) -> None:
    grants, model = Grants.of([]), set[tuple[str, str, str]]()
    for allow, package, scope in decisions:
        named = {(package, scope.type, feature) for feature in covered(scope, REGISTRY)}
        held = {entry for entry in model if entry[:2] == (package, scope.type)}
        before = grants
        if allow:
            grants, change = grants.granting(package, scope, REGISTRY)
            model |= named
            assert change.lost == frozenset()
        else:
            grants, change = grants.revoking(package, scope)
            model -= named
            assert {(package, scope.type, feature) for feature in change.lost} == held & named
        assert before is not grants
    assert {
        (package, kind, feature)
        for package, types in grants.by_package.items()
        for kind, features in types.items()
        for feature in features
    } == model
    assert all(types and all(types.values()) for types in grants.by_package.values())
