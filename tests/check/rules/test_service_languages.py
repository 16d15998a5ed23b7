"""HLT, API and TEL in Go, Java, Ruby and PHP: one small service each, in order and not."""

from __future__ import annotations

from pathlib import Path

import pytest
from check.harness import Case, bad, ok

_GO = 'package main\n\nimport (\n\t"encoding/json"\n\t"net/http"\n)\n\n'


def _go(*routes: str) -> str:
    body = "".join(f'\thttp.HandleFunc("{route}", answer)\n' for route in routes)
    answer = "func answer(w http.ResponseWriter, r *http.Request) {\n\tjson.NewEncoder(w).Encode(1)\n}\n\n"
    return f"{_GO}{answer}func main() {{\n{body}\thttp.ListenAndServe(addr, nil)\n}}\n"


def _go_pages(*routes: str) -> str:
    return _go(*routes).replace("json.NewEncoder(w).Encode(1)", "page.ExecuteTemplate(w, name, nil)")


def _java(*routes: str, controller: str = "RestController", base: str = "") -> str:
    mapping = f'@RequestMapping("{base}")\n' if base else ""
    body = "".join(
        f'    @GetMapping("{route}")\n    public Thing get{n}() {{\n        return things.find({n});\n    }}\n\n'
        for n, route in enumerate(routes)
    )
    return (
        "package shop;\n\nimport org.springframework.web.bind.annotation.*;\n\n"
        f"@{controller}\n{mapping}public class Things {{\n{body}}}\n"
    )


def _pom(*artifacts: str) -> str:
    declared = "".join(
        f"<dependency><groupId>org.springframework.boot</groupId><artifactId>{one}</artifactId></dependency>\n"
        for one in artifacts
    )
    return f"<project><dependencies>\n{declared}</dependencies></project>\n"


def _rails(routes: str, *actions: str, answer: str = "render json: Thing.all") -> dict[str, str]:
    body = "".join(f"  def {one}\n    {answer}\n  end\n\n" for one in actions)
    return {
        "Gemfile": "source 'https://rubygems.org'\ngem 'rails', '~> 7.1'\n",
        "config/routes.rb": f"Rails.application.routes.draw do\n{routes}end\n",
        "app/controllers/things_controller.rb": f"class ThingsController < ApplicationController\n{body}end\n",
    }


def _laravel(*routes: str, answer: str = "return response()->json(Thing::all());") -> dict[str, str]:
    body = "".join(f"Route::get('{route}', function () {{\n    {answer}\n}});\n" for route in routes)
    return {
        "composer.json": '{"require": {"laravel/framework": "^10.0"}}\n',
        "routes/api.php": f"<?php\nuse Illuminate\\Support\\Facades\\Route;\n\n{body}",
    }


_FIVE = ("/things", "/users", "/carts", "/orders", "/prices")
_ACTIONS = ("index", "show", "create", "update", "destroy", "search")
_OPENAPI = "openapi: 3.0.3\npaths:\n  /things:\n    get: {}\n"

