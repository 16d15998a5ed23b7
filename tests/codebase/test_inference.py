"""What an app that declares no backing services seems to need: proposed with the lines to add, and never too much."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tolv.codebase.inference.proposals import as_toml, propose
from tolv.codebase.manifest import read_manifest
from tolv.codebase.model import ServiceNeed
from tolv.errors import UsageError

DJANGO = (
    "import os\nDATABASES = {'default': {'ENGINE': 'django.db.backends.postgresql', 'HOST': os.environ['DB_HOST']}}\n"
)
PSYCOPG = {"requirements.txt": "django==5.1\npsycopg[binary]==3.2.1\n"}
IOREDIS = {"package.json": '{"dependencies": {"ioredis": "^5.4.1"}}\n'}
PG = {"package.json": '{"dependencies": {"pg": "^8.13.0"}}\n'}
SMTP_PARTS = (
    ("MAIL_SERVER", "{host}"),
    ("MAIL_PORT", "{port}"),
    ("MAIL_USERNAME", "{user}"),
    ("MAIL_PASSWORD", "{password}"),
)
COMPOSE = """\
services:
  web:
    build: .
    depends_on: [db]
    environment:
      DATABASE_URL: postgres://app:not-shown@db/app
  db:
    image: {image}
"""


def write(root: Path, files: dict[str, str]) -> Path:
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return root


def needs(root: Path, files: dict[str, str]) -> tuple[ServiceNeed, ...]:
    return tuple(one.need for one in propose(write(root, files)))


def database(version: str | None = None, required: bool = True, kind: str = "postgres", **env: str) -> ServiceNeed:
    return ServiceNeed("database", kind, version, tuple((env or {"DATABASE_URL": "{url}"}).items()), required)


def redis(version: str | None = None, required: bool = True, kind: str = "redis", **env: str) -> ServiceNeed:
    return ServiceNeed("redis", kind, version, tuple((env or {"REDIS_URL": "{url}"}).items()), required)


def mail(*env: tuple[str, str], required: bool = False) -> ServiceNeed:
    return ServiceNeed("mail", "smtp", None, env, required)


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        pytest.param({**PSYCOPG, ".env.example": "DATABASE_URL=\n"}, [database()], id="driver and variable"),
        pytest.param(PSYCOPG, [], id="a driver alone"),
        pytest.param(
            {"requirements.txt": "django==5.1\n", ".env.example": "DATABASE_URL=\n"}, [], id="a variable alone"
        ),
        pytest.param({"requirements.txt": "", "Procfile": "web: serve"}, [], id="nothing"),
        pytest.param(
            {
                "requirements-dev.txt": "psycopg==3.2.1\n",
                "requirements.txt": "django\n",
                ".env.example": "DATABASE_URL=\n",
            },
            [],
            id="a driver for development alone",
        ),
        pytest.param(
            {
                "pyproject.toml": '[project]\nname = "a"\ndependencies = ["flask"]\n'
                '[project.optional-dependencies]\npostgres = ["psycopg"]\n',
                ".env.example": "DATABASE_URL=\n",
            },
            [database(required=False)],
            id="a driver that an installation may leave out",
        ),
        pytest.param(
            {**PSYCOPG, "settings.py": "import os\nurl = os.environ.get('DATABASE_URL') or 'sqlite:///app.db'\n"},
            [database(required=False)],
            id="a file takes its place",
        ),
        pytest.param(
            {**PSYCOPG, ".env.example": "# Optional: a file otherwise\nDATABASE_URL=\n"},
            [database(required=False)],
            id="the example says that it is optional",
        ),
        pytest.param(
            {**PSYCOPG, ".env.example": "DATABASE_URL=sqlite:///app.db\n"},
            [database(required=False)],
            id="a file by default",
        ),
        pytest.param(
            {**PSYCOPG, ".env.example": "# DATABASE_URL=\n"}, [database(required=False)], id="commented out, no default"
        ),
        pytest.param(
            {
                **IOREDIS,
                ".env.example": "# REDIS_URL=redis://redis\n",
                "a.js": "x(process.env.REDIS_URL || 'redis://redis')",
            },
            [redis()],
            id="commented out, with a default that is another address",
        ),
        pytest.param(
            {**PSYCOPG, "settings.py": "import dj_database_url\nDATABASES = {'default': dj_database_url.config()}\n"},
            [database()],
            id="a variable that a call reads without naming it",
        ),
        pytest.param(
            {"requirements.txt": "sqlalchemy\nasyncpg\n", ".env.example": "DB_URL=postgresql+asyncpg://a:b@db/c\n"},
            [database(DB_URL="postgresql+asyncpg://{user}:{password}@{host}:{port}/{database}")],
            id="a URL with a driver in its scheme",
        ),
        pytest.param(
            {"requirements.txt": "sqlalchemy\npsycopg\n", ".env.example": "DATABASE_URL=\n"},
            [database(DATABASE_URL="postgresql+psycopg://{user}:{password}@{host}:{port}/{database}")],
            id="a driver that its library would not guess",
        ),
        pytest.param(
            {
                "requirements.txt": "sqlalchemy\npsycopg\n",
                "db.py": "import os\nurl = os.environ['DATABASE_URL'].replace('postgres://', 'postgresql+psycopg://')\n",
            },
            [database()],
            id="an app that mends the scheme itself",
        ),
        pytest.param(
            {
                **PSYCOPG,
                "settings.py": DJANGO,
                ".env.example": "DB_ENGINE=sqlite3\nDB_HOST=\nDB_PORT=5432\nDB_USER=\nDB_PASS=\nDB_NAME=\nDB_POOL=5\n",
            },
            [
                database(
                    required=False,
                    DB_ENGINE="django.db.backends.postgresql",
                    DB_HOST="{host}",
                    DB_PORT="{port}",
                    DB_USER="{user}",
                    DB_PASS="{password}",
                    DB_NAME="{database}",
                )
            ],
            id="the parts of a URL, and what chooses the kind",
        ),
        pytest.param(
            {**PG, "app.json": '{"addons": ["heroku-postgresql:mini"]}'}, [database()], id="a platform's add-on"
        ),
        pytest.param(
            {**PG, "app.json": '{"env": {"DATABASE_URL": {"required": false}}}'},
            [database(required=False)],
            id="a platform's variable that may be missing",
        ),
        pytest.param(
            {**PG, "compose.yaml": COMPOSE.format(image="postgres:16-alpine")}, [database("16")], id="a version"
        ),
        pytest.param(
            {**PG, "compose.yaml": COMPOSE.format(image="registry.example:5000/postgis/postgis:15-3.4")},
            [database("15")],
            id="a version of an image of another registry",
        ),
        pytest.param(
            {**PG, "compose.yaml": COMPOSE.format(image="timescale/timescaledb:2.14.2-pg16")},
            [database("16")],
            id="the version is the database's, not its extension's",
        ),
        pytest.param(
            {**PG, "compose.yaml": COMPOSE.format(image="postgres:9.6")}, [database("9.6")], id="an old version"
        ),
        pytest.param(
            {**PG, "compose.yaml": COMPOSE.format(image="postgres")}, [database()], id="an image without a version"
        ),
        pytest.param(
            {
                **PG,
                "compose.yaml": COMPOSE.format(image="postgres:16"),
                "compose.test.yaml": COMPOSE.format(image="postgres:12"),
                ".github/workflows/ci.yml": "jobs: {t: {services: {db: {image: 'postgres:11'}}}}\n",
            },
            [database("16")],
            id="what only tests use says no version",
        ),
        pytest.param(
            {
                **IOREDIS,
                "compose.test.yaml": "services: {cache: {image: 'redis:7'}, web: {build: ., "
                "environment: {REDIS_URL: ''}}}",
            },
            [],
            id="what only tests use says no need",
        ),
        pytest.param(
            {**IOREDIS, "server.js": "const c = new Redis(process.env.REDIS_URL)\n"},
            [redis()],
            id="a variable of the code",
        ),
        pytest.param(
            {**IOREDIS, "server.js": "if (process.env.REDIS_URL) connect(process.env.REDIS_URL)\n"},
            [redis(required=False)],
            id="the code asks first",
        ),
        pytest.param(
            {**IOREDIS, "tests/cache.test.js": "new Redis(process.env.REDIS_URL)\n"},
            [],
            id="only tests read the variable",
        ),
        pytest.param({**IOREDIS, ".env.example": "TEST_REDIS_URL=\n"}, [], id="a variable for tests"),
        pytest.param(
            {
                **IOREDIS,
                "compose.yaml": "services: {cache: {image: 'valkey/valkey:8'}, web: {build: ., "
                "environment: {REDIS_URL: ''}}}",
            },
            [redis("8", kind="valkey")],
            id="the kind is that of the server beside it",
        ),
        pytest.param(
            {
                "requirements.txt": "celery[redis]\n",
                "compose.yaml": "services: {web: {build: ., environment: "
                "[CELERY_BROKER_URL=redis://r/0, CELERY_RESULT_BACKEND=redis://r/1]}}",
            },
            [redis(CELERY_BROKER_URL="{url}", CELERY_RESULT_BACKEND="{url}")],
            id="an extra that stands for a driver, and two variables of one service",
        ),
        pytest.param(
            {"requirements.txt": "celery\npika\n", ".env.example": "CELERY_BROKER_URL=amqp://localhost\n"},
            [ServiceNeed("queue", "rabbitmq", None, (("CELERY_BROKER_URL", "{url}"),))],
            id="what a broker is, its value says",
        ),
        pytest.param(
            {"package.json": '{"dependencies": {"mongoose": "8", "pg": "8"}}', ".env.example": "MONGODB_URI=\n"},
            [database(kind="mongodb", MONGODB_URI="{url}")],
            id="a name that says which of two kinds",
        ),
        pytest.param(
            {
                "package.json": '{"dependencies": {"pg": "8", "mysql2": "3", "mongodb": "6"}}',
                ".env.example": "DATABASE_URL=mysql://a:b@c/d\n",
            },
            [database(required=False, kind="mysql")],
            id="an app that takes any of several databases",
        ),
        pytest.param(
            {
                "package.json": '{"dependencies": {"@prisma/client": "6"}}',
                "prisma/schema.prisma": 'datasource db {\n  provider = "postgresql"\n  url = env("DATABASE_URL")\n}\n',
            },
            [database()],
            id="a datasource that brings its driver",
        ),
        pytest.param(
            {
                "requirements.txt": "flask-mail\n",
                "config.py": "import os\nenv = os.environ.get\nHOST = os.getenv('MAIL_SERVER')\n",
                ".env": "MAIL_PORT=25\nMAIL_USERNAME=\nMAIL_PASSWORD=\n",
            },
            [mail(*SMTP_PARTS)],
            id="mail, which an app starts without",
        ),
        pytest.param(
            {"package.json": '{"dependencies": {"nodemailer": "6"}}', ".env.example": "EMAIL_SERVER=\nEMAIL_FROM=\n"},
            [mail(("EMAIL_SERVER", "{url}"))],
            id="a server without a port beside it is a URL",
        ),
        pytest.param(
            {
                "package.json": '{"dependencies": {"concurrently": "9"}}',
                "server/package.json": '{"dependencies": {"pg": "8"}}',
                "server/.env.sample": "DATABASE_URL=postgresql://localhost/app\n",
            },
            [database()],
            id="an app whose root starts the parts below",
        ),
        pytest.param(
            {"requirements.txt": "boto3\n", "s.py": "import os\nB = os.environ['S3_BUCKET']\n"},
            [],
            id="storage that can be nowhere but at one provider",
        ),
        pytest.param(
            {
                "requirements.txt": "boto3\n",
                ".env.example": "AWS_S3_ENDPOINT_URL=\nAWS_ACCESS_KEY_ID=\nAWS_SECRET_ACCESS_KEY=\nS3_BUCKET=\n",
            },
            [
                ServiceNeed(
                    "storage",
                    "s3",
                    None,
                    (
                        ("AWS_S3_ENDPOINT_URL", "{endpoint}"),
                        ("AWS_ACCESS_KEY_ID", "{user}"),
                        ("AWS_SECRET_ACCESS_KEY", "{password}"),
                        ("S3_BUCKET", "{database}"),
                    ),
                    False,
                )
            ],
            id="storage by its parts",
        ),
        pytest.param(
            {"requirements.txt": "minio\n", ".env.example": "S3_ENDPOINT=\n"},
            [ServiceNeed("storage", "s3", None, (("S3_ENDPOINT", "{host}:{port}"),), False)],
            id="storage by a client that wants no scheme",
        ),
        pytest.param(
            {
                "pyproject.toml": '[project]\nname = "a"\ndependencies = ["pydantic-settings", "redis"]\n',
                "app/settings.py": "class S(BaseSettings):\n    model_config = X(env_prefix='SHOP_')\n"
                "    redis_url: str\n",
            },
            [redis(SHOP_REDIS_URL="{url}")],
            id="a field of a settings class",
        ),
        pytest.param(
            {
                "package.json": '{"dependencies": {"zod": "3", "pg": "8"}}',
                "env.ts": "import z from 'zod'\nconst s = {\n  DATABASE_URL: z.string().url(),\n}\n",
            },
            [database()],
            id="a field of a schema",
        ),
        pytest.param(
            {**PSYCOPG, ".env.example": "DATABASE_URL=\n", "tolv.toml": "services.db = {kind = 'postgresql'}\n"},
            [],
            id="what is declared is not proposed",
        ),
        pytest.param(
            {
                "requirements.txt": "psycopg\nredis\n",
                ".env.example": "DATABASE_URL=\nREDIS_URL=\n",
                "tolv.toml": "services.redis = {kind = 'postgres'}\n",
            },
            [ServiceNeed("redis-2", "redis", None, (("REDIS_URL", "{url}"),))],
            id="a name that is taken",
        ),
        pytest.param(
            {"backend/requirements.txt": "psycopg\n", "backend/settings.py": "import os\nos.environ['DATABASE_URL']\n"},
            [database()],
            id="an app below its root",
        ),
        pytest.param(
            {
                **PSYCOPG,
                "node_modules/x/.env.example": "DATABASE_URL=\n",
                "examples/e/a.py": "os.environ['DATABASE_URL']",
            },
            [],
            id="what is not the app's own says nothing",
        ),
    ],
)
def test_what_an_app_needs_follows_from_driver_and_variable(
    tmp_path: Path, files: dict[str, str], expected: list[ServiceNeed]
) -> None:
    assert needs(tmp_path, files) == tuple(expected)


def test_a_proposal_says_what_speaks_for_it_and_never_what_a_variable_holds(tmp_path: Path) -> None:
    files = {**PG, ".env.example": "\nDATABASE_URL=postgres://app:very-secret@db/app\n"}
    (one,) = propose(write(tmp_path, {**files, "compose.yaml": COMPOSE.format(image="postgres:16-alpine")}))
    assert str(one) == (
        "postgres 16 (pg in package.json:1, DATABASE_URL in .env.example:2, postgres:16-alpine in compose.yaml:8)"
    )
    said = f"{one!r} {one} {json.dumps(one.to_dict())}"
    assert "secret" not in said
    assert "not-shown" not in said


@pytest.mark.parametrize(
    "service",
    [
        database("16"),
        database(required=False, DB_URL="{url}"),
        database(DB_HOST="{host}", DB_PORT="{port}"),
        redis(A="{url}", B="{url}"),
        ServiceNeed("queue", "rabbitmq", "3.13", (("AMQP_URL", 'a "quoted" \\ text {url}'),), False),
    ],
)
def test_the_lines_to_add_declare_what_is_proposed(tmp_path: Path, service: ServiceNeed) -> None:
    (tmp_path / "tolv.toml").write_text(f'name = "shop"\n{as_toml(service)}', encoding="utf-8")
    assert read_manifest(tmp_path / "tolv.toml").services == (service,)


def test_after_the_lines_are_added_nothing_is_proposed(tmp_path: Path) -> None:
    files = {
        "requirements.txt": "django\npsycopg\nredis\n",
        ".env.example": "DB_HOST=\nDB_USER=\nREDIS_URL=\nEMAIL_HOST=\n",
    }
    first = propose(write(tmp_path, files))
    assert [one.need.kind for one in first] == ["postgres", "redis", "smtp"]
    (tmp_path / "tolv.toml").write_text("".join(one.toml for one in first))
    assert propose(tmp_path) == ()


def test_a_tree_that_leads_outside_is_not_followed(tmp_path: Path) -> None:
    write(tmp_path / "outside", {"requirements.txt": "psycopg\n", ".env.example": "DATABASE_URL=\n"})
    tree = write(tmp_path / "app", {"requirements.txt": "-r ../outside/requirements.txt\n"})
    (tree / ".env.example").symlink_to(tmp_path / "outside" / ".env.example")
    (tree / "sub").symlink_to(tmp_path / "outside")
    assert propose(tree) == ()


def test_a_directory_that_is_not_there_needs_nothing(tmp_path: Path) -> None:
    assert propose(tmp_path / "nowhere") == ()


_NAMES = st.sampled_from(
    [
        *(
            "requirements.txt",
            "pyproject.toml",
            "package.json",
            "Gemfile",
            "go.mod",
            "uv.lock",
            ".env.example",
            "app.json",
        ),
        *("compose.yaml", "docker-compose.dev.yml", "Dockerfile", "config.py", "server.js", "config/database.yml"),
        *("prisma/schema.prisma", "tolv.toml"),
    ]
)
_PIECES = st.sampled_from(
    [
        *("psycopg[binary]==3\n", "redis\n", "celery[redis]\n", "[project]\ndependencies = ['psycopg', 'boto3']\n"),
        *('{"dependencies": {"pg": "8", "bull": "4"}}', '{"addons": [1, {"plan": "heroku-redis"}], "env": {"A": []}}'),
        *(
            "DATABASE_URL=postgres://u:p@h/d\n",
            "DB_HOST=\n",
            "# REDIS_URL\n",
            "REDIS_URL='\n",
            "S3_ENDPOINT=http://[::1\n",
        ),
        *(
            "services:\n  db:\n    image: postgres:16\n",
            "  web:\n    build: .\n    environment: {DATABASE_URL: }\n",
            "services: [1, 2]\n",
        ),
        *(
            "os.environ['DATABASE_URL']\n",
            "process.env.REDIS_URL || 'redis://'\n",
            "class A(BaseSettings):\n    db_url: str = 'x'\n",
        ),
        *(
            'datasource db {\n provider = "mysql"\n}\n',
            "[services.a]\nkind = 'redis'\n",
            "FROM postgres:\n",
            "\0",
            "\udc80",
            "{{",
            "[[",
            "&a [*a]\n",
        ),
    ]
)


@settings(max_examples=200, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(files=st.dictionaries(_NAMES, st.lists(st.one_of(_PIECES, st.text(max_size=20)), max_size=5), max_size=6))
def test_whatever_a_tree_holds_its_proposals_can_be_declared(
    tmp_path_factory: pytest.TempPathFactory, files: dict[str, list[str]]
) -> None:
    tree = tmp_path_factory.mktemp("tree")
    for name, pieces in files.items():
        (tree / name).parent.mkdir(exist_ok=True)
        (tree / name).write_bytes(
            "".join(pieces).encode("utf-8", "surrogateescape" if "\udc80" in pieces else "replace")
        )
    try:
        found = propose(tree)
    except UsageError:
        assert (tree / "tolv.toml").exists()
        return
    json.dumps([one.to_dict() for one in found])
    before = read_manifest(tree / "tolv.toml").services
    with (tree / "tolv.toml").open("a", encoding="utf-8") as file:
        file.write("\n" + "".join(one.toml for one in found))
    assert read_manifest(tree / "tolv.toml").services == (*before, *(one.need for one in found))
