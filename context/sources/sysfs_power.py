"""Power connection from /sys/class/power_supply (Documentation/ABI/testing/sysfs-class-power), when uevents announce
changes.
"""

from collections.abc import Hashable, Sequence
from pathlib import Path

from context.clock import Clock
from context.source import Observation
from context.sources import sysfs
from context.sources.announced import AnnouncedSource
from context.sources.netlink import OpenSocket, is_uevent_of, open_uevents
from context.types import Value

_BATTERIES = frozenset({"Battery", "UPS"})


class SysfsPower(AnnouncedSource):
    """Batteries and supplies as the kernel sees them.

    A machine on which it sees neither, or only supplies that are offline, is unknown: a desktop's power supply and a
    missing driver look the same from here. Batteries of peripherals (scope "Device") do not count.
    """

    name = "sysfs"
    types = frozenset({"power"})

    def __init__(
        self, root: Path = Path("/sys"), *, open_socket: OpenSocket = open_uevents, clock: Clock | None = None
    ) -> None:
        super().__init__("power", open_socket, clock)
        self._folder = root / "class" / "power_supply"

    def _concerns(self, announcement: bytes) -> bool:
        return is_uevent_of("power_supply", announcement)

    def _announced(self, seen: Observation | None) -> Hashable:
        """Few drivers announce each percent of a battery's level."""
        return seen and (seen.values.get("charging"), seen.values.get("on_battery"))

    def _look(self) -> Observation | None:
        supplies = [supply for supply in sysfs.folders(self._folder) if sysfs.text(supply / "scope") != "Device"]
        batteries = [supply for supply in supplies if _is_battery(supply)]
        online = [sysfs.number(supply / "online") for supply in supplies if not _is_battery_type(supply)]
        values = _states(any(online), [sysfs.text(battery / "status") for battery in batteries])
        levels = [level for battery in batteries if (level := sysfs.number(battery / "capacity")) is not None]
        if levels:
            values["battery_level"] = min(1.0, max(0.0, sum(levels) / len(levels) / 100))
        return Observation(values) if values else None


def _is_battery_type(supply: Path) -> bool:
    return sysfs.text(supply / "type") in _BATTERIES


def _is_battery(supply: Path) -> bool:
    return _is_battery_type(supply) and sysfs.text(supply / "present") != "0"


def _states(supplied: bool, statuses: Sequence[str]) -> dict[str, Value]:
    """Charging and on_battery. A full battery, or one held below full while supplied, counts as charging."""
    if any(status == "Discharging" for status in statuses):
        return {"charging": False, "on_battery": not supplied}
    if supplied or any(status in ("Charging", "Full") for status in statuses):
        return {"charging": True, "on_battery": False}
    if any(status == "Not charging" for status in statuses):
        return {"charging": False}
    return {}
