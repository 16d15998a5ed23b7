"""The services of development, tests and production."""

from __future__ import annotations

from pathlib import Path

import pytest
from check.harness import Case, bad, ok

COMPOSE = {
    "compose.yaml": """
    services:
      web: {build: .}
      db:
        image: postgres:16
    """
}
CI = ".github/workflows/test.yml"


def ci(image: str) -> dict[str, str]:
    return {CI: f"""
        on: push
        jobs:
          test:
            runs-on: ubuntu-latest
            services:
              db:
                image: {image}
        """}  # fmt: skip


CASES = [
    bad("X-01", "python", COMPOSE | {"config.py": """
        import os
        class Config:
            SQLALCHEMY_DATABASE_URI = os.environ.get("DATABASE_URL") or "sqlite:///app.db"
        """}, "config.py:3", severity="warning"),
    bad("X-01", "python", {"requirements.txt": "django\npsycopg2-binary\n", "shop/settings.py": """
        import os, dj_database_url
        if "DATABASE_URL" in os.environ:
            DATABASES = {"default": dj_database_url.config(env="DATABASE_URL")}
        else:
            DATABASES = {"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": "db.sqlite3"}}
        """}, "shop/settings.py:5", severity="warning", why="Django"),
    bad("X-01", "python", {"requirements.txt": "asyncpg\naiosqlite\n", "app/settings.py": """
        from pydantic_settings import BaseSettings
        class Settings(BaseSettings):
            database_url: str = "sqlite+aiosqlite:///dev.db"
        """}, "app/settings.py:3", severity="warning", why="pydantic"),
    ok("X-01", "python", COMPOSE | {"config.py": """
        import os
        DATABASE_URL = os.environ.get("DATABASE_URL", "postgresql://localhost/dev")
        """}, "one engine"),
    ok("X-01", "python", COMPOSE | {"tests/conftest.py": 'DATABASE_URL = "sqlite:///:memory:"\n'}, "tests"),
    ok("X-01", "python", COMPOSE | {"config.py": """
        import os, sqlite3
        DATABASE_URL = os.environ["DATABASE_URL"]
        index = sqlite3.connect("geo.db")
        """}, "a file beside the database"),
    ok("X-01", "python", {"requirements.txt": "flask\n", "config.py": """
        import os
        DATABASE_URL = os.environ.get("DATABASE_URL", "sqlite:///app.db")
        """}, "one engine everywhere"),
    bad("X-01", "javascript", COMPOSE | {"db.js": """
        const { Sequelize } = require('sequelize');
        module.exports = new Sequelize(process.env.DATABASE_URL || 'sqlite:dev.db');
        """}, "db.js:2"),
    bad("X-01", "javascript", {"package.json": '{"dependencies": {"pg": "8", "knex": "3"}}', "db.js": """
        const databaseUrl = process.env.DATABASE_URL || 'sqlite://./dev.db';
        """}, "db.js:1", why="driver"),
    ok("X-01", "javascript", COMPOSE | {"db.js": """
        const { Sequelize } = require('sequelize');
        module.exports = new Sequelize(process.env.DATABASE_URL);
        """}, "one engine"),
    ok("X-01", "javascript", COMPOSE | {"test/db.js": """
        const databaseUrl = process.env.DATABASE_URL || 'sqlite://./dev.db';
        """}, "tests"),
    ok("X-01", "javascript", COMPOSE | {"db.js": """
        const databaseUrl = process.env.DATABASE_URL || 'postgres://localhost/dev';
        """}, "a default of the same engine"),
    bad("X-01", "manifests", {"build.gradle": """
        dependencies {
            implementation "org.springframework.boot:spring-boot-starter-web:3.0.0"
            runtimeOnly "com.h2database:h2:2.1"
            runtimeOnly "org.postgresql:postgresql:42.6"
        }
        """}, "build.gradle:3"),
    bad("X-01", "manifests", COMPOSE | {"src/main/resources/application.properties": """
        spring.datasource.url=jdbc:h2:mem:shop
        """}, "src/main/resources/application.properties:1", why="Spring"),
    ok("X-01", "manifests", {"build.gradle": """
        dependencies {
            testImplementation "com.h2database:h2:2.1"
            runtimeOnly "org.postgresql:postgresql:42.6"
        }
        """}, "tests"),
    ok("X-01", "manifests", COMPOSE | {"src/test/resources/application.properties": """
        spring.datasource.url=jdbc:h2:mem:shop
        """}, "test resources"),
    bad("X-01", "manifests", {"Gemfile": 'gem "rails"\ngem "pg"\n', "config/database.yml": """
        development:
          adapter: sqlite3
          database: db/dev.sqlite3
        production:
          adapter: postgresql
        """}, "config/database.yml:2", why="Rails"),
    ok("X-01", "manifests", COMPOSE | {"config/database.yml": """
        production:
          adapter: postgresql
          url: <%= ENV["DATABASE_URL"] %>
        """}, "Rails"),
    bad("X-02", "manifests", COMPOSE | ci("postgres:11"), f"{CI}:7", severity="warning"),
    bad("X-02", "manifests", COMPOSE | {".circleci/config.yml": """
        jobs:
          test:
            docker:
              - image: cimg/python:3.12
              - image: cimg/postgres:12.4
        """}, ".circleci/config.yml:5", why="CircleCI"),
    bad("X-02", "manifests", COMPOSE | {"k8s/db.yaml": """
        apiVersion: apps/v1
        kind: StatefulSet
        spec:
          template:
            spec:
              containers:
                - name: db
                  image: postgres:13
        """}, "compose.yaml:4", why="Kubernetes"),
    bad("X-02", "manifests", {"contrib/compose.yaml": "services: {db: {image: 'postgres:16'}}\n"} | ci("postgres:11"),
        f"{CI}:7", severity="note", why="an example"),
    ok("X-02", "manifests", COMPOSE | ci("postgres:16.2-alpine"), "the same major version"),
    ok("X-02", "manifests", COMPOSE | {CI: """
        jobs:
          test:
            strategy: {matrix: {pg: [14, 15, 16]}}
            services:
              db:
                image: postgres:${{ matrix.pg }}
        """}, "a matrix with it"),
    bad("X-02", "manifests", {"tolv.toml": "[services.db]\nkind = 'postgresql'\nversion = 16\n"} | ci("postgres:11"),
        f"{CI}:7", why="tolv.toml"),
    ok("X-02", "manifests", {"tolv.toml": "services.db = {kind = 'postgres', version = '16.4'}\n"} | ci("postgres:16"),
       "the major version of tolv.toml"),
    ok("X-02", "manifests", COMPOSE | ci("postgres@sha256:0123"), "a digest"),
    ok("X-02", "manifests", {"compose.yaml": "services: {db: {image: postgres}}\n"} | ci("postgres:17"),
       "nearly latest"),
    ok("X-02", "manifests", {"compose.yaml": "services: {db: {image: 'timescale/timescaledb:2.14-pg16'}}\n"}
       | ci("postgres:16"), "an extension's version"),
    bad("X-04", "python", {"README.md": "# Shop\n", "app.py": """
        import os, redis
        cache = redis.from_url(os.environ["REDIS_URL"])
        """}, "README.md"),
    bad("X-04", "python", {"app.py": """
        import os, psycopg2
        db = psycopg2.connect(os.environ["DATABASE_URL"])
        """, "README.md": "Set DATABASE_URL, then run it.\n"}, "README.md", why="no instructions"),
    ok("X-04", "python", COMPOSE | {"app.py": """
        import os, psycopg2
        db = psycopg2.connect(os.environ["DATABASE_URL"])
        """}, "compose"),
    ok("X-04", "python", {"README.md": "Start it: docker run redis:7\n", "app.py": """
        import os, redis
        cache = redis.from_url(os.environ["REDIS_URL"])
        """}, "instructions"),
    ok("X-04", "python", {"tests/app.py": "import redis\ncache = redis.Redis()\n"}, "tests"),
    ok("X-04", "python", {"Procfile.dev": "redis: redis-server\n", "app.py": """
        import os, redis
        cache = redis.from_url(os.environ["REDIS_URL"])
        """}, "Procfile.dev"),
    bad("X-04", "manifests", {"requirements.txt": "psycopg2\n", "README.md": "# Shop\n"}, "README.md", why="driver"),
    bad("X-04", "manifests", {"package.json": '{"dependencies": {"pg": "8"}}', "README.md": "x\n"} | ci("postgres:16"),
        "README.md", why="only CI"),
    ok("X-04", "manifests", COMPOSE | {"requirements.txt": "psycopg2\n"}, "compose"),
    ok("X-04", "manifests", {"tolv.toml": "[services.db]\nkind = 'postgres'\n", "requirements.txt": "psycopg2\n"},
       "Tolv starts what tolv.toml declares"),
    bad("X-04", "manifests", {"tolv.toml": "[services.db\nkind = 'postgres'\n", "requirements.txt": "psycopg2\n",
                              "README.md": "x\n"}, "README.md", why="a tolv.toml that is none"),
    ok("X-04", "manifests", {".devcontainer/docker-compose.yml": "services: {db: {image: 'postgres:16'}}\n",
                             "requirements.txt": "psycopg2\n"}, "devcontainer"),
    ok("X-04", "manifests", {"requirements-dev.txt": "psycopg2\n", "README.md": "x\n"}, "only for development"),
    bad("X-05", "python", {"settings.py": "CELERY_TASK_ALWAYS_EAGER = True\n"}, "settings.py:1", severity="warning"),
    bad("X-05", "python", {"cache.py": """
        import fakeredis
        cache = fakeredis.FakeRedis()
        """}, "cache.py:1", why="fake"),
    ok("X-05", "python", {"tests/settings.py": "CELERY_TASK_ALWAYS_EAGER = True\n"}, "tests"),
    ok("X-05", "python", {"settings.py": """
        import os
        CELERY_TASK_ALWAYS_EAGER = os.environ.get("EAGER", False)
        class TestConfig:
            CELERY_TASK_ALWAYS_EAGER = True
        """}, "off by default"),
    ok("X-05", "python", {"conftest.py": "import fakeredis\n", "settings.py": "task_always_eager = False\n"},
       "fixture"),
    bad("X-05", "python", {"shop/settings.py": "EMAIL_BACKEND = 'django.core.mail.backends.locmem.EmailBackend'\n"},
        "shop/settings.py:1", why="mail"),
    ok("X-05", "python", {"shop/settings/dev.py": "EMAIL_BACKEND = 'django.core.mail.backends.console.EmailBackend'\n"},
       "mail of a developer"),
    bad("X-05", "ruby", {"config/environments/production.rb": """
        Rails.application.configure do
          config.active_job.queue_adapter = :async
        end
        """}, "config/environments/production.rb:2"),
    bad("X-05", "ruby", {"config/application.rb": """
        class Application < Rails::Application
          config.active_job.queue_adapter = :inline
        end
        """}, "config/application.rb:2", why="inline"),
    ok("X-05", "ruby", {"config/environments/test.rb": "config.active_job.queue_adapter = :inline\n"}, "tests"),
    ok("X-05", "ruby", {"config/environments/development.rb": "config.active_job.queue_adapter = :async\n"},
       "development"),
    ok("X-05", "ruby", {"config/application.rb": "config.active_job.queue_adapter = :sidekiq\n"}, "the real one"),
    bad("X-05", "javascript", {"cache.js": "const Redis = require('ioredis-mock');\nmodule.exports = new Redis();\n"},
        "cache.js:1"),
    bad("X-05", "javascript", {"db.js": "import { MongoMemoryServer } from 'mongodb-memory-server';\n"}, "db.js:1",
        why="memory server"),
    ok("X-05", "javascript", {"cache.js": "const Redis = require('ioredis');\n"}, "the real one"),
    ok("X-05", "javascript", {"test/cache.js": "const Redis = require('ioredis-mock');\n"}, "tests"),
    ok("X-05", "javascript", {"cache.spec.js": "const Redis = require('ioredis-mock');\n"}, "spec"),
]  # fmt: skip


@pytest.mark.parametrize("case", CASES, ids=str)
def test_parity(case: Case, tmp_path: Path) -> None:
    case.run(tmp_path)
