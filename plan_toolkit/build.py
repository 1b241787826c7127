"""From a source file to plan files, and the first source file of a new plan."""

import importlib.util
import os
import sys
import traceback
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from types import ModuleType
from typing import Any

from plan_toolkit.author import author
from plan_toolkit.errors import BadArgument, SourceInvalid, ToolkitError
from plan_toolkit.plans import AuthoredPlans
from plan_toolkit.quiet import quiet

_MODULE = "insitu_plan_source"


@dataclass(frozen=True, slots=True)
class BuiltPlans:
    """The plans of one source file and where they were written."""

    plans: AuthoredPlans
    inference_path: Path
    training_path: Path


def build(source: str | os.PathLike[str], folder: str | os.PathLike[str] | None = None) -> BuiltPlans:
    """Run `plan()` of a Python source file and write the two plans into `folder`, by default the source's own.

    `plan()` returns AuthoredPlans, or the arguments of `author` as a mapping with `model` among them. Random numbers
    and the names that Keras gives start anew, so that the same source gives the same bytes; a SavedModel, which counts
    the functions of its process, does so in a fresh process.

    Raises:
        SourceInvalid: the file cannot be loaded, or `plan()` is missing, fails, or returns something else.
        ToolkitError: as `author`.
    """
    path = Path(source)
    if not path.is_file():
        raise SourceInvalid(f"{path}: there is no such file")
    _start_anew()
    with _importable(path.parent):
        made = _call(path, _load(path))
        plans = made if isinstance(made, AuthoredPlans) else _author(path, made)
    inference_path, training_path = plans.save(path.parent if folder is None else folder)
    return BuiltPlans(plans, inference_path, training_path)


def new_source(name: str, path: str | os.PathLike[str]) -> Path:
    """Write a small source file that builds as it is: a classifier of handwritten digits, to be changed into yours.

    Raises:
        BadArgument: the file is there already.
    """
    target = Path(path)
    template = files("plan_toolkit").joinpath("templates", "digits.py").read_text(encoding="utf-8")
    target.parent.mkdir(parents=True, exist_ok=True)
    try:
        with target.open("x", encoding="utf-8") as file:
            file.write(template.replace('NAME = "digits"', f'NAME = "{name}"'))
    except FileExistsError:
        raise BadArgument("path", f"{target} is there already; name another file") from None
    return target


def _start_anew() -> None:
    with quiet():
        import keras

        keras.utils.clear_session()
        keras.utils.set_random_seed(0)


@contextmanager
def _importable(folder: Path) -> Iterator[None]:
    """A source may import its neighbours."""
    entry = str(folder.resolve())
    sys.path.insert(0, entry)
    try:
        yield
    finally:
        sys.path.remove(entry)
        sys.modules.pop(_MODULE, None)


def _load(path: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location(_MODULE, path)
    if spec is None or spec.loader is None:
        raise SourceInvalid(f"{path}: a source is a Python file; let its name end in .py")
    module = importlib.util.module_from_spec(spec)
    # Registered while it runs: dataclasses and TensorFlow's tracing look their module up.
    sys.modules[_MODULE] = module
    try:
        spec.loader.exec_module(module)
    except ToolkitError:
        raise
    except SyntaxError as error:
        raise SourceInvalid(f"{error.filename}, line {error.lineno}: {error.msg}") from error
    except Exception as error:
        # The source is the author's program: it raises whatever it likes.
        raise SourceInvalid(_blamed(path, error)) from error
    return module


def _call(path: Path, module: ModuleType) -> Any:
    plan = getattr(module, "plan", None)
    if not callable(plan):
        raise SourceInvalid(f"{path}: define a function plan() that returns author(...); see `insitu plan new`")
    try:
        return plan()
    except ToolkitError:
        raise
    except Exception as error:
        raise SourceInvalid(_blamed(path, error)) from error


def _author(path: Path, arguments: Any) -> AuthoredPlans:
    if not isinstance(arguments, Mapping) or "model" not in arguments:
        raise SourceInvalid(f"{path}: plan() returned {type(arguments).__name__}; return author(...) or its arguments")
    rest = {key: value for key, value in arguments.items() if key != "model"}
    try:
        return author(arguments["model"], **rest)
    except TypeError as error:
        raise SourceInvalid(f"{path}: plan(): {error}") from error


def _blamed(path: Path, error: Exception) -> str:
    """The error with the last line of the source that took part in it."""
    frames = traceback.extract_tb(error.__traceback__)
    lines = [frame.lineno for frame in frames if Path(frame.filename).absolute() == path.absolute()]
    where = f"{path}, line {lines[-1]}" if lines else str(path)
    return f"{where}: {type(error).__name__}: {error}"
