"""Where an app's contract is, and how it is read."""

from __future__ import annotations

from pathlib import Path

from tolv.prove.contracts.document import Document, NoContract, read_document
from tolv.prove.harness.instance import Instance
from tolv.prove.harness.trial import Trial
from tolv.prove.probe import CannotProve
from tolv.prove.recipes import EXAMPLES

#: Bytes of a file that is read.
_LARGEST = 16 << 20


class Missing(CannotProve):
    """There is nothing where the contract should be."""


def is_route(trial: Trial) -> bool:
    """Whether the running app gives it; else it is a file of the code."""
    return (trial.traffic.recipes.spec or "").startswith("/")


async def served(trial: Trial, instance: Instance) -> Document:
    """The contract that an instance gives. Raises `Missing`, `NoContract`, and `NoAnswer`."""
    path = trial.traffic.recipes.spec or ""
    answer = await instance.client.request("GET", path, headers=trial.traffic.recipes.headers)
    trial.saw("answer", f"GET {path} -> {answer}", instance.name)
    if answer.status != 200:
        raise Missing(f"GET {path} is answered {answer.status}", EXAMPLES["spec"])
    return read_document(answer.text(), path)


def filed(trial: Trial, directory: Path) -> Document:
    """The contract that lies among the files of a release. Raises `Missing` and `NoContract`."""
    name = trial.traffic.recipes.spec or ""
    path = directory / name
    try:
        if not path.resolve().is_relative_to(directory.resolve()) or path.stat().st_size > _LARGEST:
            raise Missing(f"{name} is no file of the app", EXAMPLES["spec"])
        text = path.read_text(encoding="utf-8", errors="replace")
    except OSError as error:
        raise Missing(f"{name} cannot be read: {error.strerror}", EXAMPLES["spec"]) from None
    trial.saw("file", f"{name}: {len(text)} characters")
    return read_document(text, name)


__all__ = ["Missing", "NoContract", "filed", "is_route", "served"]
