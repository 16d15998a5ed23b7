"""Commands that build, install or migrate, and those of development servers, by how they are written."""

from __future__ import annotations

import re

from tolv.codebase.shell import Command

_Table = tuple[tuple[re.Pattern[str], str], ...]


def _table(*rows: tuple[str, str]) -> _Table:
    return tuple((re.compile(pattern), what) for pattern, what in rows)


#: What compiles, bundles or installs.
BUILDING: _Table = _table(
    (r"(?:npm|pnpm|yarn|bun) (?:run )?(?:build|compile|bundle|webpack|transpile)\b\S*", "builds"),
    (r"(?:npm (?:ci|i|install)|yarn install|pnpm (?:i|install)|bun install)(?! -g)\b.*|yarn", "installs dependencies"),
    (r"(?:npx )?(?:webpack(?!-dev)|rollup|esbuild|tsc|gulp|grunt|babel|sass|tailwindcss)\b.*", "builds"),
    (r"(?:npx )?(?:next|nuxt|vite|ng|react-scripts|nest|remix|vue-cli-service) build\b.*", "builds"),
    (r"(?:python\d? -m )?pip\d? install\b.*", "installs dependencies"),
    (r"(?:poetry|pipenv|pdm) (?:install|sync)\b.*|uv (?:sync|pip install)\b.*", "installs dependencies"),
    (r"bundle install\b.*|gem install\b.*|composer (?:install|update)\b.*", "installs dependencies"),
    (r"(?:\./)?mvnw? .*\b(?:package|install|compile|spring-boot:run|exec:java)\b.*", "compiles"),
    (r"(?:\./)?gradlew? .*\b(?:build|bootRun|assemble|installDist|run)\b.*", "compiles"),
    (r"sbt .*\b(?:run|stage|compile)\b.*|dotnet (?:run|build|publish)\b.*|javac\b.*", "compiles"),
    (r"go (?:build|run|install)\b.*|cargo (?:build|run)\b.*", "compiles"),
    (r"(?:rake|rails|bin/rails|bin/rake) .*(?:assets:precompile|webpacker:compile)\b.*", "compiles assets"),
    (r".*\bmanage\.py (?:collectstatic|compilemessages|compress|compilescss)\b.*", "compiles assets"),
    (r"django-admin (?:collectstatic|compilemessages)\b.*", "compiles assets"),
    (r"(?:flask|pybabel|php artisan|mix) (?:\w+[ :])?(?:compile|build|precompile|bundle)\b.*", "compiles"),
    (r"(?:apt-get|apt|apk|yum|dnf) (?:-\S+ )*(?:install|add)\b.*", "installs system packages"),
    (r"docker build\b.*|docker[ -]compose build\b.*|make (?:build|assets|install|compile)\b.*", "builds"),
)

#: What compiles TypeScript each time it runs.
WITH_TYPESCRIPT = re.compile(r"(?:npx )?(?:ts-node|tsx|ts-node-esm|babel-node|esno|vite-node)\b.*")

#: What needs the database.
MIGRATES = re.compile(
    r".*\bmanage\.py migrate\b.*|(?:flask db|alembic) upgrade\b.*|php artisan migrate\b.*"
    r"|(?:rake|rails|bin/rails) .*db:(?:migrate|setup|create|seed|schema:load|prepare)\b.*"
    r"|(?:npx )?(?:prisma migrate deploy|prisma db push|sequelize db:migrate|knex migrate:latest)\b.*"
    r"|(?:npx )?typeorm migration:run\b.*"
)

#: Servers that are for development.
DEVELOPMENT: _Table = _table(
    (r"(?:python\d? )?(?:\S*/)?manage\.py runserver(?:_plus)?\b.*", "Django's development server"),
    (r"django-admin runserver\b.*", "Django's development server"),
    (r"(?:python\d? -m )?flask (?:--?\S+(?: \S+)? )*run\b.*", "Flask's development server"),
    (r"fastapi dev\b.*", "FastAPI's development server"),
    (r"(?:npx )?(?:nodemon|ts-node-dev|tsx watch)\b.*|node(?: \S+)* --watch\b.*", "a reloader"),
    (r"(?:npx )?(?:next|nuxt|nuxi|astro|remix|gatsby) (?:dev|develop)\b.*", "a development server"),
    (r"(?:npx )?vite(?: (?:dev|serve|--\S+.*))?", "a development server"),
    (r"(?:npx )?(?:ng serve|react-scripts start|vue-cli-service serve)\b.*", "a development server"),
    (r"(?:npx )?webpack(?:-dev-server| serve)\b.*", "a development server"),
    (r"nest start --watch\b.*", "a reloader"),
    (r"php artisan serve\b.*|php -S\b.*|symfony (?:server:start|serve)\b.*", "PHP's development server"),
    (r"(?:php )?bin/console server:run\b.*", "PHP's development server"),
    (r".*\bwebrick\b.*", "WEBrick"),
    (r"(?:uvicorn|gunicorn|hypercorn|granian|sanic)\b.* --reload(?!-)\b.*", "a reloader"),
    (r"(?:air|reflex|gin run|fresh|watchexec|watchmedo auto-restart|entr|CompileDaemon)\b.*", "a reloader"),
)

_RUNNERS = frozenset({"bundle", "poetry", "pipenv", "uv", "dotenv", "sudo", "time", "exec"})


def plain(command: Command) -> str:
    """The words of a command without its wrappers and the directory of its program."""
    words = list(command.argv)
    while len(words) > 2 and words[0] in _RUNNERS and words[1] in ("exec", "run"):
        words = words[2:]
    if words and words[0] in ("sudo", "time", "exec"):
        words = words[1:]
    if words and not words[0].startswith("./"):
        words[0] = words[0].rpartition("/")[2]
    return " ".join(words)
