"""Build steps: the commands that run in the exported tree once its dependencies are there."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from tolv.build.environment import SYSTEM_PATH
from tolv.build.workshop import Workshop
from tolv.dependencies.model import Step


def run_step(step: Step, root: Path, paths: Sequence[str], variables: dict[str, str], shop: Workshop) -> None:
    """Run a step in `root/app`.

    Raises `AppError` with the last lines of what it wrote when it fails.
    """
    shop.report(f"running {step.name}")
    environment = {**variables, **step.environment, "PATH": os.pathsep.join([*paths, *SYSTEM_PATH])}
    shop.run(
        ["/usr/bin/env", *step.argv],
        cwd=root / "app",
        environment=environment,
        failure=f"the build step {step.name} failed",
        remedy=step.remedy,
    )
