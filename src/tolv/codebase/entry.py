"""The program of a start command, and the file of the app that it starts."""

from __future__ import annotations

import posixpath
from collections.abc import Callable, Mapping

from tolv.codebase.launch import program_name

Exists = Callable[[str], bool]
"""Whether the tree has a file of that path."""

#: Programs that serve or work on a module that is named with a colon or dots.
_PYTHON_SERVERS = frozenset({"gunicorn", "uvicorn", "hypercorn", "daphne", "granian", "waitress-serve", "waitress"})
_SCRIPT_RUNNERS = frozenset(
    {"node", "tsx", "ts-node", "ts-node-dev", "nodemon", "bun", "deno", "forever", "pm2", "pm2-runtime", "babel-node"}
    | {"python", "pypy", "ruby", "php", "perl", "streamlit", "fastapi", "sanic", "supervisor"}
)
_SUBCOMMANDS = frozenset({"run", "start", "dev", "watch", "startOrRestart", "restart", "serve"})


def _words(text: str) -> set[str]:
    return set(text.split())


#: Options whose value is the next word.
_VALUED = {
    "node": {"-r", "--require", "--import", "--loader", "--experimental-loader", "--env-file", "--max-old-space-size"},
    "nodemon": {"-w", "--watch", "-e", "--ext", "-x", "--exec", "-i", "--ignore", "--config", "--signal", "-L"},
    "pm2": {"-i", "--name", "-n", "-f"},
    "pm2-runtime": {"-i", "--name", "-n"},
    "forever": {"-l", "-o", "-e", "-c", "--minUptime", "--spinSleepTime", "-m", "--uid", "-p", "--pidFile"},
    "python": {"-W", "-X", "-m"},
    "ruby": {"-I", "-r", "-C"},
    "php": {"-d", "-c", "-S", "-t"},
    "gunicorn": _words(
        "-b --bind -w --workers -k --worker-class -c --config -t --timeout --threads --log-level --log-file -p --pid -u"
        " --user -g --group --chdir --access-logfile --error-logfile --graceful-timeout --keep-alive --max-requests -n"
        " --name -e --env --worker-tmp-dir --max-requests-jitter --worker-connections --log-config --umask --backlog"
        " --forwarded-allow-ips --access-logformat --certfile --keyfile --limit-request-line --statsd-host"
    ),
    "uvicorn": _words(
        "--host --port --workers --log-level --log-config --app-dir --uds --fd --loop --http --ws --env-file --header"
        " --root-path --timeout-keep-alive --limit-concurrency --backlog --interface --lifespan --reload-dir"
        " --forwarded-allow-ips --timeout-graceful-shutdown --ssl-keyfile --ssl-certfile --limit-max-requests"
    ),
    "hypercorn": _words("-b --bind -w --workers -k --worker-class -c --config --keep-alive --log-level -p --pid"),
    "daphne": _words("-b --bind -p --port -u -v -t -e --endpoint --access-log --root-path --http-timeout"),
    "granian": _words("--host --port --workers --interface --loop --log-level --threads --backlog --http"),
}


def server_of(argv: tuple[str, ...]) -> str | None:
    """The name of the program that runs: of `python -m gunicorn …` it is `gunicorn`; None: it is not known before."""
    if not argv or argv[0].startswith(("$", "{{", "`")):
        return None
    name = program_name(argv[0])
    if name in ("python", "pypy") and "-m" in argv[1:-1]:
        module = argv[argv.index("-m", 1) + 1]
        before = argv[1 : argv.index("-m", 1)]
        if all(word.startswith("-") for word in before):
            return module.partition(".")[0] if module.partition(".")[0] in _MODULES else name
    return name


_MODULES = _PYTHON_SERVERS | {
    "flask",
    "celery",
    "rq",
    "streamlit",
    "http",
    "uwsgi",
    "fastapi",
    "dramatiq",
    "huey",
    "sanic",
}


