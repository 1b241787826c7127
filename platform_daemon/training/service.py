"""The sessions of all apps: schedules them, starts one when everything allows, suspends it when something changes.

All methods belong to the event loop. One run at a time: a device has one trainer.
"""

import asyncio
import logging
from collections.abc import Callable
from dataclasses import replace

from insitu.v1.training_pb2 import SessionStatus, TrainerOptions
from platform_daemon.errors import NotFound
from platform_daemon.logs import LogEvent, marked
from platform_daemon.training.cadence import believed_ms, check_cadence, repeats, retry_at_ms
from platform_daemon.training.checkpoints import RunKey
from platform_daemon.training.conditions import device_readings, unmet
from platform_daemon.training.execution import Execution, advance_session
from platform_daemon.training.records import Run, Session
from platform_daemon.training.states import ACTIVE, ENDED, Event, State, recovered
from platform_daemon.training.status import describe, due_ms, read_conditions
from platform_daemon.training.world import World
from platform_daemon.transport.calls import Enclave

logger = logging.getLogger(__name__)

CLOSE_MARGIN_S = 3.0
"""What remains to be written down after the grace of a suspended run."""


class TrainingService:
    def __init__(self, world: World, on_change: Callable[[], None] = lambda: None) -> None:
        """`on_change` is called when a session may have become able to run."""
        self._world = world
        self._on_change = on_change
        self._execution: Execution | None = None
        self._task: asyncio.Task[Session] | None = None
        self._crashes: dict[int, int] = {}
        self._closed = False

    def recover(self) -> None:
        """Put right what a killed daemon left behind. Call once, before the first tick."""
        world, kept = self._world, set[RunKey]()
        for session in world.sessions.all():
            run, has_checkpoint = world.sessions.open_run(session.id), False
            if run is not None:
                if world.parameters.produced_by(session.enclave.number, session.options.output, run.id):
                    self._conclude_committed(session, run)
                    continue
                key = RunKey(session.enclave.number, run.id)
                has_checkpoint = world.checkpoints.exists(key)
                kept.add(key)
            world.sessions.save(replace(session, state=recovered(session.state, has_checkpoint)))
        world.checkpoints.keep_only(kept)

    def _conclude_committed(self, session: Session, run: Run) -> None:
        """The parameters were published, the daemon died before the session was told."""
        now_ms = self._world.clock.now_ms()
        self._world.sessions.conclude(
            replace(session, state=State.COMMITTED, last_ended_ms=now_ms, failures=0, retry_ms=0, from_base=False),
            replace(run, ended_ms=now_ms, outcome=State.COMMITTED),
        )

    async def schedule(self, enclave: Enclave, options: TrainerOptions, plan_sha256: str) -> SessionStatus:
        """Create, reconfigure or leave alone. The plan is on the device and linted."""
        check_cadence(options.cadence)
        world = self._world
        found = world.sessions.find(enclave.number, options.session)
        world.plans.keep(enclave.number, f"session {options.session}", plan_sha256)
        if found is None:
            session = world.sessions.create(enclave, options, plan_sha256, world.clock.now_ms())
            world.sessions.save(advance_session(session, Event.SCHEDULED))
        elif found.options != options or found.plan_sha256 != plan_sha256:
            await self.invalidate(
                found, replace(found, options=options, plan_sha256=plan_sha256, failures=0, retry_ms=0)
            )
        self._on_change()
        return self.status(enclave.number, options.session)

    async def stop(self, enclave: int, name: str) -> None:
        """Cancel and remove. The output artifact stays."""
        session = self._find(enclave, name)
        await self._withdraw(session)
        self._delete_checkpoints(session)
        self._world.sessions.remove(session.id)
        self._world.plans.let_go(enclave, f"session {name}")

    async def stop_all(self, enclave: int) -> None:
        for session in self._world.sessions.all(enclave):
            await self.stop(enclave, session.name)

    async def invalidate(self, session: Session, changed: Session) -> None:
        """Give up a run whose ground is gone, and let the session wait as `changed` says."""
        await self._withdraw(session)
        self._delete_checkpoints(session)
        run = self._world.sessions.open_run(session.id)
        waiting = advance_session(changed, Event.INVALIDATED)
        if run is None:
            self._world.sessions.save(waiting)
        else:
            ended = replace(
                run, ended_ms=self._world.clock.now_ms(), outcome=State.STOPPED, reason="its ground has changed"
            )
            self._world.sessions.conclude(waiting, ended)

    async def forget(self, enclave: int, concerns: Callable[[Session], bool]) -> None:
        """Examples of an enclave are gone: runs that may have seen them are given up and start again from the base."""
        for session in self._world.sessions.all(enclave):
            if concerns(session):
                await self.invalidate(session, replace(session, from_base=True, retry_ms=0))
        self._on_change()

    def status(self, enclave: int, name: str) -> SessionStatus:
        return self._describe(self._find(enclave, name))

    def list(self, enclave: int | None = None) -> list[tuple[Enclave, SessionStatus]]:
        return [(session.enclave, self._describe(session)) for session in self._world.sessions.all(enclave)]

    async def tick(self) -> bool:
        """Look once at everything that matters; returns whether a run is under way."""
        if self._closed:
            return False
        if self._execution is not None:
            await self._check_running(self._execution)
        if self._execution is None:
            self._rest()
            chosen = self._choose()
            if chosen is not None:
                self._start(chosen)
        return self._execution is not None

    async def settled(self) -> None:
        """Wait until no run is under way."""
        while self._task is not None:
            await asyncio.wait([self._task])
            await asyncio.sleep(0)

    async def close(self) -> None:
        """Suspend the run under way. What does not end in time is cut off, as if the daemon were killed. Repeatable."""
        self._closed = True
        if self._execution is not None and self._task is not None:
            await self._execution.suspend()
            await asyncio.wait([self._task], timeout=self._world.limits.grace_s + CLOSE_MARGIN_S)
            if self._task is not None:
                self._task.cancel()
            await self.settled()

    async def _check_running(self, execution: Execution) -> None:
        world, options = self._world, execution.session.options
        readings = device_readings(world.observe(), world.policy, options.requires_unmetered)
        too_long = world.clock.monotonic_s() - execution.started_s > world.limits.run_cap_s
        consent = world.rules.consent(execution.session.enclave.number)
        if unmet(readings) or too_long or not consent:
            await execution.suspend()

    def _rest(self) -> None:
        for session in self._world.sessions.all():
            if session.state in ENDED:
                again = repeats(session.options.cadence) or (session.state is State.FAILED and session.failures < 5)
                event = Event.RESTED if again else Event.FINISHED
                self._world.sessions.save(advance_session(session, event))

    def _choose(self) -> Session | None:
        """The eligible session whose app has waited longest: no app starves another."""
        world = self._world
        if unmet(device_readings(world.observe(), world.policy, requires_unmetered=False)):
            return None
        last_of_app: dict[int, int] = {}
        eligible = []
        now_ms = world.clock.now_ms()
        for session in world.sessions.all():
            number = session.enclave.number
            last_of_app[number] = max(last_of_app.get(number, 0), believed_ms(session.last_started_ms, now_ms))
            if session.state not in {State.WAITING, State.SUSPENDED} or due_ms(session, world) > now_ms:
                continue
            if not unmet(read_conditions(session, world)):
                eligible.append(session)
        return min(eligible, key=lambda s: (last_of_app[s.enclave.number], s.last_started_ms, s.id), default=None)

    def _start(self, session: Session) -> None:
        execution = Execution(self._world, session, self._crashes.get(session.id, 0))
        self._execution = execution
        self._task = asyncio.get_running_loop().create_task(execution.run(), name=f"training {session.name}")
        self._task.add_done_callback(lambda task: self._ended(execution, task))

    def _ended(self, execution: Execution, task: "asyncio.Task[Session]") -> None:
        self._execution, self._task = None, None
        if task.cancelled() or task.exception() is not None:
            self._put_off(execution.session.id, task)
        self._crashes[execution.session.id] = execution.crashes if execution.session.state is State.SUSPENDED else 0
        self._on_change()

    def _put_off(self, session_id: int, task: "asyncio.Task[Session]") -> None:
        """A defect, not an outcome: say so, and try again later."""
        error = None if task.cancelled() else task.exception()
        logger.error(
            "a training run ended with a defect", exc_info=error, extra=marked(LogEvent.DEFECT, step="training")
        )
        session = self._world.sessions.get(session_id)
        if session is not None and not self._closed:
            retry_ms = retry_at_ms(self._world.clock.now_ms(), 1, False, f"{session_id}")
            state = recovered(session.state, has_checkpoint=False)
            reason = "the daemon failed to carry the run out; its log says why"
            self._world.sessions.save(replace(session, state=state, retry_ms=retry_ms, reason=reason))

    async def _withdraw(self, session: Session) -> None:
        execution, task = self._execution, self._task
        if execution is not None and task is not None and execution.session.id == session.id:
            await execution.withdraw()
            await asyncio.wait([task])

    def _delete_checkpoints(self, session: Session) -> None:
        for run in self._world.sessions.runs(session.id):
            self._world.checkpoints.delete(RunKey(session.enclave.number, run.id))

    def _find(self, enclave: int, name: str) -> Session:
        session = self._world.sessions.find(enclave, name)
        if session is None:
            raise NotFound(f"there is no training session {name!r}; schedule it first", field="session")
        return session

    def _describe(self, session: Session) -> SessionStatus:
        execution = self._execution
        progress = execution.progress if execution is not None and execution.session.id == session.id else None
        if execution is not None and progress is not None and session.state not in ACTIVE:
            session = self._world.sessions.get(session.id) or session
        another = execution.session if execution is not None and progress is None else None
        # Another app's session is none of this app's business.
        trainer_of = "" if another is None else another.name if another.enclave == session.enclave else "another app"
        return describe(session, self._world, progress, trainer_of)
