"""Factor III: secrets in code, as literals and as defaults."""

from __future__ import annotations

import re
from collections.abc import Iterator

from tolv.check.facts.browser import is_browser_script
from tolv.check.facts.defaults import is_certain, is_never_read, is_random, severity_of_default
from tolv.check.facts.secret_files import file_secrets, settings_from_outside, variable_for
from tolv.check.facts.stages import stage_of
from tolv.check.facts.uncalled import is_unasked
from tolv.check.facts.values import (
    classify,
    is_hash,
    is_placeholder,
    is_service_name,
    is_signing_name,
    looks_secret,
    repeats_name,
    through_wrapper,
)
from tolv.check.look import Seen
from tolv.check.looks.credentials import Credential, credentials
from tolv.check.model import CannotTell, Finding, NotApplicable, Outcome, Severity, Witness
from tolv.check.rule import rule
from tolv.check.source import Value
from tolv.check.unit import Unit

_CONFIG = "https://12factor.net/config"

#: Contexts of code that serves users, or works on what they have.
_LIVE = ("prod", "migrations", "admin", "dev")


@rule(
    "III-01",
    severity="error",
    materials=("python", "javascript", "go", "java", "ruby", "php", "manifests"),
    looks=(credentials,),
    title="A secret is a literal in the code",
    why="Who can read the source has the secret, it is the same in every deploy, and to change it takes a new build.",
    fix="Read it from the environment, without a default, and replace the value: it is known.",
    bad='app.secret_key = "k3yb0ard-c4t"',
    good='app.secret_key = os.environ["SECRET_KEY"]',
    source=_CONFIG,
    probe="III-P1",
)
def literal_secrets(unit: Unit) -> Iterator[Outcome]:
    """III-01."""
    seen = [(one, _resolved(unit, one)) for one in unit.seen(credentials, *_LIVE)]
    outside = _given_outside(seen)
    copies: dict[tuple[str, str, str | None], str] = {}
    defaults = {(one.path, default) for one, value in seen for default in _defaults_of(value)}
    found = 0
    for one, value in seen:
        credential = one.what
        if _is_given(one, outside) or _overlaid(unit, one.path) or _replaced(one, seen):
            continue
        if _fills_in(unit, one) or (one.path, value.text) in defaults:
            continue  # the same text is a default, whose line is the finding
        severity = _severity_of_literal(credential, value)
        if severity is not None and not is_random(value.text or "") and is_browser_script(unit, one.path):
            continue  # a page has the names of what it keeps, and no secrets that a server would trust
        if severity is not None and credential.how == "key" and any(map(_REFUSED.search, _sections(unit, one))):
            continue
        if "captcha" in one.path.lower() and is_placeholder(value.text or ""):
            continue  # it signs nothing: who leaves the text there gets no answer
        if severity is not None and (_SEEDS.search(one.path) or _TOOLS.search(one.path)):
            severity = "note"  # what fills an empty database; SEC-02 sees to accounts
        if severity is not None and _DESCRIBED.search(one.path):
            continue  # an example in the document of an API
        if severity is not None and not _repeated(credential, value):
            found += 1
            copy = (one.path.rpartition("/")[2], credential.name, value.text)
            if copy in copies and copies[copy] != one.path:
                continue  # another copy of the same file
            copies.setdefault(copy, one.path)
            if severity == "error" and is_unasked(unit, one.path):
                severity = "warning"
            yield _literal(unit, one, _for_developers(unit, one.path, severity))
    for held in file_secrets(unit):
        if held.variable is None:
            found += 1
            yield Finding(
                f"{held.name} has its value in a file of the tree: the same in every deploy, known to all who read it",
                unit.place(held.path, held.line),
                _for_developers(unit, held.path, held.severity),
                f"Read it from the variable {variable_for(held.name)}, and replace the value",
                subject=held.name,
            )
    if not found:
        yield _nothing_found(unit, seen)


def _for_developers(unit: Unit, path: str, severity: Severity) -> Severity:
    """The engine lowers what is for development by one: a secret that no deploy uses is worth a note."""
    return "warning" if unit.context(path) == "dev" and severity == "error" else severity


#: Settings of tools that change the schema: what they set for themselves, the app never sees.
_TOOLS = re.compile(r"(?:^|/)(?:knexfile|ormconfig|\.sequelizerc|drizzle\.config|data-?source)\.\w+$")
_DESCRIBED = re.compile(r"(?i)(?:^|/)(?:openapi|swagger|api[-_]?docs?)/")
_SEEDS = re.compile(r"(?i)(?:^|/)(?:seeds?|seeders?|seeding)(?:/|\.\w+$)")


