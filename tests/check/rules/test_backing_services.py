"""Where addresses of backing services come from, and who starts them."""

from __future__ import annotations

from pathlib import Path

import pytest
from check.harness import Case, bad, ok

CASES = [
    bad("IV-01", "python", {"db.py": """
        from sqlalchemy import create_engine
        engine = create_engine("postgresql://app@db1.acme.internal:5432/shop")
        """}, "db.py:2", severity="error"),
    bad("IV-01", "python", {"config.py": """
        class Config:
            SQLALCHEMY_DATABASE_URI = "mysql+pymysql://shop@10.0.3.7/shop"
        """}, "config.py:2", severity="error", why="setting"),
    bad("IV-01", "python", {"cache.py": """
        import redis
        URL = "redis://localhost:6379/0"
        cache = redis.from_url(URL)
        """}, "cache.py:2", severity="warning", why="this machine, through a name"),
    bad("IV-01", "python", {"tasks.py": """
        from celery import Celery
        app = Celery("tasks", broker="amqp://guest@rabbit.acme.net//")
        """}, "tasks.py:2", severity="error", why="keyword"),
    bad("IV-01", "python", {"db.py": """
        import os
        import psycopg2
        connection = psycopg2.connect(f"postgresql://{os.environ['DB_USER']}@db1.acme.net/shop")
        """}, "db.py:3", severity="error", why="a fixed host between holes"),
    ok("IV-01", "python", {"db.py": """
        import os
        from sqlalchemy import create_engine
        engine = create_engine(os.environ["DATABASE_URL"])
        """}, "environment"),
    ok("IV-01", "python", {"config.py": """
        import os
        class Config:
            REDIS_URL = os.environ.get("REDIS_URL", "redis://localhost:6379")
        """}, "a harmless default"),
    ok("IV-01", "python", {"tests/conftest.py": """
        from sqlalchemy import create_engine
        engine = create_engine("postgresql://app@db1.acme.internal:5432/shop")
        """}, "tests"),
    ok("IV-01", "python", {"db.py": """
        from sqlalchemy import create_engine
        engine = create_engine("sqlite:///:memory:")
        """}, "in memory"),
    ok("IV-01", "python", {"settings.py": """
        import sentry_sdk
        from pydantic import PostgresDsn
        DOCS = "https://docs.acme.com/postgresql://host/name"
        EXAMPLE = "postgresql://user:password@host:5432/name"
        sentry_sdk.init(dsn="https://abc@o1.ingest.sentry.io/2")
        """}, "no client takes it"),
    ok("IV-01", "python", {"config.py": """
        import os
        class Config:
            DATABASE_URL = "postgresql://localhost/shop"
        class Production(Config):
            DATABASE_URL = os.environ["DATABASE_URL"]
        """}, "the environment overrides it"),
    bad("IV-01", "manifests", {"src/main/resources/application.yml": """
        spring:
          datasource:
            url: jdbc:postgresql://db1.acme.net/shop
        """}, "src/main/resources/application.yml:3", why="Spring"),
    bad("IV-01", "manifests", {"config/production.json": """
        {"redis": {"url": "redis://cache.acme.net:6379"}}
        """}, "config/production.json:1", severity="error", why="JSON"),
    bad("IV-01", "manifests", {"src/main/resources/application.properties": """
        # the database
        spring.datasource.url=jdbc:mysql://localhost/shop
        """}, "src/main/resources/application.properties:2", severity="warning", why="properties"),
    bad("IV-01", "manifests", {"prisma/schema.prisma": """
        datasource db {
          provider = "postgresql"
          url      = "postgresql://shop@db1.acme.net/shop"
        }
        """}, "prisma/schema.prisma:3", severity="error", why="Prisma"),
    bad("IV-01", "manifests", {"alembic.ini": "[alembic]\nsqlalchemy.url = postgresql://shop@db1.acme.net/shop\n"},
        "alembic.ini:2", severity="error", why="Alembic"),
    ok("IV-01", "manifests", {"alembic.ini": "[alembic]\nsqlalchemy.url = postgresql://shop@localhost/shop\n",
                              "migrations/env.py": "config.set_main_option('sqlalchemy.url', url)\n"},
       "Alembic by the app's configuration"),
    ok("IV-01", "manifests", {"config/default.json": '{"db": {"url": "postgres://localhost/dev"}}',
                              "config/custom-environment-variables.json": '{"db": {"url": "DATABASE_URL"}}'},
       "node-config from the environment"),
    ok("IV-01", "manifests", {"prisma/schema.prisma": """
        datasource db {
          provider = "postgresql"
          url      = env("DATABASE_URL")
        }
        """}, "Prisma from the environment"),
    ok("IV-01", "manifests", {"src/main/resources/application.properties": """
        spring.datasource.url=${POSTGRES_URL:jdbc:postgresql://localhost/petclinic}
        """}, "variable with a default"),
    ok("IV-01", "manifests", {"src/test/resources/application.yml": """
        spring:
          datasource:
            url: jdbc:postgresql://db1.acme.net/shop
        """}, "test resources"),
    ok("IV-01", "manifests", {"src/main/resources/application-test.yml": """
        spring.datasource.url: jdbc:postgresql://db1.acme.net/shop
        """}, "test profile"),
    ok("IV-01", "manifests", {"config/database.yml": """
        production:
          url: <%= ENV["DATABASE_URL"] %>
        test:
          url: postgresql://localhost/test
        """}, "Rails from the environment"),
    ok("IV-01", "manifests", {"docker-compose.yml": """
        services:
          web:
            build: .
            environment:
              DATABASE_URL: postgres://app@db/shop
        """}, "a value of the environment"),
    bad("IV-01", "go", {"main.go": """
        package main
        import "database/sql"
        func main() { db, _ := sql.Open("postgres", "postgres://app@db1.acme.net/shop") }
        """}, "main.go:3", severity="error"),
    bad("IV-01", "go", {"main.go": """
        package main
        import "database/sql"
        const dsn = "shop:x@tcp(10.0.3.7:3306)/shop"
        func main() { db, _ := sql.Open("mysql", dsn) }
        """}, "main.go:3", severity="error", why="constant"),
    ok("IV-01", "go", {"main.go": """
        package main
        import ("database/sql"; "os")
        func main() { db, _ := sql.Open("postgres", os.Getenv("DATABASE_URL")) }
        """}, "environment"),
    ok("IV-01", "go", {"main_test.go": """
        package main
        import "database/sql"
        func TestIt() { db, _ := sql.Open("postgres", "postgres://app@db1.acme.net/shop") }
        """}, "tests"),
    ok("IV-01", "go", {"main.go": """
        package main
        import ("database/sql"; "flag")
        var dsn = flag.String("dsn", "", "as in postgres://app@db1.acme.net/shop")
        func main() { db, _ := sql.Open("postgres", *dsn) }
        """}, "a help text"),
    bad("IV-01", "java", {"src/main/java/a/A.java": """
        package a;
        import java.sql.DriverManager;
        class A { void f() throws Exception { DriverManager.getConnection("jdbc:mysql://db1.acme.net/shop"); } }
        """}, "src/main/java/a/A.java:3", severity="error"),
    bad("IV-01", "java", {"src/main/java/a/A.java": """
        package a;
        import com.zaxxer.hikari.HikariConfig;
        class A {
          void f() { HikariConfig c = new HikariConfig(); c.setJdbcUrl("jdbc:postgresql://db1.acme.net/shop"); }
        }
        """}, "src/main/java/a/A.java:4", severity="error", why="Hikari"),
    ok("IV-01", "java", {"src/main/java/a/A.java": """
        package a;
        import java.sql.DriverManager;
        class A { void f() throws Exception { DriverManager.getConnection(System.getenv("JDBC_URL")); } }
        """}, "environment"),
    ok("IV-01", "java", {"src/test/java/a/A.java": """
        package a;
        import java.sql.DriverManager;
        class A { void f() throws Exception { DriverManager.getConnection("jdbc:mysql://db1.acme.net/shop"); } }
        """}, "tests"),
    ok("IV-01", "java", {"src/main/java/a/A.java": """
        package a;
        import java.sql.DriverManager;
        class A { void f() throws Exception { DriverManager.getConnection("jdbc:h2:mem:shop"); } }
        """}, "in memory"),
    bad("IV-01", "ruby", {"db.rb": 'require "pg"\nDB = PG.connect("postgres://app@db1.acme.net/shop")\n'}, "db.rb:2",
        severity="error"),
    bad("IV-01", "ruby", {"cache.rb": 'require "redis"\nCACHE = Redis.new(url: "redis://cache.acme.net")\n'},
        "cache.rb:2", severity="error", why="keyword"),
    ok("IV-01", "ruby", {"db.rb": 'require "sequel"\nDB = Sequel.connect(ENV.fetch("DATABASE_URL"))\n'},
       "environment"),
    ok("IV-01", "ruby", {"cache.rb": 'require "redis"\nR = Redis.new(url: ENV["REDIS_URL"] || "redis://localhost")\n'},
       "a harmless default"),
    ok("IV-01", "ruby", {"spec/db_spec.rb": 'DB = PG.connect("postgres://app@db1.acme.net/shop")\n'}, "tests"),
    bad("IV-01", "php", {"db.php": "<?php\n$db = new PDO('mysql:host=db1.acme.net;dbname=shop', 'a');\n"}, "db.php:2",
        severity="error"),
    bad("IV-01", "php", {"db.php": "<?php\n$dsn = 'pgsql:host=10.0.3.7;dbname=shop';\n$db = new PDO($dsn);\n"},
        "db.php:2", severity="error", why="variable"),
    ok("IV-01", "php", {"db.php": "<?php\n$db = new PDO(getenv('DATABASE_DSN'));\n"}, "environment"),
    ok("IV-01", "php", {"db.php": "<?php\n$db = new PDO(\"mysql:host=$host;dbname=$name\");\n"}, "composed"),
    ok("IV-01", "php", {"tests/db.php": "<?php\n$db = new PDO('mysql:host=db1.acme.net;dbname=shop');\n"}, "tests"),
    bad("IV-02", "python", {"cache.py": """
        import redis
        cache = redis.Redis(host="10.0.3.7", port=6379)
        """}, "cache.py:2", severity="error"),
    bad("IV-02", "python", {"mailer.py": """
        import smtplib
        def send(message):
            with smtplib.SMTP("smtp.acme.com", 587) as server:
                server.send_message(message)
        """}, "mailer.py:3", severity="error", why="mail"),
    bad("IV-02", "python", {"db.py": """
        import pymysql
        connection = pymysql.connect(
            host="localhost",
            user="root",
        )
        """}, "db.py:3", severity="warning", why="this machine"),
    bad("IV-02", "python", {"cache.py": """
        from redis import Redis
        cache = Redis()
        """}, "cache.py:2", severity="warning", why="library default"),
    bad("IV-02", "python", {"settings.py": """
        DATABASES = {
            "default": {
                "ENGINE": "django.db.backends.postgresql",
                "NAME": "shop",
                "HOST": "db1.acme.net",
            }
        }
        """}, "settings.py:5", severity="error", why="Django"),
    ok("IV-02", "python", {"cache.py": """
        import os, redis
        cache = redis.Redis(host=os.environ["REDIS_HOST"], port=int(os.environ.get("REDIS_PORT", 6379)))
        """}, "environment"),
    ok("IV-02", "python", {"cache.py": """
        import os, redis
        cache = redis.Redis(host=os.getenv("REDIS_HOST", "localhost"))
        """}, "a harmless default"),
    ok("IV-02", "python", {"tests/test_cache.py": """
        import redis
        cache = redis.Redis(host="10.0.3.7")
        """}, "tests"),
    ok("IV-02", "python", {"cache.py": """
        import redis
        def connect(host="localhost", port=6379):
            return redis.Redis(host=host, port=port)
        """}, "a default of a parameter"),
    ok("IV-02", "python", {"cache.py": """
        import redis
        from settings import OPTIONS
        cache = redis.Redis(**OPTIONS)
        other = redis.Redis(connection_pool=OPTIONS.pool)
        """}, "given as a whole"),
    ok("IV-02", "python", {"settings.py": """
        import os
        DATABASES = {
            "default": {
                "ENGINE": "django.db.backends.postgresql",
                "HOST": os.environ.get("DB_HOST", "localhost"),
                "PASSWORD": os.environ["DB_PASSWORD"],
            }
        }
        """}, "Django from the environment"),
    bad("IV-01", "javascript", {"db.js": """
        const mongoose = require('mongoose');
        mongoose.connect('mongodb://db1.acme.net/shop');
        """}, "db.js:2", severity="error"),
    bad("IV-01", "javascript", {"db.ts": """
        import { Pool } from 'pg';
        export const pool = new Pool({ connectionString: 'postgres://app@10.0.3.7/shop' });
        """}, "db.ts:2", severity="error", why="option"),
    bad("IV-01", "javascript", {"queue.js": """
        const amqp = require('amqplib');
        const url = 'amqp://localhost';
        async function start() { return amqp.connect(url); }
        """}, "queue.js:2", severity="warning", why="this machine, through a name"),
    ok("IV-01", "javascript", {"db.js": """
        const mongoose = require('mongoose');
        mongoose.connect(process.env.MONGODB_URI || 'mongodb://localhost/dev');
        """}, "a harmless default"),
    ok("IV-01", "javascript", {"test/db.js": """
        const mongoose = require('mongoose');
        mongoose.connect('mongodb://db1.acme.net/shop');
        """}, "tests"),
    ok("IV-01", "javascript", {"db.js": """
        // mongoose.connect('mongodb://db1.acme.net/shop')
        const help = 'set MONGODB_URI, as in mongodb://db1.acme.net/shop';
        const mongoose = require('mongoose');
        mongoose.connect(process.env.MONGODB_URI);
        """}, "a comment and a help text"),
    bad("IV-02", "javascript", {"db.js": """
        const mysql = require('mysql2');
        const db = mysql.createPool({
          host: '10.0.3.7',
          user: 'shop',
        });
        """}, "db.js:3", severity="error"),
    bad("IV-02", "javascript", {"cache.js": """
        const Redis = require('ioredis');
        module.exports = new Redis();
        """}, "cache.js:2", severity="warning", why="library default"),
    bad("IV-02", "javascript", {"mail.js": """
        const nodemailer = require('nodemailer');
        const transport = nodemailer.createTransport({ host: 'smtp.acme.com', port: 587 });
        """}, "mail.js:2", severity="error", why="mail"),
    ok("IV-02", "javascript", {"db.js": """
        const mysql = require('mysql2');
        const db = mysql.createPool({ host: process.env.DB_HOST, password: process.env.DB_PASSWORD });
        """}, "environment"),
    ok("IV-02", "javascript", {"cache.js": """
        const Redis = require('ioredis');
        module.exports = new Redis(process.env.REDIS_PORT, process.env.REDIS_HOST || 'localhost');
        """}, "a harmless default"),
    ok("IV-02", "javascript", {"cache.js": """
        const Redis = require('ioredis');
        module.exports = (options) => new Redis({ ...options });
        """}, "given as a whole"),
    ok("IV-02", "javascript", {"cache.test.js": """
        const Redis = require('ioredis');
        new Redis({ host: '10.0.0.1' });
        """}, "tests"),
    bad("IV-02", "go", {"cache.go": """
        package shop
        import "github.com/redis/go-redis/v9"
        var client = redis.NewClient(&redis.Options{Addr: "10.0.3.7:6379"})
        """}, "cache.go:3", severity="error"),
    bad("IV-02", "go", {"mail.go": """
        package shop
        import "net/smtp"
        func send(m []byte) { smtp.SendMail("localhost:25", nil, "a", []string{"b"}, m) }
        """}, "mail.go:3", severity="warning", why="this machine"),
    ok("IV-02", "go", {"cache.go": """
        package shop
        import ("os"; "github.com/redis/go-redis/v9")
        var client = redis.NewClient(&redis.Options{Addr: os.Getenv("REDIS_ADDR")})
        """}, "environment"),
    ok("IV-02", "go", {"cache.go": """
        package shop
        import "github.com/redis/go-redis/v9"
        func connect(addr string) *redis.Client { return redis.NewClient(&redis.Options{Addr: addr}) }
        """}, "a parameter"),
    ok("IV-02", "go", {"cache_test.go": """
        package shop
        import "github.com/redis/go-redis/v9"
        var client = redis.NewClient(&redis.Options{Addr: "10.0.3.7:6379"})
        """}, "tests"),
    bad("IV-02", "java", {"src/main/java/a/A.java": """
        package a;
        import redis.clients.jedis.Jedis;
        class A { Jedis cache = new Jedis("10.0.3.7", 6379); }
        """}, "src/main/java/a/A.java:3", severity="error"),
    bad("IV-02", "java", {"src/main/java/a/A.java": """
        package a;
        import redis.clients.jedis.JedisPool;
        class A { JedisPool pool = new JedisPool("localhost"); }
        """}, "src/main/java/a/A.java:3", severity="warning", why="this machine"),
    ok("IV-02", "java", {"src/main/java/a/A.java": """
        package a;
        import redis.clients.jedis.Jedis;
        class A { Jedis cache = new Jedis(System.getenv("REDIS_HOST")); }
        """}, "environment"),
    ok("IV-02", "java", {"src/main/java/a/A.java": """
        package a;
        import redis.clients.jedis.Jedis;
        class A { Jedis connect(String host) { return new Jedis(host); } }
        """}, "a parameter"),
    ok("IV-02", "java", {"src/test/java/a/A.java": """
        package a;
        import redis.clients.jedis.Jedis;
        class A { Jedis cache = new Jedis("10.0.3.7", 6379); }
        """}, "tests"),
    bad("IV-02", "ruby", {"db.rb": "require 'mysql2'\nDB = Mysql2::Client.new(host: '10.0.3.7', username: 'shop')\n"},
        "db.rb:2", severity="error"),
    bad("IV-02", "ruby", {"cache.rb": "require 'redis'\nCACHE = Redis.new(host: 'localhost')\n"}, "cache.rb:2",
        severity="warning", why="this machine"),
    ok("IV-02", "ruby", {"cache.rb": "require 'redis'\nCACHE = Redis.new\n"}, "it reads REDIS_URL by itself"),
    ok("IV-02", "ruby", {"cache.rb": "CACHE = Redis.new(host: ENV.fetch('REDIS_HOST', 'localhost'))\n"},
       "a harmless default"),
    ok("IV-02", "ruby", {"spec/cache_spec.rb": "CACHE = Redis.new(host: '10.0.3.7')\n"}, "tests"),
    bad("IV-02", "php", {"db.php": "<?php\n$db = mysqli_connect('10.0.3.7', 'shop', getenv('DB_PASSWORD'));\n"},
        "db.php:2", severity="error"),
    bad("IV-02", "php", {"db.php": "<?php\n$db = new mysqli('localhost', 'shop');\n"}, "db.php:2", severity="warning",
        why="this machine"),
    ok("IV-02", "php", {"db.php": "<?php\n$db = mysqli_connect(getenv('DB_HOST') ?: 'localhost');\n"},
       "a harmless default"),
    ok("IV-02", "php", {"db.php": "<?php\nfunction f($host) { return new mysqli($host); }\n"}, "a parameter"),
    ok("IV-02", "php", {"tests/db.php": "<?php\n$db = mysqli_connect('10.0.3.7', 'shop');\n"}, "tests"),
    bad("IV-07", "manifests", {"Procfile": """
        web: gunicorn app:app
        redis: redis-server --port 6379
        """}, "Procfile:2"),
    bad("IV-07", "manifests", {"Dockerfile": """
        FROM python:3.12
        COPY start.sh /start.sh
        CMD ["/start.sh"]
        """, "start.sh": """
        #!/bin/sh
        service postgresql start
        exec gunicorn app:app
        """}, "start.sh:2", why="script"),
    bad("IV-07", "manifests", {"supervisord.conf": """
        [program:web]
        command=gunicorn app:app
        [program:cache]
        command=/usr/bin/memcached -m 64
        """}, "supervisord.conf:4", why="supervisord"),
    ok("IV-07", "manifests", {"Procfile.dev": "redis: redis-server\n", "Procfile": "web: gunicorn app:app\n"},
       "development"),
    ok("IV-07", "manifests", {"docker-compose.yml": """
        services:
          web: {build: .}
          redis: {image: redis:7, command: redis-server --appendonly yes}
        """}, "a service of its own in compose"),
    ok("IV-07", "manifests", {"Procfile": "web: gunicorn app:app\nworker: rq worker --url redis://redis-server\n"},
       "a word"),
    ok("IV-07", "manifests", {"postgres/Dockerfile": """
        FROM postgres:16
        CMD ["postgres", "-c", "fsync=on"]
        """}, "an image of the service itself"),
]  # fmt: skip


@pytest.mark.parametrize("case", CASES, ids=str)
def test_backing_services(case: Case, tmp_path: Path) -> None:
    case.run(tmp_path)
