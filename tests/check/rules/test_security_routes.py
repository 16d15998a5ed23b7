"""SEC-04: routes without the guard of their siblings."""

from pathlib import Path

import pytest
from check.harness import Case, bad, ok


def _flask(*routes: tuple[str, str, bool]) -> dict[str, str]:
    """A Flask app with routes: method, path, and whether one must be logged in."""
    text = "from flask import Flask\nfrom flask_login import login_required\napp = Flask(__name__)\n"
    for number, (method, path, guarded) in enumerate(routes):
        guard = "@login_required\n" if guarded else "\n"
        text += f'@app.route("{path}", methods=["{method}"])\n{guard}def f{number}():\n    return "x"\n'
    return {"app.py": text}


def _express(*routes: tuple[str, str, str]) -> dict[str, str]:
    """An Express app with routes: method, path, guard."""
    lines = ['const express = require("express");', "const app = express();"]
    lines += [f'app.{method}("{path}", {guard}(req, res) => res.send("x"));' for method, path, guard in routes]
    return {"app.js": "\n".join(lines) + "\n"}


_THREE = (("POST", "/orders", True), ("POST", "/items", True), ("DELETE", "/items/1", True))
_IN = "isLoggedIn, "
_THREE_JS = (("post", "/orders", _IN), ("post", "/items", _IN), ("delete", "/items/1", _IN))
_ADMINS = (("get", "/admin/users", "isAdmin, "), ("get", "/admin/stats", "isAdmin, "))

CASES = [
    bad("SEC-04", "python", _flask(*_THREE, ("POST", "/prices", False)), "app.py:16", severity="note"),
    bad("SEC-04", "python", _flask(("DELETE", "/prices/1", False), *_THREE), "app.py:4", why="the first"),
    ok("SEC-04", "python", _flask(*_THREE, ("POST", "/login", False)), "logging in is public"),
    ok("SEC-04", "python", _flask(*_THREE, ("GET", "/prices", False)), "it only shows"),
    ok("SEC-04", "python", _flask(*_THREE[:1], ("POST", "/a", False), ("POST", "/b", False)), "most have none"),
    bad("SEC-04", "javascript", _express(*_THREE_JS, ("post", "/prices", "")), "app.js:6"),
    bad(
        "SEC-04", "javascript", _express(*_ADMINS, ("post", "/admin/x", _IN)), "app.js:5", why="less than its siblings"
    ),
    ok("SEC-04", "javascript", _express(*_THREE_JS, ("post", "/webhook", "")), "a webhook is public"),
    ok("SEC-04", "javascript", _express(*_THREE_JS, ("get", "/prices", "")), "it only shows"),
    ok(
        "SEC-04",
        "javascript",
        {"app.js": _express(*_THREE_JS, ("post", "/a", ""))["app.js"] + "app.use(requireAuth);\n"},
        "all",
    ),
]


@pytest.mark.parametrize("case", CASES, ids=str)
def test_a_route_without_the_guard_of_its_siblings_is_found(case: Case, tmp_path: Path) -> None:
    case.run(tmp_path)
