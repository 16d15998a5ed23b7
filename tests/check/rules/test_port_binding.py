"""VII-01, VII-02: what an app binds."""

from __future__ import annotations

from pathlib import Path

import pytest
from check.harness import Case, bad, ok

_FLASK = "from flask import Flask\n\napp = Flask(__name__)\n\n"
_MAIN = 'if __name__ == "__main__":\n    '
_PYTHON = {"requirements.txt": "flask==3.0\n", "Procfile": "web: python app.py\n"}
_NODE = {"package.json": '{"scripts": {"start": "node server.js"}, "dependencies": {"express": "4"}}'}
_EXPRESS = "const express = require('express');\nconst app = express();\n"
_GO = {"go.mod": "module x\n\ngo 1.22\n", "Procfile": "web: x\n"}
_HTTP = 'package main\n\nimport "net/http"\n\n'
_RUBY = {"Gemfile": 'gem "puma"\n', "Procfile": "web: bundle exec puma -C config/puma.rb\n"}
_JAVA = {"pom.xml": "<project><packaging>jar</packaging></project>", "Procfile": "web: java -jar target/x.jar\n"}
_PHP = {"composer.json": '{"require": {"ext-swoole": "*"}}', "Procfile": "web: php server.php\n"}


def _docker(command: str, *before: str) -> str:
    return "\n".join(("FROM python:3.12", "COPY . .", *before, f"CMD {command}", ""))


