from pathlib import Path

import pytest

from context.sources import SysfsNetwork, SysfsPower
from tests.context.machines import battery, link, mains, write_tree

POWER_CASES = {
    "laptop on battery": (
        battery("Discharging", 42) | mains(0),
        {"charging": False, "on_battery": True, "battery_level": 0.42},
    ),
    "laptop charging": (
        battery("Charging", 42) | mains(1),
        {"charging": True, "on_battery": False, "battery_level": 0.42},
    ),
    "laptop full": (battery("Full", 100) | mains(1), {"charging": True, "on_battery": False, "battery_level": 1.0}),
    "held below full": (
        battery("Not charging", 80) | mains(1),
        {"charging": True, "on_battery": False, "battery_level": 0.8},
    ),
    "weak supply": (
        battery("Discharging", 10) | mains(1),
        {"charging": False, "on_battery": False, "battery_level": 0.1},
    ),
    "no supply listed": (battery("Charging", 7), {"charging": True, "on_battery": False, "battery_level": 0.07}),
    "status unknown, plugged in": (
        battery("Unknown", 50) | mains(1),
        {"charging": True, "on_battery": False, "battery_level": 0.5},
    ),
    "status unknown, unplugged": (battery("Unknown", 50) | mains(0), {"battery_level": 0.5}),
    "not charging, unplugged": (battery("Not charging", 50) | mains(0), {"charging": False, "battery_level": 0.5}),
    "two batteries": (
        battery("Full", 100) | battery("Discharging", 50, name="BAT1"),
        {"charging": False, "on_battery": True, "battery_level": 0.75},
    ),
    "battery taken out": (battery("Unknown", 0, present="0") | mains(1), {"charging": True, "on_battery": False}),
    "desktop with a mains driver": (mains(1), {"charging": True, "on_battery": False}),
    "phone on USB": (
        battery("Charging", 60) | mains(1, name="usb", kind="USB"),
        {"charging": True, "on_battery": False, "battery_level": 0.6},
    ),
    "capacity over full": (battery("Full", 104), {"charging": True, "on_battery": False, "battery_level": 1.0}),
}

UNKNOWN_CASES = {
    "no class at all": {},
    "empty class": {"class/power_supply/": ""},
    "only an offline USB port": mains(0, name="ucsi", kind="USB"),
    "only a mouse": battery("Discharging", 30, name="hid-mouse", scope="Device"),
    "nonsense": battery("???", name="BAT0", capacity=0) | {"class/power_supply/BAT0/capacity": "many"},
}


@pytest.mark.parametrize("case", POWER_CASES)
def test_power_as_sysfs_shows_it(case: str, tmp_path: Path) -> None:
    files, expected = POWER_CASES[case]
    seen = SysfsPower(write_tree(tmp_path, files)).read("power")
    assert seen is not None
    assert seen.values == expected


@pytest.mark.parametrize("case", UNKNOWN_CASES)
def test_power_is_never_guessed(case: str, tmp_path: Path) -> None:
    assert SysfsPower(write_tree(tmp_path, UNKNOWN_CASES[case])).read("power") is None


LOOPBACK = link("lo", "unknown", type="772", carrier="1")
NETWORK_CASES = {
    "wired": (LOOPBACK | link("eth0", "up", device="/"), {"connected": True, "kind": "ethernet"}),
    "wireless": (link("wlan0", "up", device="/", wireless="/"), {"connected": True, "kind": "wifi"}),
    "wireless by device type": (
        link("wlp2s0", "up", device="/", uevent="DEVTYPE=wlan\nINTERFACE=wlp2s0"),
        {"connected": True, "kind": "wifi"},
    ),
    "modem without operational state": (
        link("wwan0", "unknown", device="/", carrier="1", type="65534", uevent="DEVTYPE=wwan"),
        {"connected": True, "kind": "cellular"},
    ),
    "cable out": (LOOPBACK | link("eth0", "down", device="/"), {"connected": False}),
    "bridges and containers beside it": (
        link("eth0", "down", device="/") | link("docker0", "up", bridge="/") | link("veth1", "up"),
        {"connected": False},
    ),
    "inside a container": (LOOPBACK | link("eth0", "up"), {"connected": True, "kind": "ethernet"}),
    "a bridge and a tunnel alone": (
        link("br0", "up", bridge="/") | link("tap0", "up", tun_flags="0x1002"),
        {"connected": False},
    ),
    "only loopback": (LOOPBACK, {"connected": False}),
    "two kinds at once": (
        link("eth0", "up", device="/") | link("wlan0", "up", device="/", wireless="/"),
        {"connected": True},
    ),
    "state unknown, no carrier": (link("eth0", "unknown", device="/"), {"connected": False}),
}


@pytest.mark.parametrize("case", NETWORK_CASES)
def test_network_as_sysfs_shows_it(case: str, tmp_path: Path) -> None:
    files, expected = NETWORK_CASES[case]
    seen = SysfsNetwork(write_tree(tmp_path, files)).read("network")
    assert seen is not None
    assert seen.values == expected


def test_network_without_sysfs_is_unknown(tmp_path: Path) -> None:
    assert SysfsNetwork(tmp_path).read("network") is None


@pytest.mark.parametrize(
    ("metered", "expected"),
    [
        ({}, None),
        ({"eth0": False}, None),
        ({"eth0": False, "wlan0": True}, True),
        ({"eth0": False, "wlan0": False}, False),
    ],
)
def test_metered_only_as_the_owner_says_of_every_link(
    metered: dict[str, bool], expected: bool | None, tmp_path: Path
) -> None:
    write_tree(tmp_path, link("eth0", "up", device="/") | link("wlan0", "up", device="/"))
    seen = SysfsNetwork(tmp_path, metered).read("network")
    assert seen is not None
    assert seen.values.get("metered") == expected
