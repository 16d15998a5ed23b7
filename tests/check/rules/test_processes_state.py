"""VI-01, VI-02: state that a request leaves in the process."""

from __future__ import annotations

from pathlib import Path

import pytest
from check.harness import Case, bad, ok

_FLASK = "from flask import Flask, request\napp = Flask(__name__)\n"
_EXPRESS = "const express = require('express');\nconst app = express();\n"

CASES = [
    bad(
        "VI-01",
        "python",
        {
            "app.py": _FLASK
            + 'carts = {}\n\n@app.post("/cart/<id>")\ndef add(id):\n    carts[id] = request.json\n    return ""\n\n'
            + '@app.get("/cart/<id>")\ndef show(id):\n    return carts[id]\n'
        },
        "app.py:7",
        severity="error",
    ),
    bad(
        "VI-01",
        "python",
        {
            "main.py": 'from fastapi import FastAPI\nimport store\napp = FastAPI()\n\n@app.post("/items")\n'
            + "async def create(item: dict):\n    store.add(item)\n",
            "store.py": "items: list[dict] = []\n\ndef add(item):\n    items.append(item)\n\n"
            + "def every():\n    return list(items)\n",
        },
        "store.py:4",
        why="a call away",
    ),
    bad(
        "VI-01",
        "python",
        {
            "ws.py": "from fastapi import APIRouter\nrouter = APIRouter()\nclients = set()\n\n"
            + '@router.websocket("/ws")\nasync def ws(socket):\n    clients.add(socket)\n'
            + "    for one in clients:\n        await one.send_text('x')\n"
        },
        "ws.py:7",
        why="live connections",
        severity="warning",
    ),
    ok(
        "VI-01",
        "python",
        {
            "app.py": _FLASK + "handlers = {}\n\ndef register(name, function):\n    handlers[name] = function\n\n"
            "register('a', print)\n\n@app.get('/x')\ndef x():\n    return handlers['a']()\n"
        },
        "a registry filled at import",
    ),
    ok(
        "VI-01",
        "python",
        {
            "app.py": _FLASK
            + "seen = {}\n\n@app.get('/x')\ndef x():\n    seen = {}\n    seen['a'] = 1\n    return seen\n"
        },
        "a local of the same name",
    ),
    ok(
        "VI-01",
        "python",
        {
            "tests/test_app.py": _FLASK
            + "calls = []\n\n@app.get('/x')\ndef x():\n    calls.append(1)\n    return str(len(calls))\n"
        },
        "a test",
    ),
    ok(
        "VI-01",
        "python",
        {
            "app.py": _FLASK + "zones = {}\n\n@app.get('/x/<name>')\ndef x(name):\n    if name not in zones:\n"
            "        zones[name] = load(name)\n    return zones[name]\n"
        },
        "a copy that is filled when it is asked for",
    ),
    bad(
        "VI-02",
        "python",
        {
            "app.py": _FLASK
            + 'visits = 0\n\n@app.get("/")\ndef index():\n    global visits\n    visits += 1\n'
            + "    return str(visits)\n"
        },
        "app.py:8",
        severity="error",
    ),
    bad(
        "VI-02",
        "python",
        {
            "views.py": "from django.shortcuts import render\ncurrent = None\n\ndef enter(request):\n"
            + "    global current\n"
            + "    current = request.POST['name']\n    return render(request, 'x.html')\n\n"
            + "def who(request):\n    return render(request, 'y.html', {'who': current})\n"
        },
        "views.py:6",
    ),
    ok(
        "VI-02",
        "python",
        {
            "app.py": _FLASK + "client = None\n\n@app.get('/')\ndef index():\n    global client\n"
            "    if client is None:\n        client = connect(request.host)\n    return client.get()\n"
        },
        "a client made when it is first needed",
    ),
    ok(
        "VI-02",
        "python",
        {
            "app.py": _FLASK + "ready = False\n\n@app.get('/')\ndef index():\n    global ready\n    ready = True\n"
            "    return str(ready)\n"
        },
        "a flag that is set once",
    ),
    ok(
        "VI-02",
        "python",
        {
            "app.py": _FLASK + "request_metrics = 0\n\n@app.get('/')\ndef index():\n    global request_metrics\n"
            "    request_metrics += 1\n    return ''\n"
        },
        "a metric",
    ),
    ok(
        "VI-02",
        "python",
        {"count.py": "total = 0\n\ndef count():\n    global total\n    total += 1\n    print(total)\n"},
        "no request is near",
    ),
    bad(
        "VI-01",
        "javascript",
        {
            "app.js": _EXPRESS + "const users = [];\napp.post('/users', (req, res) => {\n  users.push(req.body);\n});\n"
            "app.get('/users', (req, res) => res.json(users));\n"
        },
        "app.js:5",
        severity="error",
    ),
    bad(
        "VI-01",
        "javascript",
        {
            "routes.js": "const router = require('express').Router();\nconst cart = require('./cart');\n"
            "router.post('/cart', cart.add);\nmodule.exports = router;\n",
            "cart.js": "const carts = {};\nexports.add = function add(req, res) {\n  carts[req.user] = req.body;\n"
            "  res.json(carts);\n};\n",
        },
        "cart.js:3",
        why="a handler of another file",
    ),
    ok(
        "VI-01",
        "javascript",
        {"app.js": _EXPRESS + "const names = {};\nnames.a = 1;\napp.get('/', (req, res) => res.json(names));\n"},
        "filled at load",
    ),
    ok(
        "VI-01",
        "javascript",
        {
            "app.js": _EXPRESS
            + "app.get('/', (req, res) => {\n  const list = [];\n  list.push(1);\n  res.json(list);\n});\n"
        },
        "a local",
    ),
    ok(
        "VI-01",
        "javascript",
        {
            "test/app.test.js": _EXPRESS + "const seen = [];\napp.post('/x', (req, res) => seen.push(req.body));\n"
            "check(seen);\n"
        },
        "a test",
    ),
    bad(
        "VI-02",
        "javascript",
        {"app.js": _EXPRESS + "let visits = 0;\napp.get('/', (req, res) => {\n  visits++;\n  res.json(visits);\n});\n"},
        "app.js:5",
        severity="error",
    ),
    bad(
        "VI-02",
        "javascript",
        {
            "app.js": _EXPRESS
            + "let current = null;\napp.post('/login', (req, res) => {\n  current = req.body.user;\n});\n"
            "app.get('/me', (req, res) => res.json(current));\n"
        },
        "app.js:5",
        why="who is logged in",
    ),
    ok(
        "VI-02",
        "javascript",
        {
            "app.js": _EXPRESS + "let client = null;\napp.get('/', async (req, res) => {\n"
            "  if (!client) {\n    client = connect(req.app);\n  }\n  res.json(await client.get());\n});\n"
        },
        "a client made when it is first needed",
    ),
    ok(
        "VI-02",
        "javascript",
        {"app.js": _EXPRESS + "app.get('/', (req, res) => {\n  let n = 0;\n  n += 1;\n  res.json(n);\n});\n"},
        "a local",
    ),
    ok(
        "VI-02",
        "javascript",
        {
            "app.js": _EXPRESS + "let ready = false;\napp.get('/ready', (req, res) => {\n  ready = true;\n"
            "  res.json(ready);\n});\n"
        },
        "a flag that is set once",
    ),
]


@pytest.mark.parametrize("case", CASES, ids=str)
def test_state_in_the_process(case: Case, tmp_path: Path) -> None:
    case.run(tmp_path)
