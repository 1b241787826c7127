"""Sessions, against a model that never forgets."""

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, rule

from context.clock import ManualClock
from platform_daemon.access import Sessions
from platform_daemon.errors import Unauthenticated
from platform_daemon.transport import Enclave, Peer

ENCLAVES = [Enclave(1, "com.example.a", 1000), Enclave(2, "com.example.a", 1001), Enclave(3, "com.example.b", 1000)]
LIFETIME_S = 100
PER_ENCLAVE = 3


def peer(uid: int) -> Peer:
    return Peer(uid, 1, "any")


class SessionModel(RuleBasedStateMachine):
    tokens = Bundle("tokens")

    def __init__(self) -> None:
        super().__init__()
        self.clock = ManualClock()
        self.sessions = Sessions(self.clock, lifetime_s=LIFETIME_S, per_enclave=PER_ENCLAVE)
        self.model: dict[str, tuple[Enclave, float]] = {}  # oldest first

    @rule(target=tokens, enclave=st.sampled_from(ENCLAVES))
    def open(self, enclave: Enclave) -> str:
        token = self.sessions.open(enclave)
        assert token not in self.model
        live = [one for one in self.model if self.model[one][0] == enclave and self.lives(one)]
        if len(live) == PER_ENCLAVE:
            del self.model[live[0]]
        self.model[token] = (enclave, self.clock.monotonic_s() + LIFETIME_S)
        return token

    @rule(token=tokens, uid=st.sampled_from([1000, 1001]))
    def check(self, token: str, uid: int) -> None:
        if self.lives(token) and self.model[token][0].uid == uid:
            assert self.sessions.check(token, peer(uid)) == self.model[token][0]
        else:
            with pytest.raises(Unauthenticated):
                self.sessions.check(token, peer(uid))

    @rule(token=tokens)
    def close(self, token: str) -> None:
        if self.lives(token):
            self.sessions.close(token, peer(self.model.pop(token)[0].uid))
        else:
            with pytest.raises(Unauthenticated):
                self.sessions.close(token, peer(1000))

    @rule(package=st.sampled_from(["com.example.a", "com.example.b", "com.example.c"]))
    def remove(self, package: str) -> None:
        self.sessions.end_package(package)
        self.model = {token: entry for token, entry in self.model.items() if entry[0].package != package}

    @rule(seconds=st.sampled_from([1.0, 30.0, LIFETIME_S]), jump=st.sampled_from([0, -(10**6), 10**6]))
    def pass_time(self, seconds: float, jump: int) -> None:
        self.clock.advance(seconds)
        self.clock.jump(jump)

    @rule(junk=st.text(max_size=50))
    def check_junk(self, junk: str) -> None:
        with pytest.raises(Unauthenticated):
            self.sessions.check(junk, peer(1000))

    def lives(self, token: str) -> bool:
        return token in self.model and self.clock.monotonic_s() < self.model[token][1]


TestSessions = SessionModel.TestCase


def test_memory_is_bounded_by_the_enclaves() -> None:
    sessions = Sessions(ManualClock(), per_enclave=8)
    for _ in range(1000):
        for enclave in ENCLAVES:
            sessions.open(enclave)
    assert len(sessions) == 8 * len(ENCLAVES)
