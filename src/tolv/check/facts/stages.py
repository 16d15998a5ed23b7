"""Which environment a piece of code is for, told by the class and the conditions around it."""

from __future__ import annotations

import re
from typing import Literal

from tolv.check.source import Scope

Stage = Literal["prod", "dev", "test", "main"]
"""`prod`: production, or every environment. `main`: only when the file is started itself."""

_TEST = r"(?:unit_?)?tests?|testing|ci|mock|fake|dummy|fixture"
_DEV = r"dev|develop|development|debug|local|localhost|sandbox|demo|example|sample"
#: Classes of settings with which the app is built or its documentation made: nobody is served with them.
_TEST_CLASS = re.compile(rf"(?:^|_)(?:{_TEST})(?:_|$)|^(?:docs?|build|collect_?static)(?:_(?:config|settings?))?$")
_DEV_CLASS = re.compile(rf"(?:^|_)(?:{_DEV})(?:_|$)")
_CAMEL = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")

_MAIN = re.compile(r"""__name__\s*==\s*['"]__main__['"]|require\.main\s*===?\s*module|__FILE__\s*==\s*\$0""")
_NAMES_TEST = re.compile(rf"""(?ix)['"]:?(?:{_TEST})['"] | \b(?:is_?)?test(?:ing|s)?(?:_mode)?\b | \.test\?""")
_NAMES_DEV = re.compile(
    rf"""(?ix)['"]:?(?:{_DEV})['"] | \b(?:\w+[._])?(?:is_?)?(?:debug|dev|development|local|localhost)(?:_?mode|_?env)?\b
    | \.(?:development|local)\?"""
)
_NAMES_PROD = re.compile(
    r"""(?ix)['"]:?prod(?:uction)?['"] | \b(?:\w+[._])?(?:is_?)?prod(?:uction)?(?:_?mode|_?env)?\b"""
)
_NEGATION = re.compile(r"^not\b|^!|!=|!==|\bis not\b|\bnot in\b|^unless\b")


def stage_of_class(name: str | None) -> Stage:
    """`DevelopmentConfig` is `dev`, `TestSettings` is `test`."""
    words = _CAMEL.sub("_", name or "").lower()
    if _TEST_CLASS.search(words):
        return "test"
    return "dev" if _DEV_CLASS.search(words) else "prod"


def stage_of(scope: Scope) -> Stage:
    """The environment that the classes, functions and conditions around a place allow."""
    for name in scope.names:
        if (stage := stage_of_class(name)) != "prod":
            return stage
    for guard in scope.guards:
        if (stage := _of_guard(guard)) != "prod":
            return stage
    return "prod"


def _of_guard(guard: str) -> Stage:
    text, negated = guard.strip(), False
    while match := re.fullmatch(r"not \((.*)\)", text, re.DOTALL):
        text, negated = match[1].strip(), not negated
    if _MAIN.search(text):
        return "prod" if negated else "main"
    if _NEGATION.search(text):
        negated = not negated
    if _NAMES_PROD.search(text):
        return "dev" if negated else "prod"
    if negated:
        return "prod"
    if _NAMES_TEST.search(text):
        return "test"
    return "dev" if _NAMES_DEV.search(text) else "prod"
