"""Day attributes from the clock, with public holidays from the `holidays` library."""

import datetime
from collections.abc import Container

from context.clock import Clock
from context.errors import SourceMisconfigured
from context.source import Mode, Observation, Publish
from context.types import Value

_MINUTE_MS = 60_000
_SATURDAY_AND_SUNDAY = frozenset({5, 6})


class ClockDay:
    """The local day. Knows holidays and the country's weekend only where a country is configured."""

    name = "clock"
    types = frozenset({"day"})
    mode = Mode.INSTANT

    def __init__(
        self, clock: Clock, *, country: str = "", subdivision: str = "", zone: datetime.tzinfo | None = None
    ) -> None:
        """`country` is an ISO 3166-1 alpha-2 code, `subdivision` an ISO 3166-2 code without the country; `zone` is the
        system's where None. Raises SourceMisconfigured for a country that the library does not have.
        """
        self._clock = clock
        self._zone = zone
        self._holidays: Container[datetime.date] | None = None
        self._weekend: Container[int] = _SATURDAY_AND_SUNDAY
        if country:
            # Imported only where needed: it costs the daemon's start and memory.
            import holidays

            try:
                calendar = holidays.country_holidays(country, subdiv=subdivision or None)
            except NotImplementedError as error:
                place = f"{country}-{subdivision}" if subdivision else country
                raise SourceMisconfigured(
                    f"context.country: no holidays are known for {place!r}: use an ISO 3166 code, or leave it empty"
                ) from error
            self._holidays = calendar
            self._weekend = frozenset(calendar.weekend)

    def start(self, publish: Publish) -> None:
        """Publishes nothing by itself."""

    def stop(self) -> None:
        """Holds nothing open."""

    def read(self, context_type: str) -> Observation:
        """Holds until the minute is over."""
        now_ms = self._clock.now_ms()
        now = datetime.datetime.fromtimestamp(now_ms / 1000, self._zone)
        values: dict[str, Value] = {
            "day_of_week": now.weekday(),
            "hour": now.hour,
            "minute_of_day": now.hour * 60 + now.minute,
            "is_weekend": now.weekday() in self._weekend,
        }
        if self._holidays is not None:
            values["is_holiday"] = now.date() in self._holidays
        return Observation(values, valid_for_ms=_MINUTE_MS - now_ms % _MINUTE_MS)
