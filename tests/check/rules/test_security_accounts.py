"""SEC-02: accounts whose password everybody knows."""

from pathlib import Path

import pytest
from check.harness import Case, bad, ok

BCRYPT = "$2y$10$GzDCeQl/GdH.pCZfz4fWdO3qmayutRCmxEIY9U9t1k9q9F89VNDCm"
_MAKE = 'def seed():\n    User.objects.create_superuser("admin", "a@shop.net", {})\n'
_ROW = 'def seed(db):\n    db.add(User(username="admin", password=generate_password_hash({}), is_admin=True))\n'
_RECORD = 'const users = [{{ userName: "{}", password: "{}", isAdmin: {} }}];\ndb.users.insertMany(users);\n'
_PHP = """
<?php
function v1($pdo) {{
  $q = $pdo->prepare('INSERT INTO users (username, password) VALUES (?, ?)');
  $q->execute(array('admin', {}));
}}
"""

CASES = [
    bad("SEC-02", "python", {"app/seed.py": _MAKE.format('"admin"')}, "app/seed.py:2", why="a superuser"),
    bad(
        "SEC-02", "python", {"app/start.py": _ROW.format('"admin123"')}, "app/start.py:2", why="a row", severity="error"
    ),
    ok("SEC-02", "python", {"app/seed.py": _MAKE.format('os.environ["ADMIN_PASSWORD"]')}, "from the environment"),
    ok("SEC-02", "python", {"tests/seed.py": _MAKE.format('"admin"')}, "a test"),
    ok("SEC-02", "python", {"app/start.py": _ROW.format("form.password.data")}, "from a form"),
    ok("SEC-02", "python", {"app/f.py": 'FIELDS = {"username": "admin", "password": "Wrong password"}\n'}, "a message"),
    bad("SEC-02", "javascript", {"db/reset.js": _RECORD.format("admin", "Admin_123", "true")}, "db/reset.js:1"),
    bad(
        "SEC-02",
        "javascript",
        {"db/init.js": 'User.create({ login: "admin", role: "admin", password: bcrypt.hashSync("admin123", 8) });\n'},
        "db/init.js:1",
        why="a hash of a literal",
    ),
    ok("SEC-02", "javascript", {"test/reset.js": _RECORD.format("admin", "Admin_123", "true")}, "a test"),
    ok(
        "SEC-02",
        "javascript",
        {"db/r.js": 'const u = { userName: "admin", password: process.env.ADMIN_PASSWORD };\n'},
        "env",
    ),
    ok(
        "SEC-02",
        "javascript",
        {"form.js": 'const f = { username: "text", password: "password" };\n'},
        "fields of a form",
    ),
    bad(
        "SEC-02", "php", {"app/Schema.php": _PHP.format("password_hash('admin', PASSWORD_BCRYPT)")}, "app/Schema.php:4"
    ),
    bad(
        "SEC-02",
        "php",
        {"app/Seed.php": _PHP.format("\\password_hash('secret1', PASSWORD_DEFAULT)")},
        "app/Seed.php:4",
        why="qualified",
    ),
    ok("SEC-02", "php", {"app/Schema.php": _PHP.format("password_hash($password, PASSWORD_BCRYPT)")}, "a variable"),
    ok("SEC-02", "php", {"tests/Schema.php": _PHP.format("password_hash('admin', PASSWORD_BCRYPT)")}, "a test"),
    ok(
        "SEC-02",
        "php",
        {"app/M.php": "<?php\n$v['password'] = password_hash($v['password'], PASSWORD_BCRYPT);\n"},
        "a model",
    ),
    bad(
        "SEC-02",
        "manifests",
        {"db/schema.sql": f"INSERT INTO users (username, password) VALUES ('admin', '{BCRYPT}');\n"},
        "db/schema.sql:1",
    ),
    bad(
        "SEC-02",
        "manifests",
        {"setup/users.json": '{"users": [\n {"username": "admin",\n  "password": "admin"}]}\n'},
        "setup/users.json:3",
        why="data of the setup",
    ),
    ok("SEC-02", "manifests", {"db/schema.sql": "INSERT INTO roles (name) VALUES ('admin');\n"}, "a role"),
    ok(
        "SEC-02",
        "manifests",
        {"db/schema.sql": "CREATE TABLE users (name text DEFAULT 'admin', password text);\n"},
        "a table",
    ),
    ok("SEC-02", "manifests", {"tests/users.json": '{"username": "admin", "password": "admin"}\n'}, "a test"),
]


@pytest.mark.parametrize("case", CASES, ids=str)
def test_a_known_administrator_is_found_and_others_are_left_alone(case: Case, tmp_path: Path) -> None:
    case.run(tmp_path)
