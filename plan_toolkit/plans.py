"""The pair of plans that authoring yields."""

import os
from dataclasses import dataclass
from pathlib import Path

from insitu.v1 import plan_pb2


@dataclass(frozen=True, slots=True)
class Notice:
    """Something that the author should know though nothing failed. `code` is stable, `message` is for people."""

    code: str
    message: str


@dataclass(frozen=True, slots=True)
class AuthoredPlans:
    """Two plans with the same parameters: what the training plan produces, the inference plan takes."""

    inference: plan_pb2.Plan
    training: plan_pb2.Plan
    notices: tuple[Notice, ...] = ()

    def save(self, folder: str | os.PathLike[str]) -> tuple[Path, Path]:
        """Writes NAME.infer.plan and NAME.train.plan, each as a whole or not at all; returns their paths.

        A name with slashes, "keyboard/next-word", lies in folders of these names.
        """
        base = Path(folder) / self.inference.name
        base.parent.mkdir(parents=True, exist_ok=True)
        return (
            _write(base.with_name(f"{base.name}.infer.plan"), self.inference),
            _write(base.with_name(f"{base.name}.train.plan"), self.training),
        )


def _write(path: Path, plan: plan_pb2.Plan) -> Path:
    partial = path.with_name(f"{path.name}.part")
    partial.write_bytes(plan.SerializeToString(deterministic=True))
    partial.replace(path)
    return path
