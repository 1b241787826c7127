"""Carries one session's run from the decision to train to its outcome."""

import asyncio
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace

from insitu.v1.plan_pb2 import START_FROM_BASE, Plan, TrainingInstructions
from insitu.v1.trainer_pb2 import Checkpoint, RunFinished, RunProgress, RunReady, StartRun
from platform_daemon.errors import DaemonError, FailedPrecondition
from platform_daemon.training.cadence import retry_at_ms
from platform_daemon.training.checkpoints import RunKey
from platform_daemon.training.records import MetricPair, Run, Session
from platform_daemon.training.run import Ending, RunningStretch, Stretch, TrainerGone, Watcher
from platform_daemon.training.states import Event, State, advance
from platform_daemon.training.training_set import TrainingSet
from platform_daemon.training.world import NewVersion, TrainingPlan, World

CRASHES_TOLERATED = 3
"""A trainer that is killed so often in a row without getting any further fails the run."""
RECHECK_S = 60
"""When to count examples again that a query did not find."""


@dataclass(slots=True)
class Progress:
    """What a running session tells about itself between two checkpoints."""

    step: int = 0
    total_steps: int = 0
    loss: float = 0.0


class Execution:
    """One run on one trainer, from the decision to train to its outcome."""

    def __init__(self, world: World, session: Session, crashes: int = 0) -> None:
        self.session = session
        self.progress = Progress()
        self.started_s = world.clock.monotonic_s()
        self.crashes = crashes
        self._world = world
        self._stretch: RunningStretch | None = None
        self._withdrawn = False
        self._suspending = False
        self._furthest_step = 0
        self._saver = ThreadPoolExecutor(1, "checkpoints")

    async def run(self) -> Session:
        """Train until an outcome, and return the session as it was saved."""
        world, clock = self._world, self._world.clock
        try:
            plan = await asyncio.to_thread(
                world.plans.training_plan, self.session.enclave.number, self.session.plan_sha256
            )
            run = await asyncio.to_thread(self._open_run, plan.plan.training)
        except DaemonError as error:
            return self._fail_before_start(error)
        self._move(Event.STARTED, last_started_ms=clock.now_ms(), reason="")
        try:
            stretch, run = await self._train(plan, run)
            return await self._conclude(plan, run, stretch)
        except DaemonError as error:
            return self._close(run, Event.FAILED, error.message, permanent=isinstance(error, FailedPrecondition))
        finally:
            self._saver.shutdown(wait=False)

    async def suspend(self) -> None:
        """The conditions changed: keep a checkpoint and end the trainer. Repeatable."""
        if self._suspending:
            return
        self._suspending = True
        if self._stretch is not None:
            await self._stretch.suspend(self._world.limits.grace_s)

    async def withdraw(self) -> None:
        """The ground of the run is gone: nothing of it is to be kept."""
        self._withdrawn = True
        if self._stretch is not None:
            await self._stretch.abort()

    def _key(self, run: Run) -> RunKey:
        return RunKey(self.session.enclave.number, run.id)

    def _open_run(self, training: TrainingInstructions) -> Run:
        world, session = self._world, self.session
        found = world.sessions.open_run(session.id)
        if found is not None:
            return found
        uri, version = "", 0
        if not session.from_base and training.start_from != START_FROM_BASE:
            uri, version = self._starting_point()
        return world.sessions.begin_run(session, world.clock.now_ms(), uri, version)

    def _starting_point(self) -> tuple[str, int]:
        """The session's own latest result; before there is one, its input; otherwise the base."""
        world, options = self._world, self.session.options
        for uri in filter(None, (options.output, options.input)):
            version = world.parameters.in_use(self.session.enclave.number, uri)
            if version:
                return uri, version
        return "", 0

    async def _train(self, plan: TrainingPlan, run: Run) -> tuple[Stretch, Run]:
        world, enclave = self._world, self.session.enclave.number
        examples = self._training_set(plan, run)
        checkpoint = await asyncio.to_thread(world.checkpoints.load, self._key(run))
        blob = await asyncio.to_thread(plan.read)
        start = StartRun(
            plan=blob,
            parameters=await asyncio.to_thread(self._start_parameters, blob, run),
            live_parameters=await asyncio.to_thread(self._live_parameters, run),
        )
        if checkpoint is not None:
            start.checkpoint.CopyFrom(checkpoint)
            self._furthest_step = self.progress.step = checkpoint.step
        if self._suspending:
            return Stretch(Ending.SUSPENDED), run
        try:
            trainer = await world.spawn()
        except TrainerGone as gone:
            return Stretch(Ending.SUSPENDED, reason=str(gone), killed=True), run
        watcher = Watcher(self._on_ready, self._on_progress, lambda saved: self._on_checkpoint(self._key(run), saved))
        self._stretch = RunningStretch(trainer, start, examples, watcher)
        if self._withdrawn or not world.rules.consent(enclave):
            await self._stretch.abort()
        elif self._suspending:
            await self._stretch.suspend(world.limits.grace_s)
        began_s = world.clock.monotonic_s()
        stretch = await self._stretch.drive()
        await asyncio.get_running_loop().run_in_executor(self._saver, lambda: None)
        return stretch, replace(
            run,
            last_sequence=run.last_sequence or examples.highest_sequence,
            examples=examples.training,
            holdout_examples=examples.held_out,
            context=run.context | examples.context_types,
            steps=self.progress.step,
            active_ms=run.active_ms + round((world.clock.monotonic_s() - began_s) * 1000),
        )

    def _training_set(self, plan: TrainingPlan, run: Run) -> TrainingSet:
        world, enclave = self._world, self.session.enclave.number
        query = plan.plan.training.query
        place = world.place(enclave, query.collection)
        if place is None:
            raise FailedPrecondition(
                f"the collection {query.collection!r} does not exist: the app must configure it",
                reason="COLLECTION_MISSING",
            )
        grants = world.rules.grants(enclave)
        return TrainingSet(
            world.store,
            place,
            query,
            grants.types,
            grants.permit,
            plan.predicate,
            run.last_sequence or None,
            run.started_ms,
        )

    def _start_parameters(self, plan: bytes, run: Run) -> bytes:
        if not run.start_version:
            return Plan.FromString(plan).base_parameters
        return self._world.parameters.read(self.session.enclave.number, run.start_uri, run.start_version)

    def _live_parameters(self, run: Run) -> bytes:
        """What the new parameters have to be as good as, where that is not what the run started from."""
        parameters, enclave = self._world.parameters, self.session.enclave.number
        uri = self.session.options.output
        version = parameters.in_use(enclave, uri)
        if not version or (uri, version) == (run.start_uri, run.start_version):
            return b""
        return parameters.read(enclave, uri, version)

    def _on_ready(self, ready: RunReady) -> None:
        self.progress.total_steps = ready.total_steps

    def _on_progress(self, report: RunProgress) -> None:
        self.progress = Progress(report.step, report.total_steps, report.loss)
        if report.evaluating and self.session.state is State.RUNNING:
            self._move(Event.EVALUATION_BEGAN)

    def _on_checkpoint(self, key: RunKey, checkpoint: Checkpoint) -> None:
        if self._withdrawn:
            return
        if checkpoint.step > self._furthest_step:
            self._furthest_step = checkpoint.step
            self.crashes = 0
        self.progress.step = checkpoint.step
        self._saver.submit(self._save_checkpoint, key, checkpoint)

    def _save_checkpoint(self, key: RunKey, checkpoint: Checkpoint) -> None:
        if not self._withdrawn:
            self._world.checkpoints.save(key, checkpoint)

    async def _conclude(self, plan: TrainingPlan, run: Run, stretch: Stretch) -> Session:
        if self._withdrawn:
            return self.session
        match stretch.ending:
            case Ending.FINISHED:
                assert stretch.result is not None
                return await self._finish(plan, run, stretch.result)
            case Ending.SUSPENDED | Ending.ABORTED:
                return self._suspend_or_give_up(run, stretch)
            case Ending.TOO_FEW_EXAMPLES:
                now_ms = self._world.clock.now_ms()
                run = replace(run, ended_ms=now_ms, outcome=State.WAITING, reason=stretch.reason)
                self.session = advance_session(
                    self.session, Event.INVALIDATED, retry_ms=now_ms + RECHECK_S * 1000, reason=stretch.reason
                )
                self._world.sessions.conclude(self.session, run)
                self._world.checkpoints.delete(self._key(run))
                return self.session
            case Ending.REFUSED:
                return self._close(run, Event.FAILED, stretch.reason, permanent=True)

    async def _finish(self, plan: TrainingPlan, run: Run, result: RunFinished) -> Session:
        metrics = tuple(MetricPair(m.name, m.before, m.after) for m in result.metrics)
        run = replace(run, steps=result.steps, metrics=metrics)
        if self.session.state is State.RUNNING:
            self._move(Event.EVALUATION_BEGAN)
        if not result.accepted:
            return self._close(run, Event.KEPT_OLD, result.verdict)
        world, session = self._world, self.session
        enclave, output = session.enclave.number, session.options.output
        # First: a daemon that is killed after publishing concludes the run from its record.
        world.sessions.save_run(run)
        if not world.parameters.produced_by(enclave, output, run.id):
            new = NewVersion(
                parameters=result.parameters,
                plan_name=plan.plan.name,
                plan_version=plan.plan.version,
                context=run.context,
                collection=plan.plan.training.query.collection,
                parents=((run.start_uri, run.start_version),) if run.start_version else (),
                metrics=metrics,
                run=run.id,
            )
            await world.parameters.publish(enclave, output, new)
        return self._close(run, Event.COMMITTED, result.verdict)

    def _suspend_or_give_up(self, run: Run, stretch: Stretch) -> Session:
        if stretch.killed:
            self.crashes += 1
            if self.crashes >= CRASHES_TOLERATED:
                return self._close(run, Event.FAILED, f"given up after {self.crashes} tries: {stretch.reason}")
        run = replace(run, outcome=State.SUSPENDED, suspensions=run.suspensions + 1)
        self.session = advance_session(self.session, Event.SUSPENDED, reason=stretch.reason)
        self._world.sessions.conclude(self.session, run)
        return self.session

    def _close(self, run: Run, event: Event, reason: str, *, permanent: bool = False) -> Session:
        """End the run: its record, the session and its checkpoint."""
        world, session = self._world, self.session
        if self._withdrawn:
            return session
        now_ms = world.clock.now_ms()
        failures = session.failures + 1 if event is Event.FAILED else 0
        retry_ms = retry_at_ms(now_ms, failures, permanent, f"{session.id}") if failures else 0
        self.session = advance_session(
            session,
            event,
            last_ended_ms=now_ms,
            failures=failures,
            retry_ms=retry_ms,
            from_base=session.from_base and event is Event.FAILED,
            reason=reason if event is Event.FAILED else "",
        )
        world.sessions.conclude(self.session, replace(run, ended_ms=now_ms, outcome=self.session.state, reason=reason))
        world.checkpoints.delete(self._key(run))
        return self.session

    def _fail_before_start(self, error: DaemonError) -> Session:
        now_ms = self._world.clock.now_ms()
        failures = self.session.failures + 1
        self._move(
            Event.FAILED,
            failures=failures,
            last_ended_ms=now_ms,
            retry_ms=retry_at_ms(now_ms, failures, True, f"{self.session.id}"),
            reason=error.message,
        )
        return self.session

    def _move(self, event: Event, **changes: object) -> None:
        self.session = advance_session(self.session, event, **changes)
        if not self._withdrawn:
            self._world.sessions.save(self.session)


def advance_session(session: Session, event: Event, **changes: object) -> Session:
    """The session after an event, with other fields changed along. Not saved."""
    return replace(session, state=advance(session.state, event), **changes)  # type: ignore[arg-type]
