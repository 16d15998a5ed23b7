"""What continuous integration runs: GitHub Actions, GitLab, CircleCI, Travis, Azure, Buildkite, Bitbucket, Drone, Cloud
Build and Jenkins, in one form."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Literal

from tolv.codebase.dockerfile_syntax import Entry
from tolv.codebase.images import Image, parse_image
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
    kind = kind or workflow_kind(path) or "github"
    if kind == "jenkins":
        return Workflow(path, kind, None, (Job("Jenkinsfile", 1, tuple(_jenkins(text)), _jenkins_image(text)),))
    file = parse_yaml(text, path)
    root = file.first
    if root is None or root.kind != "map":
        return Workflow(path, kind, None, (), problem=file.problem or "it is no map")
    jobs = tuple(_JOBS[kind](root))
    env = _entries(root.get("env") or root.get("variables"))
    return Workflow(path, kind, root.text("name"), jobs, _triggers(root), env, file.problem, root)


def _triggers(root: Node) -> tuple[str, ...]:
    on = root.get("on")
    if on is None:
        return ()
    return tuple(name for name, _ in on.items()) if on.kind == "map" else on.texts()


def _github(root: Node) -> Iterator[Job]:
    jobs = root.get("jobs")
    for key, node in jobs.pairs() if jobs is not None else ():
        if node.kind != "map":
            continue
        environment = node.get("environment")
        yield Job(
            name=key.value,
            line=key.line,
            steps=tuple(_step(one) for one in _elements(node.get("steps")) if one.kind == "map"),
            container=_image("container", node.get("container")),
            services=tuple(_services(node.get("services"))),
            env=_entries(node.get("env")),
            needs=_texts(node.get("needs")),
            environment=None if environment is None else environment.text("name") or environment.value or None,
            matrix=_matrix(node.at("strategy", "matrix")),
            condition=node.text("if"),
            uses=node.text("uses"),
            node=node,
        )


def _step(node: Node, run_key: str = "run") -> Step:
    run = node.get(run_key)
    return Step(
        name=node.text("name") or node.text("displayName") or node.text("label"),
        run=run.value if run is not None and run.kind == "scalar" else None,
        uses=node.text("uses"),
        with_=_entries(node.get("with")),
        env=_entries(node.get("env")),
        line=node.line,
        run_line=run.text_line if run is not None else node.line,
        condition=node.text("if") or node.text("condition"),
    )


def _gitlab(root: Node) -> Iterator[Job]:
    default = root.get("default") or root
    for key, node in root.pairs():
        if node.kind != "map" or key.value in _GITLAB_WORDS:
            continue
        if node.get("script") is None and node.get("trigger") is None and node.get("image") is None:
            continue
        steps = [
            step
            for part in ("before_script", "script", "after_script")
            for step in _runs(node.get(part) or (default.get(part) if part == "before_script" else None))
        ]
        services = node.get("services") or default.get("services")
        yield Job(
            name=key.value,
            line=key.line,
            steps=tuple(steps),
            container=_image("image", node.get("image") or default.get("image")),
            services=tuple(found for one in _elements(services) if (found := _image("", one)) is not None),
            env=_entries(node.get("variables")),
            needs=tuple(one.text("job") or one.value for one in _elements(node.get("needs"))),
            environment=node.text("environment", "name") or node.text("environment"),
            node=node,
        )


_GITLAB_WORDS = frozenset(
    {"default", "variables", "include", "stages", "workflow", "cache", "image", "services", "spec"}
)


def _circleci(root: Node) -> Iterator[Job]:
    jobs = root.get("jobs")
    executors = root.get("executors")
    for key, node in jobs.pairs() if jobs is not None else ():
        executor = node.text("executor", "name") or node.text("executor")
        holder = node if node.get("docker") is not None or executors is None else executors.get(executor or "") or node
        images = [found for one in _elements(holder.get("docker")) if (found := _image("", one)) is not None]
        steps = []
        for one in _elements(node.get("steps")):
            if one.kind == "scalar":
                steps.append(Step(None, None, one.value, {}, {}, one.line, one.line))
                continue
            for name, what in one.items():
                if name == "run":
                    inner = _step(what, "command") if what.kind == "map" else None
                    env = _entries(what.get("environment"))
                    text = inner.run if inner is not None else what.value
                    line = inner.run_line if inner is not None else what.text_line
                    steps.append(Step(inner.name if inner else None, text, None, {}, env, one.line, line))
                else:
                    steps.append(Step(None, None, name, _entries(what), {}, one.line, one.line))
        yield Job(
            key.value, key.line, tuple(steps), images[0] if images else None, tuple(images[1:]),
            _entries(node.get("environment")), node=node,
        )  # fmt: skip


def _travis(root: Node) -> Iterator[Job]:
    parts = ("before_install", "install", "before_script", "script", "after_success", "after_script", "before_deploy")
    steps = [step for part in parts for step in _runs(root.get(part))]
    deploy = root.get("deploy")
    steps += [
        Step("deploy", None, one.text("provider"), _entries(one), {}, one.line, one.line)
        for one in ((deploy,) if deploy is not None and deploy.kind == "map" else _elements(deploy))
    ]
    services = root.get("services")
    named = services.elements() if services is not None and services.kind == "list" else (services,) if services else ()
    images = tuple(ServiceImage(one.value, parse_image(one.value), one.line) for one in named if one.value != "docker")
    versions = ("python", "node_js", "go", "jdk", "rvm", "php", "ruby")
    matrix = {name: _texts(root.get(name)) for name in versions if root.get(name) is not None}
    yield Job("travis", root.line, tuple(steps), None, images, matrix=matrix or None, node=root)


def _azure(root: Node) -> Iterator[Job]:
    """Stages, jobs and steps wherever they nest, deployments with their strategies included."""
    if root.get("steps") is not None:
        yield _azure_job("job", root)
    rest = [root]
    while rest:
        node = rest.pop()
        for key in ("stages", "jobs"):
            for one in _elements(node.get(key)):
                rest.append(one)
                name = one.text("job") or one.text("deployment")
                if name is not None:
                    yield _azure_job(name, one)


def _azure_job(name: str, node: Node) -> Job:
    lists = [node.get("steps")]
    for strategy in ("runOnce", "rolling", "canary"):
        lists += [
            node.at("strategy", strategy, phase, "steps") for phase in ("preDeploy", "deploy", "postRouteTraffic")
        ]
    steps = []
    for one in (element for part in lists for element in _elements(part) if element.kind == "map"):
        key = next((key for key in ("script", "bash", "pwsh", "powershell") if one.get(key) is not None), "script")
        step = _step(one, key)
        uses = one.text("task") or one.text("template")
        steps.append(Step(step.name, step.run, uses, _entries(one.get("inputs")), step.env, one.line, step.run_line))
    return Job(
        name,
        node.line,
        tuple(steps),
        _image("container", node.get("container")),
        environment=node.text("environment"),
        node=node,
    )


def _buildkite(root: Node) -> Iterator[Job]:
    for number, one in enumerate(_elements(root.get("steps")), start=1):
        if one.kind != "map":
            continue
        steps = [step for key in ("command", "commands") for step in _runs(one.get(key))]
        for plugin in _elements(one.get("plugins")):
            for name, given in plugin.items() or ((plugin.value, plugin),):
                steps.append(Step(None, None, name, _entries(given), {}, plugin.line, plugin.line))
        name = one.text("key") or one.text("label") or f"step {number}"
        yield Job(name, one.line, tuple(steps), env=_entries(one.get("env")), node=one)


def _bitbucket(root: Node) -> Iterator[Job]:
    named = root.at("definitions", "services")
    images = dict(named.items()) if named is not None else {}
    pipelines = root.get("pipelines")
    for node in pipelines.walk() if pipelines is not None else ():
        step = node.get("step") if node.kind == "map" else None
        if step is None:
            continue
        services = [
            found for name in _texts(step.get("services")) if (found := _image(name, images.get(name))) is not None
        ]
        yield Job(
            step.text("name") or "step", step.line, tuple(_runs(step.get("script"))),
            _image("image", step.get("image") or root.get("image")), tuple(services),
            environment=step.text("deployment"), node=step,
        )  # fmt: skip


def _drone(root: Node) -> Iterator[Job]:
    steps = root.get("steps") or root.get("pipeline")
    found = (
        steps.items()
        if steps is not None and steps.kind == "map"
        else [(o.text("name") or "", o) for o in _elements(steps)]
    )
    services = root.get("services")
    beside = (
        tuple(_services(services))
        if services is not None and services.kind == "map"
        else tuple(image for one in _elements(services) if (image := _image(one.text("name") or "", one)) is not None)
    )
    for name, one in found:
        uses = one.text("image") if one.get("commands") is None else None
        own = [Step(name, None, uses, _entries(one.get("settings")), {}, one.line, one.line)] if uses else []
        yield Job(name, one.line, (*_runs(one.get("commands")), *own), _image("", one), beside, node=one)


def _cloudbuild(root: Node) -> Iterator[Job]:
    steps = []
    for one in _elements(root.get("steps")):
        args = one.get("args")
        words = _texts(args)
        script = one.get("script")
        run = script.value if script is not None else " ".join(words)
        line = script.text_line if script is not None else args.line if args is not None else one.line
        steps.append(Step(one.text("id"), run, one.text("name"), {}, {}, one.line, line))
    yield Job("build", root.line, tuple(steps), node=root)


_JOBS: dict[Kind, Callable[[Node], Iterator[Job]]] = {
    "github": _github,
    "gitlab": _gitlab,
    "circleci": _circleci,
    "travis": _travis,
    "azure": _azure,
    "buildkite": _buildkite,
    "bitbucket": _bitbucket,
    "drone": _drone,
    "cloudbuild": _cloudbuild,
}

_JENKINS_STEP = re.compile(r"""\b(sh|bat|powershell)\b[ \t(]*(?:[^\n'"]{0,200}?\bscript:[ \t]*)?('''|\"\"\"|'|")""")
_JENKINS_IMAGE = re.compile(r"""\bimage[ \t(]+['"]([^'"\n]{1,300})['"]""")


def _jenkins(text: str) -> Iterator[Step]:
    """The shell steps of a Jenkinsfile: what stands in quotes behind `sh`."""
    position = 0
    text = text[: 1 << 20]
    while match := _JENKINS_STEP.search(text, position):
        end = text.find(match[2], match.end())
        if end < 0 or (len(match[2]) == 1 and "\n" in text[match.end() : end]):
            position = match.end()
            continue
        line = text.count("\n", 0, match.start()) + 1
        run_line = text.count("\n", 0, match.end()) + 1
        yield Step(None, text[match.end() : end], None, {}, {}, line, run_line)
        position = end + len(match[2])


def _jenkins_image(text: str) -> ServiceImage | None:
    match = _JENKINS_IMAGE.search(text)
    return (
        None if match is None else ServiceImage("agent", parse_image(match[1]), text.count("\n", 0, match.start()) + 1)
    )


def _runs(node: Node | None) -> Iterator[Step]:
    """A text, or a list of texts, each a step."""
    if node is None:
        return
    rest = (
        [node]
        if node.kind == "scalar"
        else [inner for one in node.elements() for inner in (one.elements() if one.kind == "list" else (one,))]
    )
    for one in rest:
        if one.kind == "scalar" and not one.is_null:
            yield Step(None, one.value, None, {}, {}, one.line, one.text_line)


def _services(node: Node | None) -> Iterator[ServiceImage]:
    for name, one in node.items() if node is not None else ():
        if (found := _image(name, one)) is not None:
            yield found


def _image(name: str, node: Node | None) -> ServiceImage | None:
    """Of a text, or of a map with `image` or `name`."""
    if node is None or node.is_null:
        return None
    text = node if node.kind == "scalar" else node.get("image") or node.get("name")
    if text is None or text.kind != "scalar" or not text.value:
        return None
    image = parse_image(text.value)
    return ServiceImage(name or image.base, image, text.line)


def _matrix(node: Node | None) -> dict[str, tuple[str, ...]] | None:
    return None if node is None or node.kind != "map" else {name: one.texts() for name, one in node.items()}


def _entries(node: Node | None) -> dict[str, Entry]:
    """The scalars of a map."""
    if node is None:
        return {}
    return {name: Entry(one.value, one.line) for name, one in node.items() if one.kind == "scalar"}


def _elements(node: Node | None) -> tuple[Node, ...]:
    return node.elements() if node is not None else ()


def _texts(node: Node | None) -> tuple[str, ...]:
    return node.texts() if node is not None else ()
