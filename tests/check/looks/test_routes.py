"""Routes: what a Python or JavaScript file declares, and what answers."""

from __future__ import annotations

import textwrap

from tolv.check.languages import make_source
from tolv.check.looks.routes import Route, routes


def _python(text: str) -> list[Route]:
    source = make_source("app.py", "python", textwrap.dedent(text).lstrip("\n").encode())
    return list(routes.readers["python"].read(source))


def _said(found: list[Route]) -> list[tuple[str, str | None, str | None]]:
    return [(one.method, one.path, one.handler) for one in found]


def test_flask_routes_have_their_methods_and_the_span_of_their_function() -> None:
    found = _python(
        """
        from flask import Flask
        app = Flask(__name__)

        @app.route("/items", methods=["GET", "POST"])
        def items():
            return store.all()

        @app.before_request
        def load(): ...
        """
    )
    assert _said(found) == [("GET,POST", "/items", "items"), ("*", None, "load")]
    assert (found[0].line, found[0].first, found[0].last) == (4, 5, 6)
    assert found[0].calls == ("store.all",)
    assert found[1].kind == "hook"


def test_a_router_of_another_module_routes_too() -> None:
    found = _python(
        """
        from app.main import router

        @router.get("/x/{id}")
        async def show(id: int): ...
        """
    )
    assert _said(found) == [("GET", "/x/{id}", "show")]


def test_django_urls_name_views_of_other_modules_and_skip_includes() -> None:
    found = _python(
        """
        from django.urls import path, include
        from . import views

        urlpatterns = [
            path("items/", views.items),
            path("about/", views.About.as_view()),
            path("api/", include("api.urls")),
        ]
        """
    )
    assert _said(found) == [("*", "items/", ".views.items"), ("*", "about/", ".views.About")]


def test_django_views_are_told_by_their_form() -> None:
    found = _python(
        """
        from django.shortcuts import render

        def index(request):
            return render(request, "x.html")

        def slug(text):
            return text
        """
    )
    assert _said(found) == [("*", None, "index")]


def test_classes_answer_with_their_methods() -> None:
    found = _python(
        """
        import tornado.web

        class Main(tornado.web.RequestHandler):
            def get(self):
                self.write("x")

        def make():
            return tornado.web.Application([(r"/", Main)])
        """
    )
    assert _said(found) == [("GET", "/", "Main")]
    assert (found[0].first, found[0].last) == (4, 5)


def test_a_client_and_a_decorator_of_a_cache_route_nothing() -> None:
    assert not _python(
        """
        import flask, requests

        requests.get("/x")

        @cache.get("key")
        def f(): ...

        @app.cli.command("x")
        def g(): ...
        """
    )
