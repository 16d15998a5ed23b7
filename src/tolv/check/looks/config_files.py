"""Files that the code takes its settings from, and how it treats those of the environment beside them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from tolv.check.look import Look
from tolv.check.source import Source


@dataclass(frozen=True, slots=True)
class ConfigFile:
    """A file of settings that is named in code which reads files, or a switch that lets one beat the environment."""

    kind: Literal["read", "override", "loaded"]
    """`override`: what the file says wins over the environment. `loaded`: a local `.env` is read, if there is one."""
    name: str
    line: int
    column: int
    overlaid: tuple[str, ...] = ()
    """Variables that the same file of code reads; `*`: all of the environment."""


config_files: Look[ConfigFile] = Look("config files")

_ENDS = (".json", ".yml", ".yaml", ".ini", ".toml", ".cfg", ".js", ".conf")
_LOCAL = re.compile(r"(?i)(?:^|\.)(?:local_?settings|settings_?local|local_?config|config_?local)$")
_NAME = re.compile(
    r"(?i)^[\w./-]*(?:config|configuration|settings|conf|credentials|secrets)[\w.-]*\.(?:json|ya?ml|ini|toml|cfg|js|conf)$"
)
_READS = re.compile(
    r"(?i)\b(?:open|read|read_text|readfile|readfilesync|load|safe_load|loads|parse|require|configparser|read_file|loadconfig|"
    r"from_file|from_json|from_pyfile|joinpath|join)\b\s*\(|configpath|config_path|config_file|configfile"
)
_WHOLE = re.compile(
    r"from_prefixed_env|AutomaticEnv|os\.environ\.items\(\)|in os\.environ\b|Object\.(?:keys|entries)\(\s*process\.env|"
    r"in process\.env|nconf.*\.env\(|\.env\(\)|expandvars|envsubst|Template\(.*environ"
)


@config_files.reads(
    "python",
    "javascript",
    words=(
        "readFileSync",
        "readFile",
        "configparser",
        "ConfigParser",
        "safe_load",
        "load_dotenv",
        "dotenv",
        "json",
        "toml",
        "tomllib",
        "local_settings",
        "settings_local",
        "localsettings",
        "local_config",
        "config_local",
    ),
)
def _read(source: Source) -> Iterator[ConfigFile]:
    for call in source.calls("load_dotenv", "dotenv.config", "read_env", "dotenv_values"):
        override = call.argument(-1, "override", "overwrite")
        on = override is not None and override.kind == "literal" and override.text == "true"
        yield ConfigFile("override" if on else "loaded", call.written, call.line, call.column)
    if source.language == "python":
        for module in source.imports():
            if (module.optional or module.guarded) and not module.in_function and _LOCAL.search(module.module):
                yield ConfigFile("override", module.module, module.line, 1)
    found = [one for one in source.texts(*_ENDS) if one.is_text and _NAME.match(one.text or "")]
    if not found:
        return
    whole = any(_WHOLE.search(line[:1000]) for line in source.lines)
    names = ("*",) if whole else tuple(sorted({read.name for read in source.env_reads() if read.name}))
    for one in found:
        line = source.lines[one.line - 1] if one.line <= len(source.lines) else ""
        if _READS.search(line[:1000]):
            yield ConfigFile("read", one.text or "", one.line, one.column, names)


_PHP_LOCAL = re.compile(
    r"(?i)\b(?:file_exists|is_file|is_readable)\s*\(.*?((?:config|local)[\w.-]*\.php|\$\w*config_?(?:file|path)\w*)"
)


@config_files.reads("php", words=("file_exists", "is_file", "is_readable"))
def _read_php(source: Source) -> Iterator[ConfigFile]:
    """`if (file_exists("config.php")) require "config.php";`: what it defines first stays."""
    for row, line in enumerate(source.lines, 1):
        match = _PHP_LOCAL.search(line[:500])
        if match and any(
            re.search(r"\b(?:require|include)(?:_once)?\b", text) for text in source.lines[row - 1 : row + 2]
        ):
            name = match[1] if not match[1].startswith("$") else "config.php"
            yield ConfigFile("override", name, row, 1)
            return
