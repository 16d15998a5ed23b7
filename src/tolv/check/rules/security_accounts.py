"""Security: accounts whose password everybody knows."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from itertools import takewhile

from tolv.check.looks.accounts import Account, accounts
from tolv.check.model import Finding, NotApplicable, Outcome, Severity
from tolv.check.rule import rule
from tolv.check.unit import Unit
from tolv.codebase.context import stands_for
from tolv.codebase.settings import Setting, parse_json
from tolv.codebase.survey import File


@rule(
    "SEC-02",
    severity="error",
    materials=("python", "javascript", "php", "manifests"),
    looks=(accounts,),
    title="An administrator with a known password is created",
    why="The name and the password are in the source: whoever comes first after the installation is administrator.",
    fix="Let the first administrator come from the environment, or from a command that asks for a password.",
    bad='User(username="admin", password=generate_password_hash("admin"), is_admin=True)',
    good='User(username=os.environ["ADMIN_NAME"], password=generate_password_hash(os.environ["ADMIN_PASSWORD"]))',
    source="https://owasp.org/Top10/A07_2021-Identification_and_Authentication_Failures/",
    everywhere=True,
)
def known_administrators(unit: Unit) -> Iterator[Outcome]:
    """SEC-02."""
    found, said = 0, False
    for one in unit.seen(accounts, "prod", "migrations", "admin"):
        severity = _severity(unit, one.path, one.what)
        if severity is not None:
            found += 1
            said = said or severity == "error"
            message = "An administrator is created with a password that stands in the source"
            if one.what.default_of is not None:
                message = f"Without {one.what.default_of} an administrator gets a password that stands in the source"
            yield Finding(message, unit.place(one.path, one.what.line, one.what.column), severity)
    for path, line, known in _in_files(unit):
        found += 1
        message = "An administrator with a known password is in the data that set the app up"
        if not known:
            message = "An administrator with one password for all who install the app is in its data, as a hash"
        yield Finding(message, unit.place(path, line), None if known or said or _is_told(unit) else "warning")
    if not found:
        yield NotApplicable("no account is created with a password of the source")


_DEV = re.compile(
    r"(?i)(?:^|[/_.-])(?:dev|development|demo|dummy|test|tests|fake|sample|example|local|mock)(?:[/_.-]|$)"
)


def _severity(unit: Unit, path: str, account: Account) -> Severity | None:
    if not account.admin or _DEV.search(path) or re.search(r"(?i)test|demo|fake|example", account.function):
        return None
    guards = " ".join(account.guards)
    if "__main__" in guards or re.search(r"(?i)debug|dev|test|demo|local", guards):
        return None
    source = unit.source(path)
    text = "\n".join(source.lines) if source is not None else ""
    forced = re.search(
        r"(?i)must_?change_?password|force_?password_?change|password_?change_?required|reset_password_on_login", text
    )
    return "note" if forced else "error"


_INSERT = re.compile(r"(?i)insert\s+into\s+[\w.`\"\[\]]*\b(?:users?|accounts?|admins?|auth_user|members?)\b")
_HASH = re.compile(
    r"'(?:\$2[aby]\$[^']{50,}|\$argon2[^']{20,}|pbkdf2[^']{20,}|[0-9a-f]{32}|[0-9a-f]{40}|[0-9a-f]{64})'"
)
_ADMIN = re.compile(r"(?i)'(?:admin\w*|administrator|root|superuser)(?:@[\w.-]+)?'")
_PLAIN = re.compile(r"(?i)\bpassw\w*\b[^;]*values[^;]*'(?:admin\w*|password\w*|secret|changeme|123456\w*|root)'")


#: The head of a file with data for trying the app out.
_TRIAL = re.compile(
    r"(?i)\b(?:demo|sample|example|dummy|test(?:ing)?|development|fake)\b[ -]*(?:seed|data|fixtures?|users?|accounts?)"
)
#: What a manual says of the first login: `admin` and a word of its own for the password.
_TOLD = re.compile(
    r"(?i)\badmin\w*\b[^\n]{0,80}\bpassword\b[^\n\w]{0,12}(?:is\b|:|=|of\b)?[^\n\w]{0,8}[`*\"']+[\w!@#$%-]{3,}[`*\"']|"
    r"[`*\"']admin[`*\"']\s*(?:/|:|and|,)\s*[`*\"'][\w!@#$%-]{3,}[`*\"']"
)


def _is_told(unit: Unit) -> bool:
    """Whether a manual of the repository says with which password the administrator logs in."""
    named = (
        file for file in unit.repository.files
        if file.name.lower().endswith((".md", ".mdx", ".rst", ".adoc", ".txt")) and file.size < 1 << 18
    )  # fmt: skip
    return any(_TOLD.search(unit.text(file.path) or "") for file in named)


def _in_files(unit: Unit) -> Iterator[tuple[str, int, bool]]:
    """The path and line of each administrator, and whether the password can be read there."""
    for file in unit.files:
        if file.size > 4 << 20 or _DEV.search(file.path.rpartition("/")[2]) or not _is_shipped(unit, file):
            continue
        if file.name.endswith(".sql"):
            yield from _in_sql(file.path, unit.text(file.path) or "")
        elif file.name.endswith(".json") and re.search(
            r"(?i)setup|seed|fixture|initial|bootstrap|install|users|admin|default", file.path
        ):
            yield from _in_json(file.path, unit.text(file.path) or "")


def _is_shipped(unit: Unit, file: File) -> bool:
    """It is production's, or a sample that production code copies."""
    if file.context in ("prod", "migrations", "admin"):
        return True
    top = file.path.split("/")[0]
    if file.context != "docs" or stands_for(file.path) is None or "/" not in file.path:
        return False
    sources = (one for one in unit.files if one.language is not None and one.context in ("prod", "admin"))
    return any(top.encode() in source.words for one in sources if (source := unit.source(one.path)) is not None)


