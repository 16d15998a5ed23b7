"""The manifests of Go, Ruby and PHP: go.mod, go.work, Gemfile, *.gemspec, composer.json. Tolerant: nothing raises."""

from __future__ import annotations

import re
from collections.abc import Iterator

from tolv.codebase.declared import Declared, Group, Manifest, Origin, Own, RuntimeVersion, too_large
from tolv.codebase.node_packages import Keys, parse_json
from tolv.codebase.python_packages import allows_many

_STRING = re.compile(r"""(["'])((?:(?!\1)[^\\\n]|\\.){0,500})\1""")
_DEV_GEMS = frozenset({"development", "test", "ci", "lint", "doc", "docs"})


def read_go_mod(text: str, path: str) -> Manifest:
    """A go.mod."""
    problem = too_large(text)
    declared: list[Declared] = []
    runtimes: list[RuntimeVersion] = []
    own, replaced, block = "", {}, ""
    for number, raw in enumerate(text.split("\n") if not problem else (), start=1):
        code, _, comment = raw.partition("//")
        words = code.split()
        if not words:
            continue
        if block and words[0] == ")":
            block = ""
            continue
        if len(words) >= 2 and words[1] == "(" and words[0] in ("require", "replace", "exclude", "retract", "tool"):
            block = words[0]
            continue
        verb, rest = (block, words) if block else (words[0], words[1:])
        rest = [word.strip('"`') for word in rest]
        if verb == "module" and rest:
            own = rest[0]
        elif verb in ("go", "toolchain") and rest:
            runtimes.append(RuntimeVersion("go", rest[0], path, number, False))
        elif verb == "require" and len(rest) >= 2:
            indirect = "indirect" in comment
            declared.append(Declared(rest[0], rest[1], "main", "go", path, number, indirect=indirect))
        elif verb == "replace" and "=>" in rest and rest[-1] != "=>":
            target = rest[rest.index("=>") + 1]
            if target.startswith((".", "/")):
                replaced[rest[0]] = (Origin("path", target), number)
    final = (
        Declared(d.name, d.constraint, d.group, "go", path, *_place(replaced, d), indirect=d.indirect) for d in declared
    )
    owned = (Own("go", own, path),) if own else ()
    return Manifest(path, "go", tuple(final), tuple(runtimes), own=owned, problem=problem)


def _place(replaced: dict[str, tuple[Origin, int]], one: Declared) -> tuple[int, Origin | None]:
    found = replaced.get(one.name)
    return (found[1], found[0]) if found else (one.line, None)


def read_go_work(text: str, path: str) -> Manifest:
    """A go.work: it lists no dependency, but makes a workspace."""
    return Manifest(path, "go", workspace=True, lists=False, problem=too_large(text))


def read_gemfile(text: str, path: str) -> Manifest:
    """A Gemfile (or gems.rb), without running it: what `gem` names, in which `group`."""
    problem = too_large(text)
    declared: list[Declared] = []
    runtimes: list[RuntimeVersion] = []
    blocks: list[Group | None] = []
    dynamic = False
    for number, code in _ruby_lines(text if not problem else ""):
        word = re.match(r"[a-z_]+", code)
        texts = [match[2] for match in _STRING.finditer(code)]
        if word and word[0] == "gem" and texts:
            around: list[Group] = [one for one in blocks if one]
            group: Group = _gem_group(code) or (around[-1] if around else "main")
            declared.append(_gem(code, texts, group, path, number))
        elif word and word[0] == "ruby" and (texts or "file:" in code):
            if texts and "file:" not in code:
                runtimes.append(RuntimeVersion("ruby", ", ".join(texts), path, number, allows_many(texts[0])))
        elif word and word[0] in ("gemspec", "eval_gemfile"):
            dynamic = dynamic or word[0] == "eval_gemfile"
        if re.search(r"\bdo\b(?:\s*\|[^|]*\|)?\s*$", code) or re.match(r"(?:if|unless|case|begin|def)\b", code):
            blocks.append(_gem_group(code) if code.startswith("group") else None)
        elif re.match(r"end\b", code) and blocks:
            blocks.pop()
    return Manifest(path, "ruby", tuple(declared), tuple(runtimes), dynamic=dynamic, problem=problem)


def _gem(code: str, texts: list[str], group: Group, path: str, line: int) -> Declared:
    rest = code.partition(texts[0])[2]
    git = re.search(r"\b(?:git|github|gitlab|bitbucket):\s*[\"']([^\"']+)|:(?:git|github)\s*=>\s*[\"']([^\"']+)", rest)
    local = re.search(r"\bpath:\s*[\"']([^\"']+)|:path\s*=>\s*[\"']([^\"']+)", rest)
    reference = re.search(r"\b(?:ref|tag|branch):\s*[\"']([^\"']+)|:(?:ref|tag|branch)\s*=>\s*[\"']([^\"']+)", rest)
    source = None
    if git:
        source = Origin("vcs", git[1] or git[2], (reference[1] or reference[2]) if reference else None)
    elif local:
        source = Origin("path", local[1] or local[2])
    versions = [one for one in texts[1:] if re.fullmatch(r"\s*(?:[<>=!~]+\s*)?\d[\w.]*\s*", one)]
    return Declared(texts[0], ", ".join(versions), group, "ruby", path, line, source)


