"""What a file is for, told by its path: production code, tests, documentation, somebody else's code …

The path decides nearly everything, as a rule must not depend on words in a text. What a path cannot tell (a minified
file with a plain name, a generated one) the first bytes do: `classify_content`. What only the tree can tell (a library
that was copied in with its licence) `copied_in` does.

Two things that a name promises do not hold: a Java package may be called `samples`, so that below `src/main` nothing is
documentation or test; and `dev/` that ships Kubernetes or installer files is production.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import lru_cache
from typing import Literal, NamedTuple

from tolv.codebase import path_words as words

Context = Literal[
    "prod", "test", "dev", "docs", "ci", "migrations", "admin", "vendored", "generated", "locale", "lock", "binary"
]
CONTEXTS: tuple[Context, ...] = (
    "prod", "test", "dev", "docs", "ci", "migrations", "admin", "vendored", "generated", "locale", "lock", "binary"
)  # fmt: skip

#: Contexts whose files are not read at all.
UNREAD_CONTEXTS: frozenset[Context] = frozenset({"vendored", "generated", "locale", "lock", "binary"})

#: The language of a file, by the end of its name (lower case).
LANGUAGE_BY_SUFFIX: dict[str, str] = {
    **dict.fromkeys((".py", ".pyw"), "python"),
    **dict.fromkeys((".js", ".mjs", ".cjs", ".jsx", ".ts", ".tsx", ".mts", ".cts"), "javascript"),
    ".go": "go",
    ".java": "java",
    **dict.fromkeys((".rb", ".rake", ".ru", ".gemspec"), "ruby"),
    **dict.fromkeys((".php", ".phtml"), "php"),
}

#: The language of files that have no suffix.
LANGUAGE_BY_NAME: dict[str, str] = {
    **dict.fromkeys(("Gemfile", "Rakefile", "Capfile", "Guardfile", "Vagrantfile", "Puppetfile"), "ruby"),
    "artisan": "php",
}


def classify(path: str) -> Context:
    """The context of a file, by its path relative to the repository's root, with `/`. Never raises."""
    directory, _, name = path.rpartition("/")
    place = _place(directory)
    if place.context in UNREAD_CONTEXTS:
        return place.context
    return _named(name, place)


def classify_content(path: str, head: bytes) -> Context | None:
    """What the first 4 KiB say beyond the path: `generated`, `vendored` or `binary`; None: nothing."""
    if b"\0" in head:
        return "binary"
    if _MARKER.search(head[:2048]):
        return "generated"
    suffix = path[path.rfind(".") :].lower()
    if suffix in words.BROWSER:
        if _BANNER.match(head):
            return "vendored"
        if _BUNDLE.search(head):
            return "generated"
        if len(head) > 1000 and len(head) // (head.count(b"\n") + 1) > 400:
            return "generated"
    return None


def language_of(path: str) -> str | None:
    """The language of a file by its name; None: none that is read."""
    name = path.rpartition("/")[2]
    dot = name.rfind(".")
    return LANGUAGE_BY_SUFFIX.get(name[dot:].lower()) if dot > 0 else LANGUAGE_BY_NAME.get(name)


def copied_in(paths: Iterable[str]) -> frozenset[str]:
    """The directories that hold a library of somebody else's beside the app's own code: each has its own licence and
    lies in a directory for such (`libs/`, `plugins/`, `static/`). Where most directories beside each other are such,
    the one above is.

    A package of a monorepo has a licence too, but lies in none of these.
    """
    found: set[str] = set()
    beside: dict[str, set[str]] = {}
    for path in paths:
        directory, _, name = path.rpartition("/")
        above = directory.rpartition("/")[0]
        if _LICENCE.fullmatch(name) and above and _COPIED.search(f"/{directory}"):
            found.add(directory)
        if directory and _LIBRARIES.search(f"/{above}"):
            beside.setdefault(above, set()).add(directory)
    for above, directories in beside.items():
        if len(copied := directories & found) >= 3 and 2 * len(copied) >= len(directories):
            found.add(above)
    return frozenset(found)