def _literal(unit: Unit, one: Seen[Credential], severity: Severity) -> Finding:
    credential = one.what
    variable = _variable(credential)
    what = credential.name if credential.how != "sink" else f"{credential.name} in {credential.target}()"
    return Finding(
        f"{what} is a literal in the source, the same for every deploy and known to all who read it",
        unit.place(one.path, credential.line, credential.column),
        severity,
        f"Read it from the variable {variable}, without a default, and replace the value",
        subject=credential.name,
    )


@rule(
    "III-05",
    severity="error",
    materials=("python", "javascript", "go", "java", "ruby", "php", "manifests"),
    looks=(credentials,),
    title="A secret has a default that anyone can read",
    why="Where the variable is not set, the app starts all the same, and whoever has the source can sign in its name.",
    fix="Read it without a default, so that a deploy without it fails at once, and name it in .env.example.",
    bad='SECRET_KEY = os.environ.get("SECRET_KEY", "s3cret-default")',
    good='SECRET_KEY = os.environ["SECRET_KEY"]',
    source=_CONFIG,
    probe="III-P1",
)
def secret_defaults(unit: Unit) -> Iterator[Outcome]:
    """III-05."""
    seen = [(one, _resolved(unit, one)) for one in unit.seen(credentials, *_LIVE)]
    outside = _given_outside(seen)
    told = {name for one, value in seen if one.what.value.kind != "name" for name in _variables(value)}
    found = 0
    said: set[tuple[str, str, str]] = set()
    for one, value in seen:
        credential = one.what
        if value.kind == "literal":
            beaten = _is_given(one, outside) or _overlaid(unit, one.path) or _fills_in(unit, one)
            beaten = beaten and not _replaced(one, seen)
            severity = _severity_of_literal(credential, value) if beaten else None
            if severity == "error" and one.path.rpartition("/")[2] == "manage.py":
                severity = "note"  # what Django's commands get where a developer sets nothing
            if severity == "error":
                severity = severity_of_default(credential.name, credential.name, value.text or "")
            if severity is not None and is_never_read(unit, one):
                severity = None
        elif credential.value.kind == "name" and _variables(value) & told:
            continue  # what reads the setting; the line that sets it is the finding
        else:
            severity = _severity_of_default(unit, one, value)
            if severity == "error" and (_is_switched_off(unit, one) or _is_asked_for(one)):
                severity = "warning"
            same = (one.path, value.name or "", value.default.text or "" if value.default is not None else "")
            if severity is not None and all(same):
                if same in said:
                    continue  # one variable and one default, for each of the drivers that a file knows
                said.add(same)
        if severity is not None:
            found += 1
            yield _default(unit, one, value, _for_developers(unit, one.path, severity))
    for held in file_secrets(unit):
        if held.variable is not None:
            found += 1
            yield Finding(
                f"Where {held.variable} is not set, {held.name} has a value that anyone can read in the source",
                unit.place(held.path, held.line),
                held.severity,
                f"Leave the value out, so that the start fails without it: ${{{held.variable}}}",
                subject=held.name,
            )
    if not found:
        yield _nothing_found(unit, seen)


def _variables(value: Value) -> set[str]:
    return {read.name for read in value.envs() if read.name}


def _itself(name: str, variable: str) -> str:
    """A secret as a message names it beside its variable."""
    plain = re.sub(r"\W|_", "", name).lower()
    if plain == re.sub(r"\W|_", "", variable).lower():
        return "it"
    return "the secret" if plain == "secret" else "the password" if plain == "password" else name


def _default(unit: Unit, one: Seen[Credential], value: Value, severity: Severity) -> Finding:
    variable = value.name if value.kind == "env" and value.name else _variable(one.what)
    return Finding(
        f"Where {variable} is not set, {_itself(one.what.name, variable)} has a value that anyone can read in the "
        "source",
        unit.place(one.path, one.what.line, one.what.column),
        severity,
        f"Drop the default: let the start fail when {variable} is not set",
        subject=one.what.name,
    )


def _resolved(unit: Unit, one: Seen[Credential]) -> Value:
    value = one.what.value
    value = unit.resolve(value, one.path) if value.kind == "name" else value
    return through_wrapper(value) or value


def _comes_from_outside(value: Value, name: str) -> bool:
    return classify(value, name) in ("env", "harmless default", "mounted") and any(value.envs())


def _given_outside(seen: list[tuple[Seen[Credential], Value]]) -> set[tuple[str, str]]:
    """The secrets that the environment gives: by file and name, and by name alone where a key of settings gets it by a
    function of the app's own (`config["SECRET_KEY"] = get_config("SECRET_KEY")`), which then counts for all files."""
    found: set[tuple[str, str]] = set()
    for one, value in seen:
        name = one.what.name
        if _comes_from_outside(value, name):
            found.add((one.path, name))
            if one.what.value.kind == "call" and "config" in one.what.target.lower():
                found.add(("", name))
    return found


