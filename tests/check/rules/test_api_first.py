"""API-01 to API-04: a contract, that it is kept, a version, and bodies that are held against a schema."""

from __future__ import annotations

from pathlib import Path

import pytest
from check.harness import Case, bad, ok

_FLASK = "from flask import Flask, jsonify, request\napp = Flask(__name__)\n\n"
_EXPRESS = 'const express = require("express")\nconst app = express()\n'


def _flask(number: int, prefix: str = "/api") -> str:
    return _FLASK + "".join(
        f'@app.get("{prefix}/things{n}/<int:id>")\ndef thing{n}(id):\n    return jsonify(id=id)\n\n'
        for n in range(number)
    )


def _express(number: int, prefix: str = "/api") -> str:
    return _EXPRESS + "".join(
        f'app.get("{prefix}/things{n}/:id", (req, res) => res.json({{ id: req.params.id }}))\n' for n in range(number)
    )


def _pages(number: int) -> str:
    return _FLASK + "".join(
        f'@app.get("/page{n}")\ndef page{n}():\n    return render_template("page.html")\n\n' for n in range(number)
    )


def _openapi(*paths: str) -> str:
    return "openapi: 3.0.3\ninfo: {title: Things, version: '1'}\npaths:\n" + "".join(
        f"  {path}:\n    get:\n      responses: {{}}\n" for path in paths
    )


_THINGS = tuple(f"/api/things{n}/{{thing}}" for n in range(5))

