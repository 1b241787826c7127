"""The whole story: apps collect, the device learns while nobody uses it, and the next prediction is better."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

import numpy as np
from numpy.typing import NDArray

from client_lib import SessionState
from insitu_cli.demo.app import App, RunningApp
from insitu_cli.demo.cellar import Cellar
from insitu_cli.demo.clinic import Clinic
from insitu_cli.demo.device import Device
from insitu_cli.demo.digits import Digits
from insitu_cli.demo.measuring import app_result, misread
from insitu_cli.demo.narrator import Narrator
from insitu_cli.demo.results import AppResult, Digit, Interruption, Results
from insitu_cli.demo.watch import Moment
from plan_toolkit.quiet import quiet

GRANTED = {"digits": ("day", "power"), "clinic": ("device",), "cellar": ("day",)}
"""What the device's owner grants of what the apps wish for."""
INTERRUPT_AT = 0.1
"""How far the first run gets before the device is unplugged."""
PAUSE_S = 1.0
SHOWN_DIGITS = 8


class Story:
    """One telling, step by step. `moments` is what could be seen while the device trained."""

    def __init__(self, device: Device, narrator: Narrator) -> None:
        self.moments: Sequence[Moment] = ()
        self._device = device
        self._narrator = narrator
        self._digits = Digits()
        self._apps: list[App] = [self._digits, Clinic(), Cellar()]
        self._running: list[RunningApp] = []

    def tell(self) -> Results:
        """Raises DemoFailed where the device does not do its part."""
        try:
            pid = self._start()
            self._install()
            self._author()
            self._collect()
            before, read_before = self._predict_before()
            waiting_for = self._schedule()
            interruption = self._train()
            apps, digits = self._predict_after(before, read_before)
        finally:
            for running in self._running:
                running.close()
        return Results(
            duration_s=self._narrator.elapsed_s,
            phases_s=self._narrator.phases_s,
            apps=apps,
            interruption=interruption,
            waiting_for=waiting_for,
            daemon_restarted=self._device.control.status().pid != pid,
            digits=digits,
        )

    def _start(self) -> int:
        with self._narrator.step("start", "Starting a daemon") as said:
            pid = self._device.await_ready()
            self._device.become(idle=False, charging=False)
            said.append(f"A daemon runs in {self._device.home}. The device is in use, on battery.")
        return pid

    def _install(self) -> None:
        with self._narrator.step("allow", "Installing three apps") as said:
            for app in self._apps:
                self._device.install(app.package, app.context, GRANTED[app.name])
            said.append("The owner approves three apps, consents to collection, grants part of the context they wish.")

    def _author(self) -> None:
        with self._narrator.step("author", "Training base models and making plans of them") as said:
            with quiet():
                plans = [app.author() for app in self._apps]
            for app, made in zip(self._apps, plans, strict=True):
                self._running.append(
                    RunningApp(app, made, self._device.credentials(app.package), self._device.locations.socket)
                )
            engines = ", ".join(f"{running.app.name} by {running.engine}" for running in self._running)
            said.append(f"Base models that do not know this user are now plans: {engines}.")

    def _collect(self) -> None:
        with self._narrator.step("collect", "Streaming examples") as said, ThreadPoolExecutor() as threads:
            stored = list(threads.map(RunningApp.collect, self._running))
            said.append(f"Three apps at once stored {sum(stored)} examples, each with the context its app may have.")

    def _predict_before(self) -> tuple[list[float], NDArray[np.int64]]:
        """The quality of each base model, and what that of the digits reads in each of the test share."""
        with self._narrator.step("before", "Predicting with the base models") as said:
            before = [running.quality() for running in self._running]
            read = self._digits.read(self._running[0].predictor)
            qualities = zip(self._apps, before, strict=True)
            said.append("Held-out quality: " + ", ".join(f"{app.name} {value:.1%}" for app, value in qualities) + ".")
        return before, read

    def _schedule(self) -> tuple[str, ...]:
        with self._narrator.step("wait", "Scheduling training") as said:
            for running in self._running:
                running.trainer.schedule()
            self._device.become(idle=True, charging=False)
            reasons = tuple(self._device.control.explain_session("digits").status.reasons)
            said.append(f"Training is scheduled and waits. Why? {'; '.join(reasons)}.")
        return reasons

    def _train(self) -> Interruption:
        """Train while the device charges, unplug it in the first run, plug it in again, wait for all runs."""
        with self._narrator.watching("train", self._device) as watch:
            self._device.become(idle=True, charging=True)
            self._narrator.tell("train", "Nobody uses the device and it charges: training begins.")
            unplugged = watch.until(lambda now: now.sessions["digits"].progress > INTERRUPT_AT, "digits was under way")
            self._device.become(idle=True, charging=False)
            suspended = watch.until(
                lambda now: now.sessions["digits"].state is SessionState.SUSPENDED, "digits was suspended"
            )
            at_step = suspended.sessions["digits"].step
            self._narrator.tell("unplug", f"The run is suspended at step {at_step:,}; its checkpoint is kept.")
            watch.until(lambda now: now.at_s > suspended.at_s + PAUSE_S, "the device was plugged in")
            self._device.become(idle=True, charging=True)
            resumed = watch.until(lambda now: now.sessions["digits"].step > at_step, "digits was resumed")
            self._narrator.tell(
                "plug in", f"It goes on from there, and is at step {resumed.sessions['digits'].step:,}."
            )
            watch.until(lambda now: now.is_over, "the end")
        self.moments = watch.moments
        return Interruption(
            session="digits",
            unplugged_at_step=unplugged.sessions["digits"].step,
            suspended_at_step=at_step,
            resumed_at_step=resumed.sessions["digits"].step,
            total_steps=unplugged.sessions["digits"].total_steps,
            paused_s=resumed.at_s - suspended.at_s,
            reason="; ".join(suspended.sessions["digits"].reasons),
        )

    def _predict_after(
        self, before: list[float], read_before: NDArray[np.int64]
    ) -> tuple[tuple[AppResult, ...], tuple[Digit, ...]]:
        with self._narrator.step("after", "Predicting again") as said:
            apps = tuple(
                app_result(running, quality, running.quality(), self._device.control)
                for running, quality in zip(self._running, before, strict=True)
            )
            read = self._digits.read(self._running[0].predictor)
            digits = tuple(misread(self._digits.shares.test, read_before, read, SHOWN_DIGITS))
            said.append("Over the same connections, nothing restarted:")
        for result in apps:
            self._narrator.compare(result)
        self._narrator.draw(digits[0])
        return apps, digits
