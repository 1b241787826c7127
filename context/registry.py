"""All context types that this device knows: the well-known ones, and those that plug-ins add."""

from collections.abc import Iterable, Iterator

from context.errors import SourceMisconfigured, UnknownContextType
from context.types import ContextTypeSpec, FeatureSpec, ValueType

_MINUTE_MS = 60_000
_DAY_MS = 86_400_000

_BOOL, _INT, _FLOAT, _TEXT = ValueType.BOOL, ValueType.INT, ValueType.FLOAT, ValueType.TEXT

WELL_KNOWN: tuple[ContextTypeSpec, ...] = (
    ContextTypeSpec(
        name="power",
        features=(
            FeatureSpec("charging", _BOOL, "External power is connected and no battery is discharging."),
            FeatureSpec("on_battery", _BOOL, "The device runs on its battery."),
            FeatureSpec("battery_level", _FLOAT, "Charge of the battery, from 0 to 1; absent without a battery."),
        ),
        validity_ms=_MINUTE_MS,
        permission="Whether the device is charging, and how full its battery is.",
    ),
    ContextTypeSpec(
        name="network",
        features=(
            FeatureSpec("connected", _BOOL, "A network link is up. Says nothing about what can be reached through it."),
            FeatureSpec("metered", _BOOL, "Traffic through the link is paid for or limited."),
            FeatureSpec(
                "kind", _TEXT, '"ethernet", "wifi", "cellular" or "other"; absent where links of two kinds are up.'
            ),
        ),
        validity_ms=_MINUTE_MS,
        permission="Whether and by which kind of network the device is connected.",
    ),
    ContextTypeSpec(
        name="day",
        features=(
            FeatureSpec("day_of_week", _INT, "0 for Monday to 6 for Sunday, in local time."),
            FeatureSpec("hour", _INT, "0 to 23, in local time."),
            FeatureSpec("minute_of_day", _INT, "0 to 1439, in local time."),
            FeatureSpec(
                "is_weekend", _BOOL, "A day of the country's weekend; Saturday or Sunday where none is configured."
            ),
            FeatureSpec(
                "is_holiday", _BOOL, "A public holiday of the configured country; absent where none is configured."
            ),
        ),
        validity_ms=_MINUTE_MS,
        permission="The local time of day, the day of the week, and whether it is a holiday.",
    ),
    ContextTypeSpec(
        name="device",
        features=(
            FeatureSpec("cpu_count", _INT, "Logical processors."),
            FeatureSpec("memory_bytes", _INT, "Physical memory."),
            FeatureSpec("platform", _TEXT, 'Operating system in lower case, e.g. "linux".'),
            FeatureSpec("architecture", _TEXT, 'Machine type, e.g. "x86_64".'),
            FeatureSpec(
                "form_factor", _TEXT, '"desktop", "laptop", "tablet", "phone", "server", "iot"; absent where unknown.'
            ),
        ),
        validity_ms=_DAY_MS,
        permission="What kind of device this is: processors, memory, system and form.",
    ),
    ContextTypeSpec(
        name="activity",
        features=(FeatureSpec("user_idle", _BOOL, "Nobody is using the device."),),
        validity_ms=_MINUTE_MS,
        permission="Whether somebody is using the device.",
    ),
)


class ContextRegistry:
    """Looks up context types by name. Immutable."""

    def __init__(self, specs: Iterable[ContextTypeSpec] = WELL_KNOWN) -> None:
        """Raises SourceMisconfigured where two specs have one name."""
        self._specs: dict[str, ContextTypeSpec] = {}
        for spec in specs:
            if spec.name in self._specs:
                raise SourceMisconfigured(f"context type {spec.name} is declared twice: remove one of the plug-ins")
            self._specs[spec.name] = spec

    def spec(self, name: str) -> ContextTypeSpec:
        """Raises UnknownContextType, which lists what exists."""
        try:
            return self._specs[name]
        except KeyError:
            raise UnknownContextType(name, self._specs) from None

    def extended(self, specs: Iterable[ContextTypeSpec]) -> "ContextRegistry":
        """This registry with more types. Raises SourceMisconfigured where a name is taken."""
        return ContextRegistry((*self._specs.values(), *specs))

    @property
    def names(self) -> frozenset[str]:
        return frozenset(self._specs)

    def __contains__(self, name: str) -> bool:
        return name in self._specs

    def __iter__(self) -> Iterator[ContextTypeSpec]:
        return iter(self._specs.values())
