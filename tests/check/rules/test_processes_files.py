"""VI-04, VI-05: files that requests leave on the local disk."""

from __future__ import annotations

from pathlib import Path

import pytest
from check.harness import Case, bad, ok

_FLASK = "import os, json, tempfile\nfrom flask import Flask, request\napp = Flask(__name__)\n"
_POST = _FLASK + '\n@app.post("/x")\ndef take():\n'
_EXPRESS = "const express = require('express');\nconst app = express();\n"

CASES = [
    bad(
        "VI-04",
        "python",
        {"app.py": _POST + '    file = request.files["f"]\n    file.save(os.path.join("uploads", file.filename))\n'},
        "app.py:8",
        severity="error",
    ),
    bad(
        "VI-04",
        "python",
        {
            "main.py": "from fastapi import FastAPI, UploadFile\napp = FastAPI()\n\n@app.post('/x')\n"
            "async def take(file: UploadFile):\n    with open(f'static/{file.filename}', 'wb') as out:\n"
            "        out.write(await file.read())\n"
        },
        "main.py:6",
        why="written by hand",
    ),
    bad(
        "VI-04",
        "python",
        {
            "requirements.txt": "django\n",
            "site/settings.py": "MEDIA_ROOT = BASE_DIR / 'media'\n",
            "site/models.py": "from django.db import models\n\nclass Photo(models.Model):\n"
            "    image = models.ImageField(upload_to='x')\n",
        },
        "site/settings.py:1",
        why="Django's default storage",
    ),
    ok(
        "VI-04",
        "python",
        {
            "app.py": _POST + "    file = request.files['f']\n    path = tempfile.mktemp()\n    file.save(path)\n"
            "    s3.upload_file(path, bucket, 'k')\n"
        },
        "a temporary file on the way to an object store",
    ),
    ok(
        "VI-04",
        "python",
        {"app.py": _POST + "    rows = json.load(request.files['f'])\n    db.insert(rows)\n"},
        "an upload that is parsed and not kept",
    ),
    ok("VI-04", "python", {"tests/test_x.py": _POST + "    request.files['f'].save('uploads/x')\n"}, "a test"),
    ok(
        "VI-04",
        "python",
        {
            "requirements.txt": "django\ndjango-storages\n",
            "site/settings.py": "MEDIA_ROOT = 'media'\n"
            "DEFAULT_FILE_STORAGE = 'storages.backends.s3boto3.S3Boto3Storage'\n",
            "site/models.py": "from django.db import models\n\nclass Photo(models.Model):\n"
            "    image = models.ImageField(upload_to='x')\n",
        },
        "Django with an object store",
    ),
    ok(
        "VI-04",
        "python",
        {"app.py": _POST + "    user = User(request.form['name'])\n    user.save('force')\n"},
        "a model that is saved",
    ),
    bad(
        "VI-05",
        "python",
        {"app.py": _POST + '    with open("data/last.json", "w") as file:\n        json.dump(request.json, file)\n'},
        "app.py:7",
        severity="warning",
    ),
    bad(
        "VI-05",
        "python",
        {
            "app.py": "from fastapi import FastAPI\nfrom reports import keep\napp = FastAPI()\n\n@app.post('/x')\n"
            "def take(body: dict):\n    keep(body)\n",
            "reports.py": "from pathlib import Path\n\ndef keep(body):\n    Path('reports/x').write_text(str(body))\n",
        },
        "reports.py:4",
        why="a call away",
    ),
    ok("VI-05", "python", {"app.py": _POST + "    return open('data/x.json').read()\n"}, "a read"),
    ok("VI-05", "python", {"app.py": _POST + "    open('data/x.json', encoding='utf-8')\n"}, "a read with an encoding"),
    ok(
        "VI-05",
        "python",
        {
            "app.py": _POST + "    with open(os.path.join(tempfile.gettempdir(), 'x'), 'w') as f:\n"
            "        f.write('x')\n"
        },
        "a temporary file",
    ),
    ok(
        "VI-05",
        "python",
        {
            "app.py": _FLASK + "@app.cli.command('dump')\ndef dump():\n    open('x.json', 'w').write('x')\n\n"
            "@app.get('/')\ndef index():\n    return ''\n"
        },
        "a command",
    ),
    ok("VI-05", "python", {"build.py": "def build():\n    open('x.json', 'w').write('x')\n"}, "no request is near"),
    bad(
        "VI-04",
        "javascript",
        {"app.js": _EXPRESS + "const multer = require('multer');\nconst upload = multer({ dest: 'uploads/' });\n"},
        "app.js:4",
        severity="error",
    ),
    bad(
        "VI-04",
        "javascript",
        {
            "app.js": _EXPRESS
            + "app.post('/x', (req, res) => {\n  req.files.photo.mv('./public/' + req.files.photo.name);\n});\n"
        },
        "app.js:4",
        why="express-fileupload",
    ),
    ok(
        "VI-04",
        "javascript",
        {
            "app.js": _EXPRESS
            + "const multer = require('multer');\nconst u = multer({ storage: multer.memoryStorage() });\n"
        },
        "kept in memory while the request lasts",
    ),
    ok(
        "VI-04",
        "javascript",
        {"app.js": _EXPRESS + "const multer = require('multer');\nconst u = multer({ dest: os.tmpdir() });\n"},
        "a temporary directory",
    ),
    ok(
        "VI-04",
        "javascript",
        {
            "app.js": _EXPRESS + "const multer = require('multer');\nconst s3 = require('multer-s3');\n"
            "const u = multer({ storage: s3({ bucket }) });\n"
        },
        "an object store",
    ),
    bad(
        "VI-05",
        "javascript",
        {
            "app.js": _EXPRESS + "const fs = require('fs');\napp.post('/x', (req, res) => {\n"
            "  fs.writeFileSync('data.json', JSON.stringify(req.body));\n});\n"
        },
        "app.js:5",
    ),
    bad(
        "VI-05",
        "javascript",
        {
            "app.js": _EXPRESS
            + "const { appendFile } = require('fs/promises');\napp.post('/x', async (req, res) => {\n"
            "  await appendFile('notes.txt', req.body.text);\n});\n"
        },
        "app.js:5",
        why="promises",
    ),
    ok(
        "VI-05",
        "javascript",
        {
            "app.js": _EXPRESS
            + "const fs = require('fs');\napp.get('/x', (req, res) => res.send(fs.readFileSync('a')));\n"
        },
        "a read",
    ),
    ok(
        "VI-05",
        "javascript",
        {
            "app.js": _EXPRESS + "const fs = require('fs'), os = require('os');\napp.post('/x', (req, res) => {\n"
            "  fs.writeFileSync(os.tmpdir() + '/x', 'y');\n});\n"
        },
        "a temporary file",
    ),
    ok(
        "VI-05",
        "javascript",
        {
            "app.js": _EXPRESS + "app.get('/', (req, res) => res.send('x'));\n",
            "scripts/build.js": "const fs = require('fs');\nfunction build() {\n  fs.writeFileSync('x', 'y');\n}\n",
        },
        "a build script",
    ),
]


@pytest.mark.parametrize("case", CASES, ids=str)
def test_files_on_the_local_disk(case: Case, tmp_path: Path) -> None:
    case.run(tmp_path)
