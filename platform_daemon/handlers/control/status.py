"""What runs."""

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from insitu.v1 import control_pb2 as pb
from platform_daemon.access import Apps, AppState, Sessions
from platform_daemon.prediction.service import PredictionService
from platform_daemon.state.collections import CollectionRepository
from platform_daemon.store.store import Store
from platform_daemon.store.store_time import TimeStatus
from platform_daemon.transport.calls import CallContext


@dataclass(frozen=True, slots=True)
class Identity:
    """What does not change while the daemon runs."""

    version: str
    started_ms: int
    socket: str
    state_folder: str
    configuration_file: str
    assumed_conditions: Sequence[str]


class StatusPart:
    def __init__(
        self,
        identity: Identity,
        apps: Apps,
        sessions: Sessions,
        collections: CollectionRepository,
        store: Store,
        prediction: PredictionService,
        connections: Callable[[], int],
        processes: Callable[[], Sequence[pb.ProcessStatus]],
        missing_protections: Callable[[], Sequence[str]],
        context_failures: Callable[[], Sequence[str]],
        time: Callable[[], TimeStatus],
    ) -> None:
        self._identity = identity
        self._apps = apps
        self._sessions = sessions
        self._collections = collections
        self._store = store
        self._prediction = prediction
        self._connections = connections
        self._processes = processes
        self._missing_protections = missing_protections
        self._context_failures = context_failures
        self._time = time

    async def get_status(self, request: pb.GetStatusRequest, context: CallContext) -> pb.DaemonStatus:
        places = [one.place for enclave in self._apps.enclaves() for one in self._collections.all(enclave.number)]
        stats = [self._store.stats(place) for place in places]
        return pb.DaemonStatus(
            version=self._identity.version,
            pid=os.getpid(),
            started_ms=self._identity.started_ms,
            socket=self._identity.socket,
            state_folder=self._identity.state_folder,
            configuration_file=self._identity.configuration_file,
            assumed_conditions=self._identity.assumed_conditions,
            apps=sum(app.state is not AppState.REQUESTED for app in self._apps.list()),
            open_sessions=len(self._sessions),
            connections=self._connections(),
            processes=self._processes(),
            missing_protections=self._missing_protections(),
            examples=sum(one.examples for one in stats),
            lost_examples=sum(one.lost for one in stats),
            predictions=self._prediction.predictions,
            context_failures=self._context_failures(),
            clock=_clock(self._time()),
        )


def _clock(time: TimeStatus) -> pb.ClockStatus:
    return pb.ClockStatus(
        unconfirmed_since_ms=time.unconfirmed_since_ms,
        lead_ms=time.lead_ms,
        needs_ms=time.needs_ms,
        notes_lost=time.notes_lost,
    )
