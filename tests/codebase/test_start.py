"""Start commands, from what a manifest says to the file that is started."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tolv.codebase.launch import launched, script_of
from tolv.codebase.shell import parse_shell
from tolv.codebase.start import Start, starts


def _starts(**files: str) -> tuple[Start, ...]:
    """Of a tree whose paths are written with `__` for `/` and `_dot_` for `.`."""
    tree = {name.replace("__", "/").replace("_dot_", "."): text for name, text in files.items()}
    return starts(tree, tree.get)


def _one(**files: str) -> Start:
    found = _starts(**files)
    assert len(found) == 1, found
    return found[0]


@pytest.mark.parametrize(
    ("text", "program", "wrappers", "parents"),
    [
        ("env A=1 gunicorn a:b", "gunicorn", ("env",), ()),
        ("tini -s -- gosu app python3.12 a.py", "python", ("tini", "gosu"), ()),
        ("poetry run uvicorn a:b", "uvicorn", ("poetry",), ()),
        ("bundle exec puma", "puma", ("bundle",), ()),
        ("npx -p x next start", "next", ("npx",), ("npx",)),
        ("sudo -u www node a.js", "node", ("sudo",), ("sudo",)),
        ("poetry install", "poetry", (), ()),
        ("timeout -k 5 60 worker", "worker", ("timeout",), ("timeout",)),
        ("wait-for-it.sh db:5432 -t 30 -- flask run", "flask", ("wait-for-it.sh",), ()),
    ],
)
def test_wrappers_are_looked_through(
    text: str, program: str, wrappers: tuple[str, ...], parents: tuple[str, ...]
) -> None:
    launch = launched(parse_shell(text).commands[0].argv)
    assert (launch.program, launch.wrappers, launch.parents) == (program, wrappers, parents)


def test_the_text_of_a_shell_is_given() -> None:
    assert launched(("bash", "-lc", "a; b")).shell_text == "a; b"
    assert launched(("sh", "a.sh")).shell_text is None
    assert script_of(("bash", "-e", "boot.sh", "web")) == ("boot.sh", ("web",))
    assert script_of(("gunicorn", "a:b")) is None


def test_a_procfile_starts_its_types() -> None:
    web, worker, release = _starts(
        Procfile="# all\nweb: gunicorn shop.wsgi --bind :$PORT\nworker: python -m shop.work\nrelease: ./migrate.sh\n",
        shop__wsgi_dot_py="",
        shop__work_dot_py="",
        requirements_dot_txt="",
    )
    assert (web.type, web.server, web.entry, web.line, web.prod) == ("web", "gunicorn", "shop/wsgi.py", 2, True)
    assert (worker.server, worker.entry) == ("python", "shop/work.py")
    assert (release.release, release.prod) == (True, False)
    assert web.option("--bind", "-b") == ":$PORT"


def test_an_entrypoint_script_is_followed_with_its_arguments() -> None:
    start = _one(
        Dockerfile='FROM a\nWORKDIR /app\nCOPY . .\nENTRYPOINT ["docker/entry.sh"]\nCMD ["node", "src/main.js"]\n',
        docker__entry_dot_sh='#!/bin/sh\nset -e\nexport A=1\nexec "$@"\n',
        src__main_dot_js="",
    )
    assert (start.origin, start.line, start.server, start.entry) == ("Dockerfile", 4, "node", "src/main.js")
    assert start.through == (("docker/entry.sh", 4),)
    assert start.place == ("docker/entry.sh", 4)
    assert start.parents == ()
    assert ("A", "1") in start.env


def test_a_shell_that_is_not_left_stays_the_parent() -> None:
    shell_form = _one(Dockerfile="FROM a\nCMD python app.py\n", app_dot_py="")
    assert (shell_form.parents, shell_form.entry) == (("sh",), "app.py")
    given_way = _one(Dockerfile='FROM a\nCMD ["bash", "-c", "migrate && exec gunicorn app:app"]\n', app_dot_py="")
    assert (given_way.server, given_way.parents) == ("gunicorn", ())
    script = _one(Dockerfile='FROM a\nCOPY boot.sh /\nCMD ["/boot.sh"]\n', boot_dot_sh="gunicorn app:app\n")
    assert script.parents == ("sh",)


def test_package_json_is_followed_and_npm_stays_the_parent() -> None:
    start = _starts(
        Dockerfile='FROM node\nCOPY . /app\nWORKDIR /app\nCMD ["npm", "start"]\n',
        package_dot_json='{\n "scripts": {\n  "start": "cross-env A=1 node dist/main.js"\n }\n}\n',
        src__main_dot_ts="",
    )[0]
    assert (start.server, start.entry, start.through) == ("node", "src/main.ts", (("package.json", 3),))
    assert start.parents == ("npm", "sh", "cross-env")


def test_npm_start_is_production_only_where_nothing_else_is() -> None:
    package = '{"scripts": {"start": "webpack-dev-server"}}'
    alone = _one(package_dot_json=package)
    assert alone.prod
    web, npm = _starts(Procfile="web: node server.js\n", package_dot_json=package, server_dot_js="")
    assert (web.prod, npm.prod) == (True, False)


def test_supervisord_in_an_image_starts_its_programs() -> None:
    found = _starts(
        Dockerfile='FROM a\nCOPY supervisord.conf /etc/\nCMD ["supervisord", "-c", "/etc/supervisord.conf"]\n',
        supervisord_dot_conf="[supervisord]\nnodaemon=true\n[program:web]\ncommand=gunicorn app:app\n"
        "[program:worker]\ncommand=celery -A app worker\n",
    )
    assert [(one.type, one.server, one.through[-1]) for one in found] == [
        ("web", "gunicorn", ("supervisord.conf", 4)),
        ("worker", "celery", ("supervisord.conf", 6)),
    ]
    assert all(one.parents == ("supervisord",) for one in found)


def test_a_compose_service_of_the_apps_own_is_a_start() -> None:
    image, web = _starts(
        Dockerfile='FROM a\nENTRYPOINT ["tini", "--"]\nCMD ["python", "a.py"]\n',
        compose_dot_yml="services:\n  web:\n    build: .\n    command: python b.py\n  db:\n    image: postgres\n"
        "    command: postgres -c x=1\n",
        a_dot_py="",
        b_dot_py="",
    )
    assert (image.entry, web.type, web.entry, web.line, web.wrappers) == ("a.py", "web", "b.py", 4, ("tini",))


def test_a_binary_of_an_earlier_stage_leads_to_its_main_package() -> None:
    start = _one(
        deploy__Dockerfile="FROM golang AS b\nCOPY . /src\nWORKDIR /src\nRUN go build -o /out/shop ./cmd/shop\n"
        'FROM scratch\nCOPY --from=b /src/shop /shop\nENTRYPOINT ["/shop"]\n',
        go_dot_mod="module acme.org/shop\n",
        cmd__shop__main_dot_go="",
    )
    assert start.entry == "cmd/shop/main.go"


def test_what_only_builds_is_no_production_start() -> None:
    assert not _starts(Dockerfile="FROM a\nCMD pytest\n")[0].prod


def test_development_files_start_nothing_in_production() -> None:
    found = _starts(Procfile_dot_dev="web: flask run\n", Dockerfile="FROM a\nCMD gunicorn app:app\n", app_dot_py="")
    assert {one.server: one.prod for one in found} == {"flask": False, "gunicorn": True}


def test_kubernetes_and_systemd_and_platforms_start_too() -> None:
    found = _starts(
        k8s__web_dot_yml="apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: web}\nspec:\n  template:\n    spec:\n"
        "      containers:\n        - name: web\n          image: a:1\n          command: [gunicorn, 'app:app']\n",
        etc__a_dot_service="[Service]\nExecStart=/usr/bin/node /srv/app.js\n",
        manifest_dot_yml="applications:\n- name: cf\n  command: python a.py\n",
        fly_dot_toml='[deploy]\nrelease_command = "./migrate"\n[processes]\nworker = "python a.py"\n',
        a_dot_py="",
    )
    assert {(one.origin, one.type, one.server) for one in found} >= {
        ("kubernetes", "web", "gunicorn"),
        ("systemd", "a", "node"),
        ("manifest.yml", "cf", "python"),
        ("fly.toml", "worker", "python"),
    }


def test_a_convention_counts_where_no_file_says_anything() -> None:
    start = _one(server_dot_js="", package_dot_json="{}")
    assert (start.origin, start.entry) == ("convention", "server.js")


def test_scripts_that_call_each_other_come_to_an_end() -> None:
    _starts(Procfile="web: ./a.sh\n", a_dot_sh="exec ./b.sh\n", b_dot_sh="exec ./a.sh\n")
    _starts(package_dot_json='{"scripts": {"start": "npm run a", "a": "npm start"}}')


@given(
    st.dictionaries(
        st.sampled_from(["Procfile", "Dockerfile", "package.json", "a.sh", "compose.yml", "b.yml"]), st.text()
    )
)
def test_any_tree_is_read(tree: dict[str, str]) -> None:
    starts(tree, tree.get)


def test_the_words_of_cmd_choose_what_an_entrypoint_runs() -> None:
    one = _one(
        Dockerfile='FROM python:3.12\nCOPY . /app\nENTRYPOINT ["/app/boot.sh"]\nCMD ["server"]\n',
        boot_dot_sh='#!/bin/sh\ncase "$1" in\n  dev) exec flask run ;;\n  server) exec gunicorn a:b ;;\nesac\n',
    )
    assert one.server == "gunicorn"