def entry_of(argv: tuple[str, ...], env: Mapping[str, str], directory: str, exists: Exists) -> str | None:
    """The file that a command line starts, in the tree; None: it cannot be told, or is no file of the tree.

    `directory` is where it runs, relative to the tree's root.
    """
    if not argv:
        return None
    server = server_of(argv)
    words = argv[1:]
    if server in _MODULES and program_name(argv[0]) in ("python", "pypy"):
        words = argv[argv.index("-m", 1) + 2 :]

    def at(path: str) -> str | None:
        full = posixpath.normpath(posixpath.join(directory, path)).removeprefix("./")
        return full if exists(full) else None

    def module(name: str) -> str | None:
        return _module(name, at)

    if server in _PYTHON_SERVERS:
        operands = _operands(words, _VALUED.get(server or "", set()))
        named = next((word for word in operands if ":" in word or "." in word), operands[0] if operands else None)
        below = _option(words, "--chdir", "--app-dir")
        return module(f"{below.replace('/', '.')}.{named}" if below and below != "." else named) if named else None
    if server == "uwsgi":
        named = _option(words, "--module", "-w", "--wsgi-file", "--wsgi")
        return (at(named) if named.endswith(".py") else module(named)) if named else None
    if server == "flask":
        named = _option(words, "--app", "-A") or env.get("FLASK_APP") or "app"
        return at(named) or module(named) or at("wsgi.py")
    if server in ("celery", "dramatiq", "huey_consumer", "arq", "faust", "taskiq"):
        named = _option(words, "-A", "--app") or next((word for word in words if "." in word), None)
        return (module(f"{named}.celery") or module(named)) if named else None
    return _other(server, argv, words, at, module)


def _other(
    server: str | None,
    argv: tuple[str, ...],
    words: tuple[str, ...],
    at: Callable[[str], str | None],
    module: Callable[[str], str | None],
) -> str | None:
    if server in ("python", "pypy") and "-m" in words[:-1]:
        return module(words[words.index("-m") + 1])
    if server in ("puma", "rackup", "unicorn", "thin", "falcon", "passenger", "pitchfork", "iodine"):
        return next((one for word in words if word.endswith(".ru") and (one := at(word))), None) or at("config.ru")
    if server in ("rails", "sidekiq", "good_job", "resque", "solid_queue", "que"):
        return at("config/environment.rb") or at("config.ru")
    if server in ("apache2-foreground", "php-fpm", "frankenphp", "rr", "heroku-php-apache2", "heroku-php-nginx"):
        return at("public/index.php") or at("index.php")
    if server == "nest":
        return at("src/main.ts")
    if server == "go":
        return _go(words[1] if len(words) > 1 else ".", at) if words[:1] == ("run",) else None
    if server == "php" and "-S" in words:
        root = _option(words, "-t") or "."
        return at(f"{root}/index.php")
    if server in _SCRIPT_RUNNERS:
        operands = [word for word in _operands(words, _VALUED.get(server or "", set())) if word not in _SUBCOMMANDS]
        return _script(operands[0], at) if operands else at("server.js") if server == "node" else None
    return at(argv[0]) or _go(f"cmd/{program_name(argv[0])}", at) or _compiled(argv[0], at)


def _compiled(program: str, at: Callable[[str], str | None]) -> str | None:
    """The source of a binary that is built of a Go module and called by a path."""
    return at("main.go") if program.startswith(("/", "./", "bin/")) and at("go.mod") else None


def _go(path: str, at: Callable[[str], str | None]) -> str | None:
    return at(path) if path.endswith(".go") else at(f"{path}/main.go")


def _script(path: str, at: Callable[[str], str | None]) -> str | None:
    """A script as it is called, or what it is compiled of: `dist/main.js` of `src/main.ts`."""
    stem = posixpath.splitext(path)[0]
    found = at(path) or at(f"{path}.js") or at(f"{path}/index.js") or at(f"{stem}.ts")
    head, _, below = stem.removeprefix("./").partition("/")
    if found is None and below and head in ("dist", "build", "lib", "out", "output", ".output"):
        ways = (f"src/{below}", below, f"{below.removeprefix('src/')}")
        found = next((one for way in ways for end in (".ts", ".js", ".mts", ".tsx") if (one := at(way + end))), None)
    return found


def _module(name: str, at: Callable[[str], str | None]) -> str | None:
    """`pkg.mod:app` as a file: of the tree's top, or of `src/`."""
    dotted = name.partition(":")[0].partition("(")[0].strip("\"'")
    path = dotted.removesuffix(".py").replace(".", "/") if not dotted.endswith(".py") else dotted[:-3]
    for top in ("", "src/"):
        for end in (".py", "/__main__.py", "/__init__.py", "/app.py"):
            if path and (found := at(f"{top}{path}{end}")):
                return found
    return None


def _operands(words: tuple[str, ...], valued: set[str]) -> list[str]:
    """The words that are neither options nor their values."""
    found = []
    skip = False
    for word in words:
        if skip:
            skip = False
        elif word.startswith("-") and len(word) > 1:
            skip = word in valued
        else:
            found.append(word)
    return found


def _option(words: tuple[str, ...], *names: str) -> str | None:
    """The value of an option, `--name value` or `--name=value`."""
    for position, word in enumerate(words):
        name, sign, value = word.partition("=")
        if name in names:
            if sign:
                return value
            return words[position + 1] if position + 1 < len(words) else None
    return None