def stands_for(path: str) -> str | None:
    """The file that a sample is made to be copied to: `.env.example` is for `.env`, `sample_conf/a.json` for
    `conf/a.json`; None: it is no sample."""
    directory, slash, name = path.rpartition("/")
    real = _SAMPLE.sub("", name)
    if real == name:
        place = _SAMPLE_DIRECTORY.sub(lambda match: match[1] or match[4] or "", f"/{directory}")[1:]
        return f"{place}{slash}{name}" if place != directory else None
    return f"{directory}{slash}{real or '.env'}" if real not in ("", ".") else None


#: A directory with the version of what is in it (`codemirror-5.17.0`): unpacked, not written here.
_RELEASED = re.compile(r"[a-z][\w.+]*(?:-[a-z][\w.+]*)*[-@_]v?\d+\.\d+\.\d+(?:[-+.]\w+)*")


class _Place(NamedTuple):
    """What a directory tells of the files in it."""

    context: Context | None = None
    in_code: bool = False
    """Below `src`, `app` …: `docs` is a part of the app here."""
    in_main: bool = False
    """Below `src/main`: the names are packages."""
    locale: bool = False
    """Below a directory for translations."""
    tongue: bool = False
    """Below a directory called like a language, in one for translations."""
    config: bool = False
    """The last directory is one for settings: `dev.py` in it is a configuration."""
    stage: bool = False
    """The last directory holds one per environment: `environments/`, `overlays/`."""
    last: str = ""


@lru_cache(maxsize=1 << 16)
def _place(directory: str) -> _Place:
    place = _Place()
    for part in directory.lower().split("/") if directory else ():
        place = _below(place, part)
    return place


def _below(place: _Place, part: str) -> _Place:
    """The directory `part` in the directory `place`."""
    return _Place(
        context=_directory(place, part),
        in_code=place.in_code or part in words.CODE,
        in_main=place.in_main or (place.last == "src" and part == "main"),
        locale=place.locale or part in words.LOCALE,
        tongue=place.tongue or (place.locale and _is_tongue(part)),
        config=part in words.CONFIG,
        stage=part in words.STAGES,
        last=part,
    )


def _directory(place: _Place, part: str) -> Context | None:
    """The context that the directory gives, from what is around it and from its own name."""
    around = place.context
    if around in UNREAD_CONTEXTS:
        return around
    if part in words.VENDORED or (part == "vendor" and not place.in_main and place.last not in words.LAYERS):
        return "vendored"
    if _RELEASED.fullmatch(part):
        return "vendored"
    if part in words.GENERATED or (place.last, part) in words.GENERATED_PAIRS or part.endswith(".egg-info"):
        return "generated"
    if around == "dev" and part in words.SHIPPING:
        return None
    if around == "admin":
        # Scripts that make or drive an environment for tests serve nobody.
        return "migrations" if part in words.MIGRATIONS else "test" if _purpose(place, part) == "test" else around
    if around is not None:
        return around
    if part in words.MIGRATIONS or (place.last, part) in words.MIGRATION_PAIRS:
        return "migrations"
    return None if place.in_main else _purpose(place, part)


def _purpose(place: _Place, part: str) -> Context | None:
    if (
        part in words.TEST
        or (place.last, part) in words.TEST_PAIRS
        or _TEST_DIRECTORY.fullmatch(part)
        or (place.last == "src" and _SOURCE_SET.fullmatch(part) and part not in words.NO_TESTS)
    ):
        return "test"
    if part in words.CI:
        return "ci"
    if (_EXAMPLES.fullmatch(part) and place.last not in words.LAYERS) or (part in words.DOCS and not place.in_code):
        return "docs"
    staged = place.stage or place.config or place.last in words.BUILDERS
    if (
        part in words.DEV
        or (place.last, part) in words.DEV_PAIRS
        or (staged and part in words.DEV_STAGES)
        or (part in ("dev", "local") and not place.in_code)
    ):
        return "dev"
    if staged and part in words.TEST_STAGES:
        return "test"
    if part in words.ADMIN or (place.last, part) in words.ADMIN_PAIRS:
        return "admin"
    return None


