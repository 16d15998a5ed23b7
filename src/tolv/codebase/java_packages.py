"""Java's manifests: pom.xml, build.gradle, build.gradle.kts and version catalogues. Tolerant: nothing raises."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from xml.parsers import expat

from tolv.codebase.declared import Declared, Group, Lines, Manifest, Own, RuntimeVersion, too_large
from tolv.codebase.python_packages import parse_toml, table

_RUNTIME_PROPERTIES = ("java.version", "maven.compiler.release", "maven.compiler.source", "maven.compiler.target")
_MAIN = ("api", "implementation", "compile", "runtime", "runtimeOnly", "compileOnly", "providedRuntime")
_DEV = ("testImplementation", "testCompile", "testRuntime", "testRuntimeOnly", "testCompileOnly", "developmentOnly")
_BUILD = ("annotationProcessor", "kapt", "ksp", "classpath", "testAnnotationProcessor", "checkstyle")
_GROUPS: dict[str, Group] = {
    **dict.fromkeys(_MAIN, "main"),
    **dict.fromkeys([*_DEV, "testAndDevelopmentOnly", "androidTestImplementation"], "dev"),
    **dict.fromkeys(_BUILD, "build"),
}


@dataclass(frozen=True, slots=True)
class _Element:
    """An element of XML that holds text."""

    path: tuple[str, ...]
    text: str
    line: int
    parents: tuple[int, ...]
    """Numbers of the elements around it: two siblings have the last in common."""


def read_pom(text: str, path: str) -> Manifest:
    """A pom.xml: its own dependencies, its plugins and what it says of Java."""
    problem = too_large(text)
    elements, problem = ((), problem) if problem else _elements(text)
    properties = {e.path[-1]: e.text for e in elements if e.path[:-1] == ("project", "properties")}
    top = {e.path[1]: e for e in elements if len(e.path) == 2}
    declared = []
    inherits = any(e.path[:2] == ("project", "parent") for e in elements)
    imported = any(e.path[-1] == "scope" and e.text == "import" for e in elements)
    for ending, group in ((("dependencies", "dependency"), "main"), (("plugins", "plugin"), "build")):
        for fields in _records(elements, ending):
            if "dependencyManagement" in fields["artifactId"].path or "pluginManagement" in fields["artifactId"].path:
                continue
            declared.append(_maven(fields, group, path, properties, inherits or imported))
    runtimes = tuple(
        RuntimeVersion("java", _resolved(e.text, properties), path, e.line, False)
        for e in elements
        if (e.path[:-1] == ("project", "properties") and e.path[-1] in _RUNTIME_PROPERTIES)
        or (e.path[-1] in ("release", "source") and "configuration" in e.path and "plugin" in e.path)
    )
    own: tuple[Own, ...] = ()
    if "artifactId" in top:
        group_id = top["groupId"].text if "groupId" in top else ""
        own = (Own("java", f"{group_id}:{top['artifactId'].text}", path),)
    workspace = any(e.path[:2] == ("project", "modules") for e in elements)
    return Manifest(path, "java", tuple(declared), runtimes, own=own, workspace=workspace, problem=problem)


def _maven(
    fields: Mapping[str, _Element], kind: str, path: str, properties: Mapping[str, str], inherits: bool
) -> Declared:
    artifact = fields["artifactId"]
    group_id = fields["groupId"].text if "groupId" in fields else "org.apache.maven.plugins"
    scope = fields["scope"].text if "scope" in fields else "compile"
    optional = "optional" in fields and fields["optional"].text == "true"
    group: Group = "build" if kind == "build" else "dev" if scope == "test" else "optional" if optional else "main"
    version = _resolved(fields["version"].text, properties) if "version" in fields else ""
    managed = not version or (version.startswith("${") and inherits)
    return Declared(f"{group_id}:{artifact.text}", version, group, "java", path, artifact.line, managed=managed)


def _resolved(text: str, properties: Mapping[str, str]) -> str:
    match = re.fullmatch(r"\$\{([^}]+)\}", text.strip())
    return properties.get(match[1], text) if match else text


def _records(elements: tuple[_Element, ...], ending: tuple[str, str]) -> Iterator[dict[str, _Element]]:
    """The elements that are fields of one record: of a `<dependency>` in `<dependencies>`."""
    records: dict[int, dict[str, _Element]] = {}
    for element in elements:
        if element.path[-3:-1] == ending and element.parents:
            records.setdefault(element.parents[-1], {})[element.path[-1]] = element
    yield from (fields for fields in records.values() if "artifactId" in fields)


def _elements(text: str) -> tuple[tuple[_Element, ...], str | None]:
    """The elements that hold text, in order; entities are not expanded, so that none can grow."""
    parser = expat.ParserCreate()
    stack: list[tuple[str, int, int, list[str]]] = []
    found: list[_Element] = []
    counted = 0

    def start(name: str, attributes: object) -> None:
        nonlocal counted
        counted += 1
        if len(stack) < 100:
            stack.append((name.rpartition(":")[2], counted, parser.CurrentLineNumber, []))
        else:
            raise ValueError("nested too deeply")

    def end(name: str) -> None:
        tag, _, line, pieces = stack.pop()
        content = "".join(pieces).strip()
        if content:
            parents = tuple(one[1] for one in stack)
            found.append(_Element((*(one[0] for one in stack), tag), content, line, parents))

    def characters(data: str) -> None:
        if stack:
            stack[-1][3].append(data)

    def entity(*_: object) -> None:
        raise ValueError("declares entities")

    parser.StartElementHandler, parser.EndElementHandler = start, end
    parser.CharacterDataHandler, parser.EntityDeclHandler = characters, entity
    try:
        parser.Parse(text.encode("utf-8", "replace"), True)
    except (expat.ExpatError, ValueError) as error:
        return tuple(found), f"no valid XML: {error}"
    return tuple(found), None


_COORDINATES = re.compile(r"[\"']([\w.-]+):([\w.-]+)(?::([^\"':@]+))?(?:[:@][^\"']*)?[\"']")
_MAP = re.compile(r"group\s*[:=]\s*[\"']([^\"']+)[\"']\s*,\s*name\s*[:=]\s*[\"']([^\"']+)[\"']")
_MAP_VERSION = re.compile(r"version\s*[:=]\s*[\"']([^\"']+)[\"']")
_PLUGIN = re.compile(r"id\s*\(?\s*[\"']([\w.-]+)[\"']\s*\)?(?:\s+version\s*\(?\s*[\"']([^\"']+)[\"'])?")
_TOOLCHAIN = re.compile(r"JavaLanguageVersion\.of\(\s*[\"']?(\d+)|jvmToolchain\(?\s*(\d+)")
_LEVEL = re.compile(r"(?:source|target)Compatibility\s*=?\s*(?:JavaVersion\.VERSION_)?[\"']?([\d._]+)")


def read_gradle(text: str, path: str) -> Manifest:
    """A build.gradle or build.gradle.kts, read statement by statement without running it."""
    problem = too_large(text)
    declared: list[Declared] = []
    runtimes: list[RuntimeVersion] = []
    dynamic = False
    code = _without_comments(text) if not problem else ""
    managed = re.search(r"platform\(|mavenBom|dependency-management|org\.springframework\.boot", code) is not None
    for number, line in enumerate(code.split("\n"), start=1):
        statement = line.strip()
        word = re.match(r"[A-Za-z]+", statement)
        group = _GROUPS.get(word[0]) if word else None
        if group is not None and word is not None:
            for name, version in _coordinates(statement):
                given = not version and managed and "platform(" not in statement
                declared.append(Declared(name, version, group, "java", path, number, managed=given))
            dynamic = dynamic or "libs." in statement
        elif statement.startswith("id") and (plugin := _PLUGIN.match(statement)):
            declared.append(Declared(plugin[1], plugin[2] or "", "build", "java", path, number, managed=not plugin[2]))
        level = _TOOLCHAIN.search(statement) or _LEVEL.search(statement)
        if level:
            said = next(one for one in level.groups() if one).replace("_", ".")
            runtimes.append(RuntimeVersion("java", said, path, number, False))
    return Manifest(path, "java", tuple(declared), tuple(runtimes), dynamic=dynamic, problem=problem)


def read_settings_gradle(text: str, path: str) -> Manifest:
    """A settings.gradle(.kts): with `include` it makes a workspace; it lists nothing."""
    workspace = re.search(r"^\s*include\b", text, re.MULTILINE) is not None
    return Manifest(path, "java", workspace=workspace, lists=False, problem=too_large(text))


def read_version_catalogue(text: str, path: str) -> Manifest:
    """gradle/libs.versions.toml."""
    data, problem = parse_toml(text)
    lines, versions = Lines(text), table(data, "versions")
    declared = []
    for alias, one in table(data, "libraries").items():
        fields = one if isinstance(one, Mapping) else {}
        module = fields.get("module") or f"{fields.get('group', '')}:{fields.get('name', '')}"
        version = fields.get("version", "")
        if isinstance(one, str):
            parts = one.split(":")
            module, version = ":".join(parts[:2]), ":".join(parts[2:])
        if isinstance(version, Mapping):
            version = versions.get(str(version.get("ref", "")), "*")
        said = version if isinstance(version, str) else "strictly"
        line = lines.find(f"\n{alias}") + 1
        declared.append(Declared(str(module), said, "main", "java", path, line, managed=not said))
    return Manifest(path, "java", tuple(declared), problem=problem)


def _coordinates(statement: str) -> Iterator[tuple[str, str]]:
    mapped = _MAP.search(statement)
    if mapped:
        version = _MAP_VERSION.search(statement)
        yield f"{mapped[1]}:{mapped[2]}", version[1] if version else ""
        return
    for match in _COORDINATES.finditer(statement):
        yield f"{match[1]}:{match[2]}", match[3] or ""


def _without_comments(text: str) -> str:
    """The code with its comments blanked out, its lines where they were, in one pass."""
    pattern = re.compile(r"/\*.*?(?:\*/|\Z)|//[^\n]*|\"(?:[^\"\\\n]|\\.)*\"|'(?:[^'\\\n]|\\.)*'", re.DOTALL)

    def blank(match: re.Match[str]) -> str:
        return match[0] if match[0][0] in "\"'" else "\n" * match[0].count("\n")

    return pattern.sub(blank, text)
