"""How each system of continuous integration writes its jobs."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

from tolv.codebase.dockerfile_syntax import Entry
from tolv.codebase.images import parse_image
from tolv.codebase.workflows import Job, Kind, ServiceImage, Step
from tolv.codebase.yamlfile import Node


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
            env=entries(node.get("env")),
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
        with_=entries(node.get("with")),
        env=entries(node.get("env")),
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
            env=entries(node.get("variables")),
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
                    env = entries(what.get("environment"))
                    text = inner.run if inner is not None else what.value
                    line = inner.run_line if inner is not None else what.text_line
                    steps.append(Step(inner.name if inner else None, text, None, {}, env, one.line, line))
                else:
                    steps.append(Step(None, None, name, entries(what), {}, one.line, one.line))
        yield Job(
            key.value, key.line, tuple(steps), images[0] if images else None, tuple(images[1:]),
            entries(node.get("environment")), node=node,
        )  # fmt: skip


def _travis(root: Node) -> Iterator[Job]:
    parts = ("before_install", "install", "before_script", "script", "after_success", "after_script", "before_deploy")
    steps = [step for part in parts for step in _runs(root.get(part))]
    deploy = root.get("deploy")
    steps += [
        Step("deploy", None, one.text("provider"), entries(one), {}, one.line, one.line)
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
        steps.append(Step(step.name, step.run, uses, entries(one.get("inputs")), step.env, one.line, step.run_line))
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
                steps.append(Step(None, None, name, entries(given), {}, plugin.line, plugin.line))
        name = one.text("key") or one.text("label") or f"step {number}"
        yield Job(name, one.line, tuple(steps), env=entries(one.get("env")), node=one)


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
        own = [Step(name, None, uses, entries(one.get("settings")), {}, one.line, one.line)] if uses else []
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


#: The readers of the systems that are written in YAML.
JOBS: dict[Kind, Callable[[Node], Iterator[Job]]] = {
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


def jenkins_steps(text: str) -> Iterator[Step]:
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


def jenkins_image(text: str) -> ServiceImage | None:
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


def entries(node: Node | None) -> dict[str, Entry]:
    """The scalars of a map."""
    if node is None:
        return {}
    return {name: Entry(one.value, one.line) for name, one in node.items() if one.kind == "scalar"}


def _elements(node: Node | None) -> tuple[Node, ...]:
    return node.elements() if node is not None else ()


def _texts(node: Node | None) -> tuple[str, ...]:
    return node.texts() if node is not None else ()
