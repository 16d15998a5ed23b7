"""III-09 and III-11: what an app needs from its environment, and files that stand in the way."""

from pathlib import Path

import pytest
from check.harness import Case, bad, ok

_THREE = 'import os\nA = os.environ["SHOP_A"]\nB = os.environ["SHOP_B"]\nC = os.environ["SHOP_C"]\n'
_THREE_JS = "const a = process.env.SHOP_A, b = process.env.SHOP_B, c = process.env.SHOP_C;\n"
_LOAD = 'import json\nconfig = json.load(open("config.json"))\n'
_LOAD_JS = 'const fs = require("fs");\nconst config = JSON.parse(fs.readFileSync("config.json"));\n'
_DATABASE = '{"database": {"url": "mysql://db.shop.net/x"}}\n'
_ENTRYPOINT = {
    "Dockerfile": 'FROM node:20\nCOPY . .\nENTRYPOINT ["./entrypoint.sh"]\nCMD ["node", "app.js"]\n',
    "app.js": "console.log(1);\n",
}

_LOCAL = 'import os\nD = os.environ.get("D")\ntry:\n    from .local_settings import *\nexcept ImportError:\n    pass\n'
_PHP_CONFIG = "<?php\nif (file_exists('config.php')) {\n    require 'config.php';\n}\n"
_PHP_ENV = "defined('DB') or define('DB', getenv('DB_URL'));\n"

