"""Admission, against a model that keeps a plain list."""

from collections import Counter
from dataclasses import dataclass

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from platform_daemon.errors import ResourceExhausted
from platform_daemon.transport.admission import Admission, ConnectionLimits

LIMITS = ConnectionLimits(per_uid=3, in_all=5, per_app=2, silent_per_uid=2, silent_in_all=3)
UIDS = st.sampled_from([1000, 1001, 1002])
PROCESSES = st.sampled_from([7, 8])
APPS = st.sampled_from(["mail", "notes"])


@dataclass
class Known:
    """What the model knows of a connection; they are numbers in order of arrival."""

    number: int
    uid: int
    pid: int
    speaks_since: int = 0
    app: str = ""


class AdmissionModel(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.admission: Admission[int] = Admission(LIMITS)
        self.next = 0
        self.words = 0
        self.open: list[Known] = []

    @property
    def silent(self) -> list[Known]:
        return [one for one in self.open if not one.speaks_since]

    @property
    def speaking(self) -> list[Known]:
        return sorted((one for one in self.open if one.speaks_since), key=lambda one: one.speaks_since)

    @rule(uid=UIDS, pid=PROCESSES)
    def enter(self, uid: int, pid: int) -> None:
        yielded = self.admission.enter(self.next, uid, pid)
        own = [one.number for one in self.silent if one.uid == uid]
        if len(own) == LIMITS.silent_per_uid:
            assert yielded == own[0]
        elif len(self.silent) == LIMITS.silent_in_all:
            owners = Counter(one.uid for one in self.silent)
            (victim,) = (one.uid for one in self.silent if one.number == yielded)
            assert owners[victim] == max(owners.values())
            assert yielded == next(one.number for one in self.silent if one.uid == victim)
        else:
            assert yielded is None
        self._forget(yielded)
        self.open.append(Known(self.next, uid, pid))
        self.next += 1

    @precondition(lambda self: self.silent)
    @rule(data=st.data())
    def speak(self, data: st.DataObject) -> None:
        one = data.draw(st.sampled_from(self.silent))
        full = [other.uid for other in self.speaking].count(one.uid) == LIMITS.per_uid
        strangers = [other for other in self.speaking if not other.app and (not full or other.uid == one.uid)]
        if not full and len(self.speaking) < LIMITS.in_all:
            assert self.admission.speak(one.number) is None
        elif strangers:
            yielded = self.admission.speak(one.number)
            processes = Counter(other.pid for other in strangers)
            (victim,) = (other for other in strangers if other.number == yielded)
            assert processes[victim.pid] == max(processes.values())
            assert victim is next(other for other in strangers if other.pid == victim.pid)
            self._forget(yielded)
        else:
            with pytest.raises(ResourceExhausted, match="3 connections" if full else "5 connections"):
                self.admission.speak(one.number)
            return
        self.words += 1
        one.speaks_since = self.words

    @precondition(lambda self: any(not one.app for one in self.speaking))
    @rule(data=st.data(), app=APPS)
    def name(self, data: st.DataObject, app: str) -> None:
        one = data.draw(st.sampled_from([one for one in self.speaking if not one.app]))
        if [other.app for other in self.speaking].count(app) == LIMITS.per_app:
            with pytest.raises(ResourceExhausted, match="2 connections"):
                self.admission.name(one.number, app)
        else:
            self.admission.name(one.number, app)
            one.app = app

    @precondition(lambda self: self.next)
    @rule(data=st.data())
    def leave(self, data: st.DataObject) -> None:
        number = data.draw(st.integers(0, self.next - 1))
        self.admission.leave(number)
        self._forget(number)

    def _forget(self, number: int | None) -> None:
        self.open = [one for one in self.open if one.number != number]

    @invariant()
    def counts(self) -> None:
        assert len(self.admission) == len(self.open)


TestAdmission = AdmissionModel.TestCase


def test_where_nobody_needs_a_session_nobody_yields() -> None:
    admission: Admission[int] = Admission(ConnectionLimits(per_uid=1, strangers_yield=False))
    for connection in (1, 2):
        assert admission.enter(connection, 1000) is None
    assert admission.speak(1) is None
    with pytest.raises(ResourceExhausted, match="user 1000 has 1 connections open"):
        admission.speak(2)
