"""Names of packages that the rules of health checks know: those that answer for health, web frameworks, databases."""

from __future__ import annotations

#: Packages that answer for an app's health once they are set up: distributions, modules, Go and Java packages.
LIBRARIES = (
    *("django-health-check", "health_check", "django-watchman", "watchman", "dockerflow", "py-healthcheck"),
    *("healthcheck", "fastapi-health", "fastapi_health", "flask-healthz", "flask_healthz", "django-alive"),
    *("django_alive", "django-healthz", "healthpy", "fastapi-healthcheck", "fastapi-healthchecks"),
    *("grpcio-health-checking", "grpc_health", "flask-healthcheck", "django-healthchecks", "django-heartbeat"),
    *("@godaddy/terminus", "@nestjs/terminus", "lightship", "express-healthcheck", "express-actuator"),
    *("@cloudnative/health-connect", "@cloudnative/health", "fastify-healthcheck", "under-pressure"),
    *("@fastify/under-pressure", "express-ping", "express-health-middleware", "nestjs-actuator"),
    *("hapi-and-healthy", "@hmcts/nodejs-healthcheck", "grpc-health-check", "@promster/express"),
    *("github.com/heptiolabs/healthcheck", "github.com/alexliesenfeld/health", "github.com/hellofresh/health-go"),
    *("github.com/hellofresh/health-go/v5", "github.com/etherlabsio/healthcheck", "github.com/InVisionApp/go-health"),
    *("google.golang.org/grpc/health", "github.com/dimiro1/health", "github.com/tavsec/gin-healthcheck"),
    *("org.springframework.boot:spring-boot-starter-actuator", "spring-boot-starter-actuator"),
    # These bring the actuator along.
    *("org.springframework.cloud:spring-cloud-starter-sleuth", "org.springframework.cloud:spring-cloud-config-server"),
    "org.springframework.cloud:spring-cloud-starter-netflix-eureka-server",
    *("io.quarkus:quarkus-smallrye-health", "io.micronaut:micronaut-management", "io.dropwizard:dropwizard-core"),
    *("okcomputer", "rails-healthcheck", "health-monitor-rails", "easymon", "is_it_up"),
    *("spatie/laravel-health", "liip/monitor-bundle", "ukfast/laravel-health-check", "laminas/laminas-diagnostics"),
)

#: Packages by which an app answers HTTP requests.
WEB = (
    *("flask", "fastapi", "django", "starlette", "aiohttp", "tornado", "sanic", "bottle", "falcon", "litestar"),
    *("quart", "pyramid", "cherrypy", "connexion", "gunicorn", "uvicorn", "waitress", "robyn"),
    *("express", "koa", "fastify", "@nestjs/core", "@hapi/hapi", "hapi", "hono", "restify", "polka", "connect"),
    *("next", "nuxt", "sails", "@adonisjs/core", "meteor", "loopback", "pixl-server-web", "elysia"),
    *("rails", "sinatra", "roda", "hanami", "grape", "puma", "laravel/framework", "symfony/framework-bundle"),
    *("slim/slim", "github.com/gin-gonic/gin", "github.com/labstack/echo/v4", "github.com/go-chi/chi/v5"),
    *("github.com/gorilla/mux", "github.com/gofiber/fiber/v2", "github.com/go-chi/chi"),
    *("org.springframework.boot:spring-boot-starter-web", "org.springframework.boot:spring-boot-starter-webflux"),
    "org.springframework.boot:spring-boot-starter-webmvc",
    *("io.quarkus:quarkus-rest", "io.micronaut:micronaut-http-server-netty", "io.javalin:javalin"),
)

#: Packages of which an app's data depends: databases, and stores that are used as such.
DATABASES = (
    *("sqlalchemy", "flask-sqlalchemy", "flask_sqlalchemy", "sqlmodel", "databases", "psycopg2", "psycopg2-binary"),
    *("psycopg", "asyncpg", "pymysql", "mysqlclient", "mysql-connector-python", "pymongo", "motor", "mongoengine"),
    *("flask-pymongo", "beanie", "tortoise-orm", "peewee", "pony", "aiomysql", "cassandra-driver", "neo4j"),
    *("pg", "mysql", "mysql2", "mongodb", "mongoose", "sequelize", "typeorm", "knex", "prisma", "@prisma/client"),
    *("postgres", "pg-promise", "mssql", "oracledb", "tedious", "objection", "bookshelf", "drizzle-orm", "mikro-orm"),
    *("database/sql", "gorm.io/gorm", "github.com/jmoiron/sqlx", "github.com/lib/pq", "github.com/jackc/pgx/v5"),
    *("activerecord", "mongoid", "sequel", "mysql2", "doctrine/orm", "illuminate/database"),
    *("org.springframework.boot:spring-boot-starter-data-jpa", "org.springframework.boot:spring-boot-starter-jdbc"),
    *("org.springframework.boot:spring-boot-starter-data-mongodb", "org.hibernate:hibernate-core"),
)

#: Drivers that show that a framework's own database layer is used.
PLAIN_DATABASES = ("psycopg2", "psycopg2-binary", "psycopg", "mysqlclient", "dj-database-url", "django-environ")
