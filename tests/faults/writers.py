"""Apps that write batches of known size with unique values, and remember what they were told became of each."""

import random
import threading
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import groupby
from pathlib import Path

from client_lib import CollectionOptions, InsituError
from client_lib.collection import ADD, configure
from client_lib.connection import Connection
from client_lib.credentials import CredentialsFile
from client_lib.encoding import encode
from client_lib.grpc_transport import GrpcTransport
from client_lib.handshake import open_session
from client_lib.retry import RetryPolicy
from insitu.v1.collection_pb2 import AddRequest
from insitu.v1.example_pb2 import Example
from platform_daemon.store.store import StoredExample
from tests.daemon.harness import Daemon
from tests.faults.evidence import ended_in_order, opened_store, stored

COLLECTION = "words"
ONCE = RetryPolicy(patience_s=0.0, rides_out_restarts=False)
PADDING = "a word of the user's "


@dataclass
class Writer:
    """`patient` ones use the client library as apps do, and are answered in the end. The others send each batch once:
    where that fails, they never learn what became of it."""

    daemon: Daemon
    credentials: Path
    patient: bool
    seed: int
    acknowledged: dict[int, int] = field(default_factory=dict)
    """Number of a batch to its size."""
    uncertain: dict[int, int] = field(default_factory=dict)
    errors: set[str] = field(default_factory=set)
    expected: Sequence[str] = ()
    """Reasons that the app may be refused for."""
    refusals: Counter[str] = field(default_factory=Counter)
    """Of those reasons, how often."""
    connected: threading.Event = field(default_factory=threading.Event)

    @property
    def package(self) -> str:
        return self.credentials.stem

    def write(self, stop: threading.Event) -> None:
        """Until told to stop. To be called once."""
        if self.patient:
            self._write_patiently(stop)
        else:
            self._write_once_each(stop)

    def _batches(self, stop: threading.Event) -> Iterator[tuple[int, list[dict[str, object]]]]:
        chance = random.Random(self.seed)
        number = 0
        while not stop.wait(chance.uniform(0.0, 0.01)):
            size = chance.choice((1, 1, 2, 7, chance.randint(1, 60)))
            yield number, [{"batch": number, "index": i, "of": size, "text": PADDING * i} for i in range(size)]
            number += 1

    def _write_patiently(self, stop: threading.Event) -> None:
        with self.daemon.connect(self.credentials) as learning:
            words = learning.get_collection_client(CollectionOptions(COLLECTION))
            self.connected.set()
            for number, batch in self._batches(stop):
                try:
                    words.add_many(batch).result()
                    self.acknowledged[number] = len(batch)
                except InsituError as error:
                    self._fail(number, batch, error)

    def _write_once_each(self, stop: threading.Event) -> None:
        transport = GrpcTransport(self.daemon.socket)
        connection = Connection(transport, lambda: open_session(CredentialsFile(self.credentials)))
        try:
            configure(connection, CollectionOptions(COLLECTION))
            self.connected.set()
            for number, batch in self._batches(stop):
                request = AddRequest(collection=COLLECTION, examples=map(encode, batch))
                try:
                    connection.call(ADD, request, policy=ONCE)
                    self.acknowledged[number] = len(batch)
                except InsituError as error:
                    self._fail(number, batch, error)
                    stop.wait(0.05)
        finally:
            transport.close()

    def _fail(self, number: int, batch: Sequence[object], error: InsituError) -> None:
        self.uncertain[number] = len(batch)
        if error.reason in self.expected:
            self.refusals[error.reason] += 1
        elif error.status != "UNAVAILABLE":
            self.errors.add(f"{self.package} was answered {error.status}: {error}")


@contextmanager
def writing(daemon: Daemon, apps: int, seed: int, expected: Sequence[str] = ()) -> Iterator[list[Writer]]:
    """Apps that write meanwhile; two of eight send everything once only. They end before the daemon may."""
    writers = [
        Writer(
            daemon,
            daemon.new_app(f"com.example.writer{number}"),
            patient=number % 4 != 3,
            seed=seed * 100 + number,
            expected=expected,
        )
        for number in range(apps)
    ]
    stop = threading.Event()
    with ThreadPoolExecutor(apps) as pool:
        ends = [pool.submit(writer.write, stop) for writer in writers]
        try:
            assert all(writer.connected.wait(30) for writer in writers)
            yield writers
        finally:
            stop.set()
        for end in ends:
            end.result()


def failures_of(daemon: Daemon, writers: Sequence[Writer]) -> list[str]:
    """What is not as it must be. Stops the daemon, which runs, to look into its state folder."""
    with daemon.control() as control:
        counted = {
            app.package: sum(one.examples for one in app.collections if one.collection == COLLECTION)
            for app in control.data().apps
        }
    failures = ended_in_order(daemon)
    with opened_store(daemon) as store:
        for writer in writers:
            found = stored(daemon, store, writer.package, COLLECTION)
            failures += [f"{writer.package}: {what}" for what in compare(found, writer)]
            if counted[writer.package] != len(found):
                failures.append(
                    f"{writer.package} was told of {counted[writer.package]} examples, {len(found)} are there"
                )
    return failures


def compare(found: Sequence[StoredExample], writer: Writer) -> list[str]:
    """Every acknowledged batch is there once and whole, every other one whole or absent, in the order of sending."""
    failures = sorted(writer.errors)
    if not writer.acknowledged:
        failures.append("nothing was ever acknowledged")
    numbers = []
    for number, rows in groupby((_fields(one) for one in found), key=lambda row: row[0]):
        numbers.append(number)
        sent = writer.acknowledged.get(number) or writer.uncertain.get(number, 0)
        if [row[1:] for row in rows] != [(index, sent) for index in range(sent)]:
            failures.append(f"batch {number} is not whole")
    if numbers != sorted(set(numbers)):
        failures.append("a batch is there twice, or out of order")
    failures += [f"batch {number} was acknowledged and is lost" for number in writer.acknowledged.keys() - set(numbers)]
    return failures


def _fields(one: StoredExample) -> tuple[int, int, int]:
    features = Example.FromString(one.example).features.feature
    batch, index, of = (features[name].int64_list.value[0] for name in ("batch", "index", "of"))
    assert features["text"].bytes_list.value[0].decode() == PADDING * index
    return batch, index, of
