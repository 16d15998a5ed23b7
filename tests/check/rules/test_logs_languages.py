"""Factor XI in the other languages."""

from __future__ import annotations

from pathlib import Path

import pytest
from check.harness import Case, bad, ok

_NODE = {"package.json": '{"dependencies": {"express": "4"}}'}


def _go(body: str, *imports: str) -> dict[str, str]:
    lines = "\n".join(f'\t"{one}"' for one in imports)
    return {"main.go": f"package main\n\nimport (\n{lines}\n)\n\n{body}", "go.mod": "module x\n"}


CASES: list[Case] = [
    # XI-01, JavaScript
    bad(
        "XI-01",
        "javascript",
        {
            "log.js": (
                "const winston = require('winston');\n"
                "const t = new winston.transports.File({ filename: 'error.log' });\n"
            )
        },
        "log.js:2",
        severity="error",
    ),
    bad(
        "XI-01",
        "javascript",
        {
            "app.js": (
                "const fs = require('fs');\n"
                "app.use(morgan('combined', { stream: fs.createWriteStream('access.log', { flags: 'a' }) }));\n"
            )
        },
        "app.js:2",
        why="a stream",
    ),
    bad(
        "XI-01",
        "javascript",
        {
            "log.js": (
                "const log4js = require('log4js');\n"
                "log4js.configure({ appenders: { a: { type: 'file', filename: 'a.log' } } });\n"
            )
        },
        "log.js:2",
        why="log4js",
    ),
    ok(
        "XI-01",
        "javascript",
        {"log.js": "const winston = require('winston');\nmodule.exports = new winston.transports.Console();\n"},
        "the console",
    ),
    ok("XI-01", "javascript", {"test/log.js": "require('fs').createWriteStream('a.log');\n"}, "a test"),
    ok(
        "XI-01",
        "javascript",
        {"up.js": "const fs = require('fs');\nfs.createWriteStream('/tmp/' + name + '.csv');\n"},
        "no log",
    ),
    ok(
        "XI-01",
        "javascript",
        {"in.js": "const input = document.querySelector('#f');\nconst f = new File([blob], 'a.log');\n"},
        "a file of the browser",
    ),
    # XI-01, Go
    bad(
        "XI-01",
        "go",
        _go('func main() {\n\tf, _ := os.OpenFile("app.log", os.O_APPEND, 0644)\n\tlog.SetOutput(f)\n}\n', "log", "os"),
        "main.go:9",
    ),
    bad(
        "XI-01",
        "go",
        _go(
            'func main() {\n\tlog.SetOutput(&lumberjack.Logger{Filename: "/var/log/a.log"})\n}\n',
            "log",
            "gopkg.in/natefinch/lumberjack.v2",
        ),
        "main.go:9",
        why="lumberjack",
    ),
    ok("XI-01", "go", _go("func main() {\n\tlog.SetOutput(os.Stdout)\n}\n", "log", "os"), "stdout"),
    ok("XI-01", "go", _go('func main() {\n\tos.Create("report.csv")\n}\n', "os"), "another file"),
    ok("XI-01", "go", {"a_test.go": 'package a\n\nimport "os"\n\nfunc f() { os.Create("a.log") }\n'}, "a test"),
    # XI-01, Java
    bad(
        "XI-01",
        "java",
        {
            "src/main/java/x/L.java": (
                'import java.util.logging.FileHandler;\nclass L { Object h = new FileHandler("app.log"); }\n'
            )
        },
        "src/main/java/x/L.java:2",
    ),
    bad(
        "XI-01",
        "java",
        {
            "src/main/java/x/L.java": (
                "import org.apache.log4j.RollingFileAppender;\nclass L {\n  void f() {\n"
                '    root.addAppender(new RollingFileAppender(layout, "a.log"));\n  }\n}\n'
            )
        },
        "src/main/java/x/L.java:4",
        why="log4j",
    ),
    ok("XI-01", "java", {"src/main/java/x/L.java": "class L { Object h = new ConsoleHandler(); }\n"}, "the console"),
    ok("XI-01", "java", {"src/test/java/x/L.java": 'class L { Object h = new FileHandler("a.log"); }\n'}, "a test"),
    ok("XI-01", "java", {"src/main/java/x/L.java": 'class L { Object f = new FileWriter("a.csv"); }\n'}, "no log"),
    # XI-01, Ruby
    bad("XI-01", "ruby", {"app.rb": 'require "logger"\nLOG = Logger.new("log/app.log")\n'}, "app.rb:2"),
    bad(
        "XI-01",
        "ruby",
        {"app.rb": 'require "logger"\nlog = Logger.new("a.log", 10, 1024000)\n'},
        "app.rb:2",
        why="rotated",
    ),
    ok("XI-01", "ruby", {"app.rb": 'require "logger"\nLOG = Logger.new($stdout)\n'}, "stdout"),
    ok("XI-01", "ruby", {"app.rb": 'require "logger"\nLOG = Logger.new(STDERR)\n'}, "stderr"),
    ok("XI-01", "ruby", {"spec/a_spec.rb": 'Logger.new("a.log")\n'}, "a test"),
    bad(
        "XI-01",
        "ruby",
        {
            "Gemfile": 'gem "rails", "6.1"\n',
            "config/environments/production.rb": (
                'Rails.application.configure do\n  if ENV["RAILS_LOG_TO_STDOUT"].present?\n'
                "    config.logger = ActiveSupport::Logger.new(STDOUT)\n  end\nend\n"
            ),
        },
        "config/environments/production.rb:2",
        why="Rails unless a variable is set",
        severity="warning",
    ),
    ok(
        "XI-01",
        "ruby",
        {
            "Gemfile": 'gem "rails", "7.1"\n',
            "config/environments/production.rb": "Rails.configure do\n  config.logger = Logger.new(STDOUT)\nend\n",
        },
        "Rails to stdout",
    ),
    # XI-01, PHP
    bad(
        "XI-01",
        "php",
        {"src/log.php": "<?php\nuse Monolog\\Handler\\StreamHandler;\n$h = new StreamHandler(__DIR__ . '/app.log');\n"},
        "src/log.php:3",
    ),
    bad(
        "XI-01",
        "php",
        {
            "src/log.php": (
                "<?php\nuse Monolog\\Handler\\RotatingFileHandler;\n"
                "$h = new RotatingFileHandler('/var/log/a.log', 7);\n"
            )
        },
        "src/log.php:3",
        why="rotated",
    ),
    ok(
        "XI-01",
        "php",
        {"src/log.php": "<?php\nuse Monolog\\Handler\\StreamHandler;\n$h = new StreamHandler('php://stdout');\n"},
        "stdout",
    ),
    ok("XI-01", "php", {"src/log.php": "<?php\nerror_log('failed');\n"}, "the server's log"),
    ok("XI-01", "php", {"tests/log.php": "<?php\n$h = new RotatingFileHandler('a.log');\n"}, "a test"),
    # XI-02, JavaScript
    bad("XI-02", "javascript", {"lib/a.js": "this.logger.archive(src, dest, epoch, done);\n"}, "lib/a.js:1"),
    bad(
        "XI-02",
        "javascript",
        {"lib/a.js": "const fs = require('fs');\nconst log = 1;\nfs.renameSync('app.log', 'app.log.1');\n"},
        "lib/a.js:3",
        why="renamed",
    ),
    ok("XI-02", "javascript", {"lib/a.js": "const log = 1;\nshape.rotate(90);\nblog.archive(post);\n"}, "other things"),
    ok(
        "XI-02",
        "javascript",
        {"lib/a.js": "const fs = require('fs');\nconst log = 1;\nfs.renameSync('a', 'b');\n"},
        "no log",
    ),
    ok("XI-02", "javascript", {"test/a.js": "logger.rotate();\n"}, "a test"),
    # XI-05, JavaScript
    bad("XI-05", "javascript", {"app.js": "console.log('started');\n"}, ""),
    bad(
        "XI-05",
        "javascript",
        {"app.js": "const winston = require('winston');\nwinston.info('x');\n"},
        "",
        why="winston's text",
    ),
    ok("XI-05", "javascript", {"app.js": "const log = require('pino')();\nlog.info('x');\n"}, "pino"),
    ok(
        "XI-05",
        "javascript",
        {"app.js": "const winston = require('winston');\nconst f = winston.format.json();\n"},
        "winston's JSON",
    ),
    ok("XI-05", "javascript", {"lib.js": "module.exports = (a, b) => a + b;\n"}, "nothing logs"),
    # XI-06, JavaScript
    bad(
        "XI-06",
        "javascript",
        {"app.js": "function f(req, password) {\n  console.log('login', password);\n}\n"},
        "app.js:2",
    ),
    bad(
        "XI-06",
        "javascript",
        {"app.js": "function f(req) {\n  logger.info(req.headers);\n}\n"},
        "app.js:2",
        why="headers",
    ),
    bad(
        "XI-06",
        "javascript",
        {"app.js": "logger.debug(`env ${JSON.stringify(process.env)}`);\n"},
        "app.js:1",
        why="environment",
    ),
    ok("XI-06", "javascript", {"app.js": "console.log('password changed for', user.id);\n"}, "a sentence"),
    ok(
        "XI-06", "javascript", {"app.js": "logger.info(token.length, maxTokens, req.headers.host);\n"}, "harmless parts"
    ),
    ok("XI-06", "javascript", {"test/app.js": "console.log(password);\n"}, "a test"),
    # XI-06, Go
    bad(
        "XI-06",
        "go",
        _go('func f(token string) {\n\tslog.Debug("sent", slog.String("token", token))\n}\n', "log/slog"),
        "main.go:8",
    ),
    bad(
        "XI-06",
        "go",
        _go('func f(password string) {\n\tlog.Printf("login %s", password)\n}\n', "log"),
        "main.go:8",
        why="printed",
    ),
    ok("XI-06", "go", _go('func f(token string) {\n\tlog.Printf("%d", len(token))\n}\n', "log"), "its length"),
    ok(
        "XI-06",
        "go",
        _go('func f(user string) {\n\tslog.Warn("wrong password", slog.String("user", user))\n}\n', "log/slog"),
        "a sentence",
    ),
    ok(
        "XI-06",
        "go",
        {"a_test.go": 'package a\n\nimport "log"\n\nfunc f(token string) { log.Print(token) }\n'},
        "a test",
    ),
    # XI-06, PHP
    bad(
        "XI-06",
        "php",
        {"src/a.php": "<?php\n$this->logger->debug('headers=' . var_export($request->headers, true));\n"},
        "src/a.php:2",
    ),
    bad(
        "XI-06", "php", {"src/a.php": "<?php\n$logger->info('login ' . $password);\n"}, "src/a.php:2", why="a password"
    ),
    ok("XI-06", "php", {"src/a.php": "<?php\n$logger->info('password changed for ' . $user);\n"}, "a sentence"),
    ok("XI-06", "php", {"src/a.php": "<?php\n$logger->info('n=' . count($tokens));\n"}, "a count"),
    ok("XI-06", "php", {"tests/a.php": "<?php\n$logger->info($password);\n"}, "a test"),
    # XI-07, JavaScript
    bad("XI-07", "javascript", {**_NODE, "app.js": "const express = require('express');\nconsole.log('x');\n"}, ""),
    bad(
        "XI-07",
        "javascript",
        {"app.js": "const koa = require('koa');\nconst winston = require('winston');\n"},
        "",
        why="koa",
    ),
    ok("XI-07", "javascript", {**_NODE, "app.js": "console.log(req.headers['x-request-id']);\n"}, "a header"),
    ok("XI-07", "javascript", {"app.js": "require('fastify')({ logger: true });\n"}, "fastify makes one"),
    ok("XI-07", "javascript", {"job.js": "console.log('done');\n"}, "no HTTP"),
    # XI-08, JavaScript
    bad("XI-08", "javascript", {"log.js": "const CloudWatch = require('winston-cloudwatch');\n"}, "log.js:1"),
    bad(
        "XI-08",
        "javascript",
        {"log.js": "const pino = require('pino');\npino({ transport: { target: 'pino-loki' } });\n"},
        "log.js:2",
        why="pino",
    ),
    ok(
        "XI-08",
        "javascript",
        {"log.js": "const Sentry = require('@sentry/node');\nSentry.init();\n"},
        "an error tracker",
    ),
    ok(
        "XI-08",
        "javascript",
        {"log.js": "const winston = require('winston');\nnew winston.transports.Console();\n"},
        "the console",
    ),
    ok("XI-08", "javascript", {"test/log.js": "require('winston-syslog');\n"}, "a test"),
]


@pytest.mark.parametrize("case", CASES, ids=str)
def test_events_of_other_languages_go_to_stdout_and_keep_secrets(case: Case, tmp_path: Path) -> None:
    case.run(tmp_path)
