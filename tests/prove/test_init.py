"""`tolv prove --init`: what is found of an app, and the section that comes of it."""

from __future__ import annotations

import json
import os
import tomllib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tolv.codebase.manifest import read_manifest
from tolv.codebase.model import App, ProcessType
from tolv.codebase.reader import read_app
from tolv.errors import AppError, PlatformError, UsageError
from tolv.prove.discovery.discover import Found, discover
from tolv.prove.discovery.openapi import routes_of
from tolv.prove.discovery.propose import Proposal
from tolv.prove.discovery.route import Route
from tolv.prove.init import MEANINGS, add_section, render_section, write_section
from tolv.prove.recipes import EXAMPLES, Recipes, read_recipes
from tolv.prove.steps import Step

ROOT = Path(__file__).parents[2]


def found_in(root: Path, files: dict[str, str], health: str | None = None, release: str | None = None) -> Found:
    for path, text in files.items():
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_text(text, encoding="utf-8")
    web = ProcessType("web", "serve", health=health)
    return discover(root, App("app", root, (web,), release_command=release))


def routes(found: Found) -> list[str]:
    return [f"{one.method} {one.path} {one.body or ''}".rstrip() for one in found.routes]


def proposed(found: Found) -> dict[str, str]:
    """By key what is proposed, with a `?` where a person has to fill it in."""
    return {one.name: one.value if one.sure else f"{one.value} ?" for one in found.proposals}


def section_of(found: Found) -> Recipes:
    return read_recipes(tomllib.loads(render_section(found))["prove"])


FLASK = """
from flask import Blueprint, Flask, request

app = Flask(__name__)
notes = Blueprint("notes", __name__, url_prefix="/notes")

@app.get("/")
def home(): ...

@app.route("/login", methods=["GET", "POST"])
def login():
    user = request.form["user"]
    password = request.form.get("password", "")

@notes.route("", methods=("POST",))
def add():
    data = request.get_json()
    text, title = data["text"], data.get("title")

@notes.route("/<int:number>")
def show(number): ...

@app.put("/files/<path:name>")
def keep(name): ...

@app.get("/files/<path:name>")
def give(name): ...

@app.get("/me")
def me(): ...
"""


def test_flask(tmp_path: Path) -> None:
    found = found_in(tmp_path, {"app.py": FLASK})
    assert routes(found) == [
        "GET /",
        "GET /login",
        "POST /login user={token}&password={token}",
        'POST /notes {"text": "{token}", "title": "{token}"}',
        "GET /notes/{number}",
        "PUT /files/{name}",
        "GET /files/{name}",
        "GET /me",
    ]
    assert proposed(found) == {
        "read": "GET /",
        "login": "POST /login user={token}&password={token} ?",
        "whoami": "GET /me ?",
        "upload": "PUT /files/{name}",
        "download": "GET /files/{name}",
        "write": 'POST /notes {"text": "{token}", "title": "{token}"}',
        "read_back": "GET /notes/{id}",
    }
    assert found.routes[3].source == "app.py:15"
    recipes = section_of(found)
    assert recipes.write == (Step("POST", "/notes", '{"text": "{token}", "title": "{token}"}'),)
    assert not recipes.has("login")
    assert not recipes.has("whoami")


FASTAPI = """
from fastapi import APIRouter, FastAPI, Form, UploadFile
from pydantic import BaseModel

class Base(BaseModel):
    email: str

class Job(Base):
    n: int
    label: str
    note: str = ""

app = FastAPI()
router = APIRouter(prefix="/jobs")

@router.post("", status_code=202)
async def begin(job: Job): ...

@router.get("/{job_id}")
async def job(job_id: int): ...

@app.post("/upload")
async def upload(file: UploadFile, title: str = Form(...)): ...

@app.get("/readyz")
async def ready(): ...

@app.get("/version")
async def version(): ...

app.include_router(router, prefix="/api")
"""


def test_fastapi(tmp_path: Path) -> None:
    found = found_in(tmp_path, {"main.py": FASTAPI, "tests/test_main.py": "@app.get('/not')\ndef f(): ..."})
    assert routes(found) == [
        'POST /api/jobs {"email": "{token}@example.com", "n": 1, "label": "{token}"}',
        "GET /api/jobs/{job_id}",
        "POST /upload title={token}",
        "GET /readyz",
        "GET /version",
    ]
    assert found.routes[2].file == "file"
    assert proposed(found) == {
        "spec": "/openapi.json",
        "ready": "GET /readyz",
        "version": "GET /version",
        "upload": "POST /upload title={token}",
        "job": 'POST /api/jobs {"email": "{token}@example.com", "n": 1, "label": "{token}"}',
        "job_done": "GET /api/jobs/{id}",
        "write": 'POST /api/jobs {"email": "{token}@example.com", "n": 1, "label": "{token}"}',
        "read_back": "GET /api/jobs/{id}",
        "read": "GET /",
    }
    assert section_of(found).upload == (Step("POST", "/upload", "title={token}", file="file"),)