CASES: list[Case] = [
    # VII-01, Python
    bad("VII-01", "python", {**_PYTHON, "app.py": _FLASK + _MAIN + 'app.run(host="0.0.0.0", port=5000)\n'}, "app.py:6"),
    bad(
        "VII-01",
        "python",
        {
            "requirements.txt": "uvicorn==1\n",
            "Dockerfile": _docker('["python", "main.py"]'),
            "main.py": 'import uvicorn\n\nPORT = 8080\nuvicorn.run("x:app", host="0.0.0.0", port=PORT)\n',
        },
        "main.py:4",
        why="a constant, in a container",
        severity="warning",
    ),
    bad(
        "VII-01",
        "python",
        {
            "requirements.txt": "gunicorn==22\n",
            "Procfile": "web: gunicorn -c gunicorn.conf.py x:app\n",
            "gunicorn.conf.py": 'bind = "0.0.0.0:8000"\n',
        },
        "gunicorn.conf.py:1",
        why="gunicorn's settings",
    ),
    ok(
        "VII-01",
        "python",
        {**_PYTHON, "app.py": "import os\n" + _FLASK + _MAIN + 'app.run(port=int(os.environ.get("PORT", 5000)))\n'},
        "the environment with a default",
    ),
    ok(
        "VII-01",
        "python",
        {
            "requirements.txt": "x",
            "Procfile": "web: gunicorn app:app\n",
            "app.py": _FLASK + _MAIN + "app.run(port=5000)\n",
        },
        "development only: gunicorn serves",
    ),
    ok("VII-01", "python", {**_PYTHON, "tests/server.py": _FLASK + "app.run(port=5000)\n"}, "a test"),
    ok(
        "VII-01",
        "python",
        {
            **_PYTHON,
            "settings.py": 'import os\n\nPORT = int(os.getenv("PORT", "8000"))\n',
            "app.py": "import settings\n" + _FLASK + "app.run(port=settings.PORT)\n",
        },
        "the environment, in another module",
    ),
    # VII-01, JavaScript
    bad(
        "VII-01",
        "javascript",
        {**_NODE, "server.js": _EXPRESS + "app.listen(3000);\n"},
        "server.js:3",
        severity="error",
    ),
    bad(
        "VII-01",
        "javascript",
        {
            **_NODE,
            "server.js": "const http = require('http');\nconst port = 8080;\nhttp.createServer(f).listen(port);\n",
        },
        "server.js:3",
        why="a constant",
    ),
    ok(
        "VII-01",
        "javascript",
        {**_NODE, "server.js": _EXPRESS + "app.listen(process.env.PORT || 3000);\n"},
        "environment",
    ),
    ok("VII-01", "javascript", {**_NODE, "server.js": "const keys = new Keys();\nkeys.listen(27);\n"}, "no server"),
    ok(
        "VII-01", "javascript", {**_NODE, "test/a.js": _EXPRESS + "app.listen(3000);\n", "server.js": "x()\n"}, "a test"
    ),
    ok(
        "VII-01",
        "javascript",
        {
            **_NODE,
            "server.js": _EXPRESS + "function start(port = 3000) {\n  app.listen(port);\n}\nmodule.exports = start;\n",
        },
        "a parameter",
    ),
    # VII-01, Go
    bad(
        "VII-01",
        "go",
        {
            **_GO,
            "main.go": 'package main\n\nimport "net/http"\n\nfunc main() {\n\thttp.ListenAndServe(":8080", nil)\n}\n',
        },
        "main.go:6",
    ),
    bad(
        "VII-01",
        "go",
        {
            **_GO,
            "main.go": _HTTP + 'func main() {\n\ts := &http.Server{Addr: "0.0.0.0:9000"}\n\ts.Serve(l)\n}\n',
        },
        "main.go:6",
        why="a server's field",
    ),
    ok(
        "VII-01",
        "go",
        {
            **_GO,
            "main.go": _HTTP + 'import "os"\n\nfunc main() {\n\thttp.ListenAndServe(":"+os.Getenv("PORT"), nil)\n}\n',
        },
        "environment",
    ),
    ok(
        "VII-01",
        "go",
        {
            **_GO,
            "main_test.go": 'package main\n\nimport "net/http"\n\nfunc f() { http.ListenAndServe(":8080", nil) }\n',
        },
        "a test",
    ),
    ok(
        "VII-01",
        "go",
        {**_GO, "main.go": 'package main\n\nimport "net"\n\nfunc main() { net.Listen("tcp", "127.0.0.1:0") }\n'},
        "any free port",
    ),
    # VII-01, Java
    bad(
        "VII-01",
        "java",
        {
            **_JAVA,
            "src/main/java/x/App.java": """
            package x;
            import com.sun.net.httpserver.HttpServer;
            import java.net.InetSocketAddress;
            class App {
              public static void main(String[] a) throws Exception {
                HttpServer s = HttpServer.create(new InetSocketAddress(8080), 0);
              }
            }
            """,
        },
        "src/main/java/x/App.java:6",
    ),
    bad(
        "VII-01",
        "java",
        {
            **_JAVA,
            "src/main/java/x/App.java": """
            package x;
            import com.sun.net.httpserver.HttpServer;
            import java.net.InetSocketAddress;
            class App {
              static final int PORT = 9000;
              void go() throws Exception {
                HttpServer.create(new InetSocketAddress("0.0.0.0", PORT), 0);
              }
            }
            """,
        },
        "src/main/java/x/App.java:7",
        why="a constant",
    ),
    ok(
        "VII-01",
        "java",
        {
            **_JAVA,
            "src/main/java/x/App.java": """
            package x;
            import com.sun.net.httpserver.HttpServer;
            import java.net.InetSocketAddress;
            class App {
              void go() throws Exception {
                HttpServer.create(new InetSocketAddress(Integer.parseInt(System.getenv("PORT"))), 0);
              }
            }
            """,
        },
        "environment",
    ),
    ok(
        "VII-01",
        "java",
        {**_JAVA, "src/main/java/x/Db.java": "class Db { Object o = new InetSocketAddress(5432); }\n"},
        "a client",
    ),
    ok(
        "VII-01",
        "java",
        {
            **_JAVA,
            "src/test/java/x/T.java": "class T { HttpServer s = HttpServer.create(new InetSocketAddress(80), 0); }\n",
        },
        "a test",
    ),
    # VII-01, Ruby
    bad("VII-01", "ruby", {**_RUBY, "config/puma.rb": "workers 2\nport 3000\n"}, "config/puma.rb:2"),
    bad("VII-01", "ruby", {**_RUBY, "config/puma.rb": 'bind "tcp://0.0.0.0:9292"\n'}, "config/puma.rb:1", why="bind"),
    ok("VII-01", "ruby", {**_RUBY, "config/puma.rb": 'port ENV.fetch("PORT", 3000)\n'}, "environment"),
    ok(
        "VII-01",
        "ruby",
        {**_RUBY, "lib/ship.rb": "class Ship\n  def dock\n    port 3000\n  end\nend\n"},
        "another port",
    ),
    ok("VII-01", "ruby", {**_RUBY, "spec/puma_spec.rb": "port 3000 # puma\n"}, "a test"),
    # VII-01, PHP
    bad(
        "VII-01",
        "php",
        {**_PHP, "server.php": '<?php\nuse Swoole\\Http\\Server;\n$s = new Server("0.0.0.0", 9501);\n'},
        "server.php:3",
    ),
    bad(
        "VII-01",
        "php",
        {**_PHP, "server.php": '<?php\n$s = new \\Swoole\\Http\\Server("0.0.0.0", 80);\n'},
        "server.php:2",
        why="the full name",
    ),
    ok(
        "VII-01",
        "php",
        {**_PHP, "server.php": '<?php\n$s = new \\Swoole\\Http\\Server("0.0.0.0", (int) getenv("PORT"));\n'},
        "environment",
    ),
    ok("VII-01", "php", {**_PHP, "server.php": '<?php\n$s = new \\Foo\\Server("db", 3306);\n'}, "another server"),
    ok("VII-01", "php", {**_PHP, "tests/s.php": '<?php\n$s = new \\Swoole\\Http\\Server("0.0.0.0", 80);\n'}, "a test"),
    # VII-01, manifests
    bad(
        "VII-01",
        "manifests",
        {"x.py": "", "Procfile": "web: gunicorn -b 0.0.0.0:8000 x:app\n"},
        "Procfile:1",
        severity="error",
    ),
    bad(
        "VII-01",
        "manifests",
        {"x.py": "", "Dockerfile": _docker('["uvicorn", "x:app", "--host", "0.0.0.0"]')},
        "Dockerfile:3",
        why="the server's own default",
        severity="warning",
    ),
    bad(
        "VII-01",
        "manifests",
        {
            "x.py": "",
            "boot.sh": "#!/bin/sh\nmigrate\nexec gunicorn --bind=:5000 x:app\n",
            "Dockerfile": _docker('["./boot.sh"]'),
        },
        "boot.sh:3",
        why="in a script",
    ),
    bad(
        "VII-01",
        "manifests",
        {
            "nginx.conf": "http {\n  server {\n    listen 80;\n  }\n}\n",
            "Dockerfile": "FROM nginx:1.27\nCOPY nginx.conf /etc/nginx/nginx.conf\n",
        },
        "nginx.conf:3",
        why="nginx in the image",
    ),
    bad(
        "VII-01",
        "manifests",
        {"src/main/resources/application.properties": "server.port=8081\n", "pom.xml": "<project/>"},
        "src/main/resources/application.properties:1",
        why="Spring",
        severity="note",
    ),
    ok("VII-01", "manifests", {"x.py": "", "Procfile": "web: gunicorn -b 0.0.0.0:$PORT x:app\n"}, "a variable"),
    ok("VII-01", "manifests", {"x.py": "", "Procfile": "web: gunicorn x:app\n"}, "gunicorn reads PORT"),
    ok(
        "VII-01",
        "manifests",
        {"x.py": "", "Dockerfile": _docker("uvicorn x:app --port ${PORT:-8000}")},
        "with a default",
    ),
    ok("VII-01", "manifests", {"x.py": "", "Procfile.dev": "web: gunicorn -b :8000 x:app\n"}, "development"),
    ok("VII-01", "manifests", {"application.yml": "server:\n  port: ${PORT:8080}\n", "pom.xml": ""}, "Spring and PORT"),
    ok("VII-01", "manifests", {"x.py": "", "Procfile": "web: gunicorn --bind unix:/run/x.sock x:app\n"}, "a socket"),
    # VII-02
    bad("VII-02", "python", {**_PYTHON, "app.py": _FLASK + _MAIN + 'app.run(host="127.0.0.1", port=p)\n'}, "app.py:6"),
    bad("VII-02", "python", {**_PYTHON, "app.py": _FLASK + _MAIN + "app.run()\n"}, "app.py:6", why="by default"),
    ok("VII-02", "python", {**_PYTHON, "app.py": _FLASK + _MAIN + 'app.run(host="0.0.0.0")\n'}, "all interfaces"),
    ok(
        "VII-02",
        "python",
        {"requirements.txt": "x", "Procfile": "web: gunicorn app:app\n", "app.py": _FLASK + _MAIN + "app.run()\n"},
        "development only",
    ),
    ok(
        "VII-02",
        "python",
        {**_PYTHON, "app.py": 'ALLOWED_HOSTS = ["localhost"]\nredis = Redis(host="localhost")\n'},
        "a client",
    ),
    bad(
        "VII-02",
        "javascript",
        {**_NODE, "server.js": _EXPRESS + "app.listen(process.env.PORT, 'localhost');\n"},
        "server.js:3",
    ),
    bad(
        "VII-02",
        "javascript",
        {**_NODE, "server.js": _EXPRESS + "app.listen({ port: process.env.PORT, host: '127.0.0.1' });\n"},
        "server.js:3",
        why="options",
    ),
    ok(
        "VII-02",
        "javascript",
        {**_NODE, "server.js": _EXPRESS + "app.listen(process.env.PORT, () => {});\n"},
        "a callback",
    ),
    ok(
        "VII-02",
        "javascript",
        {**_NODE, "server.js": _EXPRESS + "app.listen(process.env.PORT, process.env.HOST || 'localhost');\n"},
        "a variable decides",
    ),
    ok(
        "VII-02",
        "javascript",
        {**_NODE, "server.js": _EXPRESS + "app.listen(process.env.PORT);\nmetricsServer.listen(9100, '127.0.0.1');\n"},
        "metrics beside",
    ),
    bad(
        "VII-02",
        "manifests",
        {"x.py": "", "Dockerfile": _docker('["uvicorn", "x:app"]')},
        "Dockerfile:3",
        why="by default",
    ),
    bad(
        "VII-02",
        "manifests",
        {"x.py": "", "deploy/supervisor/x.conf": "[program:x]\ncommand=gunicorn -b localhost:8000 x:app\n"},
        "deploy/supervisor/x.conf:2",
        why="behind a proxy of the host",
        severity="warning",
    ),
    ok("VII-02", "manifests", {"x.py": "", "Procfile": "web: gunicorn -b 0.0.0.0:$PORT x:app\n"}, "all interfaces"),
    ok(
        "VII-02",
        "manifests",
        {"x.py": "", "Dockerfile": _docker("gunicorn -b :$PORT x:app", "HEALTHCHECK CMD curl http://localhost:8000/")},
        "a health check",
    ),
    ok("VII-02", "manifests", {"x.py": "", "README.md": "uvicorn x:app --host 127.0.0.1\n"}, "the manual"),
]


@pytest.mark.parametrize("case", CASES, ids=str)
def test_apps_bind_the_port_they_are_given(case: Case, tmp_path: Path) -> None:
    case.run(tmp_path)
