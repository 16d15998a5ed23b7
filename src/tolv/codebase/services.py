"""Kinds of backing services: what each is called, and what gives away that an app needs one. Data, no I/O."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from tolv.codebase.model import ServiceNeed


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of backing service."""

    name: str
    variable: str
    """That holds its URL where nobody says another."""
    schemes: tuple[str, ...]
    """Of its URLs, the usual one first."""
    family: str
    """The kind whose protocol it speaks, so that drivers and variables of the one serve the other: `redis` for
    `valkey`, `mysql` for `mariadb`."""
    aliases: tuple[str, ...] = ()
    """Other spellings."""
    drivers: Mapping[str, tuple[str, ...]] | None = None
    """By language, the packages that speak to it and to nothing else."""
    images: tuple[str, ...] = ()
    """Names of the images of its servers, without registry and tag."""
    addons: tuple[str, ...] = ()
    """What Heroku and its kin call the service."""


def _words(text: str) -> tuple[str, ...]:
    return tuple(text.split())


KINDS: tuple[Kind, ...] = (
    Kind(
        "postgres",
        "DATABASE_URL",
        _words("postgresql postgres postgis pgsql"),
        "postgres",
        _words("postgresql pg psql pgsql"),
        {
            "python": _words(
                "psycopg2 psycopg2-binary psycopg psycopg-binary psycopg-c psycopg2cffi asyncpg pg8000 aiopg "
                "django-postgres-extra pgvector"
            ),
            "javascript": _words(
                "pg pg-promise pg-native postgres connect-pg-simple slonik @neondatabase/serverless @vercel/postgres "
                "@prisma/adapter-pg"
            ),
            "ruby": _words("pg"),
            "go": _words("github.com/lib/pq github.com/jackc/pgx github.com/jackc/pgx/v4 github.com/jackc/pgx/v5"),
            "java": _words("org.postgresql:postgresql org.postgresql:r2dbc-postgresql"),
        },
        _words("postgres postgresql postgis timescaledb pgvector timescaledb-ha supabase-postgres paradedb pgvecto-rs"),
        _words("heroku-postgresql postgresql scalingo-postgresql crunchy-postgres"),
    ),
    Kind(
        "mysql",
        "DATABASE_URL",
        _words("mysql mysql2"),
        "mysql",
        (),
        {
            "python": _words("mysqlclient pymysql aiomysql asyncmy mysql-connector-python mysql-python"),
            "javascript": _words("mysql mysql2"),
            "ruby": _words("mysql2 trilogy"),
            "go": _words("github.com/go-sql-driver/mysql"),
            "java": _words("mysql:mysql-connector-java com.mysql:mysql-connector-j"),
        },
        _words("mysql mysql-server percona percona-server"),
        _words("cleardb jawsdb scalingo-mysql stackhero-mysql"),
    ),
    Kind(
        "mariadb",
        "DATABASE_URL",
        _words("mysql mariadb"),
        "mysql",
        (),
        {
            "python": _words("mariadb"),
            "javascript": _words("mariadb"),
            "java": _words("org.mariadb.jdbc:mariadb-java-client"),
        },
        _words("mariadb"),
        _words("jawsdb-maria"),
    ),
    Kind(
        "mongodb",
        "MONGODB_URL",
        _words("mongodb mongodb+srv"),
        "mongodb",
        _words("mongo"),
        {
            "python": _words("pymongo motor mongoengine flask-mongoengine flask-pymongo beanie odmantic djongo"),
            "javascript": _words("mongodb mongoose connect-mongo mongojs monk @fastify/mongodb @nestjs/mongoose"),
            "ruby": _words("mongo mongoid"),
            "go": _words("go.mongodb.org/mongo-driver go.mongodb.org/mongo-driver/v2"),
            "java": _words("org.springframework.boot:spring-boot-starter-data-mongodb org.mongodb:mongodb-driver-sync"),
        },
        _words("mongo mongodb mongodb-community-server"),
        _words("mongolab mongodb ormongo scalingo-mongodb"),
    ),
    Kind(
        "redis",
        "REDIS_URL",
        _words("redis rediss"),
        "redis",
        (),
        {
            "python": _words(
                "redis redis-om aioredis django-redis django-redis-cache channels-redis rq django-rq arq walrus "
                "hiredis celery-redbeat redis-py-cluster coredis flask-redis django-tasks-rq"
            ),
            "javascript": _words(
                "redis ioredis @redis/client connect-redis bull bullmq bee-queue kue handy-redis rate-limit-redis "
                "@fastify/redis @keyv/redis cache-manager-ioredis"
            ),
            "ruby": _words("redis sidekiq resque redis-rails"),
            "go": _words(
                "github.com/redis/go-redis/v9 github.com/go-redis/redis github.com/go-redis/redis/v8 "
                "github.com/gomodule/redigo"
            ),
            "java": _words("redis.clients:jedis io.lettuce:lettuce-core "
                           "org.springframework.boot:spring-boot-starter-data-redis"),
        },
        _words("redis redis-stack redis-stack-server keydb dragonfly"),
        _words("heroku-redis rediscloud redistogo redisgreen openredis heroku-key-value-store scalingo-redis"),
    ),
    Kind(
        "valkey",
        "REDIS_URL",
        _words("redis rediss valkey valkeys"),
        "redis",
        (),
        {"python": _words("valkey valkey-glide django-valkey"), "javascript": _words("iovalkey @valkey/valkey-glide")},
        _words("valkey valkey-server"),
        (),
    ),
    Kind(
        "memcached",
        "MEMCACHED_URL",
        _words("memcached"),
        "memcached",
        _words("memcache"),
        {
            "python": _words("pymemcache pylibmc python-memcached python-binary-memcached aiomcache"),
            "javascript": _words("memcached memjs"),
            "ruby": _words("dalli"),
            "go": _words("github.com/bradfitz/gomemcache"),
        },
        _words("memcached"),
        _words("memcachier memcachedcloud"),
    ),
    Kind(
        "rabbitmq",
        "AMQP_URL",
        _words("amqp amqps"),
        "rabbitmq",
        _words("amqp rabbit"),
        {
            "python": _words("pika aio-pika amqp aioamqp amqpstorm"),
            "javascript": _words("amqplib amqp-connection-manager rascal"),
            "ruby": _words("bunny sneakers"),
            "go": _words("github.com/rabbitmq/amqp091-go github.com/streadway/amqp"),
            "java": _words("org.springframework.boot:spring-boot-starter-amqp com.rabbitmq:amqp-client"),
        },
        _words("rabbitmq"),
        _words("cloudamqp rabbitmq-bigwig"),
    ),
    Kind(
        "s3",
        "S3_URL",
        _words("s3 s3+http s3+https"),
        "s3",
        _words("minio aws-s3"),
        {
            "python": _words("boto3 aioboto3 minio s3fs boto django-s3-storage flask-s3"),
            "javascript": _words("@aws-sdk/client-s3 @aws-sdk/lib-storage minio multer-s3 aws-sdk s3-lite-client"),
            "ruby": _words("aws-sdk-s3 aws-sdk"),
            "go": _words("github.com/aws/aws-sdk-go-v2/service/s3 github.com/minio/minio-go/v7"),
            "java": _words("software.amazon.awssdk:s3 io.minio:minio com.amazonaws:aws-java-sdk-s3"),
        },
        _words("minio localstack garage seaweedfs s3mock"),
        _words("bucketeer cloudcube"),
    ),
    Kind(
        "smtp",
        "SMTP_URL",
        _words("smtp smtps smtp+tls"),
        "smtp",
        _words("mail email"),
        {
            "python": _words("flask-mail flask-mailman flask-mailing fastapi-mail aiosmtplib emails"),
            "javascript": _words("nodemailer @nestjs-modules/mailer @sendgrid/mail emailjs"),
            "java": _words("org.springframework.boot:spring-boot-starter-mail"),
        },
        _words("mailhog mailpit mailcatcher maildev mailcrab maildump inbucket smtp4dev postfix"),
        _words("sendgrid mailgun postmark mailtrap mailersend sparkpost mandrill"),
    ),
    Kind(
        "elasticsearch",
        "ELASTICSEARCH_URL",
        _words("http https"),
        "elasticsearch",
        _words("elastic"),
        {
            "python": _words("elasticsearch elasticsearch-dsl django-elasticsearch-dsl"),
            "javascript": _words("@elastic/elasticsearch"),
        },
        _words("elasticsearch"),
        _words("bonsai searchbox foundelasticsearch"),
    ),
)  # fmt: skip

