"""The numbers of the protocol's methods on the framed lane: what is published stays."""

import pytest

from client_lib.lane_framing import number_of
from insitu.v1 import access_pb2, artifact_pb2, collection_pb2, control_pb2, prediction_pb2, training_pb2

PUBLISHED = {
    "Access/RequestApproval": 16,
    "Access/Challenge": 17,
    "Access/Register": 18,
    "Access/Open": 19,
    "Access/Close": 20,
    "Artifacts/Missing": 32,
    "Artifacts/Put": 33,
    "Collections/Configure": 48,
    "Collections/Add": 49,
    "Collections/Stats": 50,
    "Collections/Clear": 51,
    "Collections/List": 52,
    "Prediction/Load": 64,
    "Prediction/Predict": 65,
    "Prediction/PredictRank": 66,
    "Training/Schedule": 80,
    "Training/Status": 81,
    "Training/Stop": 82,
    "Training/List": 83,
    "Control/GetStatus": 256,
    "Control/ListApps": 257,
    "Control/ApproveApp": 258,
    "Control/RemoveApp": 259,
    "Control/IssueToken": 260,
    "Control/SetConsent": 261,
    "Control/ListPermissions": 262,
    "Control/SetPermission": 263,
    "Control/ShowData": 264,
    "Control/ClearData": 265,
    "Control/ShowContext": 266,
    "Control/SetScriptedContext": 267,
    "Control/ListAllSessions": 268,
    "Control/ExplainSession": 269,
    "Control/StopAppSession": 270,
    "Control/ListModels": 271,
    "Control/RollBackModel": 272,
    "Control/GetMetrics": 288,
    "Control/BeginBackup": 304,
    "Control/ReadBackup": 305,
    "Control/EndBackup": 306,
    "Control/UnhideData": 307,
}
METHODS = {
    f"{service.name}/{method.name}": method
    for module in (access_pb2, artifact_pb2, collection_pb2, control_pb2, prediction_pb2, training_pb2)
    for service in module.DESCRIPTOR.services_by_name.values()
    for method in service.methods
}


def test_every_method_has_a_number_of_its_own() -> None:
    numbers = {name: number_of(method) for name, method in METHODS.items()}
    assert 0 not in numbers.values()
    assert len(set(numbers.values())) == len(numbers)


@pytest.mark.parametrize("name", sorted(PUBLISHED))
def test_no_published_number_changes(name: str) -> None:
    assert number_of(METHODS[name]) == PUBLISHED[name]


def test_every_number_is_listed_here() -> None:
    assert PUBLISHED.keys() == METHODS.keys()
