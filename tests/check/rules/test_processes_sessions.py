"""VI-03, VI-06: sessions and caches that one process alone knows."""

from __future__ import annotations

from pathlib import Path

import pytest
from check.harness import Case, bad, ok

_FLASK = "from flask import Flask, request\napp = Flask(__name__)\n"
_EXPRESS = "const express = require('express');\nconst app = express();\n"
_GO = 'package main\n\nimport "github.com/gorilla/sessions"\n\n'

CASES = [
    bad("VI-03", "python", {"config.py": 'class Config:\n    SESSION_TYPE = "filesystem"\n'}, "config.py:2"),
    bad(
        "VI-03",
        "python",
        {"app.py": _FLASK + 'app.config["SESSION_TYPE"] = "cachelib"\n'},
        "app.py:3",
        severity="warning",
    ),
    bad(
        "VI-03",
        "python",
        {"config.py": 'import os\nSESSION_TYPE = os.environ.get("SESSION_TYPE", "filesystem")\n'},
        "config.py:2",
        why="selectable, files by default",
        severity="warning",
    ),
    bad(
        "VI-03",
        "python",
        {"site/settings.py": 'SESSION_ENGINE = "django.contrib.sessions.backends.file"\n', "manage.py": ""},
        "site/settings.py:1",
        why="Django's files",
    ),
    ok("VI-03", "python", {"config.py": 'SESSION_TYPE = "redis"\n'}, "a shared store"),
    ok(
        "VI-03",
        "python",
        {"config.py": 'import os\nSESSION_TYPE = os.environ.get("SESSION_TYPE", "redis")\n'},
        "a shared store by default",
    ),
    ok(
        "VI-03",
        "python",
        {"config.py": 'class DevelopmentConfig:\n    SESSION_TYPE = "filesystem"\n'},
        "development only",
    ),
    ok("VI-03", "python", {"tests/conftest.py": 'SESSION_TYPE = "filesystem"\n'}, "a test"),
    ok(
        "VI-03",
        "python",
        {"settings.py": 'SESSION_ENGINE = "django.contrib.sessions.backends.signed_cookies"\n'},
        "signed cookies",
    ),
    bad(
        "VI-06",
        "python",
        {
            "app.py": "from flask_limiter import Limiter\nfrom flask_limiter.util import get_remote_address\n"
            "limiter = Limiter(get_remote_address)\n"
        },
        "app.py:3",
    ),
    bad("VI-06", "python", {"config.py": 'CACHE_TYPE = "SimpleCache"\n'}, "config.py:1"),
    bad(
        "VI-06",
        "python",
        {
            "settings.py": 'CACHES = {\n    "default": {\n'
            '        "BACKEND": "django.core.cache.backends.locmem.LocMemCache",\n    }\n}\n'
        },
        "settings.py:3",
        why="Django in memory",
    ),
    bad(
        "VI-06",
        "python",
        {
            "app.py": _FLASK + "profile_cache = {}\n\n@app.put('/p/<id>')\ndef put(id):\n"
            "    profile_cache[id] = request.json\n    return ''\n\n@app.get('/p/<id>')\ndef get(id):\n"
            "    return render(profile_cache)\n"
        },
        "app.py:7",
        why="a dict that is written and read",
        severity="warning",
    ),
    bad(
        "VI-06",
        "python",
        {
            "app.py": _FLASK + "cache = {}\n\n@app.get('/p/<id>')\ndef get(id):\n    if id not in cache:\n"
            "        cache[id] = load(id)\n    return cache[id]\n"
        },
        "app.py:8",
        why="filled from what it misses",
        severity="note",
    ),
    ok(
        "VI-06",
        "python",
        {
            "app.py": "import os\nfrom flask_limiter import Limiter\n"
            'limiter = Limiter(key, storage_uri=os.environ["REDIS_URL"])\n'
        },
        "a shared store",
    ),
    ok("VI-06", "python", {"config.py": 'CACHE_TYPE = "RedisCache"\n'}, "a shared cache"),
    ok("VI-06", "python", {"config.py": 'class TestConfig:\n    CACHE_TYPE = "simple"\n'}, "a test's configuration"),
    ok(
        "VI-06",
        "python",
        {"app.py": _FLASK + "from functools import lru_cache\n\n@lru_cache\ndef settings():\n    return {}\n"},
        "a cache of what never changes",
    ),
    bad(
        "VI-03",
        "javascript",
        {
            "app.js": _EXPRESS
            + "const session = require('express-session');\napp.use(session({ secret: process.env.S }));\n"
        },
        "app.js:4",
        severity="warning",
    ),
    bad(
        "VI-03",
        "javascript",
        {
            "app.ts": "import session from 'express-session';\nimport createStore from 'memorystore';\n"
            "const S = createStore(session);\napp.use(session({ secret: 'x', store: new session.MemoryStore() }));\n"
        },
        "app.ts:3",
        "app.ts:4",
        why="a store in memory",
    ),
    ok(
        "VI-03",
        "javascript",
        {
            "app.js": _EXPRESS
            + "const session = require('express-session');\nconst RedisStore = require('connect-redis');\n"
            "app.use(session({ store: new RedisStore({ client }), secret: process.env.S }));\n"
        },
        "a shared store",
    ),
    ok(
        "VI-03",
        "javascript",
        {
            "app.js": _EXPRESS
            + "const cookieSession = require('cookie-session');\napp.use(cookieSession({ keys: [k] }));\n"
        },
        "signed cookies",
    ),
    ok(
        "VI-03",
        "javascript",
        {"test/app.js": _EXPRESS + "const session = require('express-session');\napp.use(session({ secret: 's' }));\n"},
        "a test",
    ),
    bad(
        "VI-06",
        "javascript",
        {"app.js": _EXPRESS + "const rateLimit = require('express-rate-limit');\napp.use(rateLimit({ max: 5 }));\n"},
        "app.js:4",
    ),
    bad(
        "VI-06",
        "javascript",
        {"app.js": _EXPRESS + "const NodeCache = require('node-cache');\nconst cache = new NodeCache();\n"},
        "app.js:4",
        severity="warning",
    ),
    ok(
        "VI-06",
        "javascript",
        {
            "app.js": _EXPRESS + "const rateLimit = require('express-rate-limit');\n"
            "app.use(rateLimit({ max: 5, store: new RedisStore({ client }) }));\n"
        },
        "a shared store",
    ),
    ok("VI-06", "javascript", {"app.js": _EXPRESS + "const sessionCache = createCache();\n"}, "some other cache"),
    ok(
        "VI-06",
        "javascript",
        {
            "tests/app.js": _EXPRESS
            + "const rateLimit = require('express-rate-limit');\napp.use(rateLimit({ max: 5 }));\n"
        },
        "a test",
    ),
    bad(
        "VI-03",
        "go",
        {"m.go": _GO + 'var store = sessions.NewFilesystemStore("", key)\n'},
        "m.go:5",
        severity="warning",
    ),
    bad(
        "VI-03",
        "go",
        {
            "m.go": 'package main\n\nimport "github.com/gin-contrib/sessions/memstore"\n\n'
            "var store = memstore.NewStore(key)\n"
        },
        "m.go:5",
        why="memory",
    ),
    ok("VI-03", "go", {"m.go": _GO + "var store = sessions.NewCookieStore(key)\n"}, "signed cookies"),
    ok("VI-03", "go", {"m_test.go": _GO + 'var store = sessions.NewFilesystemStore("", key)\n'}, "a test"),
    ok("VI-03", "go", {"m.go": "package main\n\nvar x = local.NewFilesystemStore(dir)\n"}, "another store"),
    bad(
        "VI-03",
        "java",
        {"C.java": 'class C {\n  void f(HttpSession session) {\n    session.setAttribute("cart", c);\n  }\n}\n'},
        "C.java:3",
        severity="warning",
    ),
    bad(
        "VI-03",
        "java",
        {"C.java": 'class C {\n  void f(HttpServletRequest r) {\n    r.getSession().setAttribute("a", b);\n  }\n}\n'},
        "C.java:3",
        why="of the request",
    ),
    ok(
        "VI-03",
        "java",
        {
            "pom.xml": "<project>\n<dependencies>\n<dependency>\n<groupId>org.springframework.session</groupId>\n"
            "<artifactId>spring-session-data-redis</artifactId>\n</dependency>\n</dependencies>\n</project>\n",
            "C.java": 'class C {\n  void f(HttpSession session) {\n    session.setAttribute("cart", c);\n  }\n}\n',
        },
        "Spring Session",
    ),
    ok(
        "VI-03",
        "java",
        {
            "C.java": "class C {\n"
            '  void f(HttpServletRequest r) {\n    r.setAttribute("a", b);\n    r.getSession();\n  }\n}\n'
        },
        "an attribute of the request",
    ),
    ok(
        "VI-03",
        "java",
        {
            "src/test/java/C.java": "class C {\n"
            '  void f(HttpSession session) {\n    session.setAttribute("c", c);\n  }\n}\n'
        },
        "a test",
    ),
    bad(
        "VI-03",
        "ruby",
        {"app.rb": "require 'sinatra'\nuse Rack::Session::Pool\n"},
        "app.rb:2",
        severity="warning",
    ),
    bad(
        "VI-03",
        "ruby",
        {
            "config/initializers/session_store.rb": "Rails.application.config.session_store :cache_store\n",
            "config/environments/production.rb": "Rails.application.configure do\n"
            "  config.cache_store = :memory_store\nend\n",
        },
        "config/initializers/session_store.rb:1",
        why="a cache in memory",
    ),
    ok(
        "VI-03",
        "ruby",
        {"config/initializers/session_store.rb": "Rails.application.config.session_store :cookie_store, key: 'x'\n"},
        "signed cookies",
    ),
    ok("VI-03", "ruby", {"app.rb": "use Rack::Session::Cookie, secret: ENV['S']\n"}, "Rack's cookies"),
    ok("VI-03", "ruby", {"spec/app.rb": "use Rack::Session::Pool\n"}, "a test"),
    bad(
        "VI-03",
        "php",
        {"index.php": "<?php\nsession_start();\n$_SESSION['u'] = $u;\n"},
        "index.php:2",
        severity="warning",
    ),
    bad(
        "VI-03",
        "php",
        {"config/session.php": "<?php\nreturn [\n  'driver' => env('SESSION_DRIVER', 'file'),\n];\n"},
        "config/session.php:3",
        why="Laravel",
        severity="warning",
    ),
    ok(
        "VI-03",
        "php",
        {"index.php": "<?php\nsession_set_save_handler(new DbHandler());\nsession_start();\n"},
        "a handler of its own",
    ),
    ok(
        "VI-03",
        "php",
        {"index.php": "<?php\nsession_start();\n", "docker/php.ini": "session.save_handler = redis\n"},
        "set in php.ini",
    ),
    ok(
        "VI-03",
        "php",
        {"config/session.php": "<?php\nreturn ['driver' => env('SESSION_DRIVER', 'database')];\n"},
        "the database",
    ),
]


@pytest.mark.parametrize("case", CASES, ids=str)
def test_sessions_and_caches(case: Case, tmp_path: Path) -> None:
    case.run(tmp_path)
