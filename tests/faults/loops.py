"""All loops that inflict faults: continuous integration runs each in a few parts, `make soak` in ten times as many."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from tests.faults.backed_up import back_up_while_apps_write
from tests.faults.bad_credentials import present_bad_credentials
from tests.faults.broken_graphs import predict_with_broken_graphs
from tests.faults.canaries import betray_nothing
from tests.faults.damaged_stores import cut_logs, flip_bits
from tests.faults.disturbed_runs import disturb_trainers, kill_primaries
from tests.faults.floods import serve_as_before, serve_beside_a_flood
from tests.faults.full_disk import fill_disks
from tests.faults.killed_primary import kill_while_apps_write
from tests.faults.machines import disagreements
from tests.faults.restarts import restart_under_load
from tests.faults.shutdowns import stop_under_load
from tests.faults.tenants import disagree
from tests.faults.traced import watch_system_calls
from tests.fuzz.campaign import fuzz_in_turn
from tests.fuzz.target import names
from tests.store.small_disk import namespaces
from tests.store.test_clock_jumps import ClockJumps
from tests.store.test_model import StoreAgainstModel


@dataclass(frozen=True, slots=True)
class FaultLoop:
    id: str
    what: str
    count: int
    """Faults, or steps, in one part."""
    parts: int
    """In continuous integration, each with a seed of its own."""
    run: Callable[[int, int, Path], list[str]]
    """Takes count, seed and the folder of plans; returns a line for each thing that is not as it must be. Figures go
    to `tests.faults.figures.note`."""
    bound_s: float = 280.0
    """How long a part may take. A soak gives it up then, which is a failure."""
    limits: Mapping[str, float] = field(default_factory=dict)
    """The most that the loop's figures may be, by name. Held against them by a soak alone."""

    def is_called(self, name: str) -> bool:
        """`K5` means `K5-primary`, too."""
        return self.id == name or self.id.startswith(f"{name}-")


_FULL_DISK = (
    FaultLoop(
        "K3",
        "fill the disk while apps write, and make room",
        3,
        1,
        lambda count, seed, plans: fill_disks(count, seed),
    ),
) * bool(namespaces())
"""Nothing where no child may mount a file system of its own."""

LOOPS = (
    FaultLoop(
        "K1",
        "SIGKILL the primary while eight apps write",
        20,
        2,
        lambda count, seed, plans: kill_while_apps_write(count, seed),
    ),
    FaultLoop(
        "K2-cut",
        "cut the log of an example store",
        2500,
        2,
        lambda count, seed, plans: cut_logs(count, seed),
    ),
    FaultLoop(
        "K2-flip",
        "flip bits in a file of an example store",
        150,
        2,
        lambda count, seed, plans: flip_bits(count, seed),
    ),
    *_FULL_DISK,
    FaultLoop(
        "K4",
        "lives of a store whose clock jumps by days and decades, whose machine starts anew, whose daemon is killed",
        40,
        1,
        lambda count, seed, plans: disagreements(ClockJumps, count, seed),
    ),
    FaultLoop(
        "K5",
        "SIGKILL the trainer, unplug the device, at any point of a run",
        13,
        2,
        lambda count, seed, plans: disturb_trainers(count, seed, plans / "train.plan"),
    ),
    FaultLoop(
        "K5-primary",
        "SIGKILL the primary in a run and about its commit",
        5,
        2,
        lambda count, seed, plans: kill_primaries(count, seed, plans / "train.plan"),
    ),
    FaultLoop(
        "K6",
        "seconds of fuzzing every parser of foreign bytes",
        10,
        len(names()),
        lambda count, seed, plans: fuzz_in_turn(count, seed),
    ),
    FaultLoop(
        "K6-graphs",
        "predictions with broken graphs, beside another app's",
        30,
        1,
        lambda count, seed, plans: predict_with_broken_graphs(count, seed, plans / "softmax.plan"),
    ),
    FaultLoop(
        "K7",
        "steps of three apps and their owner, compared with a model in memory",
        250,
        2,
        lambda count, seed, plans: disagree(count, seed),
    ),
    FaultLoop(
        "K7-store",
        "lives of a store with three apps and a clock that jumps, compared with a model in memory",
        40,
        1,
        lambda count, seed, plans: disagreements(StoreAgainstModel, count, seed),
    ),
    FaultLoop(
        "K8",
        "calls of each kind beside 200 silent connections and a flooding app",
        25,
        1,
        lambda count, seed, plans: serve_beside_a_flood(count, seed, plans / "softmax.plan"),
    ),
    FaultLoop(
        "K8-lane",
        "seconds of an app beside 200 silent connections and a flooding app, on the framed lane",
        3,
        1,
        lambda count, seed, plans: serve_as_before(count, seed, plans / "softmax.plan", "lane"),
        limits={"lane: p99 beside a flood, as multiple of p99 alone": 3.0},
    ),
    FaultLoop(
        "K8-grpc",
        "the same over gRPC",
        3,
        1,
        lambda count, seed, plans: serve_as_before(count, seed, plans / "softmax.plan", "grpc"),
        limits={"grpc: p99 beside a flood, as multiple of p99 alone": 3.0},
    ),
    FaultLoop(
        "K13",
        "take planted values back from a daemon that has trained with them, and SIGKILL it meanwhile",
        6,
        1,
        lambda count, seed, plans: betray_nothing(count, seed, plans / "train.plan"),
    ),
    FaultLoop(
        "K12-lane",
        "credentials replayed, expired, forged, another user's or audience's, on the framed lane",
        300,
        1,
        lambda count, seed, plans: present_bad_credentials(count, seed, "lane"),
    ),
    FaultLoop(
        "K12-grpc",
        "the same over gRPC",
        300,
        1,
        lambda count, seed, plans: present_bad_credentials(count, seed, "grpc"),
    ),
    FaultLoop(
        "K14",
        "rounds of training and of hostile predictions under strace",
        1,
        1,
        watch_system_calls,
    ),
    FaultLoop(
        "SIGTERM",
        "SIGTERM while apps write and a session trains",
        5,
        1,
        lambda count, seed, plans: stop_under_load(count, seed, plans / "train.plan"),
    ),
    FaultLoop(
        "BACKUP",
        "back up while four apps write, at times kill the daemon meanwhile, and restore",
        4,
        1,
        lambda count, seed, plans: back_up_while_apps_write(count, seed),
    ),
    FaultLoop(
        "RESTART",
        "SIGTERM and SIGKILL the primary, then start it, while apps add, predict and schedule",
        6,
        1,
        restart_under_load,
    ),
)
