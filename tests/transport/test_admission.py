"""Admission, against a model that keeps plain lists."""

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from platform_daemon.errors import ResourceExhausted
from platform_daemon.transport.admission import Admission, ConnectionLimits

LIMITS = ConnectionLimits(per_uid=3, in_all=5, silent_per_uid=2, silent_in_all=3)
UIDS = st.sampled_from([1000, 1001, 1002])


class AdmissionModel(RuleBasedStateMachine):
    """Connections are numbers in order of arrival."""

    def __init__(self) -> None:
        super().__init__()
        self.admission: Admission[int] = Admission(LIMITS)
        self.next = 0
        self.silent: list[tuple[int, int]] = []  # (connection, uid)
        self.speaking: list[tuple[int, int]] = []

    @rule(uid=UIDS)
    def enter(self, uid: int) -> None:
        yielded = self.admission.enter(self.next, uid)
        own = [one for one, owner in self.silent if owner == uid]
        if len(own) == LIMITS.silent_per_uid:
            assert yielded == own[0]
        elif len(self.silent) == LIMITS.silent_in_all:
            owners = [owner for _, owner in self.silent]
            victim = dict(self.silent)[yielded] if yielded is not None else None
            assert owners.count(victim) == max(owners.count(owner) for owner in owners)
            assert yielded == next(one for one, owner in self.silent if owner == victim)
        else:
            assert yielded is None
        self.silent = [entry for entry in self.silent if entry[0] != yielded] + [(self.next, uid)]
        self.next += 1

    @precondition(lambda self: self.silent)
    @rule(data=st.data())
    def speak(self, data: st.DataObject) -> None:
        connection, uid = data.draw(st.sampled_from(self.silent))
        full = [owner for _, owner in self.speaking].count(uid) == LIMITS.per_uid
        if full or len(self.speaking) == LIMITS.in_all:
            with pytest.raises(ResourceExhausted, match="3 connections" if full else "5 connections"):
                self.admission.speak(connection)
        else:
            self.admission.speak(connection)
            self.silent.remove((connection, uid))
            self.speaking.append((connection, uid))

    @precondition(lambda self: self.next)
    @rule(data=st.data())
    def leave(self, data: st.DataObject) -> None:
        connection = data.draw(st.integers(0, self.next - 1))
        self.admission.leave(connection)
        self.silent = [entry for entry in self.silent if entry[0] != connection]
        self.speaking = [entry for entry in self.speaking if entry[0] != connection]

    @invariant()
    def counts(self) -> None:
        assert len(self.admission) == len(self.silent) + len(self.speaking)


TestAdmission = AdmissionModel.TestCase
