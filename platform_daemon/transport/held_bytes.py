"""What connections make the daemon hold beside calls under way, added up by who is behind them."""

from collections.abc import Hashable

SPARE_BYTES = 1 << 20
"""So much a connection may always hold: whoever else fills the bound, small frames pass."""


class HeldBytes:
    """Belongs to one event loop. A holder is an app, or, before there is a session, a user."""

    def __init__(self, limit_bytes: int) -> None:
        self.limit_bytes = limit_bytes
        self._held: dict[Hashable, int] = {}

    def change(self, holder: Hashable, by_bytes: int) -> None:
        held = self._held.get(holder, 0) + by_bytes
        if held:
            self._held[holder] = held
        else:
            self._held.pop(holder, None)

    def held_bytes(self, holder: Hashable) -> int:
        return self._held.get(holder, 0)

    def too_many(self, holder: Hashable, of_one_connection: int) -> bool:
        """Whether a connection that holds so many bytes is to hold less."""
        return of_one_connection > SPARE_BYTES and self.held_bytes(holder) > self.limit_bytes
