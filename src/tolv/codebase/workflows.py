"""What continuous integration runs: GitHub Actions, GitLab, CircleCI, Travis, Azure, Buildkite, Bitbucket, Drone, Cloud
Build and Jenkins, in one form."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

from tolv.codebase.dockerfile_syntax import Entry
from tolv.codebase.images import Image
from tolv.codebase.shell import Script, parse_shell
from tolv.codebase.yamlfile import Node, parse_yaml

Kind = Literal[
    "github", "gitlab", "circleci", "travis", "azure", "buildkite", "bitbucket", "drone", "cloudbuild", "jenkins"
]


@dataclass(frozen=True, slots=True)
class Step:
    """One step of a job."""

    name: str | None
    run: str | None
    """The text for the shell; None: it uses something."""
    uses: str | None
    """The action, orb, plugin or task: `actions/checkout@v4`."""
    with_: dict[str, Entry]
    """What it is given."""
    env: dict[str, Entry]
    line: int
    run_line: int
    """The line that the text of `run` starts in."""
    condition: str | None = None

    def script(self) -> Script:
        """The commands of `run`, with their lines in the file; `${{ secrets.A }}` stands in them as `${secrets_A}`."""
        return parse_shell(_EXPRESSION.sub(_as_variable, self.run or ""), line=self.run_line)


@dataclass(frozen=True, slots=True)
class ServiceImage:
    """An image that a job runs, or runs in."""

    name: str
    image: Image
    line: int


@dataclass(frozen=True, slots=True)
class Job:
    """One job."""

    name: str
    line: int
    steps: tuple[Step, ...]
    container: ServiceImage | None = None
    """The image that it runs in."""
    services: tuple[ServiceImage, ...] = ()
    env: dict[str, Entry] | None = None
    needs: tuple[str, ...] = ()
    environment: str | None = None
    """The deploy environment that it names: `production`."""
    matrix: dict[str, tuple[str, ...]] | None = None
    condition: str | None = None
    uses: str | None = None
    """A workflow that it calls."""
    node: Node | None = None


@dataclass(frozen=True, slots=True)
class Workflow:
    """One file of CI."""

    path: str
    kind: Kind
    name: str | None
    jobs: tuple[Job, ...]
    triggers: tuple[str, ...] = ()
    """Events as the system names them: `push`, `pull_request`, `schedule`; empty: its default, every push."""
    env: dict[str, Entry] | None = None
    """Variables for all jobs."""
    problem: str | None = None
    document: Node | None = None

    @property
    def steps(self) -> tuple[Step, ...]:
        return tuple(step for job in self.jobs for step in job.steps)

    @property
    def services(self) -> tuple[ServiceImage, ...]:
        """The images that the jobs run beside themselves."""
        return tuple(service for job in self.jobs for service in job.services)


_EXPRESSION = re.compile(r"\$\{\{([^}]*)\}\}")


def _as_variable(match: re.Match[str]) -> str:
    return "${" + (re.sub(r"\W+", "_", match[1]).strip("_") or "_") + "}"


_PATHS: tuple[tuple[re.Pattern[str], Kind], ...] = (
    (re.compile(r"(?:.*/)?\.(?:github|gitea|forgejo)/workflows/[^/]+\.ya?ml"), "github"),
    (re.compile(r"(?:.*/)?\.gitlab-ci[^/]*\.ya?ml|(?:.*/)?\.gitlab/(?:ci/)?[^/]*\.ya?ml"), "gitlab"),
    (re.compile(r"(?:.*/)?\.circleci/config\.ya?ml|circle\.ya?ml"), "circleci"),
    (re.compile(r"(?:.*/)?\.travis\.ya?ml"), "travis"),
    (re.compile(r"(?:.*/)?\.?azure-pipelines?[^/]*\.ya?ml|(?:.*/)?\.(?:azure-)?pipelines/[^/]*\.ya?ml"), "azure"),
    (re.compile(r"(?:.*/)?\.buildkite/[^/]*\.ya?ml"), "buildkite"),
    (re.compile(r"(?:.*/)?bitbucket-pipelines\.ya?ml"), "bitbucket"),
    (re.compile(r"(?:.*/)?\.(?:drone|woodpecker)(?:/[^/]*)?\.ya?ml|(?:.*/)?\.woodpecker/[^/]*\.ya?ml"), "drone"),
    (re.compile(r"(?:.*/)?cloudbuild[^/]*\.ya?ml"), "cloudbuild"),
    (re.compile(r"(?:.*/)?Jenkinsfile[^/]*|.*\.jenkinsfile"), "jenkins"),
)


def workflow_kind(path: str) -> Kind | None:
    """The CI system that a file is for, by its path; None: it is for none."""
    return next((kind for pattern, kind in _PATHS if pattern.fullmatch(path)), None)


def parse_workflow(text: str, path: str, kind: Kind | None = None) -> Workflow:
    """Read a file of CI. Never raises; `problem` says what could not be read."""
    from tolv.codebase.workflow_jobs import JOBS, entries, jenkins_image, jenkins_steps

    kind = kind or workflow_kind(path) or "github"
    if kind == "jenkins":
        return Workflow(path, kind, None, (Job("Jenkinsfile", 1, tuple(jenkins_steps(text)), jenkins_image(text)),))
    file = parse_yaml(text, path)
    root = file.first
    if root is None or root.kind != "map":
        return Workflow(path, kind, None, (), problem=file.problem or "it is no map")
    jobs = tuple(JOBS[kind](root))
    env = entries(root.get("env") or root.get("variables"))
    return Workflow(path, kind, root.text("name"), jobs, _triggers(root), env, file.problem, root)


def _triggers(root: Node) -> tuple[str, ...]:
    on = root.get("on")
    if on is None:
        return ()
    return tuple(name for name, _ in on.items()) if on.kind == "map" else on.texts()