def _named(name: str, place: _Place) -> Context:
    """The context of the file `name` in `place`."""
    lower = name.lower()
    dot = lower.rfind(".")
    suffix = lower[dot:] if dot > 0 else ""
    if suffix in words.BINARY:
        return "binary"
    if suffix in LANGUAGE_BY_SUFFIX and place.last not in words.SERVED and _is_plain(lower[:dot]):
        return _of_plain(name, lower[:dot], suffix, place)
    if lower in words.LOCKS:
        return "lock"
    if _is_generated(lower, suffix, place):
        return "generated"
    if suffix in words.BROWSER and place.last in words.SERVED and _LIBRARY.match(lower):
        return "vendored"
    if _is_locale(lower, suffix, place):
        return "locale"
    if place.context == "test" and suffix in (".yml", ".yaml", ".json") and _CONTRACT.match(lower):
        return "prod" if place.last == "spec" else "test"
    return _of_file(name, lower, suffix, place) or place.context or "prod"


def _is_plain(stem: str) -> bool:
    """Whether no part of a name tells anything, as with most files of code."""
    parts = stem.replace(".", "_").replace("-", "_").split("_")
    return bool(parts[0]) and words.TELLING.isdisjoint(parts)


def _of_plain(name: str, stem: str, suffix: str, place: _Place) -> Context:
    """The context of a file of code with a plain name, `orders.py`: most are such, and few patterns can match."""
    if f"{stem}{suffix}" in words.GENERATED_FILES:
        return "generated"
    if place.locale and place.context != "ci" and (place.tongue or _is_tongue(stem)):
        return "locale"
    if place.last == "db" and suffix == ".rb" and stem == "schema":
        return "generated"
    if place.context in ("test", "docs", "migrations", "ci"):
        return place.context
    staged = place.config or place.stage
    if (not place.in_main or LANGUAGE_BY_SUFFIX.get(suffix) == "javascript") and (
        (("test" in stem or suffix in (".java", ".php")) and _TEST_FILE.fullmatch(name))
        or (staged and stem in words.TEST_STAGES)
        or (suffix == ".go" and place.last.endswith("test") and place.last not in words.NO_TESTS)
    ):
        return "test"
    if stem in words.DEV_STEMS or (staged and stem in words.DEV_STAGES):
        return "dev"
    if place.context is None and (f"{stem}{suffix}" in words.ADMIN_FILES or suffix == ".rake"):
        return "admin"
    return place.context or "prod"


def _of_file(name: str, lower: str, suffix: str, place: _Place) -> Context | None:
    """What the name of a file that is read tells, if it tells more than its directory."""
    if place.context in ("test", "docs", "migrations", "ci"):
        return None
    if (not place.in_main or LANGUAGE_BY_SUFFIX.get(suffix) == "javascript") and _is_test(name, lower, suffix, place):
        return "test"
    if lower in words.CI_FILES or _CI_FILE.fullmatch(lower):
        return "ci"
    if suffix in words.PROSE or (suffix in ("", ".txt") and _PROSE.match(lower)) or _SAMPLE.search(lower):
        return "docs"
    if lower in words.DEV_FILES or _DEV_FILE.fullmatch(lower) or _is_dev_settings(lower, suffix, place):
        return "dev"
    if place.context is None and (lower in words.ADMIN_FILES or suffix == ".rake"):
        return "admin"
    return None


