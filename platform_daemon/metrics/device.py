"""What the daemon's parts say of themselves at the moment of a scrape, as families. Reads state; keeps none."""

import os
import resource
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Protocol

from context import ContextManager
from platform_daemon.access import Apps
from platform_daemon.metrics.instruments import Family, Kind, Sample, gauge
from platform_daemon.prediction.pool import WorkerPool
from platform_daemon.state.collections import CollectionRepository
from platform_daemon.store.counts import Tally
from platform_daemon.store.store import Store
from platform_daemon.training.records import SessionRepository
from platform_daemon.training.states import State

Collector = Callable[[], Iterable[Family]]
"""Called once for each scrape, in a thread where it may block."""


def counter(name: str, help: str, value: float) -> Family:
    """A sum that somebody else keeps."""
    return Family(name, Kind.COUNTER, help, [Sample({}, value)])


def store_families(tally: Tally) -> Iterable[Family]:
    yield counter("insitu_examples_added_total", "Examples stored, a repeated batch once.", tally.added)
    yield counter("insitu_examples_evicted_total", "Examples deleted for their collection was full.", tally.evicted)
    yield counter("insitu_examples_expired_total", "Expired examples removed from disk.", tally.expired)
    yield counter("insitu_records_quarantined_total", "Records that failed authentication.", tally.quarantined)


def collection_families(apps: Apps, collections: CollectionRepository, store: Store) -> Iterable[Family]:
    """Blocks. Of a package that several OS users have, the sum."""
    examples: Counter[str] = Counter()
    sizes: Counter[str] = Counter()
    for enclave in apps.enclaves():
        stats = [store.stats(collection.place) for collection in collections.all(enclave.number)]
        examples[enclave.package] += sum(one.examples for one in stats)
        sizes[enclave.package] += sum(one.size_bytes for one in stats)
    yield _by_package("insitu_examples", "Living examples.", examples)
    yield _by_package("insitu_example_bytes", "Their size, as the apps gave them.", sizes)


def training_families(sessions: SessionRepository) -> Iterable[Family]:
    """Blocks."""
    states = [session.state for session in sessions.all()]
    counts = [({"state": state.name.lower()}, float(states.count(state))) for state in State]
    yield gauge("insitu_training_sessions", "Training sessions by state.", counts)


def worker_families(pool: WorkerPool) -> Iterable[Family]:
    slots = pool.slots
    alive = sum(slot.worker is not None and slot.worker.alive for slot in slots)
    yield gauge("insitu_workers", "Inference workers that live.", [({}, alive)])
    loaded = sum(len(slot.models) for slot in slots)
    yield gauge("insitu_models_loaded", "Models that workers hold in memory.", [({}, loaded)])


def prediction_families(predictions: int) -> Iterable[Family]:
    yield counter("insitu_predictions_total", "Calls that a worker answered.", predictions)


class Connected(Protocol):
    @property
    def connections(self) -> int: ...

    @property
    def turned_away(self) -> int: ...


def connection_families(sockets: Mapping[str, Connected]) -> Iterable[Family]:
    """Those that are turned away never reach the methods, where calls and refusals are counted."""
    opened = [({"socket": name}, float(socket.connections)) for name, socket in sockets.items()]
    yield gauge("insitu_connections", "Open connections, the silent ones included.", opened)
    turned_away = [Sample({"socket": name}, socket.turned_away) for name, socket in sockets.items()]
    help = "Connections refused for want of a place, or dropped to make one."
    yield Family("insitu_connections_turned_away_total", Kind.COUNTER, help, turned_away)


def context_families(manager: ContextManager) -> Iterable[Family]:
    known = [({"type": spec.name}, float(manager.reading(spec.name) is not None)) for spec in manager.registry]
    yield gauge("insitu_context_known", "Whether a context type is known at present.", known)
    yield gauge("insitu_context_failures", "Sources of context that fail or degrade.", [({}, len(manager.failures))])


def folder_families(state: Path) -> Iterable[Family]:
    """Blocks."""
    sizes = [({"part": part.name}, float(_size(part))) for part in sorted(state.iterdir()) if part.name != "scratch"]
    yield gauge("insitu_state_bytes", "Disk space that a part of the state folder takes.", sizes)
    free = os.statvfs(state)
    free_bytes = free.f_bavail * free.f_frsize
    yield gauge("insitu_disk_free_bytes", "Left on the state folder's disk.", [({}, free_bytes)])


def process_families(version: str, started_ms: int) -> Iterable[Family]:
    """The names that Prometheus' own libraries give these."""
    usage = resource.getrusage(resource.RUSAGE_SELF)
    pages = int(Path("/proc/self/statm").read_text("ascii").split()[1])
    yield counter("process_cpu_seconds_total", "Of the primary.", usage.ru_utime + usage.ru_stime)
    yield gauge("process_resident_memory_bytes", "Of the primary.", [({}, pages * resource.getpagesize())])
    yield gauge("process_open_fds", "Of the primary.", [({}, len(os.listdir("/proc/self/fd")))])
    yield gauge("process_start_time_seconds", "Since the epoch.", [({}, started_ms / 1000)])
    yield gauge("insitu_build_info", "Always 1.", [({"version": version}, 1)])


def _by_package(name: str, help: str, sums: Mapping[str, int]) -> Family:
    return gauge(name, help, [({"package": package}, value) for package, value in sums.items()])


def _size(path: Path) -> int:
    """What a file or folder takes on disk. What goes away meanwhile counts nothing."""
    total = 0
    waiting = [path]
    while waiting:
        current = waiting.pop()
        try:
            if current.is_dir() and not current.is_symlink():
                waiting.extend(current.iterdir())
            total += current.lstat().st_blocks * 512
        except OSError:
            continue
    return total
