"""Admin code: where it connects to, whether it ships, who runs it, and whether it asks."""

from __future__ import annotations

from pathlib import Path

import pytest
from check.harness import Case, bad, ok

DOCKER = {"Dockerfile": 'FROM python:3.12\nCOPY . .\nCMD ["gunicorn", "app"]\n', "manage.py": "import django\n"}
MIGRATION = {"migrations/versions/1_users.py": "revision = '1'\n"}

CASES = [
    bad("XII-03", "python", {"scripts/fix_orders.py": """
        import psycopg2
        db = psycopg2.connect("postgresql://admin@db1.acme.net/shop")
        """}, "scripts/fix_orders.py:2", severity="error"),
    bad("XII-03", "python", {"bin/report.py": """
        import pymysql
        db = pymysql.connect(host="10.0.3.7", user="report")
        """}, "bin/report.py:2", severity="error", why="host"),
    bad("XII-03", "python", {"scripts/seed_demo.py": """
        import redis
        cache = redis.from_url("redis://cache.acme.net")
        """}, "scripts/seed_demo.py:2", severity="note", why="a seed for development"),
    ok("XII-03", "python", {"scripts/fix_orders.py": """
        import os, psycopg2
        db = psycopg2.connect(os.environ["DATABASE_URL"])
        """}, "environment"),
    ok("XII-03", "python", {"shop/db.py": """
        import psycopg2
        db = psycopg2.connect("postgresql://admin@db1.acme.net/shop")
        """}, "no admin code"),
    ok("XII-03", "python", {"scripts/fix_orders.py": """
        import psycopg2
        from shop.config import settings
        db = psycopg2.connect(settings.database_url)
        """}, "the app's configuration"),
    ok("XII-03", "python", {"tests/scripts/fix.py": 'import redis\nredis.from_url("redis://cache.acme.net")\n'},
       "tests"),
    bad("XII-03", "javascript", {"scripts/fix-orders.js": """
        const mongoose = require('mongoose');
        mongoose.connect('mongodb://db1.acme.net/shop');
        """}, "scripts/fix-orders.js:2", severity="error"),
    bad("XII-03", "javascript", {"bin/report.js": """
        const mysql = require('mysql2');
        const db = mysql.createConnection({ host: 'db1.acme.net', user: 'report' });
        """}, "bin/report.js:2", severity="error", why="host"),
    ok("XII-03", "javascript", {"scripts/fix-orders.js": """
        const mongoose = require('mongoose');
        mongoose.connect(process.env.MONGODB_URI);
        """}, "environment"),
    ok("XII-03", "javascript", {"artifacts/reset.js": """
        const { MongoClient } = require('mongodb');
        const { db } = require('../config/config');
        MongoClient.connect(db);
        """}, "the app's configuration"),
    ok("XII-03", "javascript", {"src/db.js": """
        const mongoose = require('mongoose');
        mongoose.connect('mongodb://db1.acme.net/shop');
        """}, "no admin code"),
    bad("XII-04", "manifests", DOCKER | MIGRATION | {".dockerignore": "*.pyc\nmigrations/\n"}, ".dockerignore:2",
        severity="error"),
    bad("XII-04", "manifests", DOCKER | {".dockerignore": "manage.py\n"}, ".dockerignore:1", severity="error",
        why="commands"),
    bad("XII-04", "manifests", DOCKER | {"scripts/requirements.txt": "psycopg2\n",
                                         "scripts/fix_orders.py": "import os\n"},
        "scripts/requirements.txt:1", severity="warning", why="dependencies of its own"),
    ok("XII-04", "manifests", DOCKER | MIGRATION | {".dockerignore": "tests\n*.log\n.git\n"}, "tests"),
    ok("XII-04", "manifests", DOCKER | {".dockerignore": "scripts\n", "scripts/lint.py": "import os\n",
                                        "scripts/test.sh": "pytest\n"}, "tooling of the repository"),
    ok("XII-04", "manifests", DOCKER | MIGRATION | {".dockerignore": "migrations\n!migrations\n"}, "let in again"),
    ok("XII-04", "manifests", MIGRATION | {".dockerignore": "migrations\n"}, "no image"),
    bad("XII-05", "manifests", {"docs/vps.md": """
        # Install

        Open the schedule:

            crontab -e

        and add

            */10 * * * * cd /srv/shop && bundle exec rake fetch_feeds
        """}, "docs/vps.md:5", severity="warning"),
    bad("XII-05", "manifests", {"deploy/crontab": "# jobs\n0 3 * * * python /srv/shop/cleanup.py\n"},
        "deploy/crontab:2", why="file"),
    bad("XII-05", "manifests", {"bin/migrate.sh": "#!/bin/sh\nssh deploy@web1 'cd shop && python manage.py migrate'\n"},
        "bin/migrate.sh:2", why="ssh"),
    ok("XII-05", "manifests", {"k8s/cleanup.yaml": """
        apiVersion: batch/v1
        kind: CronJob
        spec:
          schedule: "*/10 * * * *"
        """}, "CronJob"),
    ok("XII-05", "manifests", {".github/workflows/nightly.yml": "on: {schedule: [{cron: '0 3 * * *'}]}\n"}, "CI"),
    ok("XII-05", "manifests", {"README.md": "It understands cron expressions such as:\n\n    */10 * * * * every ten\n"},
       "a word of the documentation"),
    ok("XII-05", "manifests", {"README.md": "Look at the logs: ssh web1 tail -f app.log\n"}, "a look at logs"),
    bad("XII-06", "python", {"scripts/reset.py": """
        from shop.models import db
        db.drop_all()
        """}, "scripts/reset.py:2", severity="note"),
    bad("XII-06", "python", {"shop/cli.py": """
        import click
        from shop.cache import redis
        @click.command()
        def flush():
            redis.flushall()
        """}, "shop/cli.py:5", why="command"),
    bad("XII-06", "python", {"scripts/purge.py": """
        def main(cursor):
            cursor.execute("DELETE FROM sessions")
        """}, "scripts/purge.py:2", why="SQL"),
    ok("XII-06", "python", {"scripts/reset.py": """
        import click
        from shop.models import db
        click.confirm("drop all tables?", abort=True)
        db.drop_all()
        """}, "it asks"),
    ok("XII-06", "python", {"migrations/versions/1_users.py": """
        from alembic import op
        def downgrade():
            op.execute("DROP TABLE users")
        """}, "a down migration"),
    ok("XII-06", "python", {"tests/reset.py": "from shop.models import db\ndb.drop_all()\n"}, "tests"),
    ok("XII-06", "python", {"scripts/purge.py": """
        def main(cursor, day):
            cursor.execute("DELETE FROM sessions WHERE day < %s", (day,))
        """}, "a condition"),
    bad("XII-06", "javascript", {"scripts/reset.js": """
        const mongoose = require('mongoose');
        mongoose.connection.dropDatabase();
        """}, "scripts/reset.js:2"),
    bad("XII-06", "javascript", {"tasks/clear.js": """
        const { User } = require('../models');
        User.deleteMany({}).then(() => process.exit());
        """}, "tasks/clear.js:2", why="an empty filter"),
    ok("XII-06", "javascript", {"scripts/reset.js": """
        const readline = require('readline');
        const mongoose = require('mongoose');
        readline.question('sure?', () => mongoose.connection.dropDatabase());
        """}, "it asks"),
    ok("XII-06", "javascript", {"src/users.js": """
        const { User } = require('./models');
        exports.remove = (id) => User.deleteMany({ owner: id });
        """}, "a condition, and no task"),
    ok("XII-06", "javascript", {"test/reset.js": "require('mongoose').connection.dropDatabase();\n"}, "tests"),
    bad("XII-07", "python", {"app.py": """
        from flask import Flask
        from models import db
        app = Flask(__name__)

        @app.route("/reset")
        def reset():
            db.drop_all()
            db.create_all()
            return "ok"
        """}, "app.py:5", severity="warning"),
    bad("XII-07", "python", {"main.py": """
        import os
        from fastapi import FastAPI
        app = FastAPI()

        @app.post("/admin/shutdown")
        def stop():
            os._exit(0)
        """}, "main.py:5", why="it stops the process"),
    ok("XII-07", "python", {"app.py": """
        from flask import Flask
        from models import db
        app = Flask(__name__)

        @app.route("/reset")
        @login_required
        def reset():
            db.drop_all()
        """}, "a login"),
    ok("XII-07", "python", {"app.py": """
        from flask import Flask
        from models import db
        app = Flask(__name__)

        @app.cli.command("reset")
        def reset():
            db.drop_all()

        @app.route("/reset-password")
        def password():
            return render("reset.html")
        """}, "a command, and another reset"),
    ok("XII-07", "python", {"tests/app.py": """
        from flask import Flask
        app = Flask(__name__)

        @app.route("/reset")
        def reset():
            db.drop_all()
        """}, "tests"),
    bad("XII-07", "javascript", {"app.js": """
        const express = require('express');
        const app = express();
        app.post('/migrate', async (req, res) => {
          await knex.migrate.latest();
          res.send('ok');
        });
        """}, "app.js:3"),
    bad("XII-07", "javascript", {"app.js": """
        const express = require('express');
        const app = express();
        app.get('/kill', (req, res) => {
          process.exit(1);
        });
        """}, "app.js:3", why="it stops the process"),
    ok("XII-07", "javascript", {"app.js": """
        const express = require('express');
        const app = express();
        app.post('/migrate', requireAdmin, async (req, res) => {
          await knex.migrate.latest();
        });
        """}, "a guard"),
    ok("XII-07", "javascript", {"app.js": """
        const express = require('express');
        const app = express();
        app.use(authenticate);
        app.post('/migrate', async (req, res) => {
          await knex.migrate.latest();
        });
        """}, "a guard for all"),
    ok("XII-07", "javascript", {"app.js": """
        const express = require('express');
        const app = express();
        app.get('/install', (req, res) => {
          res.render('install');
        });
        """}, "a page"),
    bad("XII-07", "java", {"src/main/java/a/ErrorController.java": """
        package a;
        import org.springframework.web.bind.annotation.*;
        @RestController
        class ErrorController {
            @RequestMapping(value = "/kill")
            public void kill() {
                System.exit(1);
            }
        }
        """}, "src/main/java/a/ErrorController.java:5"),
    bad("XII-07", "java", {"src/main/java/a/ErrorController.java": """
        package a;
        import org.springframework.web.bind.annotation.*;
        @RestController
        class ErrorController {
            @GetMapping("/fill-heap")
            public void fill() {
                while (true) { junk.add(new int[9999]); }
            }
        }
        """}, "src/main/java/a/ErrorController.java:5", why="it exhausts the memory"),
    ok("XII-07", "java", {"src/main/java/a/AdminController.java": """
        package a;
        import org.springframework.web.bind.annotation.*;
        @RestController
        class AdminController {
            @PreAuthorize("hasRole('ADMIN')")
            @PostMapping("/shutdown")
            public void stop() { System.exit(0); }
        }
        """}, "a role"),
    ok("XII-07", "java", {"src/main/java/a/A.java": """
        package a;
        import org.springframework.web.bind.annotation.*;
        @RestController
        class A {
            @GetMapping("/kill")
            public String page() { return "kill"; }
            static void main(String[] args) { System.exit(1); }
        }
        """}, "a page"),
    ok("XII-07", "java", {"src/test/java/a/A.java": """
        package a;
        import org.springframework.web.bind.annotation.*;
        @RestController
        class A {
            @GetMapping("/kill")
            public void kill() { System.exit(1); }
        }
        """}, "tests"),
]  # fmt: skip


@pytest.mark.parametrize("case", CASES, ids=str)
def test_admin_processes(case: Case, tmp_path: Path) -> None:
    case.run(tmp_path)
