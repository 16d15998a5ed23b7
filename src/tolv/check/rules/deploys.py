"""Factor V, releases that are changed after they were made: by the app itself, or by hands on a host."""

from __future__ import annotations

import re
from collections.abc import Iterator

from tolv.check.facts.image_steps import steps
from tolv.check.looks.self_change import self_changes
from tolv.check.looks.way import commands, production_starts
from tolv.check.model import Finding, NotApplicable, Outcome, Place, Severity, Witness
from tolv.check.rule import rule
from tolv.check.unit import Unit
from tolv.codebase.shell import Command, interpreter_of, parse_shell

_STAGES = "https://12factor.net/build-release-run"


@rule(
    "V-06",
    severity="error",
    materials=("python", "javascript", "php", "manifests"),
    looks=(self_changes,),
    title="The app changes its own code while it runs",
    why="The running code is no release any more: it cannot be built again or rolled back, other instances have "
    "another, and a read-only image refuses it.",
    fix="Make a new release instead; put plugins and assets into the image when it is built.",
    bad='subprocess.run(["git", "pull"])',
    good="a deploy of the next release",
    source=_STAGES,
    probe="V-P1",
)
def changes_itself(unit: Unit) -> Iterator[Outcome]:
    found = False
    volumes = _volumes(unit)
    built = _run_by_builds(unit)
    for seen in unit.seen(self_changes, "prod"):
        if _is_tooling(unit, seen.path) or (seen.path.rpartition("/")[2] in built and not _is_entry(unit, seen.path)):
            continue
        change = seen.what
        if change.kind == "update" and change.what.startswith("git") and re.search(r"(?:^|/)bin/", seen.path):
            continue  # for who works in a checkout
        severity: Severity = "error"
        if change.kind == "unpack":
            severity = (
                "warning"
                if volumes or re.search(r"(?i)plugin|extension|theme|addon|module", change.what + seen.path)
                else "error"
            )
        elif change.kind == "install":
            severity = "warning"
        found = True
        yield Finding(
            _SAID[change.kind].format(what=change.what), unit.place(seen.path, change.line, change.column), severity
        )
    starts = production_starts(unit)
    for start in starts:
        for path, command in commands(unit, start):
            if _pulls(command):
                found = True
                yield Finding(
                    f"{start.type} fetches its code at start: {command.text[:60]}", unit.place(path, command.line)
                )
    if found:
        return
    if unit.languages:
        yield NotApplicable("nothing in the code updates or rewrites the app")
    else:
        yield NotApplicable("there is no code")


_SAID = {
    "update": "the app updates itself while it runs: {what}",
    "install": "the app installs packages while it runs: {what}",
    "unpack": "{what} unpacks code into the app's own directory",
    "write": "{what} writes code into the app's own tree",
}


def _volumes(unit: Unit) -> set[str]:
    return {
        word
        for one in unit.dockerfiles
        for stage in one.stages
        for step in stage.instructions
        if step.keyword == "VOLUME"
        for word in step.words
    }


_TOOLING = re.compile(
    r"(?i)(?:^|/)(?:scripts?|tools?|build|ci|release|tasks|hack|\.?github|gulpfile|gruntfile|setup|fabfile|noxfile|generators?|codegen|"
    r"scaffold|webpack|rollup|cli|create-|templates?)(?:[/._-]|$)|(?:build|release|bundle|compile|generate|deploy|publish|docs?)[\w-]*\.\w+$"
)


def _is_tooling(unit: Unit, path: str) -> bool:
    """Code that people or pipelines run, not the app."""
    return bool(_TOOLING.search(path)) and not _is_entry(unit, path)


def _is_entry(unit: Unit, path: str) -> bool:
    return any(one.entry == path for one in unit.starts)


def _run_by_builds(unit: Unit) -> frozenset[str]:
    """The names of the files that a step of an image's build runs: what they change is not released yet."""
    return frozenset(
        word.rpartition("/")[2]
        for dockerfile in unit.dockerfiles
        for step in steps(dockerfile)
        for word in step.argv[:4]
        if "." in word
    )


def _pulls(command: Command) -> bool:
    text = " ".join(command.argv)
    return command.program == "git" and bool(re.match(r"\S+ (?:-C \S+ )?(?:pull|clone|reset --hard|fetch)\b", text))


_REMOTE = re.compile(r"^[\w.$@{}-]+@?[\w.${}-]*:[^/\s]*")
_ACTIONS = re.compile(
    r"(?i)(?:appleboy|easingthemes|burnett01|contention|up9cloud|garygrossgarten|cross-the-world|wlixcc|webfactory|fifsky|nogsantos|"
    r"matheusvanzan|sagarchauhan005|milanmk|SamKirkland)/[\w-]*(?:ssh|scp|rsync|sftp|ftp|deploy)[\w-]*@"
)
_DEPLOYING = re.compile(r"(?i)deploy|release|publish|prod|staging|rollout|\bcd\b|update|upload")
_FABRIC = re.compile(
    r"\b(?:run|sudo|c\.run|conn\.run|local|remote)\(\s*f?[\"'][^\"']*\bgit (?:pull|fetch|checkout|clone)\b"
)


