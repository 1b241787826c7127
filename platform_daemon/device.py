"""The device conditions of training, read from the context: idle, charging, unmetered; and what it is made of."""

from collections.abc import Mapping
from pathlib import Path

from context import ContextManager, ContextSettings, Reading
from platform_daemon.configuration import Configuration
from platform_daemon.training.conditions import Observation

_UNKNOWN = Observation(None, "no source")


def context_settings(configuration: Configuration) -> ContextSettings:
    """What the sources of context are assembled from."""
    section = configuration.context
    return ContextSettings(
        country=section.country,
        subdivision=section.subdivision,
        form_factor=section.form_factor,
        sysfs_root=Path(section.sysfs_root),
        metered=section.metered,
        scripted=section.scripted or "scripted" in section.sources.values(),
        script=Path(section.script) if section.script else None,
        sources=section.sources,
        plugins=section.plugins,
    )


def observe(manager: ContextManager) -> Mapping[str, Observation]:
    """What is known of each condition now. Unknown stays unknown: the device's policy decides about it."""
    return {
        "idle": _attributed(manager, "activity", _flag(manager.reading("activity"), "user_idle")),
        "charging": _attributed(manager, "power", _charging(manager.reading("power"))),
        "unmetered": _attributed(manager, "network", _negated(_flag(manager.reading("network"), "metered"))),
    }


def _attributed(manager: ContextManager, context_type: str, observation: Observation) -> Observation:
    """Of what is unknown, the source is the one that ought to know it."""
    source = manager.source_of(context_type)
    if observation.value is not None or source is None:
        return observation
    return Observation(None, source.name)


def _flag(reading: Reading | None, feature: str) -> Observation:
    if reading is None or feature not in reading.values:
        return _UNKNOWN if reading is None else Observation(None, reading.source)
    return Observation(bool(reading.values[feature]), reading.source, reading.since_ms[feature])


def _charging(reading: Reading | None) -> Observation:
    """A device on mains with a full battery does not charge any more, and counts as charging."""
    charging = _flag(reading, "charging")
    if charging.value:
        return charging
    on_mains = _negated(_flag(reading, "on_battery"))
    return on_mains if on_mains.value is not None else charging


def _negated(observation: Observation) -> Observation:
    if observation.value is None:
        return observation
    return Observation(not observation.value, observation.source, observation.since_ms)
