"""The names of files and directories that tell what they are for. All in lower case."""

from __future__ import annotations


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


# Directories.
VENDORED = _words(
    ".git .hg .svn node_modules bower_components jspm_packages third_party third-party thirdparty 3rdparty"
    " _vendor vendored vendors godeps pods site-packages dist-packages .venv venv virtualenv .virtualenv .tox"
    " .nox .yarn .pnp .pnpm-store .bundle .terraform .gradle .m2 .eggs carthage .cargo web_modules"
)
GENERATED = _words(
    "__pycache__ .next .nuxt .output .svelte-kit .parcel-cache .turbo .angular .cache .mypy_cache"
    " .pytest_cache .ruff_cache .hypothesis coverage htmlcov .nyc_output dist generated __generated__"
    " generated-sources generated-src _build .serverless .aws-sam cdk.out storybook-static .docusaurus"
)
#: Directories of Cucumber, below `features`.
TEST_PAIRS = frozenset({("features", "support"), ("features", "step_definitions")})
GENERATED_PAIRS = frozenset(
    {(".mvn", "wrapper"), ("gradle", "wrapper")}
    | {("build", one) for one in ("lib", "libs", "classes", "resources", "tmp", "reports", "outputs", "intermediates")}
    | {("target", one) for one in ("classes", "test-classes", "debug", "release", "maven-archiver", "maven-status")}
    | {("target", one) for one in ("surefire-reports", "site", "failsafe-reports", "antrun")}
    | {("public", one) for one in ("packs", "build", "bundles")}
)
#: Where a directory `vendor` is about vendors, not from them.
LAYERS = _words(
    "controllers controller models views routes pages components api apis services service handlers features"
    " modules domain domains entity entities repositories repository store stores hooks screens apps routers"
    " schemas serializers usecases"
)
TEST = _words(
    "test tests spec specs __tests__ __test__ __mocks__ __snapshots__ __fixtures__ mocks testdata test_data"
    " fixtures fixture testing cypress e2e selenium playwright features_spec loadtest loadtests k6 postman"
    " itest itests testlib wiremock pacts feature_tests __stubs__ __stub__ __mock__ __fakes__ __doubles__ regtest"
)
#: Go packages that end in `test` and are none.
NO_TESTS = _words("latest contest attest protest greatest detest backtest")
CI = _words(
    ".github .gitlab .circleci .buildkite .azure-pipelines .pipelines .teamcity .semaphore .tekton .woodpecker"
    " .forgejo .gitea .ci ci jenkins .jenkins .drone concourse"
)
DOCS = _words("docs doc documentation apidocs apidoc wiki website guides guide playground javadoc attic graveyard old")
DEV = _words(
    ".devcontainer .vscode .idea .vs .husky .githooks .hooks .storybook .vagrant .gitpod .devenv benchmarks"
    " benchmark bench hack devel development devtools dev-tools devscripts dev-scripts .docker-dev localdev"
    " local-dev docker-dev local-environment .devtools local-env localenv dev-environment dev-env"
)
DEV_STAGES = _words("dev devel development local localhost debug sandbox preview previews")
TEST_STAGES = _words("test tests testing ci")
#: Below `dev/`, these are shipped.
SHIPPING = _words(
    "k8s kubernetes helm charts chart manifests deploy deployment deployments install installer openshift"
)
MIGRATIONS = _words("migrations")
MIGRATION_PAIRS = frozenset(
    {
        ("db", "migrate"),
        ("db", "migration"),
        ("alembic", "versions"),
        ("database", "migration"),
        ("database", "migrate"),
    }
    | {("resources", "migration"), ("db", "changelog"), ("resources", "liquibase"), ("migration", "versions")}
    | {("sql", "migration"), ("db", "versions"), ("prisma", "migrations")}
)
ADMIN = _words("scripts script rake_tasks admin_scripts admin-scripts maintenance runbooks ops-scripts")
ADMIN_PAIRS = frozenset({("management", "commands"), ("lib", "tasks"), ("console", "commands"), ("app", "console")})
#: Directories of what writes new code for a developer.
DEV_PAIRS = frozenset({("turbo", "generators"), ("lib", "generators")})
#: The app's own code: `docs` below it is a part of the app.
CODE = _words("src app lib internal pkg cmd server backend frontend")
CONFIG = _words("config configs conf settings configuration env envs resources")
STAGES = _words("environments environment envs env overlays inventories inventory stages clusters profiles values")
BUILDERS = _words(
    "compose docker dockerfiles .docker deploy deployment deployments k8s kubernetes terraform helm docker-compose"
    " infra infrastructure"
)
SERVED = _words(
    "static public assets www wwwroot webroot htdocs html web js javascript javascripts css lib libs plugins"
)
LOCALE = _words(
    "locale locales translation translations i18n l10n lang langs language languages _locales intl nls"
    " localization messages"
)

