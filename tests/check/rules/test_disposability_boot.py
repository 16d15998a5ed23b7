"""IX-04, IX-08: what a start waits for, and what it stumbles over."""

from __future__ import annotations

from pathlib import Path

import pytest
from check.harness import Case, bad, ok

from tolv.check.rules.disposability_boot import endless_waits

_FLASK = "import requests, time, os, sys\nfrom flask import Flask\napp = Flask(__name__)\n"
_INDEX = "\n@app.get('/')\ndef index():\n    return ''\n"
_EXPRESS = "import express from 'express';\nconst app = express();\napp.get('/', (req, res) => res.send('x'));\n"
_DOCKER = 'FROM python:3.12-slim\nENTRYPOINT ["./start.sh"]\n'

CASES = [
    bad(
        "IX-04",
        "python",
        {"app.py": _FLASK + "keys = requests.get('https://auth/keys', timeout=5).json()\n" + _INDEX},
        "app.py:4",
        severity="warning",
    ),
    bad(
        "IX-04",
        "python",
        {"app.py": _FLASK + "from transformers import AutoModel\nmodel = AutoModel.from_pretrained('x')\n" + _INDEX},
        "app.py:5",
        why="a model",
    ),
    bad(
        "IX-04",
        "python",
        {"app.py": _FLASK + "while not ready():\n    time.sleep(1)\n" + _INDEX},
        "app.py:5",
        why="a loop at load",
    ),
    ok(
        "IX-04",
        "python",
        {"app.py": _FLASK + "\ndef keys():\n    return requests.get('https://auth/keys', timeout=5).json()\n" + _INDEX},
        "when it is needed",
    ),
    ok(
        "IX-04",
        "python",
        {"app.py": _FLASK + _INDEX, "scripts/load.py": "import requests\nrequests.get('https://x', timeout=5)\n"},
        "a script",
    ),
    ok(
        "IX-04",
        "python",
        {"app.py": _FLASK + _INDEX + "\nif __name__ == '__main__':\n    requests.get('http://x', timeout=1)\n"},
        "a program of its own",
    ),
    bad(
        "IX-04",
        "javascript",
        {"app.mjs": _EXPRESS + "const keys = await fetch('https://auth/keys');\n"},
        "app.mjs:4",
    ),
    bad(
        "IX-04",
        "javascript",
        {"app.js": _EXPRESS + "import { execSync } from 'child_process';\nexecSync('npm run build');\n"},
        "app.js:5",
        why="a build at start",
    ),
    ok(
        "IX-04",
        "javascript",
        {"app.js": _EXPRESS + "async function keys() {\n  return await fetch('https://auth/keys');\n}\n"},
        "when it is needed",
    ),
    ok("IX-04", "javascript", {"app.js": _EXPRESS, "scripts/x.mjs": "await fetch('https://x');\n"}, "a script"),
    ok("IX-04", "javascript", {"app.js": _EXPRESS, "test/x.test.mjs": "await fetch('https://x');\n"}, "a test"),
    bad(
        "IX-04",
        "manifests",
        {
            "app.py": _FLASK + _INDEX,
            "Dockerfile": _DOCKER,
            "start.sh": "#!/bin/sh\nuntil flask db upgrade; do\n  echo retrying\n  sleep 5\ndone\n"
            "exec gunicorn app:app\n",
        },
        "start.sh:2",
    ),
    bad(
        "IX-04",
        "manifests",
        {
            "app.py": _FLASK + _INDEX,
            "docker-compose.yml": "services:\n  web:\n    build: .\n"
            '    command: sh -c "while ! nc -z db 5432; do sleep 1; done; gunicorn app:app"\n',
        },
        "docker-compose.yml:4",
        why="in a compose file",
    ),
    ok(
        "IX-04",
        "manifests",
        {
            "app.py": _FLASK + _INDEX,
            "Dockerfile": _DOCKER,
            "start.sh": "#!/bin/sh\nn=0\nuntil flask db upgrade || [ $n -ge 5 ]; do\n  n=$((n+1))\n  sleep 5\ndone\n"
            "exec gunicorn app:app\n",
        },
        "a bounded wait",
    ),
    ok(
        "IX-04",
        "manifests",
        {
            "app.py": _FLASK + _INDEX,
            "Dockerfile": _DOCKER,
            "start.sh": "#!/bin/sh\n# until db; do sleep 1; done\nexec gunicorn app:app\n",
        },
        "a comment",
    ),
    ok(
        "IX-04",
        "manifests",
        {
            "app.py": _FLASK + _INDEX,
            "ci/wait.sh": "until nc -z db 5432; do sleep 1; done\n",
            "Procfile": "web: gunicorn app:app\n",
        },
        "no start calls it",
    ),
    bad(
        "IX-08",
        "python",
        {"app.py": "import os, sys\n\nif os.path.exists('app.pid'):\n    sys.exit('already running')\n"},
        "app.py:3",
        severity="note",
    ),
    bad(
        "IX-08",
        "python",
        {
            "run.py": "from pathlib import Path\n\ndef main(lock_file):\n    if os.path.exists(lock_file):\n"
            "        raise SystemExit(1)\n"
        },
        "run.py:4",
        why="a lock",
    ),
    ok(
        "IX-08",
        "python",
        {"app.py": "import os\n\nif os.path.exists('app.pid'):\n    os.remove('app.pid')\n"},
        "a stale file is removed",
    ),
    ok(
        "IX-08",
        "python",
        {"app.py": "import os, sys\n\nif not os.path.exists('config.yml'):\n    sys.exit('no configuration')\n"},
        "another file",
    ),
    ok("IX-08", "python", {"tests/t.py": "import os, sys\nif os.path.exists('a.pid'):\n    sys.exit(1)\n"}, "a test"),
    bad(
        "IX-08",
        "javascript",
        {"app.js": "const fs = require('fs');\nif (fs.existsSync('server.pid')) {\n  process.exit(1);\n}\n"},
        "app.js:2",
    ),
    bad(
        "IX-08",
        "javascript",
        {"app.js": "const fs = require('fs');\nif (fs.existsSync(lockFile)) throw new Error('running');\n"},
        "app.js:2",
        why="a lock",
    ),
    ok(
        "IX-08",
        "javascript",
        {
            "app.js": "const fs = require('fs');\nif (fs.existsSync('app.sock')) fs.unlinkSync('app.sock');\n"
            "listen() || process.exit(1);\n"
        },
        "a stale socket is removed",
    ),
    ok(
        "IX-08",
        "javascript",
        {"app.js": "if (!fs.existsSync('package-lock.json')) {\n  throw 1;\n}\n"},
        "a lockfile of npm",
    ),
    ok("IX-08", "javascript", {"test/a.js": "if (fs.existsSync('a.pid')) process.exit(1);\n"}, "a test"),
    bad(
        "IX-08",
        "manifests",
        {"entrypoint.sh": "#!/bin/sh\nif [ -f /app/server.pid ]; then\n  exit 1\nfi\n"},
        "entrypoint.sh:2",
    ),
    bad(
        "IX-08",
        "manifests",
        {"start.sh": '#!/bin/sh\n[ -e "$DIR/app.lock" ] && echo running && exit 1\nexec app\n'},
        "start.sh:2",
        why="in one line",
    ),
    ok("IX-08", "manifests", {"entrypoint.sh": "#!/bin/sh\nrm -f tmp/pids/server.pid\nexec puma\n"}, "it is removed"),
    ok(
        "IX-08",
        "manifests",
        {"start.sh": "#!/bin/sh\nif [ -f a.pid ] && kill -0 $(cat a.pid); then\n  exit 1\nfi\n"},
        "the owner is looked for",
    ),
    ok("IX-08", "manifests", {"start.sh": "#!/bin/sh\nif [ ! -f .env ]; then\n  exit 1\nfi\n"}, "another file"),
    ok(
        "IX-04",
        "python",
        {
            "Procfile": "web: gunicorn shop.wsgi\n",
            "shop/__init__.py": "",
            "shop/wsgi.py": "application = None\n",
            "docker/ask_status.py": "from urllib.request import urlopen\n\n"
            "assert urlopen('http://web/status').status == 200\n",
        },
        "a script that the app does not load",
    ),
]


@pytest.mark.parametrize("case", CASES, ids=str)
def test_starts(case: Case, tmp_path: Path) -> None:
    case.run(tmp_path)


def test_a_loop_that_ends_by_success_alone_is_endless() -> None:
    assert endless_waits("while true; do\n  a && break\n  sleep 1\ndone\n") == [1]
    assert endless_waits("while true; do work; sleep 60; done") == []
    assert endless_waits("while read line; do sleep 1; done") == []
