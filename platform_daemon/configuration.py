"""The daemon's configuration: defaults, then `insitu.toml`, then `INSITU_*` variables, then flags.

    [daemon]
    log_level = "info"
    log_format = "auto"        # "text", "json", or text on a terminal and JSON elsewhere
    child_output = false       # write what graphs print: for authors of plans, since it may hold what examples hold

    [training]
    assume = ["idle"]          # conditions that count as satisfied where no source knows them
    poll_interval_s = 1.0
    grace_s = 1.0
    run_cap_s = 585.0
    app_budget_s = 14400.0

    [context]
    country = "DE"                     # holidays; unknown where unset
    scripted = true                    # readings come from `insitu context set`: headless devices, tests, demos
    script = "device.toml"             # or from a script, relative to this file
    metered = { eth0 = false }         # what the owner knows of network interfaces
    sources = { power = "scripted" }   # which source serves a type, where not the default one

    [limits]
    connections_per_uid = 64
    artifact_bytes = 268435456
    artifact_quota_bytes = 1073741824
    quota_examples = 10000000          # the living examples of one app, in all its collections together
    quota_bytes = 1073741824           # as the app gave them
    quota_accounts = 1000              # of one app, in all its collections together
    quota_collections = 1000           # of one app
    quota_calls_per_s = 20000.0        # what one app may add in the long run; five seconds' worth may come at once
    quota_examples_per_s = 500000.0
    disk_reserve_bytes = 67108864      # that examples leave free, for deleting; fewer on a small disk

A variable is INSITU_SECTION_KEY, e.g. INSITU_TRAINING_GRACE_S=2; lists and tables are written as in TOML.
"""

import os
from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import Any, TypeVar

from client_lib.locations import Locations, locate
from platform_daemon.logs import LogFormat, LogLevel
from platform_daemon.training.conditions import DEVICE_CONDITIONS

SHORTEST_S = 0.01
LONGEST_S = 10 * 365 * 86400
LOG_LEVELS = tuple(level.value for level in LogLevel)
LOG_FORMATS = tuple(format.value for format in LogFormat)


class BadConfiguration(Exception):
    """Names the entry and what it may be."""


@dataclass(frozen=True, slots=True)
class DaemonSection:
    """How the daemon itself runs."""

    log_level: str = "info"
    log_format: str = "auto"
    child_output: bool = False


@dataclass(frozen=True, slots=True)
class TrainingSection:
    """When training runs, and for how long at a stretch."""

    assume: tuple[str, ...] = ()
    poll_interval_s: float = 1.0
    grace_s: float = 1.0
    run_cap_s: float = 585.0
    app_budget_s: float = 4 * 3600.0


@dataclass(frozen=True, slots=True)
class ContextSection:
    """What the device is, and which sources tell its context."""

    country: str = ""
    subdivision: str = ""
    form_factor: str = ""
    sysfs_root: str = "/sys"
    scripted: bool = False
    script: str = ""
    metered: Mapping[str, bool] = field(default_factory=dict)
    sources: Mapping[str, str] = field(default_factory=dict)
    plugins: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class LimitsSection:
    """What one user or one app may take."""

    connections_per_uid: int = 64
    artifact_bytes: int = 256 << 20
    artifact_quota_bytes: int = 1 << 30
    quota_examples: int = 10_000_000
    quota_bytes: int = 1 << 30
    quota_accounts: int = 1000
    quota_collections: int = 1000
    quota_calls_per_s: float = 20_000.0
    quota_examples_per_s: float = 500_000.0
    disk_reserve_bytes: int = 64 << 20


@dataclass(frozen=True, slots=True)
class Configuration:
    """All sections, and where the device's files are."""

    locations: Locations
    daemon: DaemonSection = DaemonSection()
    training: TrainingSection = TrainingSection()
    context: ContextSection = ContextSection()
    limits: LimitsSection = LimitsSection()


_SECTIONS = {
    "daemon": DaemonSection,
    "training": TrainingSection,
    "context": ContextSection,
    "limits": LimitsSection,
}


def load(
    *,
    home: str | None = None,
    file: Path | None = None,
    environ: Mapping[str, str] | None = None,
    log_level: str | None = None,
    log_format: str | None = None,
) -> Configuration:
    """Read the configuration. Raises BadConfiguration."""
    variables = os.environ if environ is None else environ
    locations = locate(home, variables)
    path = file or locations.config_file
    sections = _read(path, required=file is not None)
    _overlay(sections, variables)
    unknown = sorted(set(sections) - set(_SECTIONS))
    if unknown:
        raise BadConfiguration(f"{path}: unknown section [{unknown[0]}]; there are: {', '.join(_SECTIONS)}")
    configuration = Configuration(
        locations,
        daemon=_section(DaemonSection, "daemon", sections),
        training=_section(TrainingSection, "training", sections),
        context=_section(ContextSection, "context", sections),
        limits=_section(LimitsSection, "limits", sections),
    )
    section = configuration.daemon
    section = replace(section, log_level=log_level or section.log_level, log_format=log_format or section.log_format)
    configuration = replace(configuration, daemon=section)
    _check(configuration)
    if configuration.context.script:
        script = str(path.parent / configuration.context.script)
        configuration = replace(configuration, context=replace(configuration.context, script=script))
    return configuration


