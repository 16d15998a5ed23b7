"""VI-01, VI-02: state that a request leaves in the process."""

from __future__ import annotations

from pathlib import Path

import pytest
from check.harness import Case, bad, ok

_FLASK = "from flask import Flask, request\napp = Flask(__name__)\n"
_EXPRESS = "const express = require('express');\nconst app = express();\n"
_GO = (
    'package a\n\nimport "net/http"\n\n{}\n\nfunc serve() {{\n\thttp.HandleFunc("/x", add)\n}}\n\n'
    "func add(w http.ResponseWriter, r *http.Request) {{\n\t{}\n}}\n"
)
_JAVA = '@RestController\nclass C {{\n  {}\n  @GetMapping("/x")\n  String x(String id) {{\n    {}\n  }}\n}}\n'
_XC = "app/controllers/x_controller.rb"
_RUBY = "class XController < ApplicationController\n  {}\n  def create\n    {}\n  end\nend\n"

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
    bad(
        "VI-01",
        "go",
        {"a.go": _GO.format("var carts = map[string]string{}", "carts[r.URL.Path] = body\n\tfmt.Fprint(w, carts)")},
        "a.go:12",
        severity="error",
    ),
    bad(
        "VI-01",
        "go",
        {"a.go": _GO.format("var items []string", "items = append(items, r.URL.Path)\n\tfmt.Fprint(w, len(items))")},
        "a.go:12",
        why="a slice that grows",
    ),
    ok(
        "VI-01",
        "go",
        {"a.go": _GO.format("var names = map[string]string{}", "fmt.Fprint(w, names)")},
        "it is read only",
    ),
    ok(
        "VI-01", "go", {"a.go": _GO.format("", "x := map[string]int{}\n\tx[r.Host] = 1\n\tfmt.Fprint(w, x)")}, "a local"
    ),
    ok(
        "VI-01",
        "go",
        {"a_test.go": _GO.format("var carts = map[string]string{}", "carts[r.Host] = body\n\tfmt.Fprint(w, carts)")},
        "a test",
    ),
    bad("VI-02", "go", {"a.go": _GO.format("var visits int", "visits++\n\tfmt.Fprint(w, visits)")}, "a.go:12"),
    bad("VI-02", "go", {"a.go": _GO.format("var n = 0", "n += 2\n\tfmt.Fprint(w, n)")}, "a.go:12", why="added to"),
    ok("VI-02", "go", {"a.go": _GO.format("", "n := 0\n\tn++\n\tfmt.Fprint(w, n)")}, "a local"),
    ok("VI-02", "go", {"a.go": _GO.format("var ready bool", "ready = true\n\tfmt.Fprint(w, ready)")}, "a flag"),
    ok("VI-02", "go", {"a_test.go": _GO.format("var visits int", "visits++")}, "a test"),
    bad(
        "VI-01",
        "java",
        {
            "C.java": _JAVA.format(
                "static Map<String, String> carts = new HashMap<>();", "carts.put(id, id);\n    return carts.get(id);"
            )
        },
        "C.java:6",
        severity="error",
    ),
    bad(
        "VI-01",
        "java",
        {
            "C.java": _JAVA.format(
                "static final List<String> names = new ArrayList<>();", "names.add(id);\n    return names.get(0);"
            )
        },
        "C.java:6",
        why="a list",
    ),
    ok(
        "VI-01",
        "java",
        {"C.java": _JAVA.format("static final Map<String, String> all = Map.of();", "return all.get(id);")},
        "read only",
    ),
    ok(
        "VI-01",
        "java",
        {"C.java": _JAVA.format("", "List<String> a = new ArrayList<>();\n    a.add(id);\n    return a.get(0);")},
        "a local",
    ),
    ok(
        "VI-01",
        "java",
        {
            "src/test/java/C.java": _JAVA.format(
                "static List<String> a = new ArrayList<>();", "a.add(id);\n    return a.get(0);"
            )
        },
        "a test",
    ),
    bad(
        "VI-02",
        "java",
        {"C.java": _JAVA.format("static int visits = 0;", 'visits++;\n    return "" + visits;')},
        "C.java:6",
    ),
    bad(
        "VI-02",
        "java",
        {"C.java": _JAVA.format("private static long n = 0;", 'n += 1;\n    return "" + n;')},
        "C.java:6",
        why="added to",
    ),
    ok("VI-02", "java", {"C.java": _JAVA.format("", 'int n = 0;\n    n++;\n    return "" + n;')}, "a local"),
    ok("VI-02", "java", {"C.java": _JAVA.format("static final int SIZE = 3;", 'return "" + SIZE;')}, "a constant"),
    ok("VI-02", "java", {"src/test/java/C.java": _JAVA.format("static int n = 0;", 'n++;\n    return "";')}, "a test"),
    bad(
        "VI-01",
        "ruby",
        {_XC: _RUBY.format("@@carts = {}", "@@carts[1] = 2\n    render json: @@carts")},
        _XC + ":4",
    ),
    bad(
        "VI-01",
        "ruby",
        {_XC: _RUBY.format("@@names = []", "@@names << 1\n    render json: @@names")},
        _XC + ":4",
        why="a list",
    ),
    ok(
        "VI-01",
        "ruby",
        {_XC: _RUBY.format("@@names = [1]", "render json: @@names")},
        "read only",
    ),
    ok(
        "VI-01",
        "ruby",
        {_XC: _RUBY.format("", "@names = []\n    @names << 1\n    render json: @names")},
        "of one request",
    ),
    ok("VI-01", "ruby", {"spec/x_controller.rb": _RUBY.format("@@a = []", "@@a << 1\n    render json: @@a")}, "a test"),
    bad(
        "VI-02",
        "ruby",
        {_XC: _RUBY.format("@@n = 0", "@@n += 1\n    render json: @@n")},
        _XC + ":4",
    ),
    bad(
        "VI-02",
        "ruby",
        {_XC: _RUBY.format("@@hits = 0", "@@hits += 2")},
        _XC + ":4",
        why="by two",
    ),
    ok("VI-02", "ruby", {_XC: _RUBY.format("", "@n = 0\n    @n += 1")}, "of one request"),
    ok("VI-02", "ruby", {_XC: _RUBY.format("N = 0", "render json: N")}, "a constant"),
    ok("VI-02", "ruby", {"spec/x_controller.rb": _RUBY.format("@@n = 0", "@@n += 1")}, "a test"),
    ok(
        "VI-01",
        "java",
        {
            "C.java": _JAVA.format("", "Cart cart = new Cart();\n    cart.add(id);\n    return cart.all();"),
            "Cart.java": "class Cart {\n  private List<String> items = new ArrayList<>();\n  void add(String id) {\n"
            "    items.add(id);\n  }\n  List<String> all() {\n    return items;\n  }\n}\n",
        },
        "an object of one request",
    ),
    ok(
        "VI-01",
        "java",
        {
            "C.java": _JAVA.format(
                "static List<String> junk = new ArrayList<>();", 'junk.add(id);\n    return "no junk";'
            )
        },
        "nobody reads it",
    ),
    bad(
        "VI-01",
        "python",
        {
            "store.py": "class Store:\n    def __init__(self):\n        self.items = {}\n\n"
            "    def add(self, key, value):\n"
            "        self.items[key] = value\n\n    def get(self, key):\n        return self.items[key]\n\n\n"
            "store = Store()\n",
            "app.py": _FLASK
            + "from store import store\n\n@app.post('/x')\ndef x():\n    store.add(1, request.json)\n\n"
            "@app.get('/x')\ndef y():\n    return store.get(1)\n",
        },
        "store.py:6",
        why="an object of the module",
        severity="error",
    ),
    bad(
        "VI-01",
        "javascript",
        {
            "app.js": _EXPRESS + "class Rooms {\n  constructor() { this.clients = []; }\n"
            "  join(x) {\n    this.clients.push(x);\n  }\n}\nconst rooms = new Rooms();\n"
            "app.post('/x', (req, res) => rooms.join(req.body));\n"
        },
        "app.js:6",
        why="a registry of connections",
        severity="warning",
    ),
    ok(
        "VI-01",
        "python",
        {
            "app.py": _FLASK + "class Page:\n    def __init__(self):\n        self.rows = []\n\n"
            "    def add(self, row):\n"
            "        self.rows.append(row)\n\n@app.get('/x')\ndef x():\n    page = Page()\n"
            "    page.add(1)\n    return ''\n"
        },
        "an object of one request",
    ),
]


@pytest.mark.parametrize("case", CASES, ids=str)
def test_state_in_the_process(case: Case, tmp_path: Path) -> None:
    case.run(tmp_path)
