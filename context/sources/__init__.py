"""The sources that come with Insitu."""

from context.sources.clock_day import ClockDay
from context.sources.device_info import DeviceInfo
from context.sources.scripted import Script, ScriptedSource, ScriptedState, parse_script
from context.sources.sysfs_network import SysfsNetwork
from context.sources.sysfs_power import SysfsPower

__all__ = [
    "ClockDay",
    "DeviceInfo",
    "Script",
    "ScriptedSource",
    "ScriptedState",
    "SysfsNetwork",
    "SysfsPower",
    "parse_script",
]