#: Kinds whose servers say which version they are, and for which it matters.
VERSIONED = frozenset({"postgres", "redis", "valkey", "rabbitmq"})

_BY_NAME = {spelling: kind for kind in KINDS for spelling in (kind.name, *kind.aliases)}

#: Parts of a resource's URL that the text of a variable may hold.
PLACEHOLDERS = ("url", "scheme", "user", "password", "host", "port", "database", "endpoint")
_PLACEHOLDER = re.compile(r"\{(\w*)\}")


def kind_named(name: str) -> Kind:
    """The kind of this spelling; for one that Tolv does not know, a kind with a plain URL in `<NAME>_URL`."""
    known = _BY_NAME.get(name)
    return known or Kind(name, own_variable(name), (), name)


def own_variable(name: str) -> str:
    """The variable that belongs to a name: `SEARCH_INDEX_URL` to `search-index`."""
    upper = name.upper().replace("-", "_")
    return f"_{upper}_URL" if upper[:1].isdigit() else f"{upper}_URL"


def need(
    name: str,
    kind: str,
    version: str | None = None,
    env: Mapping[str, str] | None = None,
    required: bool = True,
) -> ServiceNeed:
    """A need with its kind's own name, and its kind's variable for the URL unless `env` says otherwise."""
    of = kind_named(kind)
    return ServiceNeed(name, of.name, version, tuple((env or {of.variable: "{url}"}).items()), required)


def unknown_placeholder(text: str) -> str | None:
    """The first `{…}` of a text that stands for no part of a URL, as written; None if all do."""
    return next((match[0] for match in _PLACEHOLDER.finditer(text) if match[1] not in PLACEHOLDERS), None)
