"""III-06, III-07 and III-08: values of a deploy, groups by environment, debugging."""

from pathlib import Path

import pytest
from check.harness import Case, bad, ok

_MAIN = 'from flask import Flask\napp = Flask(__name__)\nif __name__ == "__main__":\n    app.run(debug=True)\n'
_MAP = """
class Config:
    pass
class DevelopmentConfig(Config):
    pass
class ProductionConfig(Config):
    pass
config = {
    "development": DevelopmentConfig,
    "production": ProductionConfig,
}
"""
_BY_NAME = """
const env = process.env.NODE_ENV || "development";
module.exports = require("./env/" + env + ".js");
"""

CASES = [
    bad("III-06", "python", {"config.py": 'class Config:\n    ADMINS = ["ops@shop.net"]\n'}, "config.py:2"),
    bad("III-06", "python", {"settings.py": 'SITE_URL = "https://shop.net"\n'}, "settings.py:1", why="its own address"),
    bad(
        "III-06",
        "python",
        {"app/s3.py": 'import boto3\n\ndef c():\n    return boto3.client("s3", region_name="eu-west-1")\n'},
        "app/s3.py:4",
        why="a region given to a client",
    ),
    ok(
        "III-06",
        "python",
        {"settings.py": 'import os\nSITE_URL = os.environ.get("SITE_URL", "https://shop.net")\n'},
        "a default",
    ),
    ok("III-06", "python", {"settings.py": 'SITE_URL = "http://localhost:8000"\n'}, "loopback"),
    ok("III-06", "python", {"github.py": 'API_URL = "https://api.github.com"\n'}, "the public address of a service"),
    ok("III-06", "python", {"tests/settings.py": 'SITE_URL = "https://shop.net"\n'}, "a test"),
    ok(
        "III-06",
        "python",
        {"settings.py": 'SCHEMA_URL = "http://www.w3.org/2001/XMLSchema"\nOID = "1.2.840.113549"\n'},
        "names",
    ),
    bad("III-06", "javascript", {"config.js": 'module.exports = { siteUrl: "https://shop.net" };\n'}, "config.js:1"),
    bad(
        "III-06",
        "javascript",
        {"lib/up.js": 'const s3 = new AWS.S3({ region: "us-east-1" });\n'},
        "lib/up.js:1",
        why="a region given to a client",
    ),
    ok(
        "III-06",
        "javascript",
        {"config.js": 'module.exports = { siteUrl: process.env.SITE_URL || "https://shop.net" };\n'},
        "env",
    ),
    ok("III-06", "javascript", {"config.js": 'module.exports = { baseUrl: "http://127.0.0.1:3000" };\n'}, "loopback"),
    ok("III-06", "javascript", {"users.js": 'fetch("https://randomuser.me/api/");\n'}, "a public API"),
    bad("III-07", "python", {"config.py": _MAP}, "config.py:8", why="a map", severity="note"),
    bad(
        "III-07",
        "python",
        {"api.py": 'import os\nif os.environ["ENV"] == "production":\n    API_URL = "https://api.shop.net"\n'},
        "api.py:3",
        why="a value for one environment",
        severity="warning",
    ),
    ok("III-07", "python", {"api.py": 'import os\nAPI_URL = os.environ["API_URL"]\n'}, "one variable"),
    ok("III-07", "python", {"m.py": 'LEVELS = {"debug": Debug, "production": 3}\n'}, "another map"),
    ok(
        "III-07",
        "python",
        {"settings/production.py": "DEBUG = False\nSECURE_SSL_REDIRECT = True\n"},
        "switches of code only",
    ),
    bad(
        "III-07",
        "javascript",
        {"config/index.js": _BY_NAME},
        "config/index.js:2",
        severity="note",
        why="a file of its name",
    ),
    bad(
        "III-07",
        "javascript",
        {"config/env/production.js": 'module.exports = { apiUrl: "https://api.shop.net" };\n'},
        "config/env/production.js:1",
        why="a file for one environment",
    ),
    ok(
        "III-07",
        "javascript",
        {"a.js": 'if (process.env.NODE_ENV === "production") app.use(compress());\n'},
        "a switch of code",
    ),
    ok("III-07", "javascript", {"c.js": "module.exports = { apiUrl: process.env.API_URL };\n"}, "one variable"),
    ok(
        "III-07",
        "javascript",
        {"config/env/test.js": 'module.exports = { apiUrl: "https://api.shop.net" };\n'},
        "of the tests",
    ),
    bad("III-08", "python", {"shop/settings.py": "DEBUG = True\n"}, "shop/settings.py:1"),
    bad(
        "III-08",
        "python",
        {"shop/settings.py": 'import os\nDEBUG = os.environ.get("DEBUG", "True") == "True"\n'},
        "shop/settings.py:2",
        why="on by default",
    ),
    bad(
        "III-08",
        "python",
        {"app.py": "from fastapi import FastAPI\napp = FastAPI(debug=True)\n"},
        "app.py:2",
        why="an argument",
    ),
    ok(
        "III-08",
        "python",
        {"shop/settings.py": 'import os\nDEBUG = os.environ.get("DEBUG") == "1"\n'},
        "off by default",
    ),
    ok("III-08", "python", {"config.py": "class DevelopmentConfig:\n    DEBUG = True\n"}, "the class for development"),
    ok("III-08", "python", {"tests/settings.py": "DEBUG = True\n"}, "a test"),
    ok(
        "III-08",
        "python",
        {
            "app.py": _MAIN,
            "Procfile": "web: gunicorn app:app\n",
            "requirements.txt": "gunicorn==22.0.0\n",
        },
        "production starts another server",
    ),
    bad("III-08", "javascript", {"config/index.js": _BY_NAME}, "config/index.js:1", why="the settings for development"),
    bad(
        "III-08", "javascript", {"config.js": "module.exports = { debug: process.env.DEBUG || true };\n"}, "config.js:1"
    ),
    ok(
        "III-08",
        "javascript",
        {"config/index.js": _BY_NAME, "Dockerfile": "FROM node:20\nENV NODE_ENV=production\n"},
        "the image says",
    ),
    ok(
        "III-08",
        "javascript",
        {"a.js": 'const env = process.env.NODE_ENV || "development";\nconsole.log(env);\n'},
        "only shown",
    ),
    ok("III-08", "javascript", {"c.js": 'module.exports = { debug: process.env.DEBUG === "1" };\n'}, "off by default"),
    bad("III-08", "manifests", {"Dockerfile": "FROM python:3.12\nENV FLASK_DEBUG=1\n"}, "Dockerfile:2"),
    bad(
        "III-08",
        "manifests",
        {"Dockerfile": "FROM node:20\nENV NODE_ENV=development\n"},
        "Dockerfile:2",
        why="its name",
    ),
    ok("III-08", "manifests", {"Dockerfile": "FROM node:20\nENV NODE_ENV=production\n"}, "production"),
    ok(
        "III-08",
        "manifests",
        {"Dockerfile.dev": "FROM node:20\nENV NODE_ENV=development\n"},
        "an image for development",
    ),
    ok("III-08", "manifests", {"Dockerfile": "FROM python:3.12\nENV FLASK_DEBUG=0\n"}, "off"),
]


@pytest.mark.parametrize("case", CASES, ids=str)
def test_a_setting_is_found_where_it_is_fixed_and_not_where_it_only_looks_so(case: Case, tmp_path: Path) -> None:
    case.run(tmp_path)
