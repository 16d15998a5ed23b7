"""XI-06 over a name or a function: a record that holds a secret is logged."""

from __future__ import annotations

from pathlib import Path

import pytest
from check.harness import Case, bad, ok

_PY = "import logging, os\nfrom flask import Flask, request\napp = Flask(__name__)\nlogger = logging.getLogger()\n\n"
_CHILD = "def start(job):\n    options = {}\n    options['env'] = dict(os.environ)\n"
_ENTRY = "def enter():\n    record = {'at': 1}\n    record['headers'] = dict(request.headers)\n"
_JS = "const logger = require('pino')();\n"
_INFO = (
    "exports.describeClient = function (req, given) {\n  var info = Object.assign({}, given);\n"
    "  info.headers = req.headers;\n  return info;\n};\n"
)
_COPY = "exports.describeChange = function (req, given) {\n  var info = Object.assign({}, given);\n  return info;\n};\n"
_URL = (
    "async function ask(base, key) {\n  let url = base + '/logs';\n"
    "  url += Tools.composeQueryString({ id: 1, auth: key });\n"
)
_SEED = "const USERS = [\n  { name: 'admin', password: 'Admin_123' },\n];\n"

CASES = [
    bad(
        "XI-06",
        "python",
        {"a.py": _PY + _CHILD + "    logger.debug('options %s', options)\n"},
        "a.py:9",
        why="a record",
    ),
    bad(
        "XI-06",
        "python",
        {"a.py": _PY + _ENTRY + "    return logger.info('entry', extra=record)\n"},
        "a.py:9",
        why="headers in a record",
        severity="error",
    ),
    ok(
        "XI-06",
        "python",
        {"a.py": _PY + _CHILD + "    del options['env']\n    logger.debug('options %s', options)\n"},
        "taken out before",
    ),
    ok(
        "XI-06",
        "python",
        {"a.py": _PY + _CHILD + "    subprocess.run('x', **options)\n    logger.debug('x')\n"},
        "not logged",
    ),
    ok("XI-06", "python", {"a.py": _PY + _ENTRY + "    logger.info('entry %s', record['at'])\n"}, "another field"),
    bad(
        "XI-06",
        "javascript",
        {
            "client.js": _INFO,
            "api.js": _JS + "const c = require('./client');\nmodule.exports = (req, res) => {\n"
            "  logger.info(c.describeClient(req, { id: 1 }));\n};\n",
        },
        "client.js:3",
        why="a function returns it",
        severity="error",
    ),
    bad(
        "XI-06",
        "javascript",
        {
            "client.js": _COPY,
            "api.js": _JS + "const c = require('./client');\nmodule.exports = (req, made) => {\n"
            "  logger.info(c.describeChange(req, { api_key: made.key }));\n};\n",
        },
        "api.js:4",
        why="a function returns what it is given",
    ),
    bad(
        "XI-06",
        "javascript",
        {
            "store.js": "exports.logActivity = function (req, data) {\n  var row = { at: Date.now() };\n"
            "  row.headers = req.headers;\n  this.storage.push('activity', row);\n};\n"
        },
        "store.js:3",
        why="a function that keeps a log",
    ),
    bad(
        "XI-06", "javascript", {"a.js": _JS + _URL + "  logger.info('asking ' + url);\n}\n"}, "a.js:5", why="an address"
    ),
    bad(
        "XI-06",
        "javascript",
        {
            "a.js": _SEED
            + "const logger = require('pino')();\nUSERS.forEach((user) => logger.info(JSON.stringify(user)));\n"
        },
        "a.js:5",
        why="seeded accounts",
    ),
    ok(
        "XI-06",
        "javascript",
        {
            "client.js": _INFO,
            "api.js": _JS + "const c = require('./client');\nmodule.exports = (req, res) => {\n"
            "  res.json(c.describeClient(req, { id: 1 }));\n  logger.info('done');\n};\n",
        },
        "what it returns is no event",
    ),
    ok(
        "XI-06",
        "javascript",
        {
            "client.js": _COPY.replace("return info", "return info.id"),
            "api.js": _JS + "const c = require('./client');\nmodule.exports = (req, made) => {\n"
            "  logger.info(c.describeChange(req, { api_key: made.key }));\n};\n",
        },
        "the function returns a part",
    ),
    ok(
        "XI-06",
        "javascript",
        {"a.js": _JS + "function api_delete_token(token) {\n  logger.info('gone', token);\n}\n"},
        "a secret that was just revoked",
    ),
    ok(
        "XI-06",
        "javascript",
        {"a.js": _JS + _URL + "  logger.info('asking ' + base);\n}\n"},
        "the address without its query",
    ),
    ok(
        "XI-06",
        "javascript",
        {"a.js": _SEED + "const logger = require('pino')();\nUSERS.forEach((user) => logger.info(user.name));\n"},
        "the names of seeded accounts",
    ),
    ok(
        "XI-06",
        "javascript",
        {
            "a.js": _JS + "function ask(client) {\n  const options = { method: 'GET' };\n"
            "  options.headers = { accept: 'x' };\n  logger.info(options);\n}\n"
        },
        "headers that were made here",
    ),
]


@pytest.mark.parametrize("case", CASES, ids=str)
def test_a_secret_that_gets_to_the_log_in_two_steps(case: Case, tmp_path: Path) -> None:
    case.run(tmp_path)
