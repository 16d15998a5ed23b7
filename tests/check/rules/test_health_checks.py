"""HLT-01, HLT-04: a route that tells health, and one that tells readiness."""

from __future__ import annotations

from pathlib import Path

import pytest
from check.harness import Case, bad, ok

_FLASK = "from flask import Flask\napp = Flask(__name__)\n\n"
_INDEX = '@app.get("/")\ndef index():\n    return "hello"\n\n'
_EXPRESS = 'const express = require("express")\nconst app = express()\n'
_HOME = 'app.get("/", (req, res) => res.send("hello"))\n'
_DB = "from flask_sqlalchemy import SQLAlchemy\ndb = SQLAlchemy(app)\n\n"

CASES = [
    bad("HLT-01", "python", {"app.py": _FLASK + _INDEX}, "app.py", severity="warning"),
    bad(
        "HLT-01",
        "python",
        {
            "main.py": "from fastapi import FastAPI\nimport httpx\napp = FastAPI()\n\n"
            '@app.get("/orders/{id}/status")\ndef order(id: int):\n    return {"id": id}\n\n'
            'SKIP = {"silence_paths": ["/health"]}\n',
            "README.md": "GET /healthz tells its health.\n",
        },
        "main.py",
        why="the status of an order, a path that logs spare, and words of a README",
    ),
    ok("HLT-01", "python", {"app.py": _FLASK + '@app.get("/healthz")\ndef ok():\n    return "ok"\n'}, "a route"),
    ok(
        "HLT-01",
        "python",
        {
            "shop/urls.py": "from django.urls import path, include\nfrom . import views\n"
            'urlpatterns = [path("", views.index), path("ht/", include("health_check.urls"))]\n',
            "shop/views.py": "from django.shortcuts import render\ndef index(request):\n"
            '    return render(request, "x.html")\n',
            "requirements.txt": "django==5.0\ndjango-health-check==3.18\n",
        },
        "a library",
    ),
    ok(
        "HLT-01",
        "python",
        {"app.py": _FLASK + _INDEX, "Dockerfile": "FROM python:3.12\nHEALTHCHECK CMD curl -f localhost:8000/\n"},
        "the front page is what is asked",
    ),
    ok("HLT-01", "python", {"count.py": "import sys\nprint(len(sys.stdin.read()))\n"}, "a command-line tool"),
    ok("HLT-01", "python", {"tests/app.py": _FLASK + _INDEX}, "a test"),
    bad("HLT-01", "javascript", {"app.js": _EXPRESS + _HOME}, "app.js", severity="warning"),
    bad(
        "HLT-01",
        "javascript",
        {"src/routes.ts": 'import { Router } from "express"\nconst router = Router()\nrouter.get("/users", list)\n'},
        "src/routes.ts",
        why="a router",
    ),
    ok("HLT-01", "javascript", {"app.js": _EXPRESS + 'app.get("/ping", (q, s) => s.send("pong"))\n'}, "ping"),
    ok(
        "HLT-01",
        "javascript",
        {
            "app.js": 'const { createTerminus } = require("@godaddy/terminus")\n' + _EXPRESS + _HOME,
            "package.json": '{"dependencies": {"express": "^4", "@godaddy/terminus": "^4"}}',
        },
        "a library",
    ),
    ok(
        "HLT-01",
        "javascript",
        {"public/js/app.js": 'app.get("/orders", function (orders) { show(orders) })\n'},
        "a request that a browser makes",
    ),
    bad(
        "HLT-04",
        "python",
        {"app.py": _FLASK + _DB + '@app.get("/health")\ndef health():\n    return "ok"\n'},
        "app.py:7",
        severity="note",
    ),
    bad(
        "HLT-04",
        "python",
        {"app.py": _FLASK + _DB + _INDEX, "Dockerfile": "FROM python:3.12\nHEALTHCHECK CMD curl -f localhost:8000\n"},
        "Dockerfile:2",
        why="the front page",
    ),
    ok("HLT-04", "python", {"app.py": _FLASK + '@app.get("/health")\ndef health():\n    return "ok"\n'}, "stateless"),
    ok(
        "HLT-04",
        "python",
        {
            "app.py": _FLASK
            + _DB
            + '@app.get("/livez")\ndef live():\n    return "ok"\n\n'
            + '@app.get("/readyz")\ndef ready():\n    db.session.execute("SELECT 1")\n    return "ok"\n'
        },
        "two routes",
    ),
    ok(
        "HLT-04",
        "python",
        {"app.py": _FLASK + _DB + '@app.get("/health")\ndef health():\n    check_database()\n    return "ok"\n'},
        "it asks the database",
    ),
    bad(
        "HLT-04",
        "javascript",
        {
            "app.js": 'const { Pool } = require("pg")\n'
            + _EXPRESS
            + 'app.get("/healthz", (req, res) => res.sendStatus(200))\n'
        },
        "app.js:4",
    ),
    bad(
        "HLT-04",
        "javascript",
        {
            "app.js": _EXPRESS + 'require("mongoose").connect(process.env.MONGO_URL)\n'
            'app.get("/api/health", function (req, res) {\n  res.json({ ok: true, uptime: process.uptime() })\n})\n'
        },
        "app.js:4",
        why="an uptime is no readiness",
    ),
    ok("HLT-04", "javascript", {"app.js": _EXPRESS + 'app.get("/health", (q, s) => s.send("ok"))\n'}, "stateless"),
    ok(
        "HLT-04",
        "javascript",
        {
            "app.js": 'const mongoose = require("mongoose")\n' + _EXPRESS + 'app.get("/health", (q, s) =>\n'
            "  s.sendStatus(mongoose.connection.readyState === 1 ? 200 : 503))\n"
        },
        "it looks at the connection",
    ),
    ok(
        "HLT-04",
        "javascript",
        {
            "app.js": 'const { Pool } = require("pg")\n'
            + _EXPRESS
            + 'app.get("/health/live", (q, s) => s.send("ok"))\napp.get("/health/ready", ready)\n'
        },
        "a route of its own",
    ),
    ok(
        "HLT-04",
        "javascript",
        {
            "package.json": '{"dependencies": {"express": "4.0.0", "pg": "8.0.0"}}',
            "app.js": "const app = require('express')();\n"
            "app.get('/status', async (req, res) => { await page.render(res, 'default'); });\n"
            "app.get('/status/:slug', async (req, res) => { await page.render(res, req.params.slug); });\n",
        },
        "pages of statuses, no check",
    ),
    bad(
        "HLT-01",
        "javascript",
        {
            "package.json": '{"dependencies": {"express": "4.0.0"}}',
            "app.js": "const app = require('express')();\n"
            "app.get('/status', async (req, res) => { await page.render(res, 'default'); });\n"
            "app.get('/status/:slug', async (req, res) => { await page.render(res, req.params.slug); });\n",
        },
        "app.js",
        why="pages of statuses, no check",
    ),
]


@pytest.mark.parametrize("case", CASES, ids=str)
def test_health_routes(case: Case, tmp_path: Path) -> None:
    case.run(tmp_path)
