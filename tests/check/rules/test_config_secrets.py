"""III-01 and III-05: secrets as literals, and as defaults."""

from pathlib import Path

import pytest
from check.harness import Case, bad, ok

FLASK = {"requirements.txt": "flask==3.0.0\n"}

#: By language: a file, a setting with a secret as literal, with a default, and without.
_LANGUAGES = {
    "java": (
        "src/main/java/A.java",
        'class A {{ static final String {} = "{}"; }}',
        'class A {{ static String {0} = System.getenv().getOrDefault("{0}", "{1}"); }}',
        'class A {{ static String {0} = System.getenv("{0}"); }}',
    ),
    "ruby": (
        "config/initializers/a.rb",
        '{} = "{}"',
        '{0} = ENV.fetch("{0}", "{1}")',
        '{0} = ENV.fetch("{0}")',
    ),
    "php": (
        "src/a.php",
        '<?php const {} = "{}";',
        '<?php ${0} = getenv("{0}") ?: "{1}";',
        '<?php ${0} = getenv("{0}");',
    ),
}


def _cases_of(language: str) -> list[Case]:
    path, literal, default, plain = _LANGUAGES[language]
    name = path.rpartition("/")[2]
    return [
        bad("III-01", language, {path: literal.format("JWT_SECRET", "k3yb0ardc4t")}, f"{path}:1"),
        bad(
            "III-01", language, {path: literal.format("DB_PASSWORD", "Zt8fkq0vLmW3")}, f"{path}:1", why="of a database"
        ),
        ok("III-01", language, {path: plain.format("JWT_SECRET")}, "from the environment"),
        ok("III-01", language, {path: literal.format("PASSWORD_FIELD", "password")}, "the name of a field"),
        ok("III-01", language, {path: literal.format("WRONG_PASSWORD", "Wrong password given")}, "a message"),
        bad("III-05", language, {path: default.format("JWT_SECRET", "k3yb0ardc4t")}, f"{path}:1"),
        bad("III-05", language, {path: default.format("SECRET_KEY", "changeme")}, f"{path}:1", why="changeme is used"),
        ok("III-05", language, {path: default.format("JWT_SECRET", "")}, "an empty default"),
        ok("III-05", language, {path: default.format("LOG_LEVEL", "info")}, "no secret"),
        ok("III-05", language, {f"docs/{name}": default.format("JWT_SECRET", "k3yb0ardc4t")}, "documentation"),
    ]


