"""Other servers, where they are installed; and what is said where they are not."""

from pathlib import Path

import pytest

from benchmarks import __main__ as program
from benchmarks import peer_servers
from benchmarks.lab import Skipped
from benchmarks.peer_servers import PeerModel
from benchmarks.samples import samples


def test_without_them_the_remedy_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(peer_servers, "PYTHON", tmp_path / "none")
    with pytest.raises(Skipped, match="run `make bench-peers`"):
        PeerModel.export(tmp_path / "none.plan", samples(1), tmp_path / "model")


def test_what_is_skipped_is_said_and_nothing_fails(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def lacking(lab: object) -> list[object]:
        raise Skipped("Others are not installed", "make others")

    monkeypatch.setattr(program, "load", lambda id: lacking)
    results = ["--json", str(tmp_path / "bench.json")]
    monkeypatch.setattr(program, "select", lambda only: ("B1p", "B2"))
    assert program.main(results) == 0
    said = capsys.readouterr().out
    assert "B1p was skipped: Others are not installed; run `make others`" in said
    assert "B2 was skipped" in said
    assert program.main([*results, "--only", "B1p,B2"]) == 1, "asked for by name, it could not be run"
