"""VI-04, VI-05: files that requests leave on the local disk."""

from __future__ import annotations

from pathlib import Path

import pytest
from check.harness import Case, bad, ok

_FLASK = "import os, json, tempfile\nfrom flask import Flask, request\napp = Flask(__name__)\n"
_POST = _FLASK + '\n@app.post("/x")\ndef take():\n'
_EXPRESS = "const express = require('express');\nconst app = express();\n"
_PHP = "<?php\nclass XController {\npublic function save($b) {\n"
_GIN = 'package main\n\nimport "github.com/gin-gonic/gin"\n\nfunc serve(r *gin.Engine) {\n\t'
_SPRING = '@RestController\nclass C {\n  @PostMapping("/x")\n  void x(@RequestParam MultipartFile file) {\n'
_BODY = _SPRING.replace("MultipartFile file", "String s")
_RAILS = "class XController < ApplicationController\n  def create\n"

CASES = [
    bad(
        "VI-04",
        "python",
        {"app.py": _POST + '    file = request.files["f"]\n    file.save(os.path.join("uploads", file.filename))\n'},
        "app.py:8",
        severity="warning",
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
        severity="warning",
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
    bad(
        "VI-04",
        "php",
        {"up.php": "<?php\nfunction up($n) {\n  move_uploaded_file($_FILES['a']['x'], 'uploads/' . $n);\n}\n"},
        "up.php:3",
        severity="warning",
    ),
    bad(
        "VI-04",
        "php",
        {
            "app/Controller/UploadController.php": "<?php\nclass UploadController {\n  public function save($file) {\n"
            "    return move_uploaded_file($file->path, $this->dir . $file->name);\n  }\n}\n"
        },
        "app/Controller/UploadController.php:4",
        why="a controller",
    ),
    ok("VI-04", "php", {"app/C/XController.php": _PHP + "$a = file_get_contents($_FILES['a']['x']);\n}}\n"}, "a read"),
    ok(
        "VI-04",
        "php",
        {
            "XController.php": _PHP + "$s3->putObject(['Body' => fopen($_FILES['a']['x'], 'r')]);\n}}\n",
        },
        "an object store",
    ),
    ok("VI-04", "php", {"tests/XController.php": _PHP + "move_uploaded_file($a, 'uploads/x');\n}}\n"}, "a test"),
    bad(
        "VI-04",
        "go",
        {
            "m.go": _GIN + 'r.POST("/x", func(c *gin.Context) {\n'
            '\t\tc.SaveUploadedFile(f, "uploads/"+f.Filename)\n\t})\n}\n'
        },
        "m.go:7",
        severity="warning",
    ),
    bad(
        "VI-04",
        "go",
        {
            "m.go": _GIN + 'r.POST("/x", func(c *gin.Context) {\n\t\tfile, h, _ := c.Request.FormFile("f")\n'
            "\t\tout, _ := os.Create(dir + h.Filename)\n\t\tio.Copy(out, file)\n\t})\n}\n"
        },
        "m.go:8",
        why="copied by hand",
    ),
    ok(
        "VI-04",
        "go",
        {"m.go": _GIN + 'r.POST("/x", func(c *gin.Context) {\n\t\tc.FormFile("f")\n\t})\n}\n'},
        "not kept",
    ),
    ok(
        "VI-04",
        "go",
        {"m_test.go": _GIN + 'r.POST("/x", func(c *gin.Context) { c.SaveUploadedFile(f, "u") })\n}\n'},
        "a test",
    ),
    ok(
        "VI-04",
        "go",
        {
            "m.go": _GIN + 'r.POST("/x", func(c *gin.Context) {\n\t\tfile, _ := c.FormFile("f")\n'
            "\t\tclient.PutObject(bucket, file)\n\t})\n}\n"
        },
        "an object store",
    ),
    bad(
        "VI-04",
        "java",
        {"C.java": _SPRING + '    file.transferTo(new File("uploads/" + file.getName()));\n  }\n}\n'},
        "C.java:5",
        severity="warning",
    ),
    bad(
        "VI-04",
        "java",
        {"C.java": _SPRING + "    Files.copy(file.getInputStream(), dir.resolve(name));\n  }\n}\n"},
        "C.java:5",
        why="copied",
    ),
    ok("VI-04", "java", {"C.java": _SPRING + "    parse(file.getInputStream());\n  }\n}\n"}, "it is parsed"),
    ok(
        "VI-04",
        "java",
        {"C.java": _SPRING + '    file.transferTo(File.createTempFile("a", "b"));\n  }\n}\n'},
        "a temporary file",
    ),
    ok(
        "VI-04", "java", {"src/test/java/C.java": _SPRING + '    file.transferTo(new File("u/x"));\n  }\n}\n'}, "a test"
    ),
    bad(
        "VI-04",
        "ruby",
        {
            "app/models/user.rb": "class User\n  has_one_attached :photo\nend\n",
            "config/storage.yml": "local:\n  service: Disk\n  root: storage\n",
            "config/environments/production.rb": "Rails.application.configure do\n"
            "  config.active_storage.service = :local\nend\n",
        },
        "config/environments/production.rb:2",
        severity="warning",
    ),
    bad(
        "VI-04",
        "ruby",
        {
            "app/uploaders/photo_uploader.rb": "class PhotoUploader < CarrierWave::Uploader::Base\n"
            "  storage :file\nend\n"
        },
        "app/uploaders/photo_uploader.rb:2",
        why="CarrierWave",
    ),
    ok(
        "VI-04",
        "ruby",
        {
            "config/storage.yml": "local:\n  service: Disk\n  root: storage\n",
            "config/environments/production.rb": "Rails.application.configure do\n"
            "  config.active_storage.service = :local\nend\n",
        },
        "nothing is attached",
    ),
    ok(
        "VI-04",
        "ruby",
        {
            "app/models/user.rb": "class User\n  has_one_attached :photo\nend\n",
            "config/storage.yml": "local:\n  service: Disk\n  root: storage\namazon:\n  service: S3\n",
            "config/environments/development.rb": "Rails.application.configure do\n"
            "  config.active_storage.service = :local\nend\n",
            "config/environments/production.rb": "Rails.application.configure do\n"
            "  config.active_storage.service = :amazon\nend\n",
        },
        "the disk is for development",
    ),
    ok(
        "VI-04", "ruby", {"app/x.rb": "class X < CarrierWave::Uploader::Base\n  storage :fog\nend\n"}, "an object store"
    ),
    bad("VI-05", "php", {"a/XController.php": _PHP + "file_put_contents('data/x', $b);\n}}\n"}, "a/XController.php:4"),
    bad(
        "VI-05",
        "php",
        {"a/XController.php": _PHP + "$f = fopen('data/x', 'a');\n}}\n"},
        "a/XController.php:4",
        why="appended",
    ),
    ok("VI-05", "php", {"a/XController.php": _PHP + "fopen('php://output', 'w');\n}}\n"}, "the output"),
    ok("VI-05", "php", {"a/XController.php": _PHP + "fopen('data/x', 'r');\n}}\n"}, "a read"),
    ok("VI-05", "php", {"tests/XController.php": _PHP + "file_put_contents('x', 'y');\n}}\n"}, "a test"),
    bad(
        "VI-05",
        "go",
        {"m.go": _GIN + 'r.POST("/x", func(c *gin.Context) {\n\t\tos.WriteFile("data/x", b, 0o644)\n\t})\n}\n'},
        "m.go:7",
    ),
    bad(
        "VI-05",
        "go",
        {"m.go": _GIN + 'r.POST("/x", keep)\n}\n\nfunc keep(c *gin.Context) {\n\tos.Create("x")\n}\n'},
        "m.go:10",
        why="by name",
    ),
    ok("VI-05", "go", {"m.go": _GIN + 'r.GET("/x", func(c *gin.Context) {\n\t\tos.ReadFile("x")\n\t})\n}\n'}, "a read"),
    ok(
        "VI-05",
        "go",
        {"m.go": _GIN + 'r.GET("/x", func(c *gin.Context) {\n\t\tos.Create(os.TempDir() + "/x")\n\t})\n}\n'},
        "temporary",
    ),
    ok("VI-05", "go", {"m_test.go": _GIN + 'r.GET("/x", func(c *gin.Context) { os.Create("x") })\n}\n'}, "a test"),
    bad("VI-05", "java", {"C.java": _BODY + '    new FileWriter("data/x").append(s);\n  }\n}\n'}, "C.java:5"),
    bad(
        "VI-05",
        "java",
        {"C.java": _BODY + '    Files.write(Paths.get("data/x"), b);\n  }\n}\n'},
        "C.java:5",
        why="NIO",
    ),
    ok("VI-05", "java", {"C.java": _BODY + '    Files.readAllBytes(Paths.get("x"));\n  }\n}\n'}, "a read"),
    ok(
        "VI-05",
        "java",
        {"C.java": _BODY + '    Files.write(Files.createTempFile("a", "b"), c);\n  }\n}\n'},
        "temporary",
    ),
    ok("VI-05", "java", {"src/test/java/C.java": _BODY + '    new FileWriter("x");\n  }\n}\n'}, "a test"),
    bad(
        "VI-05",
        "ruby",
        {"app/controllers/x_controller.rb": _RAILS + '    File.write("data/x", params[:x])\n  end\nend\n'},
        "app/controllers/x_controller.rb:3",
    ),
    bad(
        "VI-05",
        "ruby",
        {"app/controllers/x_controller.rb": _RAILS + '    File.open("data/x", "a") { |f| f << 1 }\n  end\nend\n'},
        "app/controllers/x_controller.rb:3",
        why="appended",
    ),
    ok(
        "VI-05",
        "ruby",
        {"app/controllers/x_controller.rb": _RAILS + '    File.open("data/x").read\n  end\nend\n'},
        "a read",
    ),
    ok(
        "VI-05",
        "ruby",
        {"app/controllers/x_controller.rb": _RAILS + '    File.write(Tempfile.new("x").path, "y")\n  end\nend\n'},
        "temporary",
    ),
    ok(
        "VI-05",
        "ruby",
        {"spec/controllers/x_controller.rb": _RAILS + '    File.write("x", "y")\n  end\nend\n'},
        "a test",
    ),
]


@pytest.mark.parametrize("case", CASES, ids=str)
def test_files_on_the_local_disk(case: Case, tmp_path: Path) -> None:
    case.run(tmp_path)
