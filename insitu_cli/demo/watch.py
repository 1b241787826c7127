"""Follows training from the owner's socket: progress bars for people, moments for the plots."""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import TracebackType

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn

from client_lib import SessionState, SessionStatus
from insitu_cli.demo.device import Device

POLL_INTERVAL_S = 0.05
PATIENCE_S = 120.0


@dataclass(frozen=True, slots=True)
class Moment:
    """The device and all sessions, by name, `at_s` seconds after the watch began."""

    at_s: float
    idle: bool
    charging: bool
    sessions: Mapping[str, SessionStatus]

    @property
    def is_over(self) -> bool:
        """Whether every session has had its run."""
        return all(status.state is SessionState.DONE for status in self.sessions.values())


class Watch:
    """Looks at all sessions twenty times a second while somebody waits for something."""

    def __init__(self, device: Device, console: Console) -> None:
        self.moments: list[Moment] = []
        self._device = device
        self._started_s = time.monotonic()
        self._progress = Progress(
            TextColumn("    {task.description:<8}"),
            BarColumn(),
            TextColumn("{task.fields[state]:<10} step {task.completed:>6.0f}  {task.fields[loss]}"),
            console=console,
        )
        self._bars: dict[str, TaskID] = {}

    def until(self, happened: Callable[[Moment], bool], what: str) -> Moment:
        """The first moment at which something has happened. Raises DemoFailed where it will not."""
        deadline_s = time.monotonic() + PATIENCE_S
        while time.monotonic() < deadline_s:
            moment = self._look()
            if happened(moment):
                return moment
            if moment.is_over:
                raise self._device.failure(f"all training was over before {what}; run the demonstration again")
            time.sleep(POLL_INTERVAL_S)
        raise self._device.failure(f"{PATIENCE_S:.0f} s were too few for {what}")

    def __enter__(self) -> "Watch":
        self._progress.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._progress.stop()

    def _look(self) -> Moment:
        answer = self._device.control.sessions()
        statuses = [SessionStatus.from_wire(session.status) for session in answer.sessions]
        moment = Moment(
            time.monotonic() - self._started_s,
            self._device.idle,
            self._device.charging,
            {status.session: status for status in statuses},
        )
        self.moments.append(moment)
        for status in statuses:
            self._draw(status)
        return moment

    def _draw(self, status: SessionStatus) -> None:
        if status.session not in self._bars:
            self._bars[status.session] = self._progress.add_task(status.session, total=None, state="", loss="")
        bar = self._bars[status.session]
        self._progress.update(bar, completed=status.step, state=status.state.value)
        if status.state is SessionState.DONE:
            self._progress.update(bar, total=status.step)
        elif status.state is SessionState.RUNNING and status.step:
            self._progress.update(bar, total=status.total_steps, loss=f"loss {status.loss:.4f}")
