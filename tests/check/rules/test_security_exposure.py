"""SEC-03 and SEC-06: what is open to others that should not be."""

from pathlib import Path

import pytest
from check.harness import Case, bad, ok

_CORS = """
from fastapi import FastAPI
from fastapi.middleware.cors import CORSMiddleware
app = FastAPI()
app.add_middleware(CORSMiddleware, allow_origins=[{}], allow_credentials={})
"""
_GUARD = """
import os
def require_user(request):
    if os.environ.get("ENV") == "{}":
        {}
    return check(request)
"""
_GUARD_JS = """
exports.requireAuth = function requireAuth(req, res, next) {{
  if (process.env.NODE_ENV === "{}") {{
    {}
  }}
  return check(req, res, next);
}};
"""
_APPLICATION = "src/main/resources/application.yml"
_EXPOSED = "management:\n  endpoints:\n    web:\n      exposure:\n        include: {}\n"

CASES = [
    bad(
        "SEC-03",
        "python",
        {"a.py": "import requests\nr = requests.get(u, verify=False)\n"},
        "a.py:2",
        why="certificates",
    ),
    bad("SEC-03", "python", {"a.py": _CORS.format('"*"', "True")}, "a.py:4", why="any origin with credentials"),
    bad(
        "SEC-03",
        "python",
        {"shop/settings.py": 'ALLOWED_HOSTS = ["*"]\n'},
        "shop/settings.py:1",
        why="any host",
        severity="warning",
    ),
    ok(
        "SEC-03",
        "python",
        {"a.py": "import requests\nr = requests.get(u, verify=config.VERIFY)\n"},
        "a setting decides",
    ),
    ok("SEC-03", "python", {"a.py": _CORS.format('"*"', "False")}, "any origin without credentials"),
    ok("SEC-03", "python", {"a.py": _CORS.format('"https://shop.net"', "True")}, "a named origin"),
    ok("SEC-03", "python", {"tests/a.py": "import requests\nr = requests.get(u, verify=False)\n"}, "a test"),
    ok(
        "SEC-03",
        "python",
        {"s.py": 'if IS_PLATFORM:\n    ALLOWED_HOSTS = ["*"]\nelse:\n    ALLOWED_HOSTS = ["shop.net"]\n'},
        "guarded",
    ),
    ok(
        "SEC-03",
        "python",
        {"m.py": 'import jwt\njwt.decode(t, options={"verify": False})\nf(verify=False)\n'},
        "another verify",
    ),
    bad("SEC-03", "javascript", {"a.js": "const agent = new https.Agent({ rejectUnauthorized: false });\n"}, "a.js:1"),
    bad(
        "SEC-03",
        "javascript",
        {"a.js": 'const cors = require("cors");\napp.use(cors({ origin: true, credentials: true }));\n'},
        "a.js:2",
        why="any origin with credentials",
    ),
    ok("SEC-03", "javascript", {"a.js": 'app.use(require("cors")());\n'}, "any origin without credentials"),
    ok(
        "SEC-03",
        "javascript",
        {"a.js": "if (job.insecure) {\n  options.rejectUnauthorized = false;\n}\n"},
        "a job asks for it",
    ),
    ok("SEC-03", "javascript", {"test/a.js": "new https.Agent({ rejectUnauthorized: false });\n"}, "a test"),
    bad("SEC-03", "go", {"a.go": "package a\n\nvar c = &tls.Config{InsecureSkipVerify: true}\n"}, "a.go:3"),
    bad(
        "SEC-03",
        "go",
        {"a.go": "package a\n\nfunc f() *tls.Config {\n\treturn &tls.Config{\n\t\tInsecureSkipVerify: true,\n\t}\n}\n"},
        "a.go:5",
        why="in a function",
    ),
    ok(
        "SEC-03",
        "go",
        {"a.go": "package a\n\nfunc f(b bool) *tls.Config { return &tls.Config{InsecureSkipVerify: b} }\n"},
        "asked for",
    ),
    ok("SEC-03", "go", {"a_test.go": "package a\n\nvar c = &tls.Config{InsecureSkipVerify: true}\n"}, "a test"),
    ok("SEC-03", "go", {"a.go": "package a\n\nvar c = &tls.Config{InsecureSkipVerify: false}\n"}, "on"),
    bad("SEC-03", "manifests", {_APPLICATION: _EXPOSED.format('"*"')}, f"{_APPLICATION}:5", severity="error"),
    bad(
        "SEC-03",
        "manifests",
        {"src/main/resources/application.properties": "management.endpoints.web.exposure.include=*\n"},
        "src/main/resources/application.properties:1",
        why="as a property",
    ),
    ok("SEC-03", "manifests", {_APPLICATION: _EXPOSED.format("health,info")}, "health and info only"),
    ok("SEC-03", "manifests", {"src/test/resources/application.yml": _EXPOSED.format('"*"')}, "a test"),
    ok("SEC-03", "manifests", {_APPLICATION: "app:\n  include: '*'\n"}, "another key"),
    bad("SEC-06", "python", {"auth.py": _GUARD.format("test", "return True")}, "auth.py:3"),
    bad(
        "SEC-06", "python", {"auth.py": _GUARD.format("development", "return user")}, "auth.py:3", why="in development"
    ),
    ok("SEC-06", "python", {"auth.py": _GUARD.format("test", "raise Forbidden()")}, "it refuses"),
    ok("SEC-06", "python", {"tests/auth.py": _GUARD.format("test", "return True")}, "inside the tests"),
    ok(
        "SEC-06",
        "python",
        {"log.py": _GUARD.format("test", "return True").replace("require_user", "setup")},
        "no guard",
    ),
    bad("SEC-06", "javascript", {"auth.js": _GUARD_JS.format("test", "return next();")}, "auth.js:2"),
    bad(
        "SEC-06",
        "javascript",
        {"auth.js": _GUARD_JS.format("development", "return next();")},
        "auth.js:2",
        why="in development",
    ),
    ok("SEC-06", "javascript", {"auth.js": _GUARD_JS.format("test", "throw new Error();")}, "it refuses"),
    ok("SEC-06", "javascript", {"test/auth.js": _GUARD_JS.format("test", "return next();")}, "inside the tests"),
    ok(
        "SEC-06",
        "javascript",
        {"l.js": _GUARD_JS.format("test", "return next();").replace("requireAuth", "logger")},
        "no guard",
    ),
    ok(
        "SEC-03",
        "go",
        {
            "healthcheck.go": 'package main\n\nimport (\n\t"crypto/tls"\n\t"net/http"\n)\n\nfunc main() {\n'
            "\ttransport := &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}}\n"
            '\thost := "127.0.0.1"\n\task(transport, host)\n}\n'
        },
        "a check of health that asks the app itself",
    ),
]


@pytest.mark.parametrize("case", CASES, ids=str)
def test_an_opening_is_found_and_what_looks_like_one_is_not(case: Case, tmp_path: Path) -> None:
    case.run(tmp_path)