def _is_given(one: Seen[Credential], outside: set[tuple[str, str]]) -> bool:
    name = one.what.name
    return (one.path, name) in outside or (one.what.scope.at_import and ("", name) in outside)


def _defaults_of(value: Value) -> Iterator[str]:
    """The texts behind reads of the environment."""
    for read in value.envs():
        if read.default is not None and read.default.is_text and len(read.default.text or "") >= 8:
            yield read.default.text or ""


def _repeated(credential: Credential, value: Value) -> bool:
    """The literal has a name of its own, whose line is the finding."""
    return value.via is not None or credential.value.kind == "name"


def _severity_of_literal(credential: Credential, value: Value) -> Severity | None:
    """How bad a literal is as this secret's value; None: it is none."""
    if value.kind != "literal" or value.name != "str" or credential.how in ("parameter", "augment"):
        return None
    text, name = value.text or "", credential.name
    stage = stage_of(credential.scope)
    if stage in ("test", "main") or is_hash(text):
        return None
    if credential.how == "sink":
        if not text or (is_placeholder(text) and len(text) < 4):
            return None
        return "note" if stage == "dev" else "error"
    if credential.how in ("key", "keyword") and (_RULES.fullmatch(text) or _is_label(text, name)):
        return None
    signing, service = is_signing_name(name), is_service_name(name)
    if is_placeholder(text):
        if not signing or not text.strip() or len(text) < 3 or _is_reference(text):
            return None
    elif not looks_secret(text, name):
        return None
    if credential.how in ("key", "keyword") and not (signing or service) and not _is_strong(text):
        return None
    if not credential.scope.at_import and not (signing or service) and _is_weak_local(credential, text):
        return None
    if stage == "dev":
        return "note"
    return "error" if is_certain(name, text) else "warning"


#: Tables of values that code looks out for: those that nobody may use.
_REFUSED = re.compile(
    r"(?i)placeholder|insecure|forbidden|banned|black_?list|deny_?list|well_?known|known_?(?:weak|bad)|weak"
)

#: What a form asks of a field: `required|string|max:191`.
_RULES = re.compile(
    r"required|nullable|(?:required|nullable|sometimes|present|filled|string|min|max|bail)(?::[\w,.=]+)?(?:\|[\w:,.=*-]+)+"
)


def _is_label(text: str, name: str) -> bool:
    """What a form calls a field: `Secret Key`."""
    return " " in text and text[:1].isalpha() and any(one.isupper() for one in text) and repeats_name(name, text)


def _is_reference(text: str) -> bool:
    return text.startswith(("$", "%", "<", "{", "[", "__", "*"))


def _is_strong(text: str) -> bool:
    """Enough like a credential to be one as the value of any key with such a name."""
    classes = (str.islower, str.isupper, str.isdigit, lambda letter: not letter.isalnum())
    kinds = sum(any(check(letter) for letter in text) for check in classes)
    return len(text) >= 8 and kinds >= 2 and "|" not in text and any(one.isdigit() for one in text)


def _is_weak_local(credential: Credential, text: str) -> bool:
    """A variable of a function is as often a word as a secret."""
    return not _is_strong(text)


def _severity_of_default(unit: Unit, one: Seen[Credential], value: Value) -> Severity | None:
    credential = one.what
    if credential.how == "parameter" or (credential.how == "sink" and value.via is not None):
        return None
    if value.via is not None and credential.value.kind != "name" and credential.how != "assign":
        return None
    reads = [read for read in value.envs() if classify(read, credential.name) == "secret default"]
    if not reads:
        return None
    stage = stage_of(credential.scope)
    if stage in ("test", "main") or (credential.how == "key" and _is_for_tests(unit, one)):
        return None
    if is_never_read(unit, one):
        return None
    read = reads[0]
    if stage == "dev" or _refused(unit, one, read):
        return "note"
    text = (read.default.text or "") if read.default else ""
    name = read.name or credential.name
    return severity_of_default(name, credential.name, text)


#: A condition that only holds where a deploy switches something on.
_SWITCHED_ON = re.compile(r"(?i)^(?!not\b|!).*(?:enable|use_|with_).*(?:==|\bin\b).*(?:true|1|yes|on)\b")


def _is_asked_for(one: Seen[Credential]) -> bool:
    """Whether the line is only reached where a variable switches on what the secret is for."""
    return any(_SWITCHED_ON.search(guard) for guard in one.what.scope.guards)


def _is_switched_off(unit: Unit, one: Seen[Credential]) -> bool:
    """Whether what the secret is for is off unless it is switched on: `authentication` is false by default, a few lines
    above or below `authentication_password`."""
    source, name = unit.source(one.path), one.what.name
    feature = name.rpartition("_")[0]
    if source is None or not feature:
        return False
    switch = re.compile(
        rf"^\s*(?:self\.)?[\"']?(?:{re.escape(feature)}(?:_?enabled)?|(?:enable|use)_?{re.escape(feature)})[\"']?\s*(?:=>|:|=)"
        r"[^\n]*\bfalse\b",
        re.IGNORECASE,
    )
    line = one.what.line
    return any(switch.match(text) for text in source.lines[max(line - 8, 0) : line + 7])


