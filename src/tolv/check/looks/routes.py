"""HTTP routes and what answers them: the code that runs while a request waits.

One route for each place that declares one: its method, its path as the framework writes it, the function that answers
and where that function stands if it is in the same file. A handler in another file has a dotted name (`.views.index`,
`./controllers/user.show`); `tolv.check.looks.reach` finds it there.
"""

from __future__ import annotations

from tolv.check.look import Look
from tolv.check.looks.route import Route
from tolv.check.looks.routes_javascript import WORDS as JAVASCRIPT_WORDS
from tolv.check.looks.routes_javascript import javascript_routes
from tolv.check.looks.routes_others import (
    GO_WORDS,
    JAVA_WORDS,
    PHP_WORDS,
    RUBY_WORDS,
    go_routes,
    java_routes,
    php_routes,
    ruby_routes,
)
from tolv.check.looks.routes_python import WORDS as PYTHON_WORDS
from tolv.check.looks.routes_python import python_routes

__all__ = ["Route", "routes"]

routes: Look[Route] = Look("routes")

routes.reads("python", words=PYTHON_WORDS)(python_routes)
routes.reads("javascript", words=JAVASCRIPT_WORDS)(javascript_routes)
routes.reads("go", words=GO_WORDS)(go_routes)
routes.reads("java", words=JAVA_WORDS)(java_routes)
routes.reads("ruby", words=RUBY_WORDS, within=("controller",))(ruby_routes)
routes.reads("php", words=PHP_WORDS, within=("controller",))(php_routes)
