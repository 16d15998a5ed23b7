"""XI-05, XI-06, XI-07: what events say."""

from __future__ import annotations

from pathlib import Path

import pytest
from check.harness import Case, bad, ok

_HEAD = "import logging, os\nfrom flask import Flask, request, current_app\n\nlogger = logging.getLogger(__name__)\n\n"


def _view(*lines: str) -> dict[str, str]:
    """A module with a handler of these lines, from line 7."""
    return {"app/views.py": _HEAD + "def view(user, password, token):\n" + "".join(f"    {one}\n" for one in lines)}


CASES: list[Case] = [
    bad("XI-05", "python", {"app.py": 'import logging\nlogging.info("x")\n'}, ""),
    bad(
        "XI-05",
        "python",
        {"app.py": 'import logging\nlogging.basicConfig(format="%(asctime)s %(message)s")\n'},
        "app.py:2",
        why="a format of prose",
    ),
    ok("XI-05", "python", {"app.py": "import structlog\nlog = structlog.get_logger()\n"}, "structlog"),
    ok(
        "XI-05",
        "python",
        {"app.py": 'import logging\nf = logging.Formatter(fmt="t=%(asctime)s m=%(message)s")\n'},
        "logfmt",
    ),
    ok("XI-05", "python", {"lib.py": "def add(a, b):\n    return a + b\n"}, "nothing logs"),
    ok(
        "XI-05",
        "python",
        {
            "app.py": "import logging\n",
            "logging.yml": "formatters:\n  json:\n    (): pythonjsonlogger.jsonlogger.JsonFormatter\n",
        },
        "by a file",
    ),
    bad("XI-06", "python", _view('logger.info("login %s %s", user, password)'), "app/views.py:7", severity="error"),
    bad("XI-06", "python", _view('logger.debug(f"headers {dict(request.headers)}")'), "app/views.py:7", why="headers"),
    bad("XI-06", "python", _view('logger.info("env %s", os.environ)'), "app/views.py:7", why="environment"),
    bad("XI-06", "python", _view('logger.info("conf " + str(current_app.config))'), "app/views.py:7", why="settings"),
    bad(
        "XI-06",
        "python",
        _view('url = base + "?api_key=" + key', "logger.info(url)"),
        "app/views.py:8",
        why="an address",
    ),
    bad("XI-06", "python", _view('logger.info("x", extra={"who": user.api_key})'), "app/views.py:7", why="in extra"),
    bad("XI-06", "python", _view("print(request.cookies)"), "app/views.py:7", why="printed"),
    bad(
        "XI-06",
        "python",
        _view('logger.info("got %s", request.json)'),
        "app/views.py:7",
        why="body",
        severity="warning",
    ),
    bad(
        "XI-06",
        "python",
        _view('bridge.url = bridge.url + "&token=" + given', 'logger.info("ask %s", bridge.url)'),
        "app/views.py:8",
        why="an address that a secret was added to",
    ),
    ok("XI-06", "python", _view('logger.info("password changed for %s", user.id)'), "a sentence with the word"),
    ok("XI-06", "python", _view('logger.info("%s %s", len(token), mask(password))'), "its length, and masked"),
    ok("XI-06", "python", _view('logger.info("%s", token[:4])', "logger.info(user.token_id)"), "a part, and an id"),
    ok("XI-06", "python", _view('logger.info("from %s", request.headers["Host"])'), "one harmless header"),
    ok("XI-06", "python", _view('logger.info("used %d of %d", max_tokens, token_count)'), "counts"),
    ok("XI-06", "python", {"tests/test_a.py": "import logging\nlogging.info(password)\n"}, "a test"),
    ok("XI-06", "python", {"app/cli.py": "def make(token):\n    print(token)\n"}, "the answer of a command"),
    ok(
        "XI-06",
        "python",
        {"lex.py": "import lexer, logging\ndef f(token):\n    logging.debug('at %s', token)\n"},
        "a lexer",
    ),
    ok("XI-06", "python", {"a.py": "import math\ndef f(token):\n    return math.log(token)\n"}, "a logarithm"),
    bad("XI-07", "python", {"app.py": "import logging\nfrom flask import Flask\n"}, ""),
    bad(
        "XI-07",
        "python",
        {"requirements.txt": "fastapi==0.110\n", "app.py": "from loguru import logger\n"},
        "",
        why="loguru",
    ),
    ok(
        "XI-07",
        "python",
        {"app.py": 'import flask, logging\nrid = flask.request.headers.get("X-Request-ID")\n'},
        "a header",
    ),
    ok(
        "XI-07",
        "python",
        {"requirements.txt": "flask\nasgi-correlation-id\n", "app.py": "import logging, flask\n"},
        "a library",
    ),
    ok("XI-07", "python", {"worker.py": "import logging\nlogging.info('x')\n"}, "no HTTP"),
    ok(
        "XI-07",
        "python",
        {"app.py": "import flask, logging\n", "gunicorn.conf.py": "access_log_format = 'id=%({x-request-id}i)s'\n"},
        "in the access log",
    ),
    bad(
        "XI-06",
        "javascript",
        {
            "app.js": "const log = require('pino')();\nif (isDev) {\n"
            "  app.post('/hook', (req, res) => {\n    log.debug(req.headers);\n  });\n}\n"
        },
        "app.js:4",
        why="only while it is worked on",
        severity="note",
    ),
    ok(
        "XI-06",
        "javascript",
        {
            "app.js": "const axios = require('axios');\nconst log = require('pino')();\n"
            "exports.ask = async (options) => {\n  const res = await axios.request(options);\n"
            "  log.debug(`answer ${JSON.stringify(res.data)}`);\n};\n"
        },
        "the answer of another service",
    ),
]


@pytest.mark.parametrize("case", CASES, ids=str)
def test_events_say_what_they_should(case: Case, tmp_path: Path) -> None:
    case.run(tmp_path)
