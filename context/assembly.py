"""Puts registry, sources and manager together from settings. Plug-ins come in here and nowhere else."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from context.clock import Clock
from context.errors import BadScript, SourceMisconfigured
from context.manager import ContextManager
from context.plugins import entry_points_of
from context.registry import ContextRegistry
from context.source import Source
from context.sources import ClockDay, DeviceInfo, ScriptedSource, SysfsNetwork, SysfsPower, parse_script
from context.types import ContextTypeSpec

PLUGIN_GROUP = "insitu.context_sources"

SCRIPTED_BY_DEFAULT = ("power", "network", "activity")
"""What the scripted source feeds when it is switched on; the clock and the machine go on speaking for themselves."""


class SourcePlugin(Protocol):
    """What an entry point of `insitu.context_sources` must load to. The entry point's name is the plug-in's."""

    @property
    def context_types(self) -> Sequence[ContextTypeSpec]:
        """Types that it adds to the registry; may be none."""
        ...

    def create(self, clock: Clock, settings: Mapping[str, object]) -> Source:
        """A source with the settings of `[context.plugins.NAME]`. Raises SourceMisconfigured, naming the setting."""
        ...


@dataclass(frozen=True, slots=True)
class ContextSettings:
    """The section `[context]` of the daemon's configuration."""

    country: str = ""
    """ISO 3166-1 alpha-2; holidays are unknown without it."""
    subdivision: str = ""
    form_factor: str = ""
    sysfs_root: Path = Path("/sys")
    metered: Mapping[str, bool] = field(default_factory=dict)
    """What the owner says of network interfaces, by name."""
    scripted: bool = False
    script: Path | None = None
    """A script for the scripted source; switches it on."""
    sources: Mapping[str, str] = field(default_factory=dict)
    """The source that feeds a type, by the names of type and source, where it is not the first that offers it."""
    plugins: Mapping[str, Mapping[str, object]] = field(default_factory=dict)


def installed_plugins() -> dict[str, SourcePlugin]:
    """All plug-ins on this device, by name. Raises SourceMisconfigured for one that cannot be imported."""
    found: dict[str, SourcePlugin] = {}
    for entry in entry_points_of(PLUGIN_GROUP):
        try:
            found[entry.name] = entry.load()
        except (ImportError, AttributeError) as error:
            raise SourceMisconfigured(
                f"context source {entry.name!r} ({entry.value}) cannot be loaded: repair or uninstall it: {error}"
            ) from error
    return found


def assemble(
    clock: Clock, settings: ContextSettings, plugins: Mapping[str, SourcePlugin] | None = None
) -> ContextManager:
    """A manager that is not started yet; `plugins` are the installed ones where None.

    Raises SourceMisconfigured, BadScript.
    """
    available = installed_plugins() if plugins is None else plugins
    if missing := settings.plugins.keys() - available.keys():
        raise SourceMisconfigured(
            f"context.plugins.{min(missing)}: no such plug-in is installed: install it or remove this"
        )
    registry = ContextRegistry().extended(spec for plugin in available.values() for spec in plugin.context_types)
    sources: list[Source] = [
        plugin.create(clock, settings.plugins.get(name, {})) for name, plugin in sorted(available.items())
    ]
    sources += _standard(clock, settings)
    choice = dict(settings.sources)
    if settings.scripted or settings.script is not None:
        sources.append(_scripted(clock, settings, registry))
        choice = {**dict.fromkeys(SCRIPTED_BY_DEFAULT, ScriptedSource.name), **choice}
    _check_names(sources)
    return ContextManager(clock, registry, sources, choice)


def _standard(clock: Clock, settings: ContextSettings) -> list[Source]:
    return [
        SysfsPower(settings.sysfs_root, clock=clock),
        SysfsNetwork(settings.sysfs_root, settings.metered, clock=clock),
        ClockDay(clock, country=settings.country, subdivision=settings.subdivision),
        DeviceInfo(settings.sysfs_root, settings.form_factor),
    ]


def _scripted(clock: Clock, settings: ContextSettings, registry: ContextRegistry) -> ScriptedSource:
    if settings.script is None:
        return ScriptedSource(clock, registry)
    try:
        text = settings.script.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise BadScript(f"context.script: {settings.script} cannot be read: {error}") from error
    return ScriptedSource(clock, registry, parse_script(text, registry))


def _check_names(sources: Iterable[Source]) -> None:
    """Two sources of one name may stand beside each other as long as they offer different types."""
    offered: set[tuple[str, str]] = set()
    for source in sources:
        for context_type in source.types:
            if (source.name, context_type) in offered:
                raise SourceMisconfigured(f"two sources named {source.name!r} read {context_type}: rename one of them")
            offered.add((source.name, context_type))
