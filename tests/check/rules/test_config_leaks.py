"""III-02, III-03 and III-04: secrets in the tree and in its history."""

from pathlib import Path

import pytest
from check.harness import Case, bad, ok

# Put together here, so that no scanner takes this file for a leak.
AWS = "AKIA" + "QZ7WNDH3RKTM4VXE"
SLACK = "xoxb-" + "918273645546-aB3dE5fG7hJ9kL1mN3pQ5rS7"
KEY = (
    "-----BEGIN "
    + "PRIVATE KEY-----\nMIIEvQIBADANBgkqhkiG9w0BAQEFAASCBKcwggSjAgEAAoIBAQC7\n-----END PRIVATE KEY-----\n"
)
EXAMPLE = "AKIA" + "IOSFODNN7EXAMPLE"

APP = {"app.py": "x = 1\n"}


def _deleted(name: str) -> tuple[str, ...]:
    """A history in which a file was committed and then deleted."""
    return ("init -q", "add -A -f", "commit -q -m one", f"rm -q {name}", "commit -q -m two")


def _cases_of(language: str, name: str, text: str, plain: str) -> list[Case]:
    """The same for a language whose file `text` holds a literal and `plain` reads a variable."""
    return [
        bad("III-02", language, {name: text.format(AWS)}, f"{name}:1", severity="error"),
        bad("III-02", language, {name: text.format(SLACK)}, f"{name}:1", why="of a chat"),
        ok("III-02", language, {name: text.format(EXAMPLE)}, "the example of the manual"),
        ok("III-02", language, {name: plain}, "from the environment"),
        ok("III-02", language, {f"vendor/x/{name}": text.format(AWS)}, "vendored"),
    ]