_HEALTH = [
    bad("HLT-01", "go", {"main.go": _go("/things")}, "main.go"),
    bad("HLT-01", "go", {"main.go": _go_pages("/", "/about")}, "main.go", why="pages"),
    ok("HLT-01", "go", {"main.go": _go("/things", "/healthz")}, "a route"),
    ok(
        "HLT-01",
        "go",
        {"main.go": _go("/things"), "grpc.go": 'package main\n\nimport "google.golang.org/grpc/health"\n'},
        "gRPC's own",
    ),
    ok("HLT-01", "go", {"main.go": 'package main\n\nfunc main() {\n\tprintln("hello")\n}\n'}, "a tool"),
    bad("HLT-01", "java", {"src/main/java/shop/Things.java": _java("/things")}, "src/main/java/shop/Things.java"),
    bad(
        "HLT-01",
        "java",
        {"src/main/java/shop/Things.java": _java(*_FIVE), "pom.xml": _pom("spring-boot-starter-web")},
        "src/main/java/shop/Things.java",
        why="Spring without the actuator",
    ),
    ok(
        "HLT-01",
        "java",
        {"src/main/java/shop/Things.java": _java("/things"), "pom.xml": _pom("spring-boot-starter-actuator")},
        "the actuator",
    ),
    ok("HLT-01", "java", {"src/main/java/shop/Things.java": _java("/things", "/health")}, "a route"),
    ok("HLT-01", "java", {"src/test/java/shop/ThingsTest.java": _java("/things")}, "a test"),
    bad("HLT-01", "ruby", _rails("  resources :things\n", "index"), "config/routes.rb"),
    bad(
        "HLT-01",
        "ruby",
        {
            **_rails("  root 'things#index'\n", "index"),
            "config/environments/production.rb": "Rails.application.configure do\n"
            '  config.silence_healthcheck_path = "/up"\nend\n',
        },
        "config/routes.rb",
        why="a path that the logs spare",
    ),
    ok("HLT-01", "ruby", _rails('  get "up" => "rails/health#show"\n', "index"), "Rails' own"),
    ok("HLT-01", "ruby", _rails('  get "/healthz", to: "things#index"\n', "index"), "a route"),
    ok("HLT-01", "ruby", {"spec/controllers/things_controller.rb": "class ThingsController\nend\n"}, "a test"),
    bad("HLT-01", "php", _laravel("/things"), "routes/api.php"),
    bad("HLT-01", "php", _laravel(*_FIVE, answer="return view('things');"), "routes/api.php", why="pages"),
    ok("HLT-01", "php", _laravel("/things", "/health"), "a route"),
    ok(
        "HLT-01",
        "php",
        {
            **_laravel("/things"),
            "bootstrap/app.php": "<?php\nreturn Application::configure()->withRouting(\n"
            "    api: 'routes/api.php',\n    health: '/up',\n)->create();\n",
        },
        "Laravel's own",
    ),
    ok("HLT-01", "php", {**_laravel("/things"), "health.php": "<?php\necho 'ok';\n"}, "a file"),
    bad(
        "HLT-03",
        "php",
        {
            "check.php": "<?php\n\nrequire 'db.php';\n$pdo->query('SELECT 1');\necho 'ok';\n",
            "Dockerfile": "FROM php:8.3-apache\nEXPOSE 80\nHEALTHCHECK CMD curl -f http://localhost/check.php\n",
        },
        "check.php:4",
        severity="note",
    ),
    bad(
        "HLT-03",
        "php",
        {
            "public/status.php": "<?php\nmysqli_connect();\n$db->query('SELECT 1');\n",
            "docker-compose.yml": "services:\n  web:\n    build: .\n    ports: ['80:80']\n    healthcheck:\n"
            "      test: curl -f http://localhost/status.php\n",
        },
        "public/status.php:3",
        why="compose",
    ),
    ok(
        "HLT-03",
        "php",
        {
            "check.php": "<?php\necho 'ok';\n",
            "Dockerfile": "FROM php:8.3-apache\nEXPOSE 80\nHEALTHCHECK CMD curl -f http://localhost/check.php\n",
        },
        "constant",
    ),
    ok("HLT-03", "php", {"check.php": "<?php\n$pdo->query('SELECT 1');\n"}, "nobody asks"),
    ok(
        "HLT-03",
        "php",
        {
            "check.php": "<?php\n$pdo->query('SELECT 1');\n",
            "docs/Dockerfile": "FROM php\nHEALTHCHECK CMD curl x/check.php\n",
        },
        "documentation",
    ),
]