def test_routers_are_followed_through_files_to_the_root(tmp_path: Path) -> None:
    files = {
        "src/shop/__init__.py": "from shop.api import bp as api_bp\nfrom . import pages\n"
        "app.register_blueprint(api_bp, url_prefix='/api')\napp.register_blueprint(pages.bp)",
        "src/shop/api/__init__.py": "bp = Blueprint('api', __name__)\nfrom shop.api import items",
        "src/shop/api/items.py": "from . import bp\n@bp.route('/items')\ndef items(): ...",
        "src/shop/pages.py": "bp = Blueprint('p', __name__, url_prefix='/p')\n@bp.get('/')\ndef home(): ...",
        "src/v1.py": "from two import routers\nv1 = APIRouter(prefix='/v1')\n"
        "v1.include_router(routers.r, prefix='/r')\n"
        "main = FastAPI()\nmain.include_router(v1, prefix='/api')",
        "two/routers.py": "r = APIRouter(prefix='/own')\n@r.get('/x')\ndef x(): ...",
    }
    assert set(routes(found_in(tmp_path, files))) == {"GET /api/items", "GET /p/", "GET /api/v1/r/own/x"}


def test_routers_that_are_mounted_in_a_circle_end(tmp_path: Path) -> None:
    text = "a.include_router(b, prefix='/b')\nb.include_router(a, prefix='/a')\n@a.get('/x')\ndef x(): ..."
    (path,) = routes(found_in(tmp_path, {"app.py": text}))
    assert path.endswith("/b/a/x")


def test_django(tmp_path: Path) -> None:
    files = {
        "manage.py": "",
        "site/urls.py": "urlpatterns = [path('admin/', admin.site.urls), path('', home)]\n"
        "urlpatterns += [path('shop/', include('shop.urls'))]",
        "shop/urls.py": "urlpatterns = [path('items/<int:pk>/', Item.as_view()), path('health/', health)]",
    }
    found = found_in(tmp_path, files)
    assert set(routes(found)) == {"GET /", "GET /shop/items/{pk}/", "GET /shop/health/"}
    assert proposed(found) == {
        "one_off": "python manage.py check",
        "prepare": "python manage.py migrate --noinput",
        "health": "GET /shop/health/",
        "read": "GET /",
    }
    assert "prepare" not in proposed(found_in(tmp_path, files, release="python manage.py migrate"))


EXPRESS = """
const express = require('express')
const notes = require('./routes/notes')
const app = express()

  // app.get('/commented', out)
app.get('/healthz', (req, res) => res.send('ok'))
app.get(`/made/${x}`, (req, res) => {})
app.use('/api/notes', notes)
app.post('/login', (req, res) => { check(req.body.user, req.body.password) })
"""
ROUTER = """
const router = require('express').Router()
router.post('/', async (req, res) => { const { text, tag: kind } = req.body })
router.get('/:id', async (req, res) => {})
"""


def test_express(tmp_path: Path) -> None:
    found = found_in(tmp_path, {"server.js": EXPRESS, "routes/notes.js": ROUTER, "node_modules/x/i.js": EXPRESS})
    assert routes(found) == [
        "GET /healthz",
        'POST /login {"user": "{token}", "password": "{token}"}',
        'POST /api/notes/ {"text": "{token}", "tag": "{token}"}',
        "GET /api/notes/{id}",
    ]
    assert [one.source for one in found.routes][:2] == ["server.js:7", "server.js:10"]
    assert proposed(found) == {
        "health": "GET /healthz",
        "login": 'POST /login {"user": "{token}", "password": "{token}"} ?',
        "write": 'POST /api/notes/ {"text": "{token}", "tag": "{token}"}',
        "read_back": "GET /api/notes/{id}",
        "read": "GET /",
    }


