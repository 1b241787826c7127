import datetime
from pathlib import Path

import pytest

from context import ManualClock, SourceMisconfigured, SystemClock
from context.sources import ClockDay, DeviceInfo
from tests.context.machines import write_tree

BERLIN_OFFSET = datetime.timezone(datetime.timedelta(hours=1))


def at(year: int, month: int, day: int, hour: int = 12, minute: int = 0) -> ManualClock:
    moment = datetime.datetime(year, month, day, hour, minute, tzinfo=datetime.UTC)
    return ManualClock(round(moment.timestamp() * 1000))


def test_day_attributes_in_local_time() -> None:
    clock = at(2024, 12, 31, 23, 59)  # a Tuesday in UTC, already the Wednesday of New Year an hour east
    assert ClockDay(clock, zone=datetime.UTC).read("day").values == {
        "day_of_week": 1,
        "hour": 23,
        "minute_of_day": 1439,
        "is_weekend": False,
    }
    assert ClockDay(clock, zone=BERLIN_OFFSET, country="DE").read("day").values == {
        "day_of_week": 2,
        "hour": 0,
        "minute_of_day": 59,
        "is_weekend": False,
        "is_holiday": True,
    }


def test_a_reading_holds_until_the_minute_is_over() -> None:
    clock = at(2024, 5, 1)
    source = ClockDay(clock, zone=datetime.UTC)
    assert source.read("day").valid_for_ms == 60_000
    clock.advance(59.5)
    assert source.read("day").valid_for_ms == 500


def test_holidays_depend_on_country_and_subdivision() -> None:
    epiphany = at(2025, 1, 6)
    holiday = [
        ClockDay(epiphany, country="DE", subdivision=subdivision, zone=datetime.UTC).read("day").values["is_holiday"]
        for subdivision in ("BY", "BE", "")
    ]
    assert holiday == [True, False, False]
    assert "is_holiday" not in ClockDay(epiphany, zone=datetime.UTC).read("day").values


def test_the_weekend_is_the_countrys() -> None:
    friday = at(2025, 3, 7)
    assert ClockDay(friday, zone=datetime.UTC).read("day").values["is_weekend"] is False
    assert ClockDay(friday, country="JO", zone=datetime.UTC).read("day").values["is_weekend"] is True


@pytest.mark.parametrize(("country", "subdivision"), [("XX", ""), ("DE", "XX"), ("Deutschland", "")])
def test_unknown_countries_are_refused(country: str, subdivision: str) -> None:
    with pytest.raises(SourceMisconfigured, match=r"context\.country.*ISO 3166"):
        ClockDay(at(2025, 1, 1), country=country, subdivision=subdivision)


def test_device_information_of_this_machine(tmp_path: Path) -> None:
    values = DeviceInfo(tmp_path).read("device").values
    assert isinstance(values["cpu_count"], int)
    assert values["cpu_count"] >= 1
    assert isinstance(values["memory_bytes"], int)
    assert values["memory_bytes"] > 2**20
    assert values["platform"] == "linux"
    assert "form_factor" not in values


@pytest.mark.parametrize(
    ("chassis", "form"), [("10", "laptop"), ("3", "desktop"), ("23", "server"), ("2", None), ("?", None)]
)
def test_the_form_comes_from_the_firmware_unless_the_owner_says(chassis: str, form: str | None, tmp_path: Path) -> None:
    write_tree(tmp_path, {"class/dmi/id/chassis_type": chassis})
    assert DeviceInfo(tmp_path).read("device").values.get("form_factor") == form
    assert DeviceInfo(tmp_path, form_factor="iot").read("device").values["form_factor"] == "iot"


def test_the_boot_clock_counts_what_the_monotonic_one_does() -> None:
    clock = SystemClock()
    before_s, boottime_ms, after_s = clock.monotonic_s(), clock.boottime_ms(), clock.monotonic_s()
    assert clock.boottime_ms() >= boottime_ms >= before_s * 1000 - 1
    assert after_s >= before_s
    assert clock.boot_id() == SystemClock().boot_id() != ""
    assert isinstance(clock.synchronised(), bool)


def test_only_the_wall_clock_sees_a_machine_that_is_off() -> None:
    clock = ManualClock(1_000_000)
    boot_id, monotonic_s = clock.boot_id(), clock.monotonic_s()
    clock.reboot(off_s=3600, up_s=10)
    assert clock.boot_id() != boot_id
    assert (clock.now_ms(), clock.boottime_ms(), clock.monotonic_s()) == (4_610_000, 10_000, monotonic_s + 10)
    clock.jump(-1e9)
    assert clock.now_ms() == 0
