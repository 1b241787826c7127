"""Finding plug-ins on the import path without Python's own machinery, and with it where that could know more."""

import os
import subprocess
import sys
import zipfile
from importlib.machinery import PathFinder
from importlib.metadata import entry_points
from pathlib import Path

import pytest

from context.plugins import entry_points_of

GROUP = "tests.insitu_plugins"
TEXT = f"[console_scripts]\nother = os:getcwd\n\n[{GROUP}]\nours = os.path:join\n"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.syspath_prepend(tmp_path)
    return tmp_path


def install(folder: Path, kind: str) -> None:
    metadata = folder / f"plugin-1{kind}"
    metadata.mkdir()
    (metadata / "METADATA").write_text("Metadata-Version: 2.1\nName: plugin\nVersion: 1\n")
    (metadata / "PKG-INFO").write_text("Metadata-Version: 2.1\nName: plugin\nVersion: 1\n")
    (metadata / "entry_points.txt").write_text(TEXT)


@pytest.mark.parametrize("kind", [".dist-info", ".egg-info"])
def test_a_group_in_a_folder_is_found(folder: Path, kind: str) -> None:
    assert list(entry_points_of(GROUP)) == []
    install(folder, kind)
    assert [entry.load() for entry in entry_points_of(GROUP)] == [os.path.join]


def test_a_group_in_an_archive_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    archive = tmp_path / "plugin.zip"
    with zipfile.ZipFile(archive, "w") as file:
        file.writestr("plugin-1.dist-info/METADATA", "Metadata-Version: 2.1\nName: plugin\nVersion: 1\n")
        file.writestr("plugin-1.dist-info/entry_points.txt", TEXT)
    monkeypatch.syspath_prepend(archive)
    assert [entry.name for entry in entry_points_of(GROUP)] == ["ours"]


def test_who_finds_distributions_in_another_way_is_asked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Elsewhere(PathFinder):
        @classmethod
        def find_distributions(cls, context=None):  # type: ignore[no-untyped-def]
            return PathFinder.find_distributions(type(context)(path=[str(tmp_path)], name=context.name))

    install(tmp_path, ".dist-info")
    monkeypatch.setattr(sys, "meta_path", [*sys.meta_path, Elsewhere])
    assert "ours" in [entry.name for entry in entry_points_of(GROUP)]


def test_folders_that_are_gone_or_odd_are_no_obstacle(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (folder / "file-1.egg-info").write_text("Metadata-Version: 1.0\nName: file\n")
    (folder / "bare-1.dist-info").mkdir()
    monkeypatch.syspath_prepend(folder / "gone")
    assert list(entry_points_of(GROUP)) == []


def test_it_agrees_with_the_machinery_about_this_environment() -> None:
    assert list(entry_points_of("insitu.engines")) == list(entry_points(group="insitu.engines"))


def test_without_plugins_the_machinery_stays_out() -> None:
    code = f"""
import sys
from context.plugins import entry_points_of
print(list(entry_points_of({GROUP!r})), "importlib.metadata" in sys.modules)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[] False"