SPEC = {
    "openapi": "3.1.0",
    "servers": [{"url": "/v1"}],
    "paths": {
        "/notes": {
            "get": {},
            "post": {
                "requestBody": {"content": {"application/json": {"schema": {"$ref": "#/components/schemas/Note"}}}}
            },
        },
        "/notes/{id}": {"get": {}},
        "/files": {
            "post": {
                "requestBody": {
                    "content": {
                        "multipart/form-data": {
                            "schema": {
                                "properties": {
                                    "data": {"type": "string", "format": "binary"},
                                    "title": {"type": "string"},
                                }
                            }
                        }
                    }
                }
            }
        },
        "/odd": {"post": {"requestBody": {"$ref": "#/nowhere"}}, "get": None},
    },
    "components": {
        "schemas": {
            "Note": {
                "type": "object",
                "required": ["text", "kind", "on", "inner", "tags"],
                "properties": {
                    "text": {"type": "string"},
                    "kind": {"enum": ["a", "b"]},
                    "on": {"type": "string", "format": "date"},
                    "tags": {"type": "array", "items": {"type": "string"}},
                    "inner": {
                        "allOf": [{"$ref": "#/components/schemas/Inner"}, {"properties": {"y": {"type": "boolean"}}}]
                    },
                    "left": {"type": "string"},
                },
            },
            "Inner": {"properties": {"x": {"type": "integer"}}},
        }
    },
}
NOTE = '{"text": "{token}", "kind": "a", "on": "2030-01-02", "inner": {"x": 1, "y": true}, "tags": []}'


@pytest.mark.parametrize(
    ("path", "text"), [("docs/openapi.json", json.dumps(SPEC)), ("openapi.yaml", json.dumps(SPEC, indent=1))]
)
def test_a_description_says_more_than_code(tmp_path: Path, path: str, text: str) -> None:
    found = found_in(tmp_path, {path: text, "app.py": FLASK}, health="/up")
    assert routes(found) == [
        "GET /v1/notes",
        f"POST /v1/notes {NOTE}",
        "GET /v1/notes/{id}",
        "POST /v1/files title={token}",
        "POST /v1/odd",
    ]
    assert proposed(found) == {
        "health": "GET /up",
        "spec": path,
        "read": "GET /v1/notes",
        "upload": "POST /v1/files title={token}",
        "write": f"POST /v1/notes {NOTE}",
        "read_back": "GET /v1/notes/{id}",
    }


def test_a_health_path_that_speaks_of_readiness_is_no_liveness(tmp_path: Path) -> None:
    found = found_in(tmp_path, {"app.js": "app.get('/live', f); app.get('/ready', f)"}, health="/ready?deep=1")
    assert proposed(found) == {"ready": "GET /ready?deep=1", "health": "GET /live", "read": "GET /"}


def test_a_schema_that_refers_to_itself_ends() -> None:
    tree = {"properties": {name: {"$ref": "#/s/Tree"} for name in "abcdefghij"}}
    spec = {
        "paths": {"/t": {"post": {"requestBody": {"content": {"application/json": {"schema": tree}}}}}},
        "s": {"Tree": tree},
    }
    (route,) = routes_of(spec, "x")
    assert len(route.body or "") < 10_000


@pytest.mark.parametrize(
    "spec", [None, [], "text", {"paths": []}, {"paths": {"/a": [], 1: {"get": {}}}}, {"servers": [1]}]
)
def test_a_description_that_is_none_has_no_routes(spec: object) -> None:
    assert list(routes_of(spec, "x")) == []


@pytest.mark.parametrize(
    "files",
    [
        {},
        {"app.py": "def broken(:"},
        {"app.py": "(" * 5000},
        {"app.py": "x" + "[0]" * 20_000},
        {"openapi.json": "{", "app.py": "x = 1"},
        {"openapi.yaml": "a: [", "app.js": "app.get('/"},
    ],
)
def test_what_cannot_be_read_leaves_a_guess(tmp_path: Path, files: dict[str, str]) -> None:
    assert proposed(found_in(tmp_path, files)) == {"read": "GET /"}


def test_the_guestbook_of_the_examples() -> None:
    root = ROOT / "examples" / "guestbook"
    found = discover(root, read_app(root, name=None, fallback_name="guestbook"))
    assert proposed(found)["health"] == "GET /health"
    assert proposed(found)["read"] == "GET /"
    assert "POST /" in routes(found)
    assert section_of(found).read == (Step("GET", "/"),)


def test_the_section_has_every_key_that_a_person_may_want() -> None:
    section = render_section(Found())
    assert tomllib.loads(section) == {"prove": {}}
    assert MEANINGS.keys() == EXAMPLES.keys()
    for name in MEANINGS:
        assert f"\n# {name} = " in section
    uncommented = section.replace("\n# ", "\n").split("[prove]\n")[1]
    lines = [line for line in uncommented.splitlines() if line.partition(" = ")[0] in MEANINGS]
    assert read_recipes(tomllib.loads("\n".join(lines))).has("job_done")


def test_the_section_says_where_a_line_comes_from_and_what_needs_it() -> None:
    proposals = (Proposal("read", "GET /", "app.py:7"), Proposal("login", "POST /login a=b", "app.py:9", sure=False))
    section = render_section(Found(proposals=proposals), {"read": ("VI-P1", "XI-P1"), "slow": ("IX-P2",)})
    assert '# reads what is always there; found in app.py:7; for VI-P1, XI-P1\nread = "GET /"\n' in section
    assert 'found in app.py:9: fill it in\n# login = "POST /login a=b"\n' in section
    assert '# is answered after a second or more; for IX-P2\n# slow = "GET /slow"\n' in section


