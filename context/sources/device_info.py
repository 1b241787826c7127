"""Device information: read once, for it does not change while the daemon runs."""

import os
from pathlib import Path

from context.source import Mode, Observation, Publish
from context.sources import sysfs
from context.types import Value

# Enclosure types of the SMBIOS reference specification (DSP0134), section "System Enclosure or Chassis Types".
_FORM_BY_CHASSIS = {
    **dict.fromkeys((3, 4, 5, 6, 7, 13, 15, 16, 24, 35, 36), "desktop"),
    **dict.fromkeys((8, 9, 10, 14, 31, 32), "laptop"),
    **dict.fromkeys((11,), "phone"),
    **dict.fromkeys((17, 23, 28, 29), "server"),
    **dict.fromkeys((30,), "tablet"),
    **dict.fromkeys((33, 34), "iot"),
}


class DeviceInfo:
    """Processors, memory, system and form of this machine."""

    name = "system"
    types = frozenset({"device"})
    mode = Mode.INSTANT

    def __init__(self, root: Path = Path("/sys"), form_factor: str = "") -> None:
        """`form_factor` is what the owner says; where empty, the firmware's chassis type decides, if it has one."""
        chassis = sysfs.number(root / "class" / "dmi" / "id" / "chassis_type")
        known: dict[str, Value | None] = {
            "cpu_count": os.cpu_count(),
            "memory_bytes": _memory_bytes(),
            "platform": os.uname().sysname.lower(),
            "architecture": os.uname().machine,
            "form_factor": form_factor or _FORM_BY_CHASSIS.get(chassis or 0),
        }
        self._observation = Observation({name: value for name, value in known.items() if value})

    def start(self, publish: Publish) -> None:
        """Publishes nothing by itself."""

    def stop(self) -> None:
        """Holds nothing open."""

    def read(self, context_type: str) -> Observation:
        return self._observation


def _memory_bytes() -> int | None:
    try:
        return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (OSError, ValueError):
        return None
