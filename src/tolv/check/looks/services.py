"""Whether an app answers HTTP, told by the frameworks that it uses."""

from __future__ import annotations

from tolv.check.looks.listens import listens
from tolv.check.unit import Unit

#: Distributions and modules whose users answer HTTP.
FRAMEWORKS: tuple[str, ...] = (
    # Python
    *("flask", "django", "fastapi", "starlette", "aiohttp", "tornado", "bottle", "falcon", "sanic", "pyramid", "quart"),
    *(
        "litestar",
        "cherrypy",
        "robyn",
        "blacksheep",
        "uvicorn",
        "gunicorn",
        "hypercorn",
        "waitress",
        "connexion",
        "hug",
    ),
    *("web.py", "masonite", "emmett", "responder", "molten", "nameko", "dash", "streamlit", "gradio"),
    # JavaScript
    *("express", "koa", "fastify", "@hapi/hapi", "hapi", "@nestjs/core", "next", "nuxt", "restify", "polka", "hono"),
    *("@adonisjs/core", "@adonisjs/http-server", "sails", "@feathersjs/express", "@feathersjs/koa", "micro", "connect"),
    *(
        "@loopback/rest",
        "loopback",
        "total.js",
        "@apollo/server",
        "apollo-server",
        "apollo-server-express",
        "h3",
        "elysia",
    ),
    *(
        "meteor",
        "@sveltejs/kit",
        "@remix-run/serve",
        "@remix-run/node",
        "strapi",
        "@strapi/strapi",
        "json-server",
        "marble",
    ),
    *("socket.io", "http-proxy", "pixl-server-web", "parse-server", "graphql-yoga", "@trpc/server", "keystone"),
    # Go
    *("github.com/gin-gonic/gin", "github.com/labstack/echo", "github.com/labstack/echo/v4", "github.com/gorilla/mux"),
    *(
        "github.com/go-chi/chi",
        "github.com/go-chi/chi/v5",
        "github.com/gofiber/fiber/v2",
        "github.com/gofiber/fiber/v3",
    ),
    *(
        "github.com/julienschmidt/httprouter",
        "github.com/valyala/fasthttp",
        "github.com/beego/beego/v2",
        "github.com/revel/revel",
    ),
    *(
        "github.com/astaxie/beego",
        "github.com/kataras/iris/v12",
        "goji.io",
        "github.com/emicklei/go-restful/v3",
        "github.com/urfave/negroni",
    ),
    # Ruby
    *("rails", "sinatra", "hanami", "grape", "roda", "padrino", "puma", "unicorn", "thin", "cuba", "rack", "falcon"),
    # PHP
    *("laravel/framework", "laravel/lumen-framework", "symfony/http-kernel", "symfony/framework-bundle", "slim/slim"),
    *(
        "cakephp/cakephp",
        "yiisoft/yii2",
        "codeigniter4/framework",
        "laminas/laminas-mvc",
        "mezzio/mezzio",
        "pimple/pimple",
    ),
    # Java
    *("org.springframework.boot:spring-boot-starter-web", "org.springframework.boot:spring-boot-starter-webflux"),
    *("org.springframework.boot:spring-boot-starter-webmvc", "io.javalin:javalin", "com.sparkjava:spark-core"),
    *("io.quarkus:quarkus-rest", "io.quarkus:quarkus-resteasy", "io.quarkus:quarkus-resteasy-reactive"),
    *("io.micronaut:micronaut-http-server-netty", "io.dropwizard:dropwizard-core", "io.vertx:vertx-web"),
    *("jakarta.servlet:jakarta.servlet-api", "javax.servlet:javax.servlet-api", "org.eclipse.jetty:jetty-server"),
    *(
        "org.springframework:spring-webmvc",
        "com.typesafe.play:play",
        "io.ktor:ktor-server-core",
        "io.helidon.webserver:helidon-webserver",
    ),
    "org.springframework.boot:spring-boot-starter-data-rest",
)
#: Modules of standard libraries that can serve; their users mostly do, in Go.
_STANDARD = ("net/http",)


def serves_http(unit: Unit) -> bool:
    """Whether the app answers HTTP."""
    if unit.uses(*FRAMEWORKS):
        return True
    if "go" in unit.languages and unit.uses(*_STANDARD) and _listens(unit):
        return True
    return "php" in unit.languages and any(file.context == "prod" for file in unit.named("index.php"))


def _listens(unit: Unit) -> bool:
    return next(iter(unit.seen(listens, "prod", "admin")), None) is not None