def _is_test(name: str, lower: str, suffix: str, place: _Place) -> bool:
    if _TEST_FILE.fullmatch(name) or lower in words.TEST_FILES:
        return True
    if (place.config or place.stage) and lower[: -len(suffix) or None] in words.TEST_STAGES:
        return True
    if suffix in words.DATA or not suffix or lower.startswith(".env"):
        return bool(_TEST_VARIANT.search(lower))
    return suffix == ".go" and place.last.endswith("test") and place.last not in words.NO_TESTS


def _is_dev_settings(lower: str, suffix: str, place: _Place) -> bool:
    stem = lower[: -len(suffix)] if suffix else lower
    if stem == "development" or (stem == "dev" and suffix in (".js", ".ts", ".mjs", ".cjs", ".py", ".rb")):
        return True
    if (place.config or place.stage) and stem in words.DEV_STAGES:
        return True
    if _DEV_MODULE.fullmatch(stem):
        return True
    if (place.config or place.stage) and all(one in words.DEV_STAGES for one in re.split(r"[._-]", stem)):
        return True
    plain = suffix in words.DATA or not suffix or lower.startswith((".env", "dockerfile", "procfile", "compose"))
    return bool(plain and _DEV_VARIANT.search(lower))


def _is_generated(lower: str, suffix: str, place: _Place) -> bool:
    if lower in words.GENERATED_FILES or _GENERATED_FILE.search(lower):
        return True
    return place.last == "db" and lower in ("schema.rb", "structure.sql", "queue_schema.rb", "cache_schema.rb")


def _is_locale(lower: str, suffix: str, place: _Place) -> bool:
    if lower in words.PACKAGES:
        return False  # a package called `languages`
    if suffix in words.TRANSLATIONS or _MESSAGES.fullmatch(lower):
        return True
    if not place.locale or place.context == "ci":
        return False
    if suffix in words.DATA or place.tongue:
        return True
    return _is_tongue(lower[: -len(suffix)] if suffix else lower)


def _is_tongue(name: str) -> bool:
    """Whether a name is a language's tag or name: `de`, `pt-br`, `zh_hans`, `traditional-chinese`."""
    match = _TONGUE.fullmatch(name)
    if match is not None and match[1] in words.TONGUES:
        return True
    return not words.LANGUAGES.isdisjoint(re.split(r"[-_]", name))


