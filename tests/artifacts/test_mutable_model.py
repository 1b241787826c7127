"""Any sequence of commits, rollbacks, erasures and restarts equals a model in memory."""

import shutil
import tempfile
from pathlib import Path

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from artifact_manager import NoEarlierVersion, NoSuchVersion, sha256_of
from tests.artifacts.test_mutable import ENCLAVE, URI, Bench, new

TYPES = ["power", "day"]


class MutableModel(RuleBasedStateMachine):
    """The model: lineage by version for the living, lineage of all that may be a parent, and the one in use."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = Path(tempfile.mkdtemp())
        self.bench = Bench(self.folder, keep=2)
        self.live: dict[int, frozenset[str]] = {}
        self.known: dict[int, frozenset[str]] = {}
        self.in_use = 0
        self.last = 0

    def teardown(self) -> None:
        shutil.rmtree(self.folder)

    @rule(context=st.frozensets(st.sampled_from(TYPES)), parent=st.integers(0, 8))
    def commit(self, context: frozenset[str], parent: int) -> None:
        candidate = new(b"data%d" % (self.last + 1), *([parent] if parent else []), context=" ".join(context))
        try:
            version = self.bench.artifacts.commit(ENCLAVE, URI, candidate)
        except NoSuchVersion:
            assert parent not in self.known
            return
        assert not parent or parent in self.known
        self.last += 1
        assert version.version == self.last
        self.in_use = self.last
        self.live[self.last] = self.known[self.last] = context | self.known.get(parent, frozenset())
        for old in sorted(self.live)[:-2]:
            del self.live[old]

    @rule(version=st.integers(0, 8))
    def roll_back(self, version: int) -> None:
        try:
            self.in_use = self.bench.artifacts.roll_back(ENCLAVE, URI, version).version
        except NoSuchVersion:
            assert version not in self.live if version else not self.live
        except NoEarlierVersion:
            assert not version
            assert not self.in_use or not [known for known in self.live if known < self.in_use]
        else:
            assert self.in_use in self.live

    @rule(context_type=st.sampled_from(TYPES))
    def forget(self, context_type: str) -> None:
        doomed = [version for version, lineage in self.live.items() if context_type in lineage]
        assert self.bench.artifacts.forget_context(ENCLAVE, context_type) == len(doomed)
        self.known = {version: lineage for version, lineage in self.known.items() if context_type not in lineage}
        self.live = {version: lineage for version, lineage in self.live.items() if version in self.known}
        if self.in_use not in self.live:
            self.in_use = 0

    @rule()
    def restart(self) -> None:
        self.bench.open()

    @invariant()
    def equals_the_model(self) -> None:
        artifacts = self.bench.artifacts
        assert self.bench.versions == sorted(self.live, reverse=True)
        expected = (self.in_use, sha256_of(b"data%d" % self.in_use)) if self.in_use else None
        assert artifacts.in_use(ENCLAVE, URI) == expected
        for version, lineage in self.live.items():
            found, data = artifacts.read(ENCLAVE, URI, version)
            assert (found.context, data) == (lineage, b"data%d" % version)
        assert len(self.bench.files()) == len(self.bench.keys.keys) == len(self.live)


TestMutableModel = MutableModel.TestCase
TestMutableModel.settings = settings(max_examples=30, stateful_step_count=20, deadline=None)
