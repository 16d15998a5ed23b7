"""Code that changes the app itself while it runs: updates, code that is unpacked or written into its own tree."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from tolv.check.look import Look
from tolv.check.source import Call, Source, Value


@dataclass(frozen=True, slots=True)
class SelfChange:
    """One call that does it."""

    kind: Literal["update", "install", "unpack", "write"]
    what: str
    """The command or the call."""
    line: int
    column: int
    guards: tuple[str, ...]


self_changes: Look[SelfChange] = Look("self_changes")

_UPDATE = re.compile(
    r"\bgit (?:-C \S+ )?(?:pull|reset --hard|checkout|fetch)\b|(?:curl|wget)\b.*\|\s*(?:sudo )?(?:ba)?sh\b"
    r"|(?:curl|wget)\b.*\|\s*tar\b.*(?:strip-components|-C\s*\.|\.\s*$)"
)
_INSTALL = re.compile(
    r"\b(?:pip\d? install|npm (?:install|i|update|ci)|yarn (?:add|upgrade)|composer (?:install|update|require)"
    r"|gem install)\b"
)
_RUNNERS = (
    *("os.system", "os.popen", "subprocess.run", "subprocess.call", "subprocess.check_call", "subprocess.check_output"),
    *("subprocess.Popen", "exec", "execSync", "spawn", "spawnSync", "execFile", "exec.Command", "system", "shell_exec"),
    *("passthru", "proc_open", "Runtime.exec", "execa", "shell.exec", "execAsync", "execPromise"),
)
_WRITERS = (
    *("writeFile", "writeFileSync", "fs.writeFile", "fs.writeFileSync", "outputFile", "outputFileSync"),
    *("createWriteStream", "file_put_contents", "open", "write_text", "os.WriteFile", "ioutil.WriteFile"),
)
#: What is code, or is served as such.
_CODE = re.compile(r"\.(?:py|js|mjs|cjs|ts|php|rb|go|java|css|html?|jinja2?|tpl|twig|erb|ejs|hbs|vue|jsx)(?:\{\})?$")
_CODE_PLACE = re.compile(
    r"(?:^|[/.])(?:static|public|templates?|views|plugins?|extensions?|modules|themes?|lib|src|node_modules|vendor)/"
)
_UNPACKERS = ("extractall", "unpack_archive", "extractTo", "extractAllTo", "extract")
_OWN_PLACE = re.compile(
    r"(?i)plugins?|extensions?|modules?|themes?|addons?|app_?(?:root|dir|path)|base_?(?:dir|path)|__dirname|install_?(?:dir|path)"
)


@self_changes.reads(
    "python",
    "javascript",
    "go",
    "php",
    "ruby",
    words=(
        "git",
        "pip",
        "npm",
        "curl",
        "wget",
        "composer",
        "extractall",
        "unpack_archive",
        "extractTo",
        "extractAllTo",
        "selfupdate",
    )
    + ("writeFileSync", "writeFile", "file_put_contents", "write_text"),
)
def _read(source: Source) -> Iterator[SelfChange]:
    yield from _commands(source)
    yield from _unpacked(source)
    yield from _written(source)
    if source.language == "go":
        for call in source.calls("selfupdate.Apply", "selfupdate.UpdateTo", "go-update.Apply", "selfupdate.UpdateSelf"):
            yield _change("update", f"{call.written}()", call)


def _commands(source: Source) -> Iterator[SelfChange]:
    for call in source.calls(*_RUNNERS):
        text = _text(call)
        if match := _UPDATE.search(text):
            yield _change("update", match[0][:60], call)
        elif match := _INSTALL.search(text):
            yield _change("install", match[0], call)


def _text(call: Call) -> str:
    """The command of a call: its texts, or the words of its list."""
    parts: list[str] = []
    for value in call.arguments[:3]:
        if value.kind in ("literal", "template"):
            parts.append(value.text or "")
        elif value.kind == "container":
            parts += [one.text or "" if one.kind in ("literal", "template") else "{}" for one in value.parts]
    return " ".join(parts)


def _unpacked(source: Source) -> Iterator[SelfChange]:
    for call in source.calls(*(f".{name}" for name in _UNPACKERS[:4]), "shutil.unpack_archive"):
        target = call.argument(1 if call.last == "unpack_archive" else 0, "path", "extract_dir")
        if target is not None and _is_own_place(target):
            yield _change("unpack", f"{call.written}()", call)


def _is_own_place(value: Value) -> bool:
    if value.kind in ("name", "template", "literal", "call", "unknown"):
        texts = [
            value.text or "",
            value.name or "",
            value.via or "",
            *((part.name or part.text or "") for part in value.parts),
        ]
        whole = " ".join(texts)
        return bool(_OWN_PLACE.search(whole)) and not re.search(r"(?i)tmp|temp|upload|data|cache", whole)
    return False


def _written(source: Source) -> Iterator[SelfChange]:
    """Files of code that are written beside the code; not by a build, whose files are no handlers."""
    for call in source.calls(*_WRITERS):
        path = call.argument(0)
        if path is None or path.kind not in ("literal", "template", "call", "unknown"):
            continue
        mode = call.argument(1, "mode") if call.last == "open" else None
        if call.last == "open" and (mode is None or (mode.text or "r")[0] not in "wa"):
            continue
        if call.last == "write_text":
            continue
        text = _path_text(path)
        ends_in_code = bool(_CODE.search(text)) and not re.search(
            r"(?i)tmp|temp|cache|upload|download|export|report|out", text
        )
        if (
            _CODE_PLACE.search(text)
            and (ends_in_code or text.endswith("{}"))
            and not re.search(r"(?i)upload|media|image|avatar|tmp|export|download|data", text)
        ):
            yield _change("write", f"{call.written}()", call)


def _path_text(value: Value) -> str:
    if value.kind in ("literal", "template"):
        return value.text or ""
    texts = [(part.text or "").strip("/") if part.kind in ("literal", "template") else "{}" for part in value.parts]
    return "/".join(texts)


def _change(kind: Literal["update", "install", "unpack", "write"], what: str, call: Call) -> SelfChange:
    return SelfChange(kind, what, call.line, call.column, call.scope.guards)
