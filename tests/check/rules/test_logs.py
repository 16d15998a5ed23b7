"""XI-01, XI-02, XI-08: where events go."""

from __future__ import annotations

from pathlib import Path

import pytest
from check.harness import Case, bad, ok

CASES: list[Case] = [
    # XI-01, Python
    bad(
        "XI-01",
        "python",
        {"app.py": 'import logging\n\nlogging.basicConfig(filename="app.log")\n'},
        "app.py:3",
        severity="error",
    ),
    bad(
        "XI-01",
        "python",
        {
            "app/log.py": """
            from logging.handlers import RotatingFileHandler as Rotating

            def set_up(app):
                app.logger.addHandler(Rotating("logs/app.log", maxBytes=10240))
            """
        },
        "app/log.py:4",
        why="a class under another name",
        severity="error",
    ),
    bad(
        "XI-01",
        "python",
        {
            "app.py": """
            import logging

            def set_up(app):
                if app.config["LOG_TO_STDOUT"]:
                    app.logger.addHandler(logging.StreamHandler())
                else:
                    app.logger.addHandler(logging.FileHandler("app.log"))
            """
        },
        "app.py:7",
        why="unless a setting says stdout",
        severity="warning",
    ),
    bad(
        "XI-01",
        "python",
        {
            "site/settings.py": """
            LOGGING = {
                "version": 1,
                "handlers": {
                    "file": {
                        "class": "logging.FileHandler",
                        "filename": "/var/log/site.log",
                    },
                },
                "root": {"handlers": ["file"]},
            }
            """
        },
        "site/settings.py:5",
        why="a class in a dictionary",
        severity="error",
    ),
    bad(
        "XI-01",
        "python",
        {"app.py": 'from loguru import logger\n\nlogger.add("file_{time}.log", rotation="1 day")\n'},
        "app.py:3",
        why="loguru",
    ),
    bad(
        "XI-01",
        "python",
        {
            "app.py": """
            import logging, os

            path = os.environ.get("LOG_FILE", "app.log")
            logging.basicConfig(filename=path)
            """
        },
        "app.py:4",
        why="a variable with a file as its default",
        severity="warning",
    ),
    ok("XI-01", "python", {"tests/conftest.py": 'import logging\nlogging.basicConfig(filename="t.log")\n'}, "a test"),
    ok(
        "XI-01",
        "python",
        {"app.py": 'import logging\nlogging.basicConfig(filename="/dev/stdout")\n'},
        "a stream by its path",
    ),
    ok("XI-01", "python", {"app.py": "import logging, sys\nlogging.basicConfig(stream=sys.stdout)\n"}, "a stream"),
    ok(
        "XI-01",
        "python",
        {
            "app.py": """
            import logging
            if app.debug:
                app.logger.addHandler(logging.FileHandler("debug.log"))
            """
        },
        "in debug mode only",
    ),
    ok(
        "XI-01",
        "python",
        {
            "app.py": """
            from loguru import logger
            import sys
            logger.configure(handlers=[{"sink": sys.stderr, "level": "INFO"}])
            logger.add(sys.stdout)
            seen = set()
            seen.add("visited.log")
            """
        },
        "loguru to a stream, and a set",
    ),
    ok("XI-01", "python", {"app.py": 'with open("access.log") as log:\n    parse(log)\n'}, "a log that is read"),
    # XI-01, configuration files
    bad(
        "XI-01",
        "manifests",
        {
            "src/main/resources/logback.xml": """
            <configuration>
              <appender name="FILE" class="ch.qos.logback.core.rolling.RollingFileAppender">
                <file>logs/app.log</file>
              </appender>
              <root level="INFO"><appender-ref ref="FILE"/></root>
            </configuration>
            """
        },
        "src/main/resources/logback.xml:2",
        why="logback",
        severity="error",
    ),
    bad(
        "XI-01",
        "manifests",
        {"src/main/resources/application.yml": "logging:\n  file:\n    name: /var/log/shop.log\n"},
        "src/main/resources/application.yml:3",
        why="Spring",
        severity="warning",
    ),
    bad(
        "XI-01",
        "manifests",
        {
            "config.json": """
            {
              "port": 80,
              "log_dir": "logs",
              "log_filename": "app.log",
              "log_level": "info"
            }
            """
        },
        "config.json:4",
        why="settings that name a file",
    ),
    bad(
        "XI-01",
        "manifests",
        {
            "logging.ini": """
            [handler_file]
            class=handlers.RotatingFileHandler
            args=('/var/log/app.log', 'a')
            """
        },
        "logging.ini:2",
        why="fileConfig",
    ),
    bad(
        "XI-01",
        "manifests",
        {
            "sample_conf/config.json": '{\n  "log_file": "logs/app.log"\n}\n',
            "package.json": '{"name": "x", "scripts": {"postinstall": "cp -r sample_conf conf"}}',
        },
        "sample_conf/config.json:2",
        why="a sample that set-up copies",
    ),
    ok(
        "XI-01",
        "manifests",
        {
            "logback.xml": """
            <configuration>
              <appender name="OUT" class="ch.qos.logback.core.ConsoleAppender"/>
              <appender name="FILE" class="ch.qos.logback.core.FileAppender"><file>x.log</file></appender>
              <root level="INFO"><appender-ref ref="OUT"/></root>
            </configuration>
            """
        },
        "an appender that nothing refers to",
    ),
    ok(
        "XI-01",
        "manifests",
        {"src/test/resources/logback-test.xml": '<appender name="F" class="FileAppender"/>'},
        "test",
    ),
    ok("XI-01", "manifests", {"config.yml": "log_level: info\nlog_file: /dev/stdout\nblog_path: /posts\n"}, "a stream"),
    ok("XI-01", "manifests", {"config.example.json": '{"log_file": "a.log"}', "config.json": "{}"}, "a sample only"),
    # XI-02
    bad(
        "XI-02",
        "python",
        {"app/keep.py": 'import os\n\ndef keep():\n    os.rename("app.log", "app.log.1")\n    open("app.log", "w")\n'},
        "app/keep.py:4",
    ),
    bad(
        "XI-02",
        "python",
        {"app/night.py": "class Server:\n    def night(self):\n        self.logger.archive('*.log', self.dest)\n"},
        "app/night.py:3",
        why="a logger that archives",
    ),
    ok("XI-02", "python", {"app.py": "import shutil\nlog = 1\nshutil.move('a.txt', 'b.txt')\n"}, "another file"),
    ok("XI-02", "python", {"app.py": "log = 1\nimage.rotate(90)\npost.archive()\n"}, "other things turn"),
    ok("XI-02", "python", {"tests/test_a.py": "import os\nlog = 1\nos.remove('app.log')\n"}, "a test"),
    ok("XI-02", "python", {"app.py": "catalog = 1\nself.catalog.archive(x)\nself.blog.archive()\n"}, "a catalog"),
    bad(
        "XI-02",
        "manifests",
        {"deploy/logrotate.conf": "# app\n/var/log/app.log {\n  daily\n}\n"},
        "deploy/logrotate.conf:2",
    ),
    bad(
        "XI-02",
        "manifests",
        {"config.json": '{\n  "log_archive_path": "logs/archive/[yyyy].log.gz"\n}\n'},
        "config.json:2",
        why="a setting",
    ),
    ok(
        "XI-02",
        "manifests",
        {"docker-compose.yml": "services:\n  web:\n    logging:\n      options:\n        max-file: '3'\n"},
        "the platform's own driver",
    ),
    ok("XI-02", "manifests", {"docs/logrotate.md": "Use logrotate.\n"}, "prose"),
    ok("XI-02", "manifests", {"config.json": '{"log_level": "info", "log_format": "json"}'}, "other settings of logs"),
    # XI-08
    bad(
        "XI-08",
        "python",
        {
            "app.py": """
            from logging.handlers import SMTPHandler

            def set_up(app):
                app.logger.addHandler(SMTPHandler("mail", "a@b.org", app.config["ADMINS"], "Failure"))
            """
        },
        "app.py:4",
    ),
    bad(
        "XI-08",
        "python",
        {"settings.py": 'LOGGING = {"handlers": {"s": {\n    "class": "logging.handlers.SysLogHandler"}}}\n'},
        "settings.py:2",
        why="a class in a dictionary",
    ),
    ok("XI-08", "python", {"app.py": "import sentry_sdk\nsentry_sdk.init()\n"}, "an error tracker"),
    ok(
        "XI-08",
        "python",
        {"tests/test_log.py": "from logging.handlers import SysLogHandler\nSysLogHandler()\n"},
        "a test",
    ),
    ok(
        "XI-08",
        "python",
        {"app.py": "import logging\nlogging.getLogger().addHandler(logging.StreamHandler())\n"},
        "stdout",
    ),
    ok(
        "XI-08",
        "python",
        {
            "app.py": """
            import logging
            class Intercept(logging.Handler):
                def emit(self, record):
                    other.log(record.levelname, record.getMessage())
            """
        },
        "a handler that hands on within the process",
    ),
]


@pytest.mark.parametrize("case", CASES, ids=str)
def test_events_go_to_stdout(case: Case, tmp_path: Path) -> None:
    case.run(tmp_path)
