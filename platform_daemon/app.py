"""Wires the primary: every part is made here, once, and handed what it needs; and its life from start to end."""

import asyncio
import logging
import os
import resource
import signal
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import uvloop

from artifact_manager import ArtifactError, PlanLibrary
from context import ContextError, Injector, SystemClock, assemble
from insitu.v1 import access_pb2, artifact_pb2, collection_pb2, control_pb2, prediction_pb2, training_pb2
from platform_daemon.access import AccessServicer, Apps, Authority, AuthorityUnusable, Nonces, Permissions, Sessions
from platform_daemon.artifacts import PersonalParameters, PlanShelf
from platform_daemon.backup.sessions import Backups
from platform_daemon.backup.snapshot import Snapshot
from platform_daemon.children.spawn import Spawner
from platform_daemon.configuration import Configuration
from platform_daemon.device import context_settings, observe
from platform_daemon.errors import DaemonError
from platform_daemon.fair_threads import FairThreads
from platform_daemon.forgetting import Forgetting
from platform_daemon.handlers import control
from platform_daemon.handlers.artifacts import ArtifactServicer
from platform_daemon.handlers.collections import CollectionServicer
from platform_daemon.handlers.control.status import Identity
from platform_daemon.handlers.predictions import PredictionServicer
from platform_daemon.handlers.training import TrainingServicer
from platform_daemon.injection import Injection
from platform_daemon.logs import LogEvent, LogFormat, LogLevel, marked
from platform_daemon.logs import begin as begin_log
from platform_daemon.logs.calls import observed
from platform_daemon.maintenance import Maintenance
from platform_daemon.metrics import CallMetrics
from platform_daemon.metrics.device import (
    Collector,
    collection_families,
    connection_families,
    context_families,
    folder_families,
    prediction_families,
    process_families,
    store_families,
    training_families,
    worker_families,
)
from platform_daemon.metrics.http import MetricsOverHttp
from platform_daemon.metrics.scrape import Scrape
from platform_daemon.metrics.training import CountedSessions
from platform_daemon.notify import ServiceManager
from platform_daemon.prediction.pool import WorkerPool
from platform_daemon.prediction.service import PredictionService, group_of
from platform_daemon.processes import ProcessTable
from platform_daemon.publishing import Publishing
from platform_daemon.release import VERSION
from platform_daemon.rules import Rules
from platform_daemon.state import SchemaFromTheFuture
from platform_daemon.state.collections import Bounds, CollectionRepository
from platform_daemon.storage import Storage
from platform_daemon.store.store import Place
from platform_daemon.training.conditions import DevicePolicy
from platform_daemon.training.records import Session
from platform_daemon.training.service import TrainingService
from platform_daemon.training.world import Limits, World
from platform_daemon.transport import Access, ConnectionLimits, Listener, ListenError, MethodTable, only_uid
from platform_daemon.write_rate import WriteRate, WriteRates

logger = logging.getLogger("insitud")

CANNOT_START = (DaemonError, ArtifactError, ContextError, ListenError, AuthorityUnusable, SchemaFromTheFuture)
"""Each says what is wrong with the device and what to do."""
STORE_THREADS = 4
THREADS_PER_APP = 2
STRANGER_THREADS = 2
SHUTDOWN_GRACE_S = 5.0
SWITCH_INTERVAL_S = 0.0005
"""How long a thread that stores or seals may keep the interpreter from the event loop, which all apps wait for."""


