"""Images of functions: what a platform runs for one event at a time, and by its own rules."""

from __future__ import annotations

from tolv.check.facts.image_steps import steps
from tolv.check.looks.mentions import mentions
from tolv.check.unit import Unit
from tolv.codebase.dockerfile import Dockerfile


def is_function(unit: Unit, dockerfile: Dockerfile) -> bool:
    """Whether its program is a function of AWS Lambda, which runs it as a user of its own, whatever the image says."""
    packages = {
        word.removeprefix("./").removesuffix("/")
        for step in steps(dockerfile)
        if step.argv[:2] == ("go", "build")
        for word in step.argv[2:]
        if "/" in word
    }
    copied = {
        one.removeprefix("./")
        for stage in dockerfile.stages
        for instruction in stage.instructions
        if instruction.keyword == "COPY" and "from" not in instruction.flags
        for one in instruction.words[:-1]
        if one.endswith(".go")
    }
    if not packages:
        return False
    return any(
        one.what.module.startswith("github.com/aws/aws-lambda-go")
        and (one.path.rpartition("/")[0] in packages or one.path in copied)
        for one in unit.seen(mentions, "prod")
    )