# Files.
LOCKS = _words(
    "package-lock.json npm-shrinkwrap.json yarn.lock pnpm-lock.yaml bun.lock bun.lockb poetry.lock uv.lock"
    " pdm.lock pipfile.lock gemfile.lock gems.locked composer.lock go.sum go.work.sum cargo.lock"
    " gradle.lockfile mix.lock pubspec.lock .terraform.lock.hcl flake.lock packages.lock.json deno.lock"
    " conda-lock.yml pixi.lock podfile.lock package.resolved pylock.toml chart.lock buf.lock"
)
GENERATED_FILES = _words(
    "mvnw mvnw.cmd gradlew gradlew.bat versioneer.py .pnp.cjs .pnp.loader.mjs gradle-wrapper.properties"
    " maven-wrapper.properties .rubocop_todo.yml .stylelint_todo.yml phpstan-baseline.neon .secrets.baseline"
)
CI_FILES = _words(
    ".travis.yml .gitlab-ci.yml .drone.yml appveyor.yml .appveyor.yml bitbucket-pipelines.yml circle.yml"
    " cloudbuild.yaml cloudbuild.yml buildspec.yml codecov.yml .codecov.yml dependabot.yml renovate.json"
    " .renovaterc .renovaterc.json .goreleaser.yml .goreleaser.yaml .pre-commit-config.yaml"
    " sonar-project.properties .mergify.yml .snyk release-please-config.json"
)
TEST_FILES = _words(
    ".rspec pytest.ini cypress.json .coveragerc .nycrc .mocharc.js .mocharc.json .mocharc.yml karma.conf.js"
)
DEV_FILES = _words(
    "vagrantfile tiltfile skaffold.yaml .gitpod.yml .gitpod.dockerfile devfile.yaml tox.ini noxfile.py"
    " gulpfile.js gruntfile.js guardfile overcommit.yml .overcommit.yml nodemon.json .air.toml air.toml"
    " devbox.json shell.nix .envrc docker-sync.yml gulpfile.babel.js gulpfile.ts .mise.toml mise.toml"
    " lefthook.yml devenv.nix"
)
#: Parts of names of code that tell something, or may.
TELLING = _words(
    "spec specs e2e cy bench pb2 pb grpc gw validate gen generated mock string min bundle chunk d designer zz"
    " example examples sample samples dist dev devel development local localhost override debug config configuration"
    " conf settings story stories storybook jest vitest karma playwright cypress wdio protractor codecept nightwatch"
    " app main vendor runtime polyfills gulpfile gruntfile application appsettings database webpack env"
    " integration testing locustfile behat mocks stub stubs fake fakes fixture fixtures"
)
#: Names of code, without suffix, that are for development.
DEV_STEMS = _words("development setupproxy noxfile gulpfile gruntfile locustfile")
ADMIN_FILES = _words("manage.py fabfile.py rakefile capfile artisan deploy.rb")

# Suffixes.
BROWSER = _words(".js .css .mjs .cjs")
DATA = _words(
    ".json .yml .yaml .toml .ini .cfg .conf .properties .xml .env .csv .txt .hcl .tf .tfvars .json5 .jsonc"
    " .plist .sh .po .dockerfile"
)
PROSE = _words(".md .markdown .mdx .rst .adoc .asciidoc .textile .org .rdoc .1 .5 .8 .ipynb")
TRANSLATIONS = _words(".po .mo .pot .xliff .xlf .arb .ftl .resx .strings .stringsdict .tmx")
BINARY = _words(
    ".png .jpg .jpeg .gif .ico .webp .bmp .tif .tiff .svg .psd .ai .eps .avif .heic .icns .woff .woff2 .ttf"
    " .otf .eot .pdf .doc .docx .xls .xlsx .ppt .pptx .odt .ods .zip .gz .tgz .bz2 .xz .zst .lz4 .7z .rar .tar"
    " .jar .war .ear .aar .class .pyc .pyo .pyd .so .dylib .dll .exe .o .a .lib .obj .bin .dat .wasm .mp3 .mp4"
    " .m4a .mov .avi .mkv .webm .ogg .wav .flac .sqlite .sqlite3 .db .mdb .rdb .parquet .avro .pkl .pickle .npy"
    " .npz .h5 .pt .onnx .gguf .jks .p12 .pfx .keystore .der .gpg .kdbx .whl .egg .gem .deb .rpm .apk .dmg .iso"
    " .img .swf .node .phar .mmdb .snappy .br .ds_store"
)

#: Files that make a package of their directory, whatever that is called.
PACKAGES = _words("package.json tsconfig.json composer.json pyproject.toml setup.cfg pom.xml")

#: Two- and three-letter codes of languages (ISO 639) that translations are kept under.
LANGUAGES = _words(
    "afrikaans albanian arabic armenian azerbaijani basque bengali bosnian bulgarian catalan chinese croatian czech"
    " danish dutch english estonian finnish french galician georgian german greek hebrew hindi hungarian icelandic"
    " indonesian irish italian japanese kazakh korean kurdish latvian lithuanian luxembourgish macedonian malay"
    " marathi mongolian norwegian persian polish portuguese romanian russian serbian slovak slovenian spanish swahili"
    " swedish tamil telugu thai turkish ukrainian urdu uzbek vietnamese welsh"
)
TONGUES = _words(
    "aa ab af ak am an ar as ast av ay az ba be bg bh bm bn bo br bs ca ce ckb co cs cv cy da de dv dz ee el"
    " en eo es et eu fa ff fi fil fj fo fr fy ga gd gl gn gsw gu gv ha he hi hr hsb hu hy ia id ie ig is it iu"
    " ja jv ka kab kg ki kk kl km kn ko ku kw ky la lb lg ln lo lt lv mg mi mk ml mn mr ms mt my nan nb nds ne"
    " nl nn no nr nv ny oc om or os pa pl ps pt qu rm rn ro ru rw sa sc sd se sg sh si sk sl sm sn so sq sr ss"
    " st su sv sw ta te tg th ti tk tl tn to tr ts tt tw tzm ug uk ur uz ve vi vo wa wo xh yi yo za zh zu"
)