CASES = [
    *_cases_of("java", "A.java", 'class A {{ String key = "{}"; }}', 'class A { String key = System.getenv("KEY"); }'),
    *_cases_of("ruby", "a.rb", 'key = "{}"', 'key = ENV.fetch("KEY")'),
    *_cases_of("php", "a.php", '<?php $key = "{}";', '<?php $key = getenv("KEY");'),
    bad("III-02", "python", {"s3.py": f'x = 1\nkey = "{AWS}"\n'}, "s3.py:2", severity="error"),
    bad("III-02", "python", {"bot.py": f"# {SLACK}\n"}, "bot.py:1", why="in a comment"),
    ok("III-02", "python", {"s3.py": f'key = "{EXAMPLE}"\n'}, "the example of the manual"),
    ok("III-02", "python", {"s3.py": 'import os\nkey = os.environ["AWS_ACCESS_KEY_ID"]\n'}, "from the environment"),
    ok("III-02", "python", {"keys.py": 'HEADER = "-----BEGIN PRIVATE KEY-----"\n'}, "the header alone"),
    bad("III-02", "javascript", {"s3.js": f'const key = "{AWS}";\n'}, "s3.js:1"),
    bad(
        "III-02",
        "javascript",
        {"test/s3.test.js": f'const key = "{AWS}";\n'},
        "test/s3.test.js:1",
        why="tests too",
        severity="note",
    ),
    ok("III-02", "javascript", {"s3.js": f'const key = "{EXAMPLE}";\n'}, "the example of the manual"),
    ok("III-02", "javascript", {"s3.js": "const key = process.env.AWS_ACCESS_KEY_ID;\n"}, "from the environment"),
    ok("III-02", "javascript", {"k.js": 'const key = "AKIAxxxxxxxxxxxxxxxx";\n'}, "a placeholder"),
    bad("III-02", "go", {"s3.go": f'package s3\n\nconst key = "{AWS}"\n'}, "s3.go:3"),
    bad("III-02", "go", {"bot.go": f'package bot\n\nvar token = "{SLACK}"\n'}, "bot.go:3", why="of a chat"),
    ok("III-02", "go", {"s3.go": f'package s3\n\nconst key = "{EXAMPLE}"\n'}, "the example of the manual"),
    ok("III-02", "go", {"pem.go": 'package p\n\nconst head = "-----BEGIN RSA PRIVATE KEY-----"\n'}, "the header alone"),
    ok("III-02", "go", {"vendor/x/s3.go": f'package s3\n\nconst key = "{AWS}"\n'}, "vendored"),
    bad("III-02", "manifests", {"deploy/tls.key": KEY}, "deploy/tls.key:1", severity="error"),
    bad("III-02", "manifests", {"config.yml": f"aws:\n  key: {AWS}\n"}, "config.yml:2"),
    bad(
        "III-02", "manifests", {"certs/localhost.key": KEY}, "certs/localhost.key:1", why="a local key", severity="note"
    ),
    bad(
        "III-02",
        "manifests",
        {"config/server.p12": "x"},
        "config/server.p12",
        why="a store of keys",
        severity="warning",
    ),
    bad(
        "III-02",
        "manifests",
        {"src/test/resources/s.jks": "x"},
        "src/test/resources/s.jks",
        why="of tests",
        severity="note",
    ),
    ok("III-02", "manifests", {"vendor/x/server.p12": "x"}, "a vendored store"),
    ok("III-02", "manifests", {"config.yml": "aws:\n  key: ${AWS_ACCESS_KEY_ID}\n"}, "a reference"),
    ok(
        "III-02",
        "manifests",
        {"ca.crt": "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n"},
        "a certificate",
    ),
    ok("III-02", "manifests", {"config.yml": f"key: {EXAMPLE}\n"}, "the example of the manual"),
    bad("III-03", "git", APP | {".env": "DB_PASSWORD=Zt8fkq0vLmW3\n"}, ".env", git=_deleted(".env")),
    bad("III-03", "git", APP | {"config/tls.key": KEY}, "config/tls.key", why="a key", git=_deleted("config/tls.key")),
    bad(
        "III-03",
        "git",
        APP | {"config.py": 'U = "postgres://app:Zt8fkq0vLmW3@db.shop.example.net/app"\n'},
        "config.py",
        why="a URL",
        git=_deleted("config.py"),
    ),
    ok("III-03", "git", APP | {".env": "DEBUG=1\nSECRET_KEY=changeme\n"}, "placeholders", _deleted(".env")),
    ok("III-03", "git", APP | {".env.example": "DB_PASSWORD=Zt8fkq0v\n"}, "a template", _deleted(".env.example")),
    ok("III-03", "git", APP | {"tests/tls.key": KEY}, "of tests", _deleted("tests/tls.key")),
    bad("III-04", "manifests", {".env": "DEBUG=1\nSECRET_KEY=Zt8fkq0vLmW3\n"}, ".env:2", severity="error"),
    bad(
        "III-04",
        "manifests",
        {".env": "API_URL=https://api.shop.internal\n"},
        ".env:1",
        why="other values",
        severity="warning",
    ),
    bad(
        "III-04", "manifests", {".env": "FLASK_ENV=development\nDEBUG=1\n"}, ".env:1", why="flags only", severity="note"
    ),
    bad(
        "III-04",
        "manifests",
        {".env.development": "DB_PASSWORD=Zt8fkq0vLmW3\n"},
        ".env.development:1",
        why="of a development machine",
        severity="note",
    ),
    ok("III-04", "manifests", {".env.example": "SECRET_KEY=Zt8fkq0vLmW3\n"}, "a template"),
    ok("III-04", "manifests", {".env.test": "SECRET_KEY=Zt8fkq0vLmW3\n"}, "for tests"),
    ok("III-04", "manifests", {".env": "# nothing yet\n"}, "nothing in it"),
    ok("III-04", "manifests", {"docs/env.md": "SECRET_KEY=Zt8fkq0vLmW3\n"}, "documentation"),
    ok(
        "III-03",
        "git",
        {".env": "DB_PASSWORD=fixme-postgres-password\nSECRET_KEY=---\n"},
        "only places to fill in",
        git=("init -q", "add -A", "commit -qm a", "rm -q .env", "commit -qm b"),
    ),
]


@pytest.mark.parametrize("case", CASES, ids=str)
def test_a_leak_is_found_and_what_looks_like_one_is_not(case: Case, tmp_path: Path) -> None:
    case.run(tmp_path)