_API = [
    bad("API-01", "go", {"main.go": _go(*_FIVE)}, "main.go"),
    bad(
        "API-01", "go", {"internal/api/api.go": _go("/v1/a", "/v1/b", "/v1/c", "/v1/d", "/v1/e")}, "internal/api/api.go"
    ),
    ok("API-01", "go", {"main.go": _go_pages(*_FIVE)}, "pages"),
    ok("API-01", "go", {"main.go": _go(*_FIVE), "api/openapi.yaml": _OPENAPI}, "a contract"),
    ok("API-01", "go", {"main.go": _go(*_FIVE[:3])}, "three routes"),
    bad("API-01", "java", {"src/main/java/shop/Things.java": _java(*_FIVE)}, "src/main/java/shop/Things.java"),
    bad(
        "API-01",
        "java",
        {"src/main/java/shop/Things.java": _java(*_FIVE, base="/api"), "pom.xml": _pom("spring-boot-starter-web")},
        "src/main/java/shop/Things.java",
        why="Spring alone",
    ),
    ok(
        "API-01",
        "java",
        {
            "src/main/java/shop/Things.java": _java(*_FIVE),
            "pom.xml": "<project><dependencies><dependency><groupId>org.springdoc</groupId>"
            "<artifactId>springdoc-openapi-ui</artifactId></dependency></dependencies></project>\n",
        },
        "a generator",
    ),
    ok("API-01", "java", {"src/main/java/shop/Things.java": _java(*_FIVE, controller="Controller")}, "pages"),
    ok("API-01", "java", {"src/test/java/shop/Things.java": _java(*_FIVE)}, "a test"),
    bad("API-01", "ruby", _rails("  resources :things\n", *_ACTIONS), "app/controllers/things_controller.rb"),
    bad(
        "API-01",
        "ruby",
        _rails("  resources :things\n", *_ACTIONS, answer="render json: { things: [] }, status: :ok"),
        "app/controllers/things_controller.rb",
        why="hashes",
    ),
    ok("API-01", "ruby", _rails("  resources :things\n", *_ACTIONS, answer="render :index"), "pages"),
    ok("API-01", "ruby", {**_rails("", *_ACTIONS), "swagger/v1/swagger.yaml": "openapi: 3.0.1\npaths: {}\n"}, "rswag"),
    ok("API-01", "ruby", _rails("  resources :things\n", "index", "show"), "two actions"),
    bad("API-01", "php", _laravel(*_FIVE), "routes/api.php"),
    bad("API-01", "php", _laravel(*_FIVE, answer="return Thing::paginate();"), "routes/api.php", why="models"),
    ok("API-01", "php", {**_laravel(*_FIVE), "docs/openapi.yaml": _OPENAPI}, "a contract"),
    ok("API-01", "php", _laravel(*_FIVE, answer="return view('things');"), "pages"),
    ok(
        "API-01",
        "php",
        {**_laravel(*_FIVE), "composer.json": '{"require": {"laravel/framework": "^10", "dedoc/scramble": "^0.11"}}'},
        "a generator",
    ),
    bad("API-03", "go", {"main.go": _go(*_FIVE)}, "main.go"),
    bad("API-03", "go", {"api/api.go": _go("GET /a", "GET /b", "POST /c", "GET /d")}, "api/api.go", why="an API"),
    ok("API-03", "go", {"main.go": _go("/v1/a", "/v1/b", "/v1/c", "/v1/d", "/v1/e")}, "in the path"),
    ok("API-03", "go", {"main.go": _go(*_FIVE) + '\nconst prefix = "/api/v2/"\n'}, "a prefix"),
    ok("API-03", "go", {"main.go": _go_pages(*_FIVE)}, "pages"),
    bad("API-03", "java", {"src/main/java/shop/Things.java": _java(*_FIVE)}, "src/main/java/shop/Things.java"),
    bad(
        "API-03",
        "java",
        {"src/main/java/shop/Things.java": _java(*_FIVE, base="/api")},
        "src/main/java/shop/Things.java",
        why="a base path",
    ),
    ok("API-03", "java", {"src/main/java/shop/Things.java": _java(*_FIVE, base="/api/v1")}, "in the base path"),
    ok("API-03", "java", {"src/main/java/shop/v2/Things.java": _java(*_FIVE)}, "a package"),
    ok("API-03", "java", {"src/main/java/shop/Things.java": _java(*_FIVE, controller="Controller")}, "pages"),
]

_GAUGE = (
    '\nvar rows = prometheus.NewGauge(prometheus.GaugeOpts{Namespace: "shop", Name: "rows", Help: "Rows"})\n'
    'var fetches = prometheus.NewCounter(prometheus.CounterOpts{Name: "fetched_requests_total"})\n'
)
_TIMES = '\nvar times = prometheus.NewHistogram(prometheus.HistogramOpts{Name: "http_request_duration_seconds"})\n'
_PROMETHEUS = 'package main\n\nimport "github.com/prometheus/client_golang/prometheus"\n'