_SECTION = re.compile(r"([ \t]*)(?:[\w ]+ )?[\"']?([\w.-]+)[\"']?\s*(?:=>|:|=)\s*[\[{(]")
_TESTS = re.compile(r"(?i)(?:^|[-_.])(?:ci|tests?|testing|e2e)(?:[-_.]|$)")


def _is_for_tests(unit: Unit, one: Seen[Credential]) -> bool:
    """Whether it stands in a section for tests: `'mysql-ci' => ['password' => …]`."""
    return any(_TESTS.search(name) for name in _sections(unit, one))


def _sections(unit: Unit, one: Seen[Credential]) -> Iterator[str]:
    """The names of the tables that hold it, the innermost first, as the indents of the lines tell."""
    source = unit.source(one.path)
    if source is None:
        return
    width = None
    for line in reversed(source.lines[max(one.what.line - 60, 0) : one.what.line]):
        indent = len(line) - len(line.lstrip())
        if width is None:
            width = indent
        elif line.strip() and indent < width:
            width = indent
            if section := _SECTION.match(line):
                yield section[2]


_REFUSES = re.compile(
    r"\b(?:raise|throw|panic|abort|sys\.exit|process\.exit|os\.Exit|log\.Fatal|exit|die|assert|fail)\b"
)


def _refused(unit: Unit, one: Seen[Credential], read: Value) -> bool:
    """The code refuses to start with the default: a condition on the name, and soon after it an error."""
    source = unit.source(one.path)
    if source is None:
        return False
    names = {one.what.name, one.what.target, read.name or one.what.name}
    for row, line in enumerate(source.lines):
        if row + 1 == one.what.line or not re.search(r"\b(?:if|unless|assert)\b", line):
            continue
        if any(name in line for name in names) and any(_REFUSES.search(one) for one in source.lines[row : row + 4]):
            return True
    return False


def _replaced(one: Seen[Credential], seen: list[tuple[Seen[Credential], Value]]) -> bool:
    """Another module of the same settings gives it a value from outside: `settings/production.py` over `base.py`."""
    directory, _, name = one.path.rpartition("/")
    return one.what.how == "assign" and any(
        other.what.name == one.what.name
        and other.path.rpartition("/")[0] == directory
        and re.match(r"(?i)(?:settings_?)?(?:prod|production|live|deploy|heroku|docker)", other.path.rpartition("/")[2])
        and other.path.rpartition("/")[2] != name
        and value.kind in ("env", "call")
        and classify(value, other.what.name) != "secret default"
        for other, value in seen
    )


_OVERLAYS = (
    *(b"from_prefixed_env", b"load_from_env", b"AutomaticEnv(", b"envconfig.Process", b"env.Parse("),
    b"custom-environment-variables",
)


def _overlaid(unit: Unit, path: str) -> bool:
    """Variables are laid over all settings of the file by a rule of their names."""
    source = unit.source(path)
    return source is not None and any(one in source.data for one in _OVERLAYS)


def _fills_in(unit: Unit, one: Seen[Credential]) -> bool:
    """It stands in a table of variables that are set where they are not: `os.environ.setdefault(name, value)`."""
    source = unit.source(one.path) if one.what.how == "key" and one.what.name.isupper() else None
    return source is not None and re.search(rb"environ\.setdefault\(\s*[a-z_]+\s*,", source.data) is not None


def _variable(credential: Credential) -> str:
    """A name for the variable."""
    if credential.how == "sink":
        return (
            "SECRET_KEY" if "sign" in credential.name else "ENCRYPTION_KEY" if "encr" in credential.name else "PASSWORD"
        )
    return variable_for(credential.name)


def _nothing_found(unit: Unit, seen: list[tuple[Seen[Credential], Value]]) -> Outcome:
    """What is to be said where nothing is wrong: where a secret comes from, or that there is none."""
    for one, value in seen:
        if classify(value, one.what.name) in ("env", "harmless default") and any(value.envs()):
            return Witness(f"{one.what.name} comes from the environment", unit.place(one.path, one.what.line))
    for one, value in seen:
        if classify(value, one.what.name) == "mounted":
            return Witness(f"{one.what.name} comes from a secret store", unit.place(one.path, one.what.line))
    for path, setting in settings_from_outside(unit):
        return Witness(f"{setting.name} comes from the environment", unit.place(path, setting.line))
    if seen:
        return CannotTell("where its secrets come from is not in the code that was read")
    return NotApplicable("nothing in the code has the name of a secret")
