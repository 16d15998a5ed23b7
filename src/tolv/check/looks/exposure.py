"""What opens an app to others: TLS that checks nothing, any origin with credentials, any host, guards with a hole."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from tolv.check.look import Look
from tolv.check.source import Call, Scope, Source, Value


@dataclass(frozen=True, slots=True)
class Opening:
    """One such place."""

    kind: Literal["tls", "cors", "hosts", "bypass"]
    what: str
    value: Value | None
    line: int
    column: int
    scope: Scope


openings: Look[Opening] = Look("openings")

_TLS_KEYWORDS = (
    "verify",
    "verify_ssl",
    "ssl_verify",
    "ssl",
    "rejectUnauthorized",
    "strictSSL",
    "InsecureSkipVerify",
    "check_hostname",
)
_OFF = {"rejectUnauthorized": "false", "strictSSL": "false", "InsecureSkipVerify": "true"}


@openings.reads(
    "python",
    "javascript",
    "go",
    words=(
        *(
            "verify",
            "verify_ssl",
            "ssl_verify",
            "check_hostname",
            "CERT_NONE",
            "_create_unverified_context",
            "rejectUnauthorized",
        ),
        *(
            "strictSSL",
            "InsecureSkipVerify",
            "NODE_TLS_REJECT_UNAUTHORIZED",
            "CORSMiddleware",
            "CORS",
            "cors",
            "ALLOWED_HOSTS",
        ),
    ),
)
def _read(source: Source) -> Iterator[Opening]:
    yield from _tls(source)
    yield from _cors(source)
    if b"ALLOWED_HOSTS" in source.words:
        for bound in source.bindings("ALLOWED_HOSTS"):
            if bound.name == "ALLOWED_HOSTS" and bound.how != "parameter":
                yield Opening("hosts", bound.name, bound.value, bound.line, bound.column, bound.scope)


_CLIENTS = re.compile(
    r"(?:^|\.)(?:requests|httpx|aiohttp|session|client|Session|Client|AsyncClient|ClientSession|request|get|"
    r"post|put|patch|delete|"
    r"head|TCPConnector|Elasticsearch|Redis|from_url)\b"
)


#: Functions that fill in fields, and those that declare what fields there are; clients have some of that name too.
_FILLS = re.compile(
    r"(?i)^(?!.*(?:request|got|axios|needle|fetch|https?|tls|\bky\b)).*(?:^|\.)"
    r"(?:defaults(?:deep)?|assign|extend|merge|schema|model|reactive|ref|useState|useForm|createSlice)$"
)


def _tls(source: Source) -> Iterator[Opening]:
    for bound in source.bindings(*(one for one in _TLS_KEYWORDS if one.encode() in source.words and one != "ssl")):
        if bound.name not in _TLS_KEYWORDS or bound.how == "parameter" or bound.value.via is not None:
            continue
        if bound.name in ("verify", "verify_ssl", "ssl_verify") and not (
            (bound.how == "keyword" and _CLIENTS.search(bound.callee or ""))
            or re.search(r"(?i)session|client", bound.target)
        ):
            continue
        if bound.how == "keyword" and _FILLS.search(bound.callee or ""):
            continue  # what a record of the app's own has until somebody fills it in
        if bound.value.kind == "literal" and bound.value.text == _OFF.get(bound.name, "false"):
            yield Opening("tls", bound.name, bound.value, bound.line, bound.column, bound.scope)
    if b"_create_unverified_context" in source.words:
        for call in source.calls("_create_unverified_context"):
            yield _of_call("tls", call)
    if b"NODE_TLS_REJECT_UNAUTHORIZED" in source.words:
        for row, line in enumerate(source.lines, 1):
            if re.search(
                r"^\s*process\.env(?:\.|\[['\"])NODE_TLS_REJECT_UNAUTHORIZED['\"\]]*\s*=\s*['\"]?0", line[:500]
            ):
                yield Opening("tls", "NODE_TLS_REJECT_UNAUTHORIZED", None, row, 1, Scope())


def _of_call(kind: Literal["tls", "cors"], call: Call) -> Opening:
    return Opening(kind, call.written, None, call.line, call.column, call.scope)


def _cors(source: Source) -> Iterator[Opening]:
    """Where credentials are allowed; the value is the list of origins."""
    if not source.words & {b"CORSMiddleware", b"CORS", b"cors"}:
        return
    for call in source.calls(".add_middleware", "CORSMiddleware", "Middleware", "CORS", "flask_cors.CORS", "cors"):
        if (
            "CORSMiddleware" in (first.name or "" if (first := call.argument(0)) else "")
            or call.last == "CORSMiddleware"
        ):
            credentials, origins = call.keywords.get("allow_credentials"), call.keywords.get("allow_origins")
            origins = origins or call.keywords.get("allow_origin_regex")
        elif call.last == "CORS":
            credentials = call.keywords.get("supports_credentials")
            origins = call.keywords.get("origins", Value("literal", "*", "str"))
        elif call.name in ("cors", "fastify-cors", "@koa/cors"):
            credentials, origins = call.keywords.get("credentials"), call.keywords.get("origin")
        else:
            continue
        if credentials is not None and credentials.text == "true" and origins is not None:
            line = origins.line or call.line
            at = line if call.line <= line <= call.end_line else call.line
            yield Opening("cors", call.written, origins, at, call.column, call.scope)


bypasses: Look[Opening] = Look("bypasses")

_GUARD_NAME = re.compile(
    r"(?i)auth|verify|verif|permission|require_|requires|is_?admin|check_?(?:token|signature|password|user|"
    r"access|perm|login|csrf)|"
    r"validate_?(?:token|signature|password|captcha|session)|captcha|csrf|login_required|guard|"
    r"ensure_?(?:logged|admin|user)|"
    r"signature|protect|current_user|get_user|is_?logged|can_access|has_access"
)
_STAGE_TEST = re.compile(
    r"""(?ix)\b(?:if|unless|elif|return)\b.*(?:
      (?:NODE_ENV|APP_ENV|FLASK_ENV|RAILS_ENV|RACK_ENV|DJANGO_ENV|GO_ENV|\bENV(?:IRONMENT)?\b|settings\.env\w*|config\.env\w*|app_env)
      ['"\]\)]*(?:,\s*['"]\w*['"]\))?\s*(?:==|===|in\b|!=|!==).{0,3}\s*['"\[\(]+(?:test|testing|dev|development|local|staging)
    | Rails\.env\.(?:test|development|local)\?)"""
)
_LETS_IN = re.compile(
    r"(?i)\breturn\s+(?:True|true|next\(|user|\(?None|nil|f\(|func\(|fn\(|view|await\s|call_next|\{|1\b|;|$)|"
    r"^\s*next\(\)|\breturn next\b|^\s*yield\b|"
    r"\ballow|bypass|skip|^\s*return;?\s*$"
)


def _tests(source: Source) -> Sequence[str]:
    """The lines, where the text has a word for its stage; none otherwise."""
    return source.lines if any(sign in source.data for sign in _STAGE_SIGNS) else ()


_STAGE_SIGNS = (b"ENV", b".env", b"app_env", b"nvironment", b'"env', b"'env")


@bypasses.reads(
    "python",
    "javascript",
    within=(
        "auth",
        "verif",
        "permission",
        "captcha",
        "csrf",
        "admin",
        "guard",
        "token",
        "signature",
        "login",
        "require",
        "check",
        "access",
        "protect",
        "valid",
    ),
)
def _bypasses(source: Source) -> Iterator[Opening]:
    if not any("env" in line.lower() and _STAGE_TEST.search(line[:500]) for line in _tests(source)):
        return
    for function in source.functions():
        if not _GUARD_NAME.search(function.name) or function.end_line - function.line > 200:
            continue
        for row in range(function.line, min(function.end_line, len(source.lines)) + 1):
            line = source.lines[row - 1][:500]
            if not _STAGE_TEST.search(line) or re.match(r"\s*(?:#|//|\*)", line):
                continue
            if re.search(r"!=|!==|\bnot in\b|unless", line):
                continue
            rest = line.partition(":" if source.language == "python" else ")")[2]
            after = [rest, *(text[:500] for text in source.lines[row : row + 2])]
            if any(
                _LETS_IN.search(text) and not re.search(r"(?i)raise|throw|\b40[13]\b", text)
                for text in after
                if text.strip()
            ):
                yield Opening("bypass", function.name, None, row, 1, function.scope)
                break
