"""Network state from /sys/class/net (Documentation/ABI/testing/sysfs-class-net), when rtnetlink announces changes.

No Internet socket is opened for it.
"""

from collections.abc import Hashable, Iterable, Mapping
from pathlib import Path

from context.clock import Clock
from context.source import Observation
from context.sources import sysfs
from context.sources.announced import AnnouncedSource
from context.sources.netlink import OpenSocket, open_link_changes
from context.types import Value

_ARPHRD_ETHER = "1"


class SysfsNetwork(AnnouncedSource):
    """Links as the kernel sees them: those with hardware behind them, or, where there are none (in a container),
    Ethernet-like ones that are no bridges. The kernel cannot tell what is metered; only the device's owner can:
    `metered` maps an interface to the answer.
    """

    name = "sysfs"
    types = frozenset({"network"})

    def __init__(
        self,
        root: Path = Path("/sys"),
        metered: Mapping[str, bool] | None = None,
        *,
        open_socket: OpenSocket = open_link_changes,
        clock: Clock | None = None,
    ) -> None:
        super().__init__("network", open_socket, clock)
        self._folder = root / "class" / "net"
        self._metered = dict(metered or {})

    def _concerns(self, announcement: bytes) -> bool:
        """Links and addresses are all that was subscribed to."""
        return True

    def _announced(self, seen: Observation | None) -> Hashable:
        return seen and seen.values.get("connected")

    def _look(self) -> Observation | None:
        interfaces = sysfs.folders(self._folder)
        if not interfaces:
            return None
        hardware = [link for link in interfaces if (link / "device").exists()]
        up = [link for link in hardware or _ethernet_like(interfaces) if _is_up(link)]
        values: dict[str, Value] = {"connected": bool(up)}
        kinds = {_kind(link) for link in up}
        if len(kinds) == 1:
            values["kind"] = kinds.pop()
        if up and all(link.name in self._metered for link in up):
            values["metered"] = any(self._metered[link.name] for link in up)
        return Observation(values)


def _ethernet_like(interfaces: Iterable[Path]) -> list[Path]:
    return [
        link
        for link in interfaces
        if sysfs.text(link / "type") == _ARPHRD_ETHER
        and not (link / "bridge").exists()
        and not (link / "tun_flags").exists()
    ]


def _is_up(link: Path) -> bool:
    """Some drivers never tell an operational state; then the carrier decides."""
    state = sysfs.text(link / "operstate")
    return state == "up" or (state == "unknown" and sysfs.text(link / "carrier") == "1")


def _kind(link: Path) -> str:
    """The subsystem's device type, where it has one, is in the uevent file."""
    uevent = sysfs.text(link / "uevent").splitlines()
    if "DEVTYPE=wwan" in uevent:
        return "cellular"
    if "DEVTYPE=wlan" in uevent or (link / "wireless").exists() or (link / "phy80211").exists():
        return "wifi"
    if sysfs.text(link / "type") == _ARPHRD_ETHER and not any(line.startswith("DEVTYPE=") for line in uevent):
        return "ethernet"
    return "other"
