"""IX-01, IX-02: what an app does when it is told to stop."""

from __future__ import annotations

from pathlib import Path

import pytest
from check.harness import Case, bad, ok

_EXPRESS = "const app = require('express')();\n"
_GRADLE = (
    "plugins {{\n  id 'org.springframework.boot' version '{}'\n}}\ndependencies {{\n"
    "  implementation 'org.springframework.boot:spring-boot-starter-web'\n}}\n"
)

CASES = [
    bad(
        "IX-01",
        "python",
        {"worker.py": "import redis\nr = redis.Redis()\n\nwhile True:\n    job = r.blpop('jobs')\n    work(job)\n"},
        "worker.py:5",
        severity="error",
    ),
    bad(
        "IX-01",
        "python",
        {
            "server.py": "from http.server import HTTPServer, BaseHTTPRequestHandler\n"
            "server = HTTPServer(('', 8000), BaseHTTPRequestHandler)\nserver.serve_forever()\n"
        },
        "server.py:3",
        severity="warning",
        why="a server of its own",
    ),
    ok(
        "IX-01",
        "python",
        {
            "worker.py": "import redis, signal\nr = redis.Redis()\nstop = False\n\ndef ask(*_):\n    global stop\n"
            "    stop = True\n\n"
            "signal.signal(signal.SIGTERM, ask)\nwhile True:\n    job = r.blpop('jobs', timeout=5)\n"
        },
        "a handler",
    ),
    ok(
        "IX-01",
        "python",
        {"app.py": "from flask import Flask\napp = Flask(__name__)\n", "Procfile": "web: gunicorn app:app\n"},
        "a server that handles it",
    ),
    ok("IX-01", "python", {"tests/t.py": "while True:\n    r.blpop('x')\n"}, "a test"),
    bad(
        "IX-01", "javascript", {"app.js": _EXPRESS + "app.listen(process.env.PORT);\n"}, "app.js:2", severity="warning"
    ),
    bad(
        "IX-01",
        "javascript",
        {"a.js": "const http = require('http');\nhttp.createServer((req, res) => res.end()).listen(3000);\n"},
        "a.js:2",
        why="node's own",
    ),
    ok(
        "IX-01",
        "javascript",
        {"app.js": _EXPRESS + "const s = app.listen(1);\nprocess.on('SIGTERM', () => s.close());\n"},
        "a handler",
    ),
    ok(
        "IX-01",
        "javascript",
        {
            "app.js": _EXPRESS + "require('./stop');\napp.listen(1);\n",
            "stop.js": "process.once('SIGTERM', async () => { await close(); });\n",
        },
        "a handler in another file",
    ),
    ok("IX-01", "javascript", {"test/a.js": _EXPRESS + "app.listen(0);\n"}, "a test"),
    ok("IX-01", "javascript", {"app.js": "store.listen('change', () => {});\n"}, "no server"),
    bad(
        "IX-01",
        "go",
        {"main.go": 'package main\n\nimport "net/http"\n\nfunc main() {\n\thttp.ListenAndServe(addr, nil)\n}\n'},
        "main.go:6",
        severity="warning",
    ),
    bad(
        "IX-01",
        "go",
        {
            "main.go": 'package main\n\nimport "net/http"\n\nfunc main() {\n\tserver := &http.Server{Addr: addr}\n'
            "\tserver.ListenAndServe()\n}\n"
        },
        "main.go:7",
        why="a server with settings",
    ),
    ok(
        "IX-01",
        "go",
        {
            "main.go": 'package main\n\nimport "net/http"\n\nfunc main() {\n\tserver := &http.Server{Addr: addr}\n'
            "\tgo server.ListenAndServe()\n\t<-done\n\tserver.Shutdown(ctx)\n}\n"
        },
        "it shuts down",
    ),
    ok(
        "IX-01",
        "go",
        {"main_test.go": 'package main\n\nimport "net/http"\n\nfunc TestX() {\n\thttp.ListenAndServe(a, nil)\n}\n'},
        "a test",
    ),
    ok("IX-01", "go", {"main.go": 'package main\n\nfunc main() {\n\tprintln("x")\n}\n'}, "no server"),
    bad(
        "IX-01",
        "java",
        {"build.gradle": _GRADLE.format("2.7.1"), "src/main/resources/application.yml": "spring:\n  name: x\n"},
        "src/main/resources/application.yml",
        severity="warning",
    ),
    bad(
        "IX-01", "java", {"build.gradle": _GRADLE.format("3.1.0"), "A.java": "class A {}\n"}, "build.gradle", why="bare"
    ),
    ok("IX-01", "java", {"build.gradle": _GRADLE.format("3.4.1"), "A.java": "class A {}\n"}, "the default since 3.4"),
    ok(
        "IX-01",
        "java",
        {
            "build.gradle": _GRADLE.format("2.7.1"),
            "src/main/resources/application.properties": "server.shutdown=graceful\n",
        },
        "switched on",
    ),
    ok("IX-01", "java", {"build.gradle": "plugins { id 'java' }\n", "A.java": "class A {}\n"}, "no server"),
    bad(
        "IX-02",
        "python",
        {"a.py": "import signal\nsignal.signal(signal.SIGTERM, signal.SIG_IGN)\n"},
        "a.py:2",
        severity="error",
    ),
    bad(
        "IX-02",
        "python",
        {
            "a.py": "import os, signal\n\ndef bye(number, frame):\n    print('bye')\n    os._exit(0)\n\n"
            "signal.signal(signal.SIGTERM, bye)\n"
        },
        "a.py:7",
        severity="warning",
        why="an exit at once",
    ),
    ok(
        "IX-02",
        "python",
        {
            "a.py": "import sys, signal\n\ndef bye(number, frame):\n    server.shutdown()\n    sys.exit(0)\n\n"
            "signal.signal(signal.SIGTERM, bye)\n"
        },
        "it closes first",
    ),
    ok(
        "IX-02",
        "python",
        {"a.py": "import os, signal\n\ndef stop(child):\n    os.kill(child.pid, signal.SIGTERM)\n"},
        "a signal that is sent",
    ),
    ok("IX-02", "python", {"tests/a.py": "import signal\nsignal.signal(signal.SIGTERM, signal.SIG_IGN)\n"}, "a test"),
    ok(
        "IX-02",
        "python",
        {
            "a.py": "import signal\n\n\ndef stop(*_):\n    server.close()\n\n\n"
            "for one in (signal.SIGTERM, signal.SIGINT):\n    signal.signal(one, stop)\n"
            "signal.signal(signal.SIGHUP, signal.SIG_IGN)\n"
        },
        "another signal is ignored",
    ),
    bad(
        "IX-02", "javascript", {"a.js": "process.on('SIGTERM', () => process.exit(0));\n"}, "a.js:1", severity="warning"
    ),
    bad(
        "IX-02", "javascript", {"a.js": "process.on('SIGTERM', () => {});\n"}, "a.js:1", severity="error", why="ignored"
    ),
    ok(
        "IX-02",
        "javascript",
        {"a.js": "process.on('SIGTERM', () => {\n  server.close(() => process.exit(0));\n});\n"},
        "it closes first",
    ),
    ok("IX-02", "javascript", {"a.js": "child.kill('SIGTERM');\n"}, "a signal that is sent"),
    ok("IX-02", "javascript", {"a.js": "db.on('error', () => process.exit(1));\n"}, "another event"),
    bad("IX-02", "manifests", {"entrypoint.sh": "#!/bin/sh\ntrap '' TERM\n./server\n"}, "entrypoint.sh:2"),
    bad("IX-02", "manifests", {"run.sh": '#!/bin/sh\ntrap "" INT SIGTERM\n./server\n'}, "run.sh:2", why="two signals"),
    ok("IX-02", "manifests", {"run.sh": "#!/bin/sh\ntrap 'kill $pid' TERM\n./server &\n"}, "it is passed on"),
    ok("IX-02", "manifests", {"run.sh": "#!/bin/sh\n# trap '' TERM\nexec ./server\n"}, "a comment"),
    ok("IX-02", "manifests", {"run.sh": "#!/bin/sh\ntrap '' HUP\nexec ./server\n"}, "another signal"),
    ok(
        "IX-01",
        "python",
        {
            "Procfile": "web: gunicorn app:app\n",
            "app.py": "def wait(conn):\n    while True:\n        state = conn.poll()\n"
            "        if state == OK:\n            break\n",
        },
        "it waits for a connection",
    ),
]


@pytest.mark.parametrize("case", CASES, ids=str)
def test_a_stop(case: Case, tmp_path: Path) -> None:
    case.run(tmp_path)