class Primary:
    """The daemon's primary process. Made in an event loop; `start`, then `close`."""

    def __init__(
        self, configuration: Configuration, missing_protections: Sequence[str], configuration_file: Path
    ) -> None:
        """Open the state folder and put everything together; nothing runs yet. Raises DaemonError."""
        self._configuration = configuration
        self._configuration_file = configuration_file
        self._clock = SystemClock()
        self._storage = Storage(configuration.locations.state, self._clock, configuration.limits)
        self._executor = FairThreads(STORE_THREADS, "store", per_tenant=THREADS_PER_APP)
        # Apart from the threads that work for those who have a session.
        self._strangers = FairThreads(STRANGER_THREADS, "access", per_tenant=1)
        self._started_ms = self._clock.now_ms()

        database = self._storage.database
        self._apps = Apps(database, self._clock)
        self._permissions = Permissions(database, self._apps, self._clock)
        self._sessions = Sessions(self._clock)
        self._authority = Authority(self._storage.issuer, self._apps, self._permissions, self._sessions, database)

        self._context = assemble(self._clock, context_settings(configuration))
        self._injection = Injection(Injector(self._context), self._permissions)
        limits = configuration.limits
        self._collections = CollectionRepository(database, Bounds(limits.quota_accounts, limits.quota_collections))

        self._processes = ProcessTable(
            Spawner(scratch_root=str(self._storage.scratch), keep_output=configuration.daemon.child_output),
            self._clock,
            missing_protections,
        )
        self._shelf = PlanShelf(PlanLibrary(self._storage.blobs), self._storage.blobs)
        self._parameters = PersonalParameters(self._storage.artifacts, self._clock)
        self._pool = WorkerPool(self._processes.worker, self._clock)
        self._prediction = PredictionService(self._pool, self._shelf, self._parameters, self._injection.for_prediction)
        self._training_records = CountedSessions(database)
        self._training = TrainingService(self._training_world(), on_change=self._look_at_training)
        self._forgetting = Forgetting(
            self._storage.store,
            self._collections,
            self._training,
            self._prediction,
            self._storage.artifacts,
            self._shelf,
            self._collection_of,
            self._injection.gate,
        )
        self._maintenance = Maintenance(
            tick=self._training.tick,
            tick_interval_s=configuration.training.poll_interval_s,
            poll_context=self._context.poll,
            sweep=self._storage.store.sweep,
            reckon=self._storage.store.reckon,
            end_idle_workers=self._pool.end_idle,
            executor=self._executor,
        )
        self._apps_part = control.AppsPart(self._authority, self._apps, self._sessions, self._forgetting)
        self._permissions_part = control.PermissionsPart(
            self._apps, self._permissions, self._context.registry, self._forgetting
        )
        self._calls = CallMetrics()
        self._observer = observed(self._calls)
        self._backups = Backups(self._snapshot, self._clock)
        self._app_socket = self._listen_to_apps()
        self._control_socket = self._listen_to_owner()

    async def start(self) -> None:
        """Finish what a killed daemon had begun, then open the sockets, the owner's first. Raises DaemonError."""
        await asyncio.to_thread(self._context.start)
        self._training.recover()
        await self._permissions_part.take_up()
        await self._apps_part.take_up()
        await asyncio.to_thread(self._storage.store.sweep)
        run_folder = self._configuration.locations.run
        run_folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        await self._control_socket.start()
        await self._app_socket.start()
        await self._maintenance.start()

    async def close(self) -> None:
        """The order matters: no new calls, no new work, the run under way to its checkpoint, children, then the state.

        Bounded: whatever does not end in time is ended. Repeatable.
        """
        await asyncio.gather(self._app_socket.close(SHUTDOWN_GRACE_S), self._control_socket.close(SHUTDOWN_GRACE_S))
        self._maintenance.close()
        await self._training.close()
        await self._pool.close()
        await asyncio.to_thread(self._context.stop)
        await asyncio.to_thread(self._backups.close)
        self._strangers.shutdown(wait=True)
        self._executor.shutdown(wait=True)
        await asyncio.to_thread(self._storage.close)

    def _training_world(self) -> World:
        training = self._configuration.training
        return World(
            clock=self._clock,
            store=self._storage.store,
            sessions=self._training_records,
            checkpoints=self._storage.checkpoints,
            plans=self._shelf,
            parameters=Publishing(self._parameters, self._prediction),
            rules=Rules(self._apps, self._permissions, self._injection),
            place=self._place,
            observe=lambda: observe(self._context),
            policy=DevicePolicy(frozenset(training.assume)),
            spawn=self._processes.trainer,
            limits=Limits(training.grace_s, training.run_cap_s, training.app_budget_s),
        )

    def _listen_to_apps(self) -> Listener:
        table = MethodTable(self._sessions.check, self._observer)
        nonces, audience = Nonces(self._clock), self._storage.issuer.fingerprint
        table.add_service(
            access_pb2.DESCRIPTOR.services_by_name["Access"],
            AccessServicer(self._authority, self._apps, nonces, self._sessions, audience, self._strangers),
            Access.PUBLIC,
        )
        collections = CollectionServicer(
            self._storage.store,
            self._collections,
            self._executor,
            self._permissions,
            self._injection,
            self._context.registry,
            WriteRate(self._clock, self._write_rates()),
        )
        for service, servicer in (
            (collection_pb2.DESCRIPTOR.services_by_name["Collections"], collections),
            (
                artifact_pb2.DESCRIPTOR.services_by_name["Artifacts"],
                ArtifactServicer(self._storage.blobs, self._executor),
            ),
            (prediction_pb2.DESCRIPTOR.services_by_name["Prediction"], PredictionServicer(self._prediction)),
            (
                training_pb2.DESCRIPTOR.services_by_name["Training"],
                TrainingServicer(self._training, self._shelf.training_plan, self._executor),
            ),
        ):
            table.add_service(service, servicer, Access.SESSION)
        limits = ConnectionLimits(per_uid=self._configuration.limits.connections_per_uid)
        return Listener(self._configuration.locations.socket, table, mode=0o600, connection_limits=limits)

    def _listen_to_owner(self) -> Listener:
        table = MethodTable(self._sessions.check, self._observer)
        status = control.StatusPart(
            Identity(
                VERSION,
                self._started_ms,
                str(self._app_socket.path),
                str(self._storage.folder),
                str(self._configuration_file.absolute()),
                self._configuration.training.assume,
            ),
            self._apps,
            self._sessions,
            self._collections,
            self._storage.store,
            self._prediction,
            connections=lambda: self._app_socket.connections,
            processes=lambda: self._processes.statuses(self._pool, self._package_of),
            missing_protections=self._processes.missing_protections,
            context_failures=lambda: self._context.failures,
            time=self._storage.store.time.status,
        )
        scrape, owner = Scrape(self._collectors()), only_uid(os.getuid())
        parts = (
            status,
            self._apps_part,
            self._permissions_part,
            control.DataPart(self._apps, self._collections, self._storage.store, self._forgetting),
            control.BackupsPart(self._backups),
            control.ContextPart(self._context),
            control.SessionsPart(self._training),
            control.ModelsPart(self._apps, self._storage.artifacts, self._prediction),
            control.MetricsPart(scrape.text),
        )
        table.add_service(control_pb2.DESCRIPTOR.services_by_name["Control"], parts, Access.OWNER)
        return Listener(
            self._configuration.locations.control_socket,
            table,
            mode=0o600,
            admit=owner,
            protocols=[MetricsOverHttp(scrape.text, owner)],
        )

    def _collectors(self) -> Sequence[Collector]:
        storage = self._storage
        return (
            self._calls.families,
            lambda: store_families(storage.store.tally),
            lambda: collection_families(self._apps, self._collections, storage.store),
            lambda: training_families(self._training_records),
            self._training_records.families,
            lambda: worker_families(self._pool),
            self._processes.families,
            lambda: connection_families({"apps": self._app_socket, "control": self._control_socket}),
            lambda: prediction_families(self._prediction.predictions),
            lambda: context_families(self._context),
            lambda: folder_families(storage.folder),
            lambda: process_families(VERSION, self._started_ms),
        )

    def _snapshot(self) -> Snapshot:
        return Snapshot.take(self._storage, release=VERSION, made_ms=self._clock.now_ms())

    def _write_rates(self) -> WriteRates:
        limits = self._configuration.limits
        return WriteRates(limits.quota_calls_per_s, limits.quota_examples_per_s)

    def _look_at_training(self) -> None:
        self._maintenance.look_at_training()

    def _place(self, enclave: int, name: str) -> Place | None:
        found = self._collections.find(enclave, name)
        return found.place if found else None

    def _collection_of(self, session: Session) -> str:
        try:
            plan = self._shelf.training_plan(session.enclave.number, session.plan_sha256)
        except DaemonError:
            return ""
        return plan.plan.training.query.collection

    def _package_of(self, group: str) -> str:
        return next((one.package for one in self._apps.enclaves() if group_of(one.number) == group), "")