def _in_sql(path: str, text: str) -> Iterator[tuple[str, int, bool]]:
    if ("nsert" not in text and "INSERT" not in text) or _TRIAL.search(_head(text)):
        return
    statement = ""
    for row, line in enumerate(text.splitlines(), 1):
        line = line[:20_000]
        statement = (
            line if re.match(r"(?i)\s*insert\b", line) else (statement + " " + line)[-4000:] if statement else ""
        )
        if not statement or not _ADMIN.search(line):
            continue
        if _INSERT.search(statement):
            plain, hashed = _PLAIN.search(statement[:2000]), _HASH.search(line)
            if plain or hashed:
                yield path, row, hashed is None or _is_guessed(line)


def _head(text: str) -> str:
    """The comment that a file begins with."""
    lines = text[:2000].splitlines()
    return "\n".join(takewhile(lambda line: line.startswith(("--", "#", "/*", " *")) or not line.strip(), lines))


_GUESSES = ("admin", "admin123", "password", "123456", "12345678", "root", "secret", "changeme", "test", "demo")
_PLAIN_HASH = re.compile(r"'([0-9a-f]{32}|[0-9a-f]{40}|[0-9a-f]{64})'")


def _is_guessed(line: str) -> bool:
    """Whether a hash without salt is that of a password that everybody tries."""
    made = (hashlib.md5, hashlib.sha1, hashlib.sha256)
    known = {how(word.encode(), usedforsecurity=False).hexdigest() for how in made for word in _GUESSES}
    return any(one in known for one in _PLAIN_HASH.findall(line))


def _in_json(path: str, text: str) -> Iterator[tuple[str, int, bool]]:
    """Records with a name and a password side by side."""
    if not re.search(r'(?i)"password"', text) or not re.search(
        r'(?i)"(?:admin\w*|administrator|root)"|is_superuser', text
    ):
        return
    records: dict[str, list[Setting]] = {}
    for one in parse_json(text.replace("\t", "  "), path):
        records.setdefault(one.key.rpartition(".")[0], []).append(one)
    for fields in records.values():
        by_name = {one.name.lower(): one for one in fields}
        password = by_name.get("password")
        names = [
            by_name[key].value.lower()
            for key in ("username", "user", "login", "name", "email", "role")
            if key in by_name
        ]
        admin = any(re.match(r"admin|root|administrator", name) for name in names)
        admin = admin or ("is_superuser" in by_name and by_name["is_superuser"].value.lower() == "true")
        if password is not None and admin and len(password.value) >= 4:
            yield path, password.line, _HASH.search(f"'{password.value}'") is None or _is_guessed(f"'{password.value}'")