_WINDOWS = frozenset(("windows", "mswin", "mswin64", "mingw", "x64_mingw", "x64-mingw", "jruby"))


def _gem_group(code: str) -> Group | None:
    """The group of `group :development, :test do` or `gem "x", group: :test`; production among them makes it main.

    What only Windows installs is for development, as no server here runs it."""
    systems = re.search(r"\bplatforms?(?::|\s*=>|\s)\s*(%[iw]\[[^\]]*\]|\[[^\]]*\]|:\w+)", code)
    if systems and set(re.findall(r"\w{3,}", systems[1])) <= _WINDOWS:
        return "dev"
    found = re.match(r"group[\s(]+(.*?)(?:\bdo\b|$)", code) or re.search(
        r"\bgroups?(?::|\s*=>)\s*(\[[^\]]*\]|:\w+)", code
    )
    if not found:
        return None
    names = set(re.findall(r"[:\"'](\w+)", found[1]))
    return "dev" if names and names <= _DEV_GEMS else "main"


def read_gemspec(text: str, path: str) -> Manifest:
    """A gemspec, without running it."""
    problem = too_large(text)
    declared: list[Declared] = []
    runtimes: list[RuntimeVersion] = []
    own: tuple[Own, ...] = ()
    for number, code in _ruby_lines(text if not problem else ""):
        texts = [match[2] for match in _STRING.finditer(code)]
        added = re.search(r"\.add_(runtime_|development_)?dependency\b", code)
        if added and texts:
            kind: Group = "dev" if added[1] == "development_" else "main"
            declared.append(Declared(texts[0], ", ".join(texts[1:]), kind, "ruby", path, number))
        elif ".required_ruby_version" in code and texts:
            runtimes.append(RuntimeVersion("ruby", texts[0], path, number, allows_many(texts[0])))
        elif re.search(r"\.name\s*=", code) and texts:
            own = (Own("ruby", texts[0], path),)
    return Manifest(path, "ruby", tuple(declared), tuple(runtimes), own=own, problem=problem)


def read_composer_json(text: str, path: str) -> Manifest:
    """A composer.json; extensions (`ext-pdo`) are dependencies, `php` is a runtime version."""
    data, problem = parse_json(text)
    keys = Keys(text)
    declared: list[Declared] = []
    runtimes: list[RuntimeVersion] = []
    sections: tuple[tuple[str, Group], ...] = (("require", "main"), ("require-dev", "dev"), ("suggest", "optional"))
    for section, group in sections:
        wishes = data.get(section)
        start = keys.offset(section)
        for name, wish in wishes.items() if isinstance(wishes, dict) else ():
            text_, line = str(wish).strip(), keys.line(name, start)
            if name.lower() in ("php", "php-64bit"):
                runtimes.append(RuntimeVersion("php", text_, path, line, allows_many(text_)))
                continue
            constraint = text_.partition(" as ")[0]
            branch = constraint.startswith("dev-") or constraint.endswith("-dev")
            at = re.match(r"dev-[^#]+#([0-9a-f]{7,40})$", constraint)
            source = Origin("vcs", name, at[1] if at else constraint) if branch else None
            wish_ = "" if group == "optional" else constraint
            declared.append(Declared(name.lower(), wish_, group, "php", path, line, source))
    name = data.get("name")
    owned = (Own("php", name.lower(), path),) if isinstance(name, str) else ()
    prefixes = tuple(Own("php", one, path) for one in _prefixes(data))
    return Manifest(path, "php", tuple(declared), tuple(runtimes), own=owned + prefixes, problem=problem)


def _prefixes(data: dict[str, object]) -> Iterator[str]:
    """The namespaces that the app loads itself."""
    for section in ("autoload", "autoload-dev"):
        loads = data.get(section)
        for kind in ("psr-4", "psr-0"):
            inner = loads.get(kind) if isinstance(loads, dict) else None
            yield from (one.strip("\\") + "\\" for one in (inner if isinstance(inner, dict) else ()) if one.strip("\\"))


def _ruby_lines(text: str) -> Iterator[tuple[int, str]]:
    """Statements, those that go on behind a comma as one, without comments."""
    start, whole = 0, ""
    for number, raw in enumerate(text.split("\n"), start=1):
        line = re.sub(r"(?:^|\s)#(?!\{).*$", "", raw).strip()
        start, whole = (start, f"{whole} {line}") if whole else (number, line)
        if not line.endswith(",") or len(whole) > 4000:
            if whole:
                yield start, whole
            whole = ""
    if whole:
        yield start, whole