CASES = [
    bad("III-09", "python", {"app.py": _THREE}, "app.py:2", why="no file tells of any", severity="warning"),
    bad(
        "III-09",
        "python",
        {"app.py": _THREE, ".env.example": "SHOP_A=\nSHOP_B=\n"},
        "app.py:4",
        why="one that the template lacks",
        severity="warning",
    ),
    bad(
        "III-09",
        "python",
        {
            "app.py": 'import os\nA = os.environ.get("SHOP_KEY_SPACE", "")\n',
            "Dockerfile": "FROM python:3\nENV SHOP_KEYSPACE=x\n",
        },
        "app.py:2",
        why="a name that is mistaken",
        severity="warning",
    ),
    ok("III-09", "python", {"app.py": _THREE, ".env.example": "SHOP_A=\nSHOP_B=\nSHOP_C=\n"}, "all in the template"),
    ok("III-09", "python", {"app.py": _THREE, "README.md": "Set SHOP_A, SHOP_B and SHOP_C.\n"}, "all in the manual"),
    ok(
        "III-09",
        "python",
        {"app.py": 'import os\np = os.environ["PORT"], os.environ["HOME"]\n'},
        "what the platform sets",
    ),
    ok("III-09", "python", {"tests/t.py": _THREE}, "tests"),
    ok("III-09", "python", {"app.py": 'import os\nos.environ["NLS_LANG"] = "x"\n'}, "a variable that is set"),
    bad("III-09", "javascript", {"app.js": _THREE_JS}, "app.js:1", why="no file tells of any"),
    bad(
        "III-09",
        "javascript",
        {"app.js": "const u = process.env.DATABASE_URl;\n", "README.md": "Set DATABASE_URL.\n"},
        "app.js:1",
        why="a name that is mistaken",
    ),
    ok(
        "III-09",
        "javascript",
        {"app.js": _THREE_JS, "app.json": '{"env": {"SHOP_A": "", "SHOP_B": "", "SHOP_C": ""}}'},
        "listed",
    ),
    ok(
        "III-09",
        "javascript",
        {"app.js": "const p = process.env.PORT, n = process.env.NODE_ENV;\n"},
        "what the platform sets",
    ),
    ok(
        "III-09",
        "javascript",
        {"app.js": _THREE_JS, "docker-compose.yml": "services:\n  w:\n    environment: [SHOP_A, SHOP_B, SHOP_C]\n"},
        "in compose",
    ),
    bad("III-11", "python", {"app.py": _LOAD, "config.json": _DATABASE}, "app.py:2", severity="error"),
    bad(
        "III-11",
        "python",
        {"app.py": "from dotenv import load_dotenv\nload_dotenv(override=True)\n"},
        "app.py:2",
        why="a file that wins",
    ),
    ok("III-11", "python", {"app.py": "from dotenv import load_dotenv\nload_dotenv()\n"}, "the environment wins"),
    ok(
        "III-11",
        "python",
        {
            "app.py": _LOAD + 'import os\nurl = os.environ.get("DATABASE_URL") or config["database"]\n',
            "config.json": _DATABASE,
        },
        "a variable wins",
    ),
    ok("III-11", "python", {"app.py": _LOAD, "config.json": '{"pageSize": 20}\n'}, "nothing of a deploy in it"),
    ok("III-11", "python", {"tests/t.py": _LOAD, "config.json": _DATABASE}, "a test"),
    bad("III-11", "javascript", {"app.js": _LOAD_JS, "config.json": _DATABASE}, "app.js:2"),
    bad(
        "III-11",
        "javascript",
        {"app.js": 'require("dotenv").config({ override: true });\n'},
        "app.js:1",
        why="a file that wins",
    ),
    ok("III-11", "javascript", {"app.js": 'require("dotenv").config();\n'}, "the environment wins"),
    ok("III-11", "javascript", {"app.js": _LOAD_JS, "config.json": '{"pageSize": 20}\n'}, "nothing of a deploy in it"),
    ok("III-11", "javascript", {"app.js": _LOAD_JS}, "a file that is not in the tree"),
    bad(
        "III-11",
        "python",
        {"s/settings.py": _LOCAL},
        "s/settings.py:4",
        why="a local module that wins",
        severity="warning",
    ),
    bad("III-11", "php", {"app/common.php": _PHP_CONFIG + _PHP_ENV}, "app/common.php:2"),
    bad(
        "III-11",
        "php",
        {
            "index.php": "<?php\nif (is_file(__DIR__ . '/config.local.php')) require __DIR__ . '/config.local.php';\n"
            + _PHP_ENV
        },
        "index.php:2",
        why="in one line",
    ),
    ok("III-11", "php", {"app/common.php": "<?php\n" + _PHP_ENV}, "the environment alone"),
    ok("III-11", "php", {"tests/common.php": _PHP_CONFIG + _PHP_ENV}, "a test"),
    ok(
        "III-11",
        "php",
        {"app/common.php": "<?php\nif (file_exists('menu.php')) { require 'menu.php'; }\n" + _PHP_ENV},
        "no settings",
    ),
    bad(
        "III-11",
        "manifests",
        {**_ENTRYPOINT, "entrypoint.sh": '#!/bin/sh\nnode make.js > ./config.js\nexec "$@"\n'},
        "entrypoint.sh:2",
        severity="warning",
    ),
    bad(
        "III-11",
        "manifests",
        {**_ENTRYPOINT, "entrypoint.sh": '#!/bin/sh\nprintenv > .env\nexec "$@"\n'},
        "entrypoint.sh:2",
        why="a file of variables",
    ),
    ok("III-11", "manifests", {**_ENTRYPOINT, "entrypoint.sh": '#!/bin/sh\nexec "$@" > /dev/null\n'}, "no file"),
    ok(
        "III-11",
        "manifests",
        {**_ENTRYPOINT, "entrypoint.sh": "#!/bin/sh\n# node x > config.js\nexec node app.js\n"},
        "a comment",
    ),
    ok(
        "III-11",
        "manifests",
        {**_ENTRYPOINT, "entrypoint.sh": "#!/bin/sh\nexec node app.js\n", "scripts/make.sh": "x > config.js\n"},
        "a script that no start calls",
    ),
]


@pytest.mark.parametrize("case", CASES, ids=str)
def test_a_gap_in_the_contract_is_found_and_a_whole_one_is_left_alone(case: Case, tmp_path: Path) -> None:
    case.run(tmp_path)