CASES = [
    *_cases_of("java"),
    *_cases_of("ruby"),
    *_cases_of("php"),
    # III-01, Python
    bad(
        "III-01",
        "python",
        {"app.py": 'from flask import Flask\napp = Flask(__name__)\napp.secret_key = "dev"\n'},
        "app.py:3",
    ),
    bad(
        "III-01",
        "python",
        {"app/mail.py": 'import smtplib\n\ndef send():\n    s = smtplib.SMTP("x")\n    s.login("me", "hunter22")\n'},
        "app/mail.py:5",
        why="an argument that only a password can be",
    ),
    bad(
        "III-01",
        "python",
        {"config.py": 'class Config:\n    API_TOKEN = "9f8Qx2LmZt77aaQe"\nclass Dev(Config):\n    pass\n'},
        "config.py:2",
        why="a class for all environments",
        severity="error",
    ),
    ok("III-01", "python", {"tests/test_app.py": 'SECRET_KEY = "k3yb0ardc4t99"\n'}, "a test"),
    ok("III-01", "python", {"config.py": 'import os\nSECRET_KEY = os.environ["SECRET_KEY"]\n'}, "from the environment"),
    ok(
        "III-01",
        "python",
        {"forms.py": 'password = PasswordField("Password")\nPASSWORD = "password"\n'},
        "a label, and its own name",
    ),
    ok("III-01", "python", {"s.py": '# SECRET_KEY = "k3yb0ardc4t99"\nx = 1\n'}, "commented out"),
    ok(
        "III-01",
        "python",
        {"m.py": 'WRONG_PASSWORD = "Wrong password given"\nRESET_TOKEN_URL = "/reset/token1234"\n'},
        "messages and paths",
    ),
    ok("III-01", "python", {"c.py": "import secrets\nSECRET_KEY = secrets.token_hex(16)\n"}, "random at each start"),
    ok(
        "III-01",
        "python",
        {
            "settings/base.py": 'SECRET_KEY = "kgq3hh1bb6nzfzdbze"\n',
            "settings/prod.py": 'import os\nfrom .base import *\nSECRET_KEY = os.environ["SECRET_KEY"]\n',
        },
        "the production settings replace it",
    ),
    # III-01, JavaScript
    bad(
        "III-01",
        "javascript",
        {"config/all.js": 'module.exports = {\n  cookieSecret: "session_cookie_secret_key_here",\n};\n'},
        "config/all.js:2",
    ),
    bad(
        "III-01",
        "javascript",
        {"auth.js": 'const jwt = require("jsonwebtoken");\nexports.f = (u) => jwt.sign({ u }, "s3cr3t");\n'},
        "auth.js:2",
        why="an argument that only a key can be",
    ),
    ok("III-01", "javascript", {"test/a.test.js": 'const password = "hunter2hunter2";\n'}, "a test"),
    ok(
        "III-01",
        "javascript",
        {"c.js": "module.exports = { jwtSecret: process.env.JWT_SECRET };\n"},
        "from the environment",
    ),
    ok(
        "III-01",
        "javascript",
        {"labels.js": 'const labels = { password: "Password", apiKey: "apiKey" };\n'},
        "labels and own names",
    ),
    ok(
        "III-01",
        "javascript",
        {"v.js": 'const rules = { password: "required|min:8", token: "string" };\n'},
        "rules of a form",
    ),
    # III-01, Go
    bad("III-01", "go", {"main.go": 'package main\n\nconst jwtSecret = "s3cr3t-signing-key"\n'}, "main.go:3"),
    bad(
        "III-01",
        "go",
        {"db.go": 'package main\n\nvar dbPassword = "Zt8fkq0vLmW3"\n'},
        "db.go:3",
        why="a variable of the package",
    ),
    ok("III-01", "go", {"a_test.go": 'package main\n\nconst jwtSecret = "s3cr3t-signing-key"\n'}, "a test"),
    ok(
        "III-01",
        "go",
        {"main.go": 'package main\n\nimport "os"\n\nvar jwtSecret = os.Getenv("JWT_SECRET")\n'},
        "from the environment",
    ),
    ok(
        "III-01",
        "go",
        {"keys.go": 'package main\n\nconst passwordKey = "password"\nconst apiToken = "api_token"\n'},
        "names of keys",
    ),
    # III-01, files
    bad("III-01", "manifests", {"config/app.yml": "name: shop\njwt_secret: Zt8fkq0vLmW3\n"}, "config/app.yml:2"),
    bad(
        "III-01",
        "manifests",
        {"db/seed.sql": "INSERT INTO settings VALUES ('api_token','0fde96ab43568a586f9e4ab95e6a38e7a955dcc6');\n"},
        "db/seed.sql:1",
        why="a dump",
    ),
    ok("III-01", "manifests", {"config/app.yml": "jwt_secret: ${JWT_SECRET}\n"}, "a reference"),
    ok("III-01", "manifests", {"config/app.example.yml": "jwt_secret: Zt8fkq0vLmW3\n"}, "an example"),
    ok(
        "III-01",
        "manifests",
        {"src/main/resources/application.yml": "spring:\n  datasource:\n    password:\n"},
        "empty",
    ),
    ok("III-01", "manifests", {"locales/de.yml": "de:\n  password: Passwort99x\n"}, "a translation"),
    # III-05, Python
    bad(
        "III-05",
        "python",
        {"config.py": 'import os\nSECRET_KEY = os.environ.get("SECRET_KEY") or "you-will-never-guess"\n'},
        "config.py:2",
    ),
    bad(
        "III-05",
        "python",
        {"s.py": 'def envsecret(k, d=None):\n    return d\nSECRET_KEY = envsecret("SECRET_KEY", "---")\n'},
        "s.py:3",
        why="through a function of the app",
    ),
    bad(
        "III-05",
        "python",
        {"settings.py": 'import pydantic_settings as p\nclass S(p.BaseSettings):\n    jwt_secret: str = "changeme"\n'},
        "settings.py:3",
        why="a field with a default that is used",
        severity="error",
    ),
    bad(
        "III-05",
        "python",
        {
            "c.py": """
            import os
            SECRET_KEY = os.environ.get("SECRET_KEY", "s3cret")
            if SECRET_KEY == "s3cret" and not LOCAL:
                raise RuntimeError("set SECRET_KEY")
            """
        },
        "c.py:2",
        why="refused outside of development",
        severity="note",
    ),
    ok("III-05", "python", {"c.py": 'import os\nSECRET_KEY = os.environ.get("SECRET_KEY", "")\n'}, "an empty default"),
    ok("III-05", "python", {"c.py": 'import os\nHOST = os.environ.get("DB_HOST", "localhost")\n'}, "no secret"),
    ok("III-05", "python", {"tests/c.py": 'import os\nSECRET_KEY = os.environ.get("SECRET_KEY", "test")\n'}, "a test"),
    ok(
        "III-05",
        "python",
        {"c.py": 'import os, secrets\nSECRET_KEY = os.environ.get("SECRET_KEY", secrets.token_hex(8))\n'},
        "a random default",
    ),
    ok(
        "III-05",
        "python",
        {"c.py": 'import os\nclass TestingConfig:\n    SECRET_KEY = os.environ.get("SECRET_KEY", "test")\n'},
        "the class of the tests",
    ),
    *(
        bad(
            "III-05",
            "python",
            {"c.py": f'import os\n{name} = os.environ.get("{name}", "{default}")\n'},
            "c.py:2",
            why=f"{name} with {default}",
            severity=severity,
        )
        for name, default, severity in (
            ("JWT_SECRET", "changeme", "error"),  # it is used, and whoever knows it signs
            ("SIDEKIQ_WEB_PASSWORD", "sesame", "error"),  # the app itself lets in who knows it
            ("ADMIN_PASSWORD", "admin", "error"),
            ("AWS_SECRET_ACCESS_KEY", "wJ4lrXUtnF3MI7K9bPxRf1CYqZ8oVhGd2sTeLaWm", "error"),  # somebody's
            ("DB_PASSWORD", "paperless", "warning"),  # the database refuses it where it is wrong
            ("GOOGLE_SECRET", "letmein", "warning"),
        )
    ),
    ok(
        "III-05",
        "python",
        {"c.py": 'import os\nGOOGLE_SECRET = os.environ.get("GOOGLE_SECRET", "dummySecret")\n'},
        "what another service would refuse, and a text that says it is none",
    ),
    bad(
        "III-05",
        "python",
        {
            "settings.py": "from pydantic_settings import BaseSettings\n\n\nclass Settings(BaseSettings):\n"
            '    ADMIN_PASSWORD: str = "s3same!x"\n\n\nsettings = Settings()\n',
            "app.py": "from settings import settings\n\nadd_user('admin', settings.ADMIN_PASSWORD)\n",
        },
        "settings.py:5",
        why="a field that code reads",
    ),
    ok(
        "III-05",
        "python",
        {
            "settings.py": "from pydantic_settings import BaseSettings\n\n\nclass Settings(BaseSettings):\n"
            '    ADMIN_PASSWORD: str = "s3same!x"\n    NAME: str = "shop"\n\n\nsettings = Settings()\n',
            "app.py": "from settings import settings\n\nprint(settings.NAME)\n",
        },
        "a field that no code reads",
    ),
    # III-05, JavaScript
    bad(
        "III-05",
        "javascript",
        {"c.js": 'module.exports = { jwtSecret: process.env.JWT_SECRET || "superSecret" };\n'},
        "c.js:1",
    ),
    bad(
        "III-05",
        "javascript",
        {"c.ts": 'export const JWT_SECRET = process.env.JWT_SECRET ?? "changeme";\n'},
        "c.ts:1",
        why="changeme is used",
    ),
    ok(
        "III-05",
        "javascript",
        {"c.js": "const s = process.env.JWT_SECRET;\nmodule.exports = { jwtSecret: s };\n"},
        "no default",
    ),
    ok("III-05", "javascript", {"c.js": 'const port = process.env.PORT || "3000";\n'}, "a port"),
    ok("III-05", "javascript", {"spec/c.js": 'const jwtSecret = process.env.JWT_SECRET || "superSecret";\n'}, "a test"),
    # III-05, Go
    bad("III-05", "go", {"c.go": 'package c\n\nvar jwtSecret = getEnv("JWT_SECRET", "superSecret")\n'}, "c.go:3"),
    bad(
        "III-05",
        "go",
        {"d.go": 'package c\n\nvar cfg = Config{SecretKey: getenv("SECRET_KEY", "changeme")}\n'},
        "d.go:3",
        why="a field",
    ),
    ok("III-05", "go", {"c.go": 'package c\n\nvar jwtSecret = getEnv("JWT_SECRET", "")\n'}, "an empty default"),
    ok("III-05", "go", {"c.go": 'package c\n\nvar logLevel = getEnv("LOG_LEVEL", "info")\n'}, "no secret"),
    ok("III-05", "go", {"c_test.go": 'package c\n\nvar jwtSecret = getEnv("JWT_SECRET", "superSecret")\n'}, "a test"),
    # III-05, files
    bad(
        "III-05",
        "manifests",
        {"src/main/resources/application.properties": "jwt.secret=${JWT_SECRET:superSecret1}\n"},
        "src/main/resources/application.properties:1",
    ),
    bad(
        "III-05",
        "manifests",
        {"src/main/resources/application.yml": "app:\n  jwtSecret: bezKoderSecretKey\n"},
        "src/main/resources/application.yml:2",
        why="any key of Spring can be set by a variable",
    ),
    ok(
        "III-05",
        "manifests",
        {"src/main/resources/application.yml": "app:\n  jwtSecret: ${JWT_SECRET}\n"},
        "no default",
    ),
    ok("III-05", "manifests", {"src/test/resources/application.yml": "app:\n  jwtSecret: abcdefghi123\n"}, "a test"),
    ok("III-05", "manifests", {"src/main/resources/application.yml": "server:\n  port: ${PORT:8080}\n"}, "a port"),
]


@pytest.mark.parametrize("case", CASES, ids=str)
def test_a_secret_in_code_is_found_and_what_looks_like_one_is_not(case: Case, tmp_path: Path) -> None:
    case.run(tmp_path)