_TELEMETRY = [
    bad("TEL-01", "go", {"main.go": _go(*_FIVE)}, "", severity="note"),
    bad("TEL-01", "go", {"main.go": _go_pages("/"), "tests/x_test.go": _PROMETHEUS}, "", why="a test's metrics"),
    ok("TEL-01", "go", {"main.go": _go("/things"), "metrics.go": _PROMETHEUS + _GAUGE}, "metrics"),
    ok("TEL-01", "go", {"main.go": _go("/things", "/metrics")}, "a route"),
    ok("TEL-01", "go", {"main.go": 'package main\n\nfunc main() {\n\tprintln("hello")\n}\n'}, "a tool"),
    bad("TEL-01", "java", {"src/main/java/shop/Things.java": _java("/things")}, "", severity="note"),
    bad(
        "TEL-01",
        "java",
        {"src/main/java/shop/Things.java": _java(*_FIVE), "pom.xml": _pom("spring-boot-starter-web")},
        "",
        why="Spring without the actuator",
    ),
    ok(
        "TEL-01",
        "java",
        {"src/main/java/shop/Things.java": _java("/things"), "pom.xml": _pom("spring-boot-starter-actuator")},
        "the actuator",
    ),
    ok(
        "TEL-01",
        "java",
        {
            "src/main/java/shop/Things.java": _java("/things"),
            "Dockerfile": 'FROM eclipse-temurin:21\nCMD ["java", "-javaagent:/otel.jar", "-jar", "shop.jar"]\n',
        },
        "an agent",
    ),
    ok("TEL-01", "java", {"src/main/java/Main.java": "public class Main {\n}\n"}, "a tool"),
    bad("TEL-01", "ruby", _rails("  resources :things\n", "index"), "", severity="note"),
    bad("TEL-01", "ruby", {"app.rb": "require 'sinatra'\n\nget('/') { 'hello' }\n"}, "", why="Sinatra"),
    ok(
        "TEL-01",
        "ruby",
        {**_rails("", "index"), "Gemfile": "gem 'rails', '~> 7.1'\ngem 'newrelic_rpm', '~> 9'\n"},
        "an agent",
    ),
    ok(
        "TEL-01",
        "ruby",
        {**_rails("", "index"), "Gemfile": "gem 'rails', '~> 7.1'\ngem 'yabeda-prometheus', '~> 0.9'\n"},
        "metrics",
    ),
    ok("TEL-01", "ruby", {"count.rb": "puts ARGF.read.size\n"}, "a tool"),
    bad("TEL-01", "php", _laravel("/things"), "", severity="note"),
    bad("TEL-01", "php", {"index.php": "<?php\necho 'hello';\n"}, "", why="pages without a framework"),
    ok(
        "TEL-01",
        "php",
        {
            **_laravel("/things"),
            "composer.json": '{"require": {"laravel/framework": "^10", "open-telemetry/sdk": "^1"}}',
        },
        "traces",
    ),
    ok("TEL-01", "php", {**_laravel("/things"), "Dockerfile": "FROM php:8\nRUN install newrelic-php5\n"}, "an agent"),
    ok("TEL-01", "php", {"convert.php": "<?php\necho strtoupper(stream_get_contents(STDIN));\n"}, "a tool"),
    bad("TEL-04", "go", {"main.go": _go(*_FIVE), "metrics.go": _PROMETHEUS + _GAUGE}, "metrics.go:5", severity="note"),
    bad(
        "TEL-04",
        "go",
        {"main.go": _go(*_FIVE), "internal/jobs/jobs.go": _PROMETHEUS + _GAUGE.replace("rows", "jobs")},
        "internal/jobs/jobs.go:5",
        why="jobs",
    ),
    ok(
        "TEL-04", "go", {"main.go": _go(*_FIVE), "metrics.go": _PROMETHEUS + _GAUGE + _TIMES}, "a histogram of requests"
    ),
    ok(
        "TEL-04",
        "go",
        {
            "main.go": _go(*_FIVE),
            "metrics.go": _PROMETHEUS + _GAUGE,
            "trace.go": 'package main\n\nimport "go.opentelemetry.io/contrib/instrumentation/net/http/otelhttp"\n',
        },
        "a middleware",
    ),
    ok("TEL-04", "go", {"main.go": _go(*_FIVE)}, "no metrics at all"),
]

CASES: list[Case] = [*_HEALTH, *_API, *_TELEMETRY]


@pytest.mark.parametrize("case", CASES, ids=str)
def test_services_in_other_languages(case: Case, tmp_path: Path) -> None:
    case.run(tmp_path)
