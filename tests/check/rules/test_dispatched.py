"""VI-01, VI-05 in code that no route names: a server calls the methods of what it was given, by their names."""

from __future__ import annotations

from pathlib import Path

import pytest
from check.harness import Case, bad, ok

_MAIN = "const Server = require('acme-server');\nnew Server({ components: [require('./engine.js')] }).start();\n"
_GRPC = (
    "const grpc = require('@grpc/grpc-js');\nconst shop = require('./shop');\nconst server = new grpc.Server();\n"
    "server.addService(proto.Shop.service, shop);\n"
)
_ENGINE = (
    "const fs = require('fs');\nconst Class = require('pixl-class');\nmodule.exports = Class.create({\n"
    "  startup: function(callback) {\n    this.running = {};\n    callback();\n  },\n"
    "  api_start: function(args, callback) {\n    this.launch(args.params);\n    callback({ code: 0 });\n  },\n"
)
_LAUNCH = "  launch: function(job) {\n    this.running[job.id] = job;\n  }\n});\n"
_CARTS = (
    "module.exports = {\n  carts: null,\n  open() {\n    this.carts = new Map();\n  },\n"
    "  put(call, callback) {\n    this.carts.set(call.request.id, call.request);\n    callback(null, {});\n  }\n};\n"
)
_SAVE = "  launch: function(job) {\n    fs.appendFileSync(job.log_file, 'started');\n  }\n});\n"
_RUN = "#!/usr/bin/env node\nconst fs = require('fs');\n"
_SPAWN = (
    "const express = require('express');\nconst cp = require('child_process');\nconst path = require('path');\n"
    "const app = express();\napp.post('/x', (req, res) => cp.spawn(path.resolve('bin/run.js'), [req.body.id]));\n"
)

CASES = [
    bad("VI-01", "javascript", {"main.js": _MAIN, "engine.js": _ENGINE + _LAUNCH}, "engine.js:13", why="a component"),
    bad("VI-01", "javascript", {"main.js": _GRPC, "shop.js": _CARTS}, "shop.js:7", why="a service of gRPC"),
    bad(
        "VI-01",
        "javascript",
        {
            "main.js": _MAIN,
            "engine.js": "module.exports = Class.create({\n  __mixins: [require('./jobs.js'), require('./api.js')],\n"
            "  startup: function() { this.state = {}; }\n});\n",
            "api.js": "module.exports = {\n  api_set: function(args, callback) {\n    this.merge(args.params);\n"
            "    callback({});\n  }\n};\n",
            "jobs.js": "module.exports = {\n  merge: function(given) {\n"
            "    Object.assign(this.state, given);\n  }\n};\n",
        },
        "jobs.js:3",
        why="mixed from modules",
    ),
    ok("VI-01", "javascript", {"engine.js": _ENGINE + _LAUNCH}, "no server is given the object"),
    ok(
        "VI-01",
        "javascript",
        {"main.js": _MAIN.replace("acme-server", "acme-cli").replace("Server", "Tool"), "engine.js": _ENGINE + _LAUNCH},
        "what takes the object is no server",
    ),
    ok(
        "VI-01",
        "javascript",
        {"main.js": _MAIN, "engine.js": _ENGINE.replace("this.launch(args.params);", "") + _LAUNCH},
        "no method that answers calls it",
    ),
    ok(
        "VI-01",
        "javascript",
        {"main.js": _MAIN, "engine.js": (_ENGINE + _LAUNCH).replace("this.running[job.id]", "const kept")},
        "a variable of the method",
    ),
    bad(
        "VI-05",
        "javascript",
        {"main.js": _MAIN, "engine.js": _ENGINE + _SAVE},
        "engine.js:13",
        why="the log of a job is data of the app",
    ),
    bad(
        "VI-05",
        "javascript",
        {
            "main.js": _GRPC,
            "shop.js": "const fs = require('fs');\nmodule.exports = {\n  put(call, callback) {\n"
            "    fs.writeFile('orders/' + call.request.id, 'x', callback);\n  }\n};\n",
        },
        "shop.js:4",
        why="a service of gRPC",
    ),
    bad(
        "VI-05",
        "javascript",
        {
            "app.js": _SPAWN,
            "bin/run.js": _RUN + "fs.writeFileSync('queue/' + process.argv[2], 'done');\n",
        },
        "bin/run.js:3",
        why="a program that a handler starts",
    ),
    bad(
        "VI-05",
        "javascript",
        {
            "main.js": _MAIN,
            "engine.js": _ENGINE + "  launch: function(job) {\n    var target = this.dir + '/queue/' + job.id;\n"
            "    var temp = target + '.tmp';\n"
            "    fs.writeFile(temp, 'x', function(err) {\n      fs.rename(temp, target, function() {});\n"
            "    });\n  }\n});\n",
        },
        "engine.js:15",
        why="renamed to what others see",
    ),
    ok(
        "VI-05",
        "javascript",
        {"main.js": _MAIN, "engine.js": _ENGINE + _SAVE.replace("job.log_file", "this.log_file")},
        "the app's own log is another rule's",
    ),
    ok(
        "VI-05",
        "javascript",
        {"main.js": _MAIN, "engine.js": _ENGINE + _SAVE.replace("job.log_file", "os.tmpdir() + '/' + job.id")},
        "temporary",
    ),
    ok(
        "VI-05",
        "javascript",
        {"app.js": _SPAWN.replace("bin/run.js", "bin/other.js"), "bin/run.js": _RUN + "fs.writeFileSync('q', 'x');\n"},
        "a program that nobody starts",
    ),
    ok(
        "VI-05",
        "javascript",
        {
            "main.js": _MAIN,
            "engine.js": _ENGINE
            + "  launch: function(job) {\n    var temp = os.tmpdir() + '/a', next = os.tmpdir() + '/b';\n"
            "    fs.writeFile(temp, 'x', function(err) {\n      fs.rename(temp, '/tmp/b', function() {});\n"
            "    });\n  }\n});\n",
        },
        "renamed within the temporary directory",
    ),
]


@pytest.mark.parametrize("case", CASES, ids=str)
def test_methods_that_a_server_dispatches_to(case: Case, tmp_path: Path) -> None:
    case.run(tmp_path)