_TONGUE = re.compile(r"([a-z]{2,3})(?:[-_@.][a-z]{2,8})*")
_MESSAGES = re.compile(r"messages?(_[a-z]{2,3}(_[a-z]{2,4})*)?\.properties|.*_[a-z]{2}_[a-z]{2}\.properties")
_TEST_DIRECTORY = re.compile(
    r"(?:(?:unit|integration|functional|acceptance|system|load|smoke|api|e2e|perf|performance|regression|browser|ui)"
    r"[-_]?tests?|tests?[-_](?!drive).+|.+[-_]tests?|tests?(?:data|utils?|helpers?|suites?|support|ing|files|cases)"
    r"|e2e(?:[-_].*)?|.+[-_](?:e2e|specs?)|(?:mock|fake|stub)[-_].+|.+[-_](?:mocks?|fakes?|stubs?))"
)
_SOURCE_SET = re.compile(r"(?:test|it|jmh|aat)[a-z]*|[a-z]{2,20}tests?(?:fixtures)?")
_EXAMPLES = re.compile(
    r"(?:examples?|samples?|demos?|tutorials?)(?:[-_](?!.*prod).*)?|.+[-_](?:examples?|samples?|demos?)"
)
_TEST_FILE = re.compile(
    r"(?:test_.*|.*_tests?|tests|conftest)\.pyw?"
    r"|.*[._-](?:test|tests|spec|specs|e2e|cy|bench)\.(?:[cm]?[jt]sx?|vue|coffee)|tests?\.[cm]?[jt]sx?|setupTests\.[cm]?[jt]sx?"
    r"|.*\.(?:mocks?|stubs?|fakes?|fixtures?)\.[cm]?[jt]sx?|.*_(?:mock|stub|fake|fixture)s?\.go"
    r"|.*_(?:test|spec)\.(?:go|rb|exs?|php)|test_.*\.rb|.*\.snap"
    r"|(?:.*[a-z0-9_])?(?:Tests?|TestCase|TestBase|IT|ITCase|Spec|TestSuite)\.(?:java|kt|groovy|scala)"
    r"|.*(?:Test|TestCase|Cest|_test)\.php"
    r"|(?:(?:set-?up|config)[.-])?(?:jest|vitest|karma|playwright|cypress|wdio|protractor|codecept|nightwatch)[.-].*"
    r"|phpunit.*\.xml(?:\.dist)?|codeception\.ya?ml|behat\.ya?ml|locustfile\.py|test[-_]?settings\.py"
    r"|settings[-_]?tests?\.py"
)
_TEST_VARIANT = re.compile(
    r"[._-](?:tests?|testing|e2e|ci-test|integration|cypress|playwright|selenium)(?=[._-]|$)|^tests?[._-]"
)
_DEV_VARIANT = re.compile(
    r"[._-](?:dev|devel|development|local|localhost|override|debug|pr|preview)(?=[._-]|$)|^(?:dev|development)[._-]"
    r"|^local\.(?:ya?ml|env)$"
)
_DEV_MODULE = re.compile(
    r"(?:settings|config|configuration|application|appsettings|database|webpack)[._-]?(?:config[._-])?"
    r"(?:dev|devel|development|local)|(?:dev|local|development)[._-]?(?:settings|config)"
)
_DEV_FILE = re.compile(
    r"(?:dev|development|local)[-_](?:data|seeds?|fixtures?|users?|setup|server|start|run|init|bootstrap)\.\w+|"
    r"(?:seed|populate|load|create)[-_](?:dev|development|local)(?:[-_]\w+)?\.\w+|"
    r"procfile\.(?!prod|production|heroku|web$).+|.*\.stor(?:y|ies)\.[jt]sx?|(?:server|start|run|main|index|app|serve)[-_.]dev\.(?:[cm]?[jt]s|py|rb|go)|(?:webpack|rollup|vite|babel|eslint|prettier|postcss|"
    r"tailwind|gulp|grunt|commitlint|stylelint|lint-staged|nodemon|rspack|esbuild|storybook)[.-]?config.*|"
    r"\.(?:eslint|prettier|babel|stylelint|rubocop|golangci|pylint|flake8|editorconfig|nodemon|jshint|jscs|php-cs-fixer).*"
)
_CI_FILE = re.compile(
    r"jenkinsfile.*|\.?(?:azure-pipelines?|gitlab-ci|appveyor|drone|woodpecker|travis|circle|cirrus|semaphore|wercker|shippable"
    r"|codefresh|bitbucket-pipelines|cloudbuild|buildspec|screwdriver|scrutinizer|codeship-.*)[a-z0-9._-]*\.ya?ml"
)
_PROSE = re.compile(
    r"(?:readme|changelog|changes|history|licen[cs]e|copying|notice|authors|contributing|security)(?:[.-]|$)"
)
_SAMPLE = re.compile(
    r"[._-](?:example|sample|dist)s?(?=[._-]|$)|(?<=env)[._-](?:\w+[._-])?(?:template|tmpl|tpl|skel|defaults?)s?(?=[._-]|$)"
    r"|^(?:example|sample|template)s?[._-](?=.*env|.*conf|.*settings|compose|docker-|values|secret|local[._-])",
    re.IGNORECASE,
)
_SAMPLE_DIRECTORY = re.compile(
    r"(?<=/)(?:sample|example)s?[-_]([^/]+)()|(?<=/)()([^/]+)[-_](?:sample|example)s?(?=/|$)"
)
_GENERATED_FILE = re.compile(
    r"_pb2(?:_grpc)?\.pyi?$|\.pb\.(?:go|gw\.go|validate\.go|cc|h)$|_(?:grpc_)?pb\.(?:js|d\.ts|rb)$|_pb\.ts$"
    r"|[.-]min\.(?:js|css|mjs|html)$|\.(?:bundle|chunk)\.(?:js|css)$|\.map$|^zz_generated|[._-]generated\.|\.gen\.(?:go|ts)$"
    r"|_gen\.go$|\.g\.dart$|\.designer\.cs$|_string\.go$|^mock_.*\.go$|\.d\.ts$|^(?:app|main|vendor|runtime|polyfills)[.-]"
    r"[0-9a-f]{8,}\.(?:js|css)$"
)
_LIBRARY = re.compile(
    r"(?:jquery|bootstrap|popper|highlight|angular|ember|backbone|knockout|moment|dayjs|d3|lodash|underscore|react|react-dom|"
    r"vue|vuex|axios|handlebars|mustache|chart|chartist|raphael|morris|modernizr|html5shiv|respond|select2|datatables|fullcalendar|"
    r"codemirror|ace|tinymce|ckeditor|prism|marked|showdown|mermaid|leaflet|three|socket\.io|sockjs|stomp|htmx|alpine|turbo|"
    r"stimulus|require|swagger-ui.*|redoc|fontawesome|font-awesome|normalize|foundation|materialize|semantic|dropzone|"
    r"sweetalert2?|toastr|zepto|prototype|scriptaculous|mootools|dojo|mousetrap|clipboard|zxcvbn|polyfill|fuse)"
    r"(?:[.-](?:\d.*|js|min|all|slim|bundle|umd|esm|pack|core|ui.*|prod|production|development)){0,6}\.(?:js|css|mjs)$"
    r"|jquery[.-].*\.(?:js|css)$"
)
_CONTRACT = re.compile(r"(?:openapi|swagger|asyncapi|api)[.-]")
_LICENCE = re.compile(r"(?:licen[sc]e|copying|unlicense|mit-license)(?:[.-].{0,20})?", re.IGNORECASE)
_COPIED = re.compile(
    r"/(?:libs|lib|plugins|bundled|contrib|static|public|assets|js|javascripts?|www|wwwroot|webroot|htdocs|includes?)"
    r"(?:/(?:js|css|lib|libs|plugins|fonts|vendors?))*/[^/]+$"
)
_LIBRARIES = re.compile(r"/(?:libs|lib)$")
_MARKER = re.compile(
    rb"(?:^|\n)[^\n\w@]{0,8}(?:Code generated [^\n]{0,200}(?:\n//[^\n]{0,200}){0,6}DO NOT EDIT|@generated\b"
    rb"|(?:This (?:file|code|class|module) (?:was|is|has been) )?auto(?:matically)?[- ]?generated"
    rb"[^\n]{0,200}(?:\n[^\n]{0,200}){0,3}do not (?:edit|modify|change)"
    rb"|Generated by the (?:protocol buffer|gRPC)[^\n]{0,80}DO NOT EDIT)",
    re.IGNORECASE,
)
#: What published browser libraries open with: a name and a version.
_BANNER = re.compile(
    rb"[\s;]*/\*[!*]?[\s*!]*(?:@license\s+|@preserve\s+|@name\s+)?[\w.$@/ -]{2,40}?[\s,:-]{0,4}"
    rb"\(?[vV]?(?:ersion:?\s{0,4})?\d+\.\d+(?:\.\d+)?\b"
)
#: What bundlers open their output with: the loader of Browserify, and that of webpack.
_BUNDLE = re.compile(
    rb"function \w\(\w,\w,\w\)\{function \w\(\w,\w\)\{if\(!\w\[\w\]\)\{if\(!\w\[\w\]\)\{var \w="
    rb"|/\*{6}/[ \t]*\(\(?(?:function ?\(modules\)|\(\) ?=>|function ?\(\)) ?\{"
)