@rule(
    "V-07",
    severity="warning",
    materials=("manifests",),
    title="Releases are made by hands on a host",
    why="What is copied or pulled onto a server is no release: nobody can say what runs, nor go back to what ran "
    "before.",
    fix="Let the pipeline build an artefact and hand it to the platform.",
    bad='ssh deploy@host "cd /srv/shop && git pull && systemctl restart shop"',
    good="docker push registry/shop:$SHA, and a rollout of that tag",
    source=_STAGES,
    probe="V-P3",
    everywhere=True,
)
def deployed_by_hand(unit: Unit) -> Iterator[Outcome]:
    found = False
    for workflow in unit.workflows:
        steps: dict[str, list[Place]] = {}
        for job, step in [(one, step) for one in workflow.jobs for step in one.steps]:
            said = f"{workflow.path} {workflow.name} {job.name} {job.environment} {step.name}"
            line = None
            if not _DEPLOYING.search(said) and not (step.uses and _ACTIONS.match(step.uses)):
                # Machines that tests run on get their code this way too.
                continue
            if step.uses and _ACTIONS.match(step.uses) and not re.search(r"ssh-agent", step.uses):
                line, how = step.line, step.uses.partition("@")[0]
            else:
                for command in step.script().commands if step.run else ():
                    if how := _by_ssh(command):
                        line = command.line
                        break
            if line is not None:
                found = True
                steps.setdefault(how, []).append(unit.place(workflow.path, line))
        for how, places in steps.items():
            yield Finding(f"the pipeline deploys onto a host by {how}", places[0], also=tuple(places[1:]))
    for file in unit.files:
        if file.context in ("test", "docs", "ci") or file.size > 1 << 18:
            continue
        finding = None
        if file.name.endswith(".sh") or (not file.language and _SCRIPTS.search(file.path)):
            finding = _script(unit, file.path)
        elif file.name in ("fabfile.py", "deploy.rb", "deploy.py"):
            finding = _fabric(unit, file.path)
        if finding is not None:
            found = True
            yield finding
    if not found and (unit.workflows or production_starts(unit)):
        yield Witness("no pipeline and no script copies code onto a host")
    elif not found:
        yield NotApplicable("nothing here deploys")


_SCRIPTS = re.compile(r"(?:^|/)(?:bin|scripts?|deploy\w*|ops)/[\w.-]+$|(?:^|/)deploy[\w-]*$|(?:^|/)Makefile$")


def _script(unit: Unit, path: str) -> Finding | None:
    text = unit.text(path)
    if text is None or not re.search(r"\b(?:ssh|scp|rsync|sftp)\b", text):
        return None
    if path.endswith("Makefile"):
        for number, raw in enumerate(text.split("\n"), start=1):
            if raw.startswith("\t"):
                for command in parse_shell(raw.strip().lstrip("@-"), path, number).commands:
                    if how := _by_ssh(command):
                        return Finding(f"a target deploys onto a host by {how}", unit.place(path, number))
        return None
    if not path.endswith(".sh") and interpreter_of(text) is None:
        return None
    for command in parse_shell(text, path).commands:
        if how := _by_ssh(command):
            return Finding(f"the script deploys onto a host by {how}", unit.place(path, command.line))
    return None


_ON_HOST = re.compile(
    r"git (?:pull|fetch|checkout|clone|reset)|docker(?:-compose| compose)? (?:pull|up|run|restart|stack)|pip install"
    r"|systemctl (?:restart|reload)|supervisorctl|pm2 (?:restart|reload|start)|npm (?:ci|install)|deploy|restart"
)


def _by_ssh(command: Command) -> str | None:
    """How a command puts code onto a host; None: it does not."""
    words = command.argv[1:]
    if command.program in ("rsync", "scp") and words:
        target = words[-1]
        remote = _REMOTE.match(target) and "://" not in target and not target.startswith("/")
        return command.program if remote else None
    if command.program in ("ssh", "sshpass"):
        text = " ".join(words)
        return "ssh" if _ON_HOST.search(text) else None
    return None


def _fabric(unit: Unit, path: str) -> Finding | None:
    text = unit.text(path) or ""
    match = _FABRIC.search(text) or re.search(r"^\s*set :(?:deploy_to|repo_url|repository)\b", text, re.M)
    if match is None:
        return None
    line = text.count("\n", 0, match.start()) + 1 + match[0].startswith("\n")
    return Finding("the app is deployed by commands on each host", unit.place(path, line))
