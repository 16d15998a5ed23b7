"""Secrets and personal data that are handed to a log."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from tolv.check.look import Look
from tolv.check.source import Binding, Call, Source, Value

What = Literal["secret", "headers", "sent", "cookies", "environment", "settings", "body", "address"]


@dataclass(frozen=True, slots=True)
class Leak:
    """One call that logs what it should not."""

    what: What
    name: str
    """What is handed over, as the code calls it."""
    log: str
    """The call: `logger.info`."""
    line: int
    column: int
    end_line: int
    printed: bool
    """It goes to stdout without a logging library."""
    guards: tuple[str, ...]


leaks: Look[Leak] = Look("leaks")

_LEVELS = "trace debug info notice warn warning error critical fatal exception log verbose silly http audit".split()
_GO_LEVELS = [
    level + form
    for level in ("Debug", "Info", "Warn", "Warning", "Error", "Fatal", "Print", "Panic", "Trace")
    for form in ("", "f", "ln", "w", "Context")
]
_LOGGERS = re.compile(
    r"(?i)(?:^|[._>$])(?:log|logs|logger|logging|logrus|slog|zap|zerolog|sugar|console|winston|bunyan|pino|log4js|_log|_logger"
    r"|\w+_?logger|\w+_log|Rails\.logger|Log|glog|klog)$|::Log$|[\\]Log$"
)
#: Names whose values must stay out of a log. The last part of a dotted name, split at capitals and underscores.
_SECRET = re.compile(
    r"pwd_.*|.+_pwd|(?:^|.*_)(?:password|passwd|passphrase|secret|secret_key|secrets|token|access_token|refresh_token|auth_token"
    r"|api_token|bearer_token|id_token|reset_token|session_token|csrf_token|jwt|api_key|apikey|private_key|access_key"
    r"|credentials?|authorization|auth_header|authorization_header|cookie|cookies|set_cookie|ssn|credit_card|card_number"
    r"|cvv|client_secret|encryption_key|signing_key)"
)
#: Names that hold such a word and are harmless.
_HARMLESS = re.compile(
    r"(?:^|_)(?:hash|hashed|masked|redacted|obfuscated|count|counts|total|num|number|max|min|usage|len|length|type|types|name"
    r"|names|id|ids|expiry|expires|ttl|valid|is|has|no|missing|invalid|error|errors|url|uri|path|file|field|fields|param|policy"
    r"|status|limit|budget|prompt|completion|input|output|cached|reasoning|encrypted|provider|source|prefix|suffix|length|next"
    r"|page|continuation|cancellation|cancel|stop|public|placeholder|message|label|idx|index|pattern|regex|symbol|address)(?:_|$)"
)
#: Names of what is done about a secret: a page, a template, an action.
_FLOWS = re.compile(
    r"^(?:tpl|template|route|page|view|action|permission|perm|event|err|msg|tab|screen)_|"
    r"(?:^|_)(?:forgot|forgotten|lost|recover)_(?:password|passwd)$"
)
HEADERS = re.compile(
    r"(?i)(?:^|\.)(?:req|request|NewRequest|NewRequestWithContext|r|ctx|context|scope|event|self|flask|environ)\.(?:headers|rawHeaders|header|META)$"
)
#: Headers that are about to be sent; only in code that calls others by HTTP.
_SENT = re.compile(r"(?:^|\.)(?:headers|request_headers|requestHeaders|req_headers)$")
_ANSWERED = re.compile(
    r"(?i)(?:^|\.)(?:res|resp|response|reply|answer|fetch|urlopen|(?:axios|got|requests|httpx|session|client)\.\w+)\."
)
#: What headers are given that are worth hiding; without a word of it, nothing says that these have any.
_AUTHORIZING = frozenset(
    b"Authorization authorization AUTHORIZATION HTTP_AUTHORIZATION Bearer bearer Cookie cookie api_key apikey apiKey"
    b" API_KEY".split()
)
#: What lies in these is about a secret: an address to get one from, the label of a field.
_ABOUT = re.compile(
    r"(?i)(?:endpoint|url|route|field|error|label|type|name|message|schema|constant|enum|path|column)s?\.\w+$"
)
#: A member of an enumeration, as TypeScript writes them: `AuditEvent.DeleteApiKey`.
_MEMBER = re.compile(r"(?:^|\.)[A-Z]\w*[a-z]\w*\.[A-Z]\w*[a-z]\w*$")
_CLIENTS = frozenset(
    b"requests httpx aiohttp urllib urlopen axios fetch got superagent curl http HttpClient Faraday".split()
)
_TABLES = frozenset(b"csv pandas DictReader openpyxl xlsx xlrd sheet spreadsheet columns".split())
_LEXERS = frozenset(b"tokenize tokenizer Tokenizer lexer Lexer spacy nltk sympy sqlparse ast tokens".split())
_BODY = re.compile(r"(?:req|request|r)\.(?:body|data|json|get_json|form|POST|rawBody|params|get_data)$")
#: What a library of clients gives is the answer of another service.
_ANSWER = re.compile(r"(?:axios|requests|httpx|superagent|got|needle|http|https|net/http|fetch|aiohttp)\b")
ENVIRONMENT = re.compile(r"(?:^|\.)(?:os\.environ|process\.env|_ENV|_SERVER|os\.Environ|System\.getenv)$|^ENV$")
_SETTINGS = re.compile(
    r"(?:^|\.)(?:app|current_app|application|server)\.(?:config|settings)$|(?:conf|config|settings|core)\.settings$"
)
#: At the top of a module, these are the whole configuration.
_WHOLE = re.compile(r"(?i)config|settings|configuration|cfg")
#: Functions that give their argument as text or as the same thing.
SHOWING = re.compile(
    r"(?:^|[./])(?:str|repr|dict|list|json\.dumps|dumps|pformat|pprint\.pformat|vars|JSON\.stringify|stringify|util\.inspect|inspect"
    r"|String|fmt\.Sprintf|Sprintf|fmt\.Sprint|print_r|json_encode|var_export|sprintf|to_json|toString|format|join|slog\.(?:String|Group)"
    r"|slog\.Any|zap\.String|zap\.Any|Object\.assign|Object\.entries|items|copy)$"
)
_DUMPED = re.compile(
    r"(?:^|\.)(?:settings|config|Config|Settings)\.(?:dict|model_dump|json|model_dump_json|items|toObject|getProperties|util\.toObject)$"
)
_IN_ADDRESS = re.compile(r"(?i)[?&](?:api_?key|access_?token|token|auth|secret|password|key|sig(?:nature)?)=\{\}")
_PRINTS = frozenset(
    {"print", "pprint", "pprint.pprint", "puts", "p", "echo", "fmt.Println", "fmt.Printf", "System.out.println"}
)

_WITHIN = (
    "passw",
    "secret",
    "token",
    "authoriz",
    "cookie",
    "apikey",
    "api_key",
    "credential",
    "headers",
    "environ",
    "private_key",
    "jwt",
    "settings",
    "config",
    "env",
    "body",
    "query",
    "urlencode",
)


@leaks.reads("python", "javascript", "go", "php", within=_WITHIN)
def _read(source: Source) -> Iterator[Leak]:
    if not _is_worth_it(source):
        return
    signed = _signed(source)
    for call, printed in logging_calls(source):
        found = _found(call, source) or _signed_address(call, signed) or _record(call, source)
        if found is not None:
            what, name, line = found
            around = call.scope.names
            if what == "secret" and (is_over(around, name) or is_published(around, name)):
                continue
            line = line if call.line <= line <= call.end_line else call.line
            yield Leak(what, name, call.written, line, call.column, call.end_line, printed, call.scope.guards)


def logging_calls(source: Source) -> Iterator[tuple[Call, bool]]:
    """The calls that log, and whether they print, without a logging library."""
    prints = _PRINTED[source.language]
    names = _logging_names(source)
    if not names and not any(one.rpartition(".")[2].encode() in source.words for one in prints):
        return
    for call in source.calls(*names, *prints):
        printed = call.name in _PRINTS or call.written in _PRINTS or call.written.startswith("console.")
        if printed or _LOGGERS.search(_owner(call)) or call.last in _CALLED[source.language]:
            yield call, printed


_OWNER = re.compile(rb"(\w+)(?:\(\))?(?:\?\.|\.|->|::)$")


def _logging_names(source: Source) -> list[str]:
    """The calls on loggers that the text has, so that only those are read."""
    found: dict[str, None] = {f".{one}": None for one in _CALLED[source.language] if one.encode() in source.words}
    levels = _GO_LEVEL_WORDS if source.language == "go" else _LEVEL_WORDS
    data = source.data
    for word in levels & source.words:
        level = word.decode()
        at = data.find(word + b"(")
        while at != -1:
            before = _OWNER.search(data, max(at - 80, 0), at)
            if before is not None and _LOGGERS.search(owner := before[1].decode("utf-8", "replace")):
                found |= {f"{owner}.{level}": None, f".{owner}.{level}": None}
            at = data.find(word + b"(", at + 1)
    return list(found)


_LEVEL_WORDS = frozenset(one.encode() for one in _LEVELS)
_GO_LEVEL_WORDS = frozenset(one.encode() for one in _GO_LEVELS)
_SENSITIVE = re.compile(
    rb"(?i)passw|passphrase|secret|token|authoriz|cookie|api_?key|credential|header|environ|private_?key|jwt|settings|config"
    rb"|\.body|\.json|\.data|process\.env|access_?key|\bssn\b|card|[?&]\w+=|_SERVER|_ENV"
)
#: Lines that a call may go on for.
_MOST_LINES = 8


def _is_worth_it(source: Source) -> bool:
    """Whether what a call may log has a word that may be sensitive on its line, or soon after: calls are costly."""
    levels = _GO_LEVEL_WORDS if source.language == "go" else _LEVEL_WORDS
    names = source.words & (levels | {one.rpartition(".")[2].encode() for one in _PRINTED[source.language]})
    names |= source.words & {one.encode() for one in _CALLED[source.language]}
    data = source.data
    for name in names:
        at = data.find(name)
        while at != -1:
            end = at + len(name)
            if data[end : end + 1] in (b"(", b" ", b"\t"):
                start = data.rfind(b"\n", 0, at) + 1
                if _SENSITIVE.search(data, start, _end_of(data, end)):
                    return True
            at = data.find(name, end)
    # An address may be made of a secret before it is logged, and a record may have one.
    return bool(names) and b"=" in data and (_SIGNING.search(data) or _KEYED.search(data)) is not None


def _end_of(data: bytes, at: int) -> int:
    """Where the lines end that a call may go on for."""
    for _ in range(_MOST_LINES):
        at = data.find(b"\n", at) + 1
        if not at:
            return len(data)
    return at


_SIGNING = re.compile(
    rb"[?&](?i:api_?key|access_?token|token|auth|secret|password|sig(?:nature)?)=|[Qq]uery\w*\(|urlencode\(|URLSearchParams"
)
#: What makes a query of a mapping, and a secret among its keys.
_COMPOSED = re.compile(
    r"(?:\w*[Qq]uery\w*|urlencode|URLSearchParams|qs\.stringify|querystring\.stringify)\(\s*[\[{][^)]*?[\"']?"
    r"\b(?:auth|token|access_?token|api_?key|secret|password|sig|signature)[\"']?\s*(?::|=>)",
    re.IGNORECASE | re.DOTALL,
)


def _signed(source: Source) -> list[Binding]:
    """Addresses that a secret is put into: `url = url + "&token=" + token`."""
    if not _SIGNING.search(source.data):
        return []
    named = source.bindings("url", "uri", "endpoint", "address", "link")
    return [one for one in named if _is_signed(source, one)]


def _is_signed(source: Source, one: Binding) -> bool:
    if one.value.kind == "template" and _IN_ADDRESS.search(one.value.text or ""):
        return True
    rest = "\n".join(source.lines[one.line - 1 : one.line + 5])[one.column - 1 :].partition(";")[0]
    return one.how in ("assign", "augment") and _COMPOSED.search(rest) is not None


def _signed_address(call: Call, signed: list[Binding]) -> tuple[What, str, int] | None:
    """An address that is logged after a secret was put into it, in the same function."""
    for binding in signed:
        if binding.scope.names == call.scope.names and 0 < call.line - binding.line < 40:
            for value in _all_of(call):
                if binding.target == value.via or (value.kind == "name" and binding.target == value.name):
                    return "address", binding.target, value.line
    return None


_RECORDS = re.compile(
    r"^(?:export\s+)?(?:const\s+|let\s+|var\s+)?(\w+)\s*(?::[^=\n]{1,60})?=\s*[\[{(]\s*\n"
    r"(?P<body>(?:[ \t][^\n]*\n|\n){1,200})",
    re.MULTILINE,
)
_PLAIN = re.compile(r"[\"']?\b(?:password|passwd|secret|api_?key)[\"']?\s*[:=]\s*[\"'][^\"'\n]{3,}[\"']", re.IGNORECASE)
_EACH = re.compile(
    r"\b(\w+)\.(?:forEach|map)\(\s*(?:function\s*)?\(?\s*(\w+)|\bfor\s+\(?(?:(?:const|let|var)\s+)?(\w+)\s+(?:of|in)\s+(\w+)"
)


def _record(call: Call, source: Source) -> tuple[What, str, int] | None:
    """A whole record of a table in the code that has passwords: `USERS.forEach((user) => log(user))`."""
    if not _KEYED.search(source.data):
        return None
    above = "\n".join(source.lines[max(call.line - 4, 0) : call.end_line])
    for each in _EACH.finditer(above):
        table, item = each[1] or each[4], each[2] or each[3]
        if item not in {value.via or value.name for value in _all_of(call) if value.kind == "name"}:
            continue
        text = "\n".join(source.lines)
        if any(one[1] == table and _PLAIN.search(one["body"]) for one in _RECORDS.finditer(text)):
            return "secret", f"{table} with its passwords", call.line
    return None


_KEYED = re.compile(rb"(?i)\b(?:password|passwd|secret|api_?key)[\"']?\s*[:=]\s*[\"']")


def _all_of(call: Call) -> Iterator[Value]:
    """The values of a call, those inside of them included."""
    left = [(one, 0) for one in _given(call)]
    while left:
        value, depth = left.pop()
        yield value
        if depth < 4:
            left += [(part, depth + 1) for part in value.parts]


def _found(call: Call, source: Source) -> tuple[What, str, int] | None:
    """The first thing that a call logs and should not, its name and line."""
    for value in _given(call):
        if (one := _leak(value, source, 0)) is not None and not (one[0] == "settings" and _leaves_out(source, call)):
            return one
    if call.scope.at_import:
        for value in call.arguments:
            if (whole := _whole(value)) is not None:
                return "settings", whole, value.line
    for key, value in call.keywords.items():
        if _leaks_by_key(key, value):
            return "secret", key, value.line
    return None


def _leaves_out(source: Source, call: Call) -> bool:
    """Whether what is shown of the settings leaves some of them out: `settings.json(exclude={"SECRET"})`."""
    text = "\n".join(source.lines[call.line - 1 : call.end_line])
    return re.search(r"\b(?:exclude|include|only|omit|except|without|pick)\s*[=(]", text) is not None


#: Methods that log whatever they are called on.
_CALLED: dict[str, tuple[str, ...]] = {
    "python": (),
    "javascript": ("logDebug", "logError", "logInfo", "logWarn", "logTransaction", "logMessage", "logEvent"),
    "go": (),
    "java": (),
    "ruby": (),
    "php": (),
}
_PRINTED: dict[str, tuple[str, ...]] = {
    "python": ("print", "pprint"),
    "javascript": (),
    "go": ("fmt.Println", "fmt.Printf"),
    "java": ("System.out.println",),
    "ruby": ("puts", "p"),
    "php": ("error_log",),
}


def _owner(call: Call) -> str:
    return call.written.rpartition(".")[0] or call.name.rpartition(".")[0]


def _given(call: Call) -> Iterator[Value]:
    yield from call.arguments
    yield from call.keywords.values()


def _leak(value: Value, source: Source, depth: int) -> tuple[What, str, int] | None:
    """What a value that is logged gives away, and its name."""
    if depth > 5:
        return None
    if value.kind == "env":
        return ("secret", value.name, value.line) if value.name and is_secret(value.name) else None
    if value.kind == "name" and (found := _by_name(value, source)):
        return found
    if value.kind == "call" and (found := _by_call(value)):
        return found
    if value.via is not None and value.kind in ("call", "unknown", "template") and is_secret(value.via):
        hidden = value.kind == "call" and not _may_be_secret(value)
        return None if hidden or _is_lexed(value.via, source) else ("secret", value.via, value.line)
    if value.kind == "template" and _IN_ADDRESS.search(value.text or ""):
        return "address", value.via or "an address", value.line
    inside = value.kind in ("template", "container", "choice") or (
        value.kind == "call" and bool(SHOWING.search(value.name or ""))
    )
    if inside:
        return next((found for part in value.parts if (found := _leak(part, source, depth + 1))), None)
    return None


def _whole(value: Value) -> str | None:
    """The configuration of a module, printed when it is loaded."""
    if value.kind == "call" and value.via is None and SHOWING.search(value.name or "") and value.parts:
        return _whole(value.parts[0])
    name = value.via or value.name or ""
    return name if value.kind in ("name", "container", "call") and _WHOLE.fullmatch(name) else None


def _by_call(value: Value) -> tuple[What, str, int] | None:
    name = value.name or ""
    if _DUMPED.search(name):
        return "settings", name, value.line
    if re.search(r"(?:^|\.)(?:os\.Environ|System\.getenv)$", name) and not value.parts:
        return "environment", name, value.line
    return ("headers", name, value.line) if name.endswith("getallheaders") else None


def _by_name(value: Value, source: Source) -> tuple[What, str, int] | None:
    full = value.name or ""
    name = value.via or full
    if ENVIRONMENT.search(full) and (full != "ENV" or source.language == "ruby"):
        return "environment", full, value.line
    if HEADERS.search(full):
        return "headers", full, value.line
    if _SENT.search(full) and _sends(source) and not _ANSWERED.search(full):
        return "sent", full, value.line
    if re.search(r"(?:^|\.)(?:request|req)\.(?:cookies|COOKIES|signedCookies)$", full):
        return "cookies", full, value.line
    if _BODY.search(full) and not _ANSWER.match(full):
        return "body", full, value.line
    if _SETTINGS.search(full) and value.via is None:
        return "settings", full, value.line
    last = name.rpartition(".")[2].rpartition(">")[2].lstrip("$@:")
    if _ABOUT.search(name) or (source.language == "javascript" and _MEMBER.search(name)):
        return None
    return ("secret", name, value.line) if is_secret(last) and not _is_lexed(name, source) else None


def _sends(source: Source) -> bool:
    """Code that calls others by HTTP, and by its words with what lets it in."""
    return bool(source.words & _CLIENTS and source.words & _AUTHORIZING) and not source.words & _TABLES


def _is_lexed(name: str, source: Source) -> bool:
    """A `token` in code that reads languages is a word."""
    return name == "token" and not source.words.isdisjoint(_LEXERS)


def _may_be_secret(value: Value) -> bool:
    """Of a name like `token` that is bound to a call: not where the call hides or judges it."""
    return not re.search(
        r"(?i)mask|redact|hash|obfuscat|censor|sanitiz|len$|bool$|count|tokeniz|verify|check|valid|is_|has_|filter|parse",
        value.name or "",
    )


def is_secret(name: str) -> bool:
    snake = _snake(name)
    return bool(_SECRET.fullmatch(snake)) and not _HARMLESS.search(snake) and not _FLOWS.search(snake)


_ENDS = re.compile(r"(?:^|_)(?:delete|deleted|remove|revoke|invalidate|expire|destroy|blacklist)(?:_|$)")


def is_over(functions: tuple[str, ...], name: str) -> bool:
    """Whether a secret has just ceased to be one: it is what the function around is there to revoke."""
    last = _snake(name.rpartition(".")[2])
    return any(last in (snake := _snake(one)) and _ENDS.search(snake) is not None for one in functions)


#: Functions that write what all may read: `create_txt_record`, `deploy_challenge`.
_PUBLISHES = re.compile(r"(?:^|_)(?:txt|dns|acme|challenges?)(?:_|$)")


def is_published(functions: tuple[str, ...], name: str) -> bool:
    """Whether a token is the answer to a challenge: it is put where all can read it, into a record of DNS."""
    last = _snake(name.rpartition(".")[2])
    return last == "token" and any(_PUBLISHES.search(_snake(one)) for one in functions)


def _leaks_by_key(key: str, value: Value) -> bool:
    """`logger.info("…", password=given)`: unless the value is fixed, or a truth about it."""
    return (
        is_secret(key) and value.kind in ("name", "env", "template") and not _HARMLESS.search(_snake(value.name or ""))
    )


def _snake(name: str) -> str:
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name).lower().replace("-", "_").replace("__", "_")