def test_a_guess_is_called_one() -> None:
    assert '; a guess\nread = "GET /"\n' in render_section(Found(proposals=(Proposal("read", "GET /"),)))


def test_what_goes_on_from_an_uncertain_line_is_a_comment_too() -> None:
    found = Found(
        proposals=(Proposal("write", "POST /n", "a.py:1", sure=False), Proposal("read_back", "GET /n", "a.py:2"))
    )
    assert section_of(found) == Recipes()


@given(
    st.text(st.characters(exclude_categories=("Cs",)), min_size=1).filter(
        lambda text: text.strip() and "\0" not in text
    )
)
def test_whatever_a_command_holds_the_section_says_it_again(command: str) -> None:
    section = render_section(Found(proposals=(Proposal("one_off", command, "x"),)))
    assert read_recipes(tomllib.loads(section)["prove"]).one_off == command


SECTION = '# words\n[prove]\nread = "GET /"\n'


@pytest.mark.parametrize(
    ("before", "between", "end"),
    [
        (b'name = "a"\n', b"\n", b"\n"),
        (b'name = "a"', b"\n\n", b"\n"),
        (b'\xef\xbb\xbfname = "\xc3\xa4"  # odd   \n\n\n', b"\n", b"\n"),
        (b'name = "a"\r\n', b"\r\n", b"\r\n"),
        (b"", b"", b"\n"),
    ],
)
def test_the_rest_of_the_file_stays_byte_for_byte(tmp_path: Path, before: bytes, between: bytes, end: bytes) -> None:
    path = tmp_path / "tolv.toml"
    path.write_bytes(before)
    path.chmod(0o640)
    add_section(path, SECTION)
    assert path.read_bytes() == before + between + SECTION.encode().replace(b"\n", end)
    assert path.stat().st_mode & 0o777 == 0o640
    assert os.listdir(tmp_path) == ["tolv.toml"]


def test_a_file_that_is_not_there_is_made(tmp_path: Path) -> None:
    add_section(tmp_path / "tolv.toml", SECTION)
    assert (tmp_path / "tolv.toml").read_text() == SECTION


def test_a_link_stays_one(tmp_path: Path) -> None:
    (tmp_path / "real.toml").write_text("")
    (tmp_path / "tolv.toml").symlink_to("real.toml")
    add_section(tmp_path / "tolv.toml", SECTION)
    assert (tmp_path / "tolv.toml").is_symlink()
    assert (tmp_path / "real.toml").read_text() == SECTION


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("[prove]\n", "tolv.toml has a [prove] section already"),
        ('prove.read = "GET /"\n', "tolv.toml has a [prove] section already"),
        ("name = \n", "tolv.toml is not valid TOML"),
    ],
)
def test_a_file_that_has_one_or_is_broken_stays_as_it_is(tmp_path: Path, text: str, problem: str) -> None:
    path = tmp_path / "tolv.toml"
    path.write_text(text)
    with pytest.raises(UsageError) as raised:
        add_section(path, SECTION)
    assert raised.value.problem.startswith(problem)
    assert path.read_text() == text


def test_a_section_that_is_there_is_kept_and_the_proposal_shown(tmp_path: Path) -> None:
    path = tmp_path / "tolv.toml"
    path.write_text("[prove]\n")
    with pytest.raises(UsageError) as raised:
        add_section(path, SECTION)
    assert SECTION in (raised.value.remedy or "")


def test_an_app_gets_a_section_that_it_can_be_proved_with(tmp_path: Path) -> None:
    (tmp_path / "Procfile").write_text("web: flask run\n")
    (tmp_path / "app.py").write_text(FLASK)
    said = write_section(tmp_path)
    assert "read, write, read_back, upload, download filled in, 13 left as examples" in said
    assert read_recipes(read_manifest(tmp_path / "tolv.toml").prove).write[0].path == "/notes"


def test_an_app_that_runs_nothing_gets_none(tmp_path: Path) -> None:
    with pytest.raises(AppError):
        write_section(tmp_path)
    assert not (tmp_path / "tolv.toml").exists()


def test_a_directory_that_is_not_there_is_a_clear_error(tmp_path: Path) -> None:
    with pytest.raises(PlatformError) as raised:
        add_section(tmp_path / "none" / "tolv.toml", SECTION)
    assert raised.value.problem.startswith("tolv.toml cannot be written: ")


def test_words_of_a_path_leave_its_parameters_out() -> None:
    assert Route("GET", "/api/Notes/{file_id}", "x").words == {"api", "notes"}