CASES = [
    bad("API-01", "python", {"app.py": _flask(6)}, "app.py", severity="warning"),
    bad(
        "API-01",
        "python",
        {"app.py": _flask(5), "README.md": "The API is described at https://app.swaggerhub.com/apis/acme/things\n"},
        "app.py",
        why="a contract elsewhere",
        severity="note",
    ),
    bad(
        "API-01",
        "python",
        {"app.py": "import flask_smorest\n" + _flask(5), "petstore.yaml": _openapi("/pets", "/pets/{id}")},
        "app.py",
        why="a generator that is only imported, and another's contract",
    ),
    ok("API-01", "python", {"app.py": _flask(3)}, "three routes"),
    ok("API-01", "python", {"app.py": _pages(9)}, "pages"),
    ok(
        "API-01",
        "python",
        {"app.py": _flask(6), "docs/openapi.yaml": _openapi("/things1/{id}")},
        "a committed contract",
    ),
    ok(
        "API-01",
        "python",
        {
            "main.py": "from fastapi import FastAPI\napp = FastAPI()\n"
            + "".join(f'@app.get("/a{n}")\ndef a{n}():\n    return {{}}\n' for n in range(6))
        },
        "the framework makes it",
    ),
    ok("API-01", "python", {"tests/app.py": _flask(6)}, "a test"),
    bad("API-01", "javascript", {"app.js": _express(6)}, "app.js", severity="warning"),
    bad(
        "API-01",
        "javascript",
        {"src/routes/users.ts": _express(5, ""), "package.json": '{"devDependencies": {"@nestjs/swagger": "7"}}'},
        "src/routes/users.ts",
        why="a generator that nobody calls",
    ),
    ok(
        "API-01",
        "javascript",
        {"app.js": _express(6) + 'app.use("/docs", swaggerUi.serve, swaggerUi.setup(swaggerJsdoc(options)))\n'},
        "a generator that is set up",
    ),
    ok(
        "API-01", "javascript", {"app.js": _express(6), "api/openapi.json": '{"openapi": "3.0.0", "paths": {}}'}, "json"
    ),
    ok(
        "API-01",
        "javascript",
        {"app.js": _EXPRESS + "".join(f'app.get("/p{n}", (q, s) => s.render("p"))\n' for n in range(8))},
        "pages",
    ),
    bad(
        "API-02",
        "python",
        {"app.py": _flask(5), "openapi.yaml": _openapi(*_THINGS[:4], "/api/others")},
        "app.py:20",
        "openapi.yaml:17",
        severity="warning",
    ),
    bad(
        "API-02",
        "python",
        {
            "app.py": _flask(4).replace('get("/api/things3', 'post("/api/things3'),
            "openapi.yaml": _openapi(*_THINGS[:4]),
        },
        "app.py:16",
        "openapi.yaml:14",
        why="another method",
    ),
    bad(
        "API-02",
        "python",
        {"app.py": _flask(7), "openapi.yaml": _openapi(*_THINGS[:4])},
        "app.py:20",
        why="one finding for all that it does not name",
    ),
    ok("API-02", "python", {"app.py": _flask(5), "openapi.yaml": _openapi(*_THINGS)}, "the same"),
    ok(
        "API-02",
        "python",
        {
            "app.py": _flask(5, "") + '@app.get("/health")\ndef health():\n    return {}\n',
            "openapi.yaml": _openapi(*_THINGS),
        },
        "a prefix, and a check of health",
    ),
    ok("API-02", "python", {"app.py": _flask(5), "client/openapi.yaml": _openapi("/pets", "/owners")}, "another's"),
    ok("API-02", "python", {"app.py": _flask(5)}, "no contract"),
    bad(
        "API-02",
        "javascript",
        {"app.js": _express(4), "openapi.yaml": _openapi(*_THINGS)},
        "openapi.yaml:17",
    ),
    bad(
        "API-02",
        "javascript",
        {
            "app.js": _express(5),
            "swagger.json": '{"swagger": "2.0", "basePath": "/api", "paths": {\n'
            + ",\n".join(f'"/things{n}/{{id}}": {{"get": {{}}}}' for n in range(4))
            + "}}",
        },
        "app.js:7",
        why="a base path",
    ),
    ok("API-02", "javascript", {"app.js": _express(5), "openapi.yaml": _openapi(*_THINGS)}, "the same"),
    ok("API-02", "javascript", {"app.js": _express(5)}, "no contract"),
    ok("API-02", "javascript", {"app.js": _express(5), "test/openapi.yaml": _openapi(*_THINGS, "/x")}, "a fixture"),
    bad("API-03", "python", {"app.py": _flask(5)}, "app.py", severity="note"),
    bad(
        "API-03",
        "python",
        {
            "app.py": _flask(5),
            "mail.py": 'import requests\ndef send():\n    requests.post("https://mail.example.net/v3/x")\n',
        },
        "app.py",
        why="the version of another's API",
    ),
    ok("API-03", "python", {"app.py": _flask(5, "/api/v1")}, "a version in the path"),
    ok(
        "API-03",
        "python",
        {"api/v2/things.py": _flask(5, ""), "app.py": _FLASK},
        "a version in the package",
    ),
    ok(
        "API-03",
        "python",
        {"app.py": _flask(5), "main.py": 'from app import api, app\napp.register_blueprint(api, url_prefix="/v1")\n'},
        "a prefix elsewhere",
    ),
    ok("API-03", "python", {"app.py": _pages(9)}, "pages"),
    bad("API-03", "javascript", {"app.js": _express(5)}, "app.js", severity="note"),
    bad("API-03", "javascript", {"routes/things.js": _express(4, "")}, "routes/things.js", why="a router"),
    ok("API-03", "javascript", {"app.js": _express(5, "/v1")}, "a version in the path"),
    ok("API-03", "javascript", {"app.js": _express(5, "") + 'app.use("/api/v2", router)\n'}, "a prefix"),
    ok("API-03", "javascript", {"app.js": _express(5) + 'const version = req.get("Accept-Version")\n'}, "a header"),
    bad(
        "API-04",
        "python",
        {
            "app.py": _FLASK + '@app.post("/api/users")\ndef create():\n    data = request.get_json()\n'
            "    return jsonify(save(data))\n"
        },
        "app.py:6",
        severity="note",
    ),
    bad(
        "API-04",
        "python",
        {
            "views.py": "import json\nfrom django.http import JsonResponse\n\ndef create(request):\n"
            "    data = json.loads(request.body)\n    return JsonResponse({'id': save(data['name'])})\n"
        },
        "views.py:5",
        why="Django",
    ),
    ok(
        "API-04",
        "python",
        {
            "app.py": _FLASK + '@app.post("/api/users")\ndef create():\n'
            "    data = UserSchema().load(request.get_json())\n"
            "    return jsonify(save(data))\n"
        },
        "a schema",
    ),
    ok(
        "API-04",
        "python",
        {
            "main.py": "from fastapi import FastAPI\napp = FastAPI()\n\n"
            '@app.post("/users")\ndef create(user: User):\n    return save(user)\n'
        },
        "a type",
    ),
    ok(
        "API-04",
        "python",
        {
            "app.py": _FLASK + '@app.post("/hooks/pay")\ndef pay():\n    verify(request.headers["X-Signature"])\n'
            "    return jsonify(handle(request.json))\n"
        },
        "a webhook with a signature",
    ),
    ok(
        "API-04",
        "python",
        {"test_app.py": "def test_x(client, request):\n    assert client.get('/').json()['a'] == request.json['b']\n"},
        "a test",
    ),
    bad(
        "API-04",
        "javascript",
        {
            "app.js": _EXPRESS + 'app.post("/api/users", async (req, res) => {\n'
            "  res.json(await User.create(req.body))\n})\n"
        },
        "app.js:4",
        severity="note",
    ),
    bad(
        "API-04",
        "javascript",
        {
            "routes.js": 'const users = require("./users")\nconst router = require("express").Router()\n'
            'router.post("/users", users.create)\n',
            "users.js": "exports.create = async function (req, res) {\n  const { name } = req.body\n"
            "  res.json(await insert(name))\n}\n",
        },
        "users.js:2",
        why="a handler elsewhere",
    ),
    ok(
        "API-04",
        "javascript",
        {
            "app.js": _EXPRESS + 'app.post("/api/users", async (req, res) => {\n'
            "  const user = userSchema.parse(req.body)\n  res.json(await User.create(user))\n})\n"
        },
        "a schema",
    ),
    ok(
        "API-04",
        "javascript",
        {"app.js": _EXPRESS + 'app.post("/login", (req, res) => {\n  check(req.body.name)\n  res.redirect("/")\n})\n'},
        "a form of a page",
    ),
    ok(
        "API-04",
        "javascript",
        {
            "app.js": _EXPRESS + 'app.post("/api/relay", async (req, res) => {\n'
            "  res.json(await axios.post(process.env.TO, req.body))\n})\n"
        },
        "a proxy",
    ),
    ok(
        "API-04",
        "python",
        {
            "app.py": "from flask import Flask, request\napp = Flask(__name__)\n\n\n"
            '@app.post("/orders")\ndef order():\n    given = request.get_json()\n'
            '    require_fields(given, ("name", "count"))\n    return {"name": given["name"]}\n'
        },
        "a helper refuses a body that lacks something",
    ),
]


@pytest.mark.parametrize("case", CASES, ids=str)
def test_contracts(case: Case, tmp_path: Path) -> None:
    case.run(tmp_path)
