"""What must be known before a finding is claimed: who runs the code, what beats it, and who needs what it keeps."""

from __future__ import annotations

from pathlib import Path

import pytest
from check.harness import Case, bad, ok

_NEXT = '{"scripts": {"start": "node server.js"}, "dependencies": {"express": "^5", "@angular/core": "^20"}}'
_ASK = "(async () => {\n  const info = await fetch('https://api.example.org/info');\n})();\n"

_FLASK = "from flask import Flask, request\napp = Flask(__name__)\n"

CASES = [
    # Who runs it: a browser.
    ok(
        "IX-04",
        "javascript",
        {
            "package.json": _NEXT,
            "server.js": "require('express')().listen(process.env.PORT);\n",
            "client/main.ts": _ASK,
        },
        "a page that asks while it is loaded",
    ),
    bad(
        "IX-04",
        "javascript",
        {"package.json": _NEXT, "server.js": "require('express')().listen(process.env.PORT);\n", "api/main.ts": _ASK},
        "api/main.ts:2",
        why="a server that asks while it is loaded",
    ),
    # What a literal is for.
    bad(
        "III-01",
        "python",
        {"dev/app.py": 'from flask import Flask\napp = Flask(__name__)\napp.secret_key = "k3yb0ard-c4t"\n'},
        "dev/app.py:3",
        why="a secret of developers",
        severity="note",
    ),
    ok(
        "III-01",
        "javascript",
        {
            "auth.ts": "const PLACEHOLDER_SECRETS = {\n  AUTH_JWT_SECRET: 'secret',\n} as const;\n\n"
            "export const used = Object.entries(PLACEHOLDER_SECRETS).filter(([k, v]) => process.env[k] === v);\n"
        },
        "a table of what nobody may use",
    ),
    bad(
        "III-01",
        "javascript",
        {"auth.ts": "export const SETTINGS = {\n  AUTH_JWT_SECRET: 'secret',\n} as const;\n"},
        "auth.ts:2",
        why="a table of settings",
        severity="error",
    ),
    ok(
        "III-01",
        "javascript",
        {"names.ts": "export enum Vendors {\n  OnePassword = 'bada5566-a7aa-401f-bd96-45619a55120d',\n}\n"},
        "what names a vendor",
    ),
    ok(
        "III-01",
        "python",
        {"settings.py": "class Base:\n    pass\n\n\nclass Docs(Base):\n    SECRET_KEY = 'not a secret'\n"},
        "settings with which the documentation is made",
    ),
    bad(
        "III-01",
        "python",
        {"settings.py": "class Base:\n    pass\n\n\nclass Live(Base):\n    SECRET_KEY = 'not a secret'\n"},
        "settings.py:6",
        why="settings of another name",
        severity="error",
    ),
    bad(
        "III-01",
        "javascript",
        {"knexfile.js": "if (!process.env.JWT_SECRET) {\n  process.env.JWT_SECRET = 'securekey';\n}\n"},
        "knexfile.js:2",
        why="what a tool for migrations sets for itself",
        severity="note",
    ),
    bad(
        "VI-08",
        "python",
        {
            "settings.py": "import os, secrets\nSECRET_KEY = os.environ.get('SECRET_KEY', '')\n"
            "if not SECRET_KEY:\n    SECRET_KEY = secrets.token_urlsafe(50)\n"
        },
        "settings.py:4",
        why="a key where none was given",
        severity="warning",
    ),
    bad(
        "VI-08",
        "python",
        {"settings.py": "import secrets\nSECRET_KEY = secrets.token_urlsafe(50)\n"},
        "settings.py:2",
        why="a key whatever was given",
        severity="error",
    ),
    # State of a process, or something else.
    ok(
        "VI-01",
        "python",
        {
            "app.py": _FLASK + "import asyncio\n\nmails: asyncio.Queue = asyncio.Queue()\n\n"
            "@app.post('/orders')\ndef order():\n    mails.put_nowait(request.json)\n    return ''\n\n"
            "async def send():\n    return await mails.get()\n"
        },
        "work that is handed on",
    ),
    ok(
        "VI-01",
        "python",
        {
            "app.py": _FLASK + "providers = {}\n\n\n@app.get('/pay/<name>')\ndef pay(name):\n"
            "    known = providers.get(name)\n    if known:\n        if known.works():\n            return known\n"
            "        del providers[name]\n    made = connect(name)\n    providers[name] = made\n    return made\n"
        },
        "what another process makes for itself",
    ),
    bad(
        "VI-01",
        "python",
        {
            "app.py": _FLASK + "carts = {}\n\n\n@app.post('/cart/<id>')\ndef add(id):\n    cart = carts.get(id)\n"
            "    if cart:\n        cart.append(request.json)\n        return cart\n"
            "    carts[id] = [request.json]\n    return carts[id]\n"
        },
        "app.py:12",
        why="what a request brought",
        severity="error",
    ),
    bad(
        "VI-01",
        "python",
        {
            "app.py": _FLASK + "recent = []\n\n\n@app.post('/orders')\ndef order():\n    recent.append(request.json)\n"
            "    return ''\n\n\ndef report():\n    return len(recent)\n"
        },
        "app.py:8",
        why="what no request is seen to read",
        severity="warning",
    ),
    # What an image is built on.
    bad(
        "SEC-01",
        "manifests",
        {"Dockerfile": 'FROM python:3.12-slim\nCMD ["gunicorn", "app:app"]\n'},
        "Dockerfile:1",
        why="an image that is known to leave root in place",
    ),
    ok(
        "SEC-01",
        "manifests",
        {"Dockerfile": 'FROM acme/base:1.17.0\nCMD ["/srv/app", "server"]\n'},
        "an image that somebody published, who may have set a user",
    ),
    ok(
        "SEC-01",
        "manifests",
        {
            "docker-compose.yml": "services:\n  db:\n    image: postgres:16\n    cap_drop: [ALL]\n"
            "    cap_add:\n      - CHOWN\n      - DAC_READ_SEARCH\n"
        },
        "what is left of all that it would have",
    ),
    bad(
        "SEC-01",
        "manifests",
        {"docker-compose.yml": "services:\n  vpn:\n    image: acme/vpn:1\n    cap_add:\n      - NET_ADMIN\n"},
        "docker-compose.yml:5",
        why="what it is given on top",
    ),
    ok(
        "II-06",
        "python",
        {
            "Dockerfile": 'FROM ubuntu:22.04\nCMD ["python3", "app.py"]\n',
            "app.py": "import subprocess\n\ndef count():\n    return subprocess.check_output(['ps', 'ax'])\n",
        },
        "what the system's image carries",
    ),
    bad(
        "II-06",
        "python",
        {
            "Dockerfile": 'FROM debian:12\nCMD ["python3", "app.py"]\n',
            "app.py": "import subprocess\n\ndef count():\n    return subprocess.check_output(['ps', 'ax'])\n",
        },
        "app.py:4",
        why="what the system's image does not carry",
    ),
    ok(
        "IX-06",
        "go",
        {
            "a.go": 'package a\n\nimport (\n\t"context"\n\t"net/http"\n\t"time"\n)\n\nfunc ask(url string) {\n'
            "\tclient := http.Client{}\n\tctx, cancel := context.WithTimeout(context.Background(), time.Second)\n"
            "\tdefer cancel()\n\treq, _ := http.NewRequest(http.MethodGet, url, nil)\n"
            "\tclient.Do(req.WithContext(ctx))\n}\n"
        },
        "a deadline in the context of its requests",
    ),
    bad(
        "IX-06",
        "go",
        {
            "a.go": 'package a\n\nimport "net/http"\n\nfunc ask(url string) {\n\tclient := http.Client{}\n'
            "\treq, _ := http.NewRequest(http.MethodGet, url, nil)\n\tclient.Do(req)\n}\n"
        },
        "a.go:6",
        why="no deadline at all",
    ),
    ok(
        "IX-03",
        "manifests",
        {
            "Dockerfile": 'FROM python:3.12\nCOPY . .\nCMD ["./run.sh"]\n',
            "run.sh": "#!/bin/bash\nwalletd --standalone &\nexec gunicorn app:app\n",
        },
        "a program beside the server, which the shell gives way to",
    ),
    bad(
        "IX-03",
        "manifests",
        {
            "Dockerfile": 'FROM python:3.12\nCOPY . .\nCMD ["./run.sh"]\n',
            "run.sh": "#!/bin/bash\nwalletd --standalone &\ngunicorn app:app\n",
        },
        "Dockerfile:3",
        why="a shell that stays",
    ),
]


@pytest.mark.parametrize("case", CASES, ids=str)
def test_a_finding_is_claimed_where_its_facts_are_known(case: Case, tmp_path: Path) -> None:
    case.run(tmp_path)
