import contextlib
import re
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from context import (
    BadScript,
    BadValue,
    Clock,
    ContextManager,
    ContextSettings,
    ContextTypeSpec,
    FeatureSpec,
    ManualClock,
    Mode,
    Observation,
    ScriptedSource,
    Source,
    SourceMisconfigured,
    ValueType,
    assemble,
    installed_plugins,
)
from tests.context.machines import FakeSource, battery, link, mains, write_tree


class ScreenPlugin:
    context_types = (
        ContextTypeSpec("screen", (FeatureSpec("on", ValueType.BOOL, "Lit."),), 60_000, "Whether it is lit."),
    )

    def create(self, clock: Clock, settings: Mapping[str, object]) -> Source:
        source = FakeSource(frozenset({"screen", "power"}), Mode.ONE_SHOT, name="screen")
        source.answers["screen"] = Observation({"on": settings.get("lit", False) is True})
        return source


@contextlib.contextmanager
def running(manager: ContextManager) -> Iterator[ContextManager]:
    manager.start()
    try:
        yield manager
    finally:
        manager.stop()


def test_a_machine_by_its_sysfs(tmp_path: Path) -> None:
    root = write_tree(tmp_path, battery("Full", 90) | mains(1) | link("eth0", "up", device="/"))
    manager = assemble(
        ManualClock(), ContextSettings(sysfs_root=root, metered={"eth0": False}, country="FR"), plugins={}
    )
    with running(manager):
        known = {spec.name: reading for spec in manager.registry if (reading := manager.reading(spec.name))}
    assert known.keys() == {"power", "network", "day", "device"}
    assert known["power"].values["battery_level"] == 0.9
    assert known["network"].values == {"connected": True, "kind": "ethernet", "metered": False}
    assert "is_holiday" in known["day"].values
    assert {kind: reading.source for kind, reading in known.items()} == {
        "power": "sysfs",
        "network": "sysfs",
        "day": "clock",
        "device": "system",
    }


def test_the_scripted_source_speaks_where_it_is_meant_to(tmp_path: Path) -> None:
    settings = ContextSettings(sysfs_root=write_tree(tmp_path, mains(1)), scripted=True, sources={"day": "scripted"})
    with running(assemble(ManualClock(), settings, plugins={})) as manager:
        assert manager.reading("power") is None
        device = manager.reading("device")
    for kind in ("power", "network", "activity", "day"):
        assert isinstance(manager.source_of(kind), ScriptedSource)
    assert device is not None
    assert device.source == "system"


def test_a_script_switches_it_on(tmp_path: Path) -> None:
    script = tmp_path / "script.toml"
    script.write_text("[[state]]\nat_s = 0\nactivity = { user_idle = true }\n")
    with running(assemble(ManualClock(), ContextSettings(script=script), plugins={})) as manager:
        activity = manager.reading("activity")
    assert activity is not None
    assert activity.values == {"user_idle": True}
    with pytest.raises(BadScript, match=re.escape(str(tmp_path / "none.toml"))):
        assemble(ManualClock(), ContextSettings(script=tmp_path / "none.toml"), plugins={})


def test_a_plugin_adds_types_and_comes_first(tmp_path: Path) -> None:
    settings = ContextSettings(sysfs_root=tmp_path, plugins={"screen": {"lit": True}})
    manager = assemble(ManualClock(), settings, plugins={"screen": ScreenPlugin()})
    with running(manager):
        screen, power = manager.reading("screen"), manager.source_of("power")
    assert screen is not None
    assert screen.values == {"on": True}
    assert power is not None
    assert power.name == "screen"


def test_settings_that_contradict_the_device_are_refused() -> None:
    with pytest.raises(SourceMisconfigured, match=r"context\.plugins\.screen: no such plug-in"):
        assemble(ManualClock(), ContextSettings(plugins={"screen": {}}), plugins={})
    with pytest.raises(SourceMisconfigured, match="screen is declared twice"):
        assemble(ManualClock(), ContextSettings(), plugins={"a": ScreenPlugin(), "b": ScreenPlugin()})
    with pytest.raises(SourceMisconfigured, match=r"context\.sources\.power"):
        assemble(ManualClock(), ContextSettings(sources={"power": "scripted"}), plugins={})


def install(folder: Path, target: str, monkeypatch: pytest.MonkeyPatch) -> None:
    write_tree(
        folder,
        {
            "screen_plugin.py": "from tests.context.test_assembly import ScreenPlugin\nPLUGIN = ScreenPlugin()",
            "screen-1.dist-info/METADATA": "Metadata-Version: 2.1\nName: screen\nVersion: 1",
            "screen-1.dist-info/entry_points.txt": f"[insitu.context_sources]\nscreen = {target}",
        },
    )
    monkeypatch.syspath_prepend(str(folder))


def test_plugins_are_found_by_entry_point(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    install(tmp_path, "screen_plugin:PLUGIN", monkeypatch)
    assert "screen" in installed_plugins()
    assert "screen" in assemble(ManualClock(), ContextSettings()).registry


def test_a_broken_plugin_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    install(tmp_path, "screen_plugin:MISSING", monkeypatch)
    with pytest.raises(SourceMisconfigured, match=r"'screen'.*uninstall"):
        installed_plugins()


def test_a_plugins_type_is_checked_when_it_is_declared() -> None:
    with pytest.raises(BadValue, match="validity above zero"):
        ContextTypeSpec("screen", ScreenPlugin.context_types[0].features, 0, "x")


def test_the_package_stays_light() -> None:
    """It lives in the daemon's primary process, whose memory is counted."""
    heavy = {"numpy", "grpc", "holidays", "artifact_manager", "platform_daemon"}
    code = f"import sys, context; print(sorted({heavy!r} & set(sys.modules)))"
    assert subprocess.check_output([sys.executable, "-c", code], text=True).strip() == "[]"
