"""Keeping secrets out of the lines that a report shows.

A report goes to more people than the code does: into chats, wikis, CI logs. What a rule calls a secret, and what looks
like one beside it, is shown as `…`.
"""

from __future__ import annotations

import re

HIDDEN = "…"

#: Rules whose very finding is a secret in the line.
_SECRET_RULES = frozenset({"III-01", "III-02", "III-03", "III-04", "III-05", "III-10", "SEC-02", "VI-08", "XII-03"})
#: Files whose values stand without quotes.
_CODE = frozenset(("py", "pyi", "js", "mjs", "cjs", "jsx", "ts", "tsx", "vue", "go", "java", "kt", "rb", "php", "erb"))

_URL_PASSWORD = re.compile(r"(?<=://)([^\s/?#:@'\"]{0,200}):([^\s/?#@'\"]{1,200})(?=@)")
_CREDENTIAL = re.compile(
    r"secret|passw|passphrase|token|api_?key|private|credential|auth_|_auth|signing|salt|_key|key_", re.IGNORECASE
)
_TEXT = re.compile(r"""(['"`])((?:[^\\\n]|\\.){0,2000}?)\1""")
#: A text that is a name: of a variable, of a key, of an option.
_NAME = re.compile(r"[A-Z][A-Z0-9_]*|[a-z]+([_.-][a-z]+)+|[a-z]{1,7}|\s*|[a-z]+(password|secret|token|key)")
#: Where the finding is the secret itself, only the name of a variable is one: `you-will-never-guess` could be a key.
_VARIABLE = re.compile(r"[A-Z][A-Z0-9]*(_[A-Z0-9]+)+|\s*")
_BARE = re.compile(r"(?<![\w.-])([\w.-]{1,200})(\s{0,8}[:=]\s{0,8})(?![\s'\"`$<{(\[&*|>…])([^\s,;#]{1,2000})")
_PROVIDER = re.compile(
    r"\b(?:(?:AKIA|ASIA)[A-Z0-9]{12,20}|gh[pousr]_\w{16,255}|github_pat_\w{16,255}|glpat-[\w-]{16,64}"
    r"|[srp]k_(?:live|test)_\w{8,255}|xox[a-z]-[\w-]{8,255}|AIza[\w-]{30,40}|SG\.[\w.-]{20,100}"
    r"|eyJ[\w-]{8,2000}\.[\w-]{8,2000}(?:\.[\w-]{1,2000})?)"
)
_RANDOM = re.compile(r"[A-Za-z0-9+/_=-]{24,4000}")


def hide(text: str, rule: str, path: str) -> str:
    """A line of a file as it may be shown with a finding of a rule. Takes time in proportion to the line."""
    text = _URL_PASSWORD.sub(rf"\1:{HIDDEN}", text)
    text = _PROVIDER.sub(HIDDEN, text)
    text = _RANDOM.sub(lambda found: HIDDEN if _is_random(found[0]) else found[0], text)
    if rule in _SECRET_RULES or _CREDENTIAL.search(text):
        names = _VARIABLE if rule in _SECRET_RULES else _NAME
        text = _TEXT.sub(lambda found: _hidden_text(found, names), text)
        if path.rpartition(".")[2].lower() not in _CODE:
            text = _BARE.sub(_hidden_value, text)
    return text


def _hidden_text(found: re.Match[str], names: re.Pattern[str]) -> str:
    before, behind = found.string[: found.start()], found.string[found.end() :].lstrip()
    opens = before.rstrip()[-1:]
    is_key = (opens == "[" and behind.startswith("]")) or (opens in "{,(" and behind.startswith((":", "=>")))
    if is_key or names.fullmatch(found[2]) or "://" in found[2]:
        return found[0]
    return f"{found[1]}{HIDDEN}{found[1]}"


def _hidden_value(found: re.Match[str]) -> str:
    return f"{found[1]}{found[2]}{HIDDEN}" if _CREDENTIAL.search(found[1]) else found[0]


def _is_random(text: str) -> bool:
    return sum(map(str.isdigit, text)) >= 3 and text.lower() != text != text.upper()