def run(configuration: Configuration, missing_protections: Sequence[str], file: Path | None = None) -> int:
    """Serve until SIGTERM or SIGINT. Returns the exit status. `file` holds the configuration, if not the usual one."""
    begin_log(LogLevel(configuration.daemon.log_level), LogFormat(configuration.daemon.log_format))
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    sys.setswitchinterval(SWITCH_INTERVAL_S)
    # A gRPC connection takes three descriptors, the default limit is 1,024.
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(_serve(configuration, missing_protections, file or configuration.locations.config_file))
    return 0


async def _serve(configuration: Configuration, missing_protections: Sequence[str], file: Path) -> None:
    ended = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, ended.set)
    began_s = time.monotonic()
    manager = ServiceManager()
    primary = Primary(configuration, missing_protections, file)
    try:
        await primary.start()
        manager.ready("serving apps")
        _say(LogEvent.STARTED, began_s, version=VERSION, pid=os.getpid())
        for protection in missing_protections:
            lost = marked(LogEvent.PROTECTION_MISSING, reason=protection.split(" ")[0].rstrip(":"))
            logger.warning("missing: %s", protection, extra=lost)
        await ended.wait()
        logger.info("stopping", extra=marked(LogEvent.STOPPING))
    finally:
        manager.stopping()
        ending_s = time.monotonic()
        await primary.close()
        _say(LogEvent.STOPPED, ending_s)


def _say(event: LogEvent, since_s: float, **fields: object) -> None:
    logger.info(event.value, extra=marked(event, took_s=time.monotonic() - since_s, **fields))