def _read(path: Path, *, required: bool) -> dict[str, dict[str, Any]]:
    try:
        return _parsed(path.read_text("utf-8"))
    except FileNotFoundError:
        if required:
            raise BadConfiguration(f"{path} does not exist; write it, or leave --config away") from None
        return {}
    except OSError as error:
        raise BadConfiguration(
            f"{path} cannot be read ({error.strerror}): make it a file that you may read, or remove it"
        ) from error
    except (ValueError, RecursionError) as error:  # TOMLDecodeError and others: numbers too long, tables too deep
        raise BadConfiguration(f"{path} is no TOML: {error}") from error


def _parsed(text: str) -> dict[str, Any]:
    import tomllib  # most devices have neither a file nor variables

    return tomllib.loads(text)


def _overlay(sections: dict[str, dict[str, Any]], variables: Mapping[str, str]) -> None:
    """A variable that names a section but no entry of it is a slip, and is told."""
    for name in _SECTIONS:
        prefix = f"INSITU_{name}_".upper()
        for variable in variables:
            if variable.startswith(prefix):
                entry = variable.removeprefix(prefix).lower()
                sections.setdefault(name, {})[entry] = _value(variables[variable])


def _value(raw: str) -> Any:
    try:
        return _parsed(f"value = {raw}")["value"]
    except (ValueError, RecursionError):
        return raw


Section = TypeVar("Section", DaemonSection, TrainingSection, ContextSection, LimitsSection)


def _section(kind: type[Section], name: str, sections: Mapping[str, Any]) -> Section:
    table = sections.get(name, {})
    if not isinstance(table, dict):
        raise BadConfiguration(f"{name} must be a section, [{name}], not {_shown(table)}")
    given = dict(table)
    defaults = kind()
    values: dict[str, Any] = {}
    for entry in fields(kind):
        if entry.name in given:
            values[entry.name] = _convert(f"{name}.{entry.name}", given.pop(entry.name), getattr(defaults, entry.name))
    if given:
        known = ", ".join(entry.name for entry in fields(kind))
        raise BadConfiguration(f"{name}.{next(iter(given))} is unknown; [{name}] has: {known}")
    return kind(**values)


def _convert(entry: str, value: Any, default: Any) -> Any:
    match default:
        case bool() if isinstance(value, bool):
            return value
        case bool():
            raise BadConfiguration(f"{entry} must be true or false, not {_shown(value)}")
        case float() if isinstance(value, float) or (type(value) is int and abs(value) < 2**64):
            return float(value)
        case int() if isinstance(value, int) and not isinstance(value, bool):
            return value
        case str() if isinstance(value, str):
            return value
        case tuple() if isinstance(value, list) and all(isinstance(item, str) for item in value):
            return tuple(value)
        case dict() if isinstance(value, dict):
            return value
        case _:
            wanted = {float: "a number", int: "a whole number", str: "text", tuple: "a list of texts"}
            raise BadConfiguration(f"{entry} must be {wanted.get(type(default), 'a table')}, not {_shown(value)}")


def _check(configuration: Configuration) -> None:
    level = configuration.daemon.log_level
    if level not in LOG_LEVELS:
        raise BadConfiguration(f"daemon.log_level must be one of {', '.join(LOG_LEVELS)}, not {level!r}")
    written = configuration.daemon.log_format
    if written not in LOG_FORMATS:
        raise BadConfiguration(f"daemon.log_format must be one of {', '.join(LOG_FORMATS)}, not {written!r}")
    for name in configuration.training.assume:
        if name not in DEVICE_CONDITIONS:
            raise BadConfiguration(f"training.assume: {name!r} is none of {', '.join(DEVICE_CONDITIONS)}")
    for name in ("poll_interval_s", "grace_s", "run_cap_s", "app_budget_s"):
        value = getattr(configuration.training, name)
        if not SHORTEST_S <= value <= LONGEST_S:
            raise BadConfiguration(f"training.{name} must lie between {SHORTEST_S} and {LONGEST_S}, not {value}")
    for entry in fields(LimitsSection):
        name = entry.name
        least = 0 if name == "disk_reserve_bytes" else 1
        if not getattr(configuration.limits, name) >= least:
            raise BadConfiguration(f"limits.{name} must be at least {least}")
    for interface, metered in configuration.context.metered.items():
        if not isinstance(metered, bool):
            raise BadConfiguration(f"context.metered.{interface} must be true or false, not {_shown(metered)}")
    for context_type, source in configuration.context.sources.items():
        if not isinstance(source, str):
            raise BadConfiguration(f"context.sources.{context_type} must be the name of a source, not {_shown(source)}")


def _shown(value: object) -> str:
    """Of numbers that no text has room for, and of tables, the type alone."""
    short = isinstance(value, str | float) or (isinstance(value, int) and abs(value) < 2**64)
    return repr(value) if short else type(value).__name__
