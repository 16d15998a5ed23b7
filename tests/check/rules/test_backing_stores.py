"""Which kind of service the app takes, and whether it is a file."""

from __future__ import annotations

from pathlib import Path

import pytest
from check.harness import Case, bad, ok

FLASK = {"requirements.txt": "flask==3.0\n"}
EXPRESS = {"package.json": '{"dependencies": {"express": "^4.0.0"}}'}
GO = {"go.mod": "module shop\n\ngo 1.22\n"}
JAVA = {"Procfile": "web: java -jar app.jar\n"}
SINATRA = {"Gemfile": 'gem "sinatra"\n'}
PHP = {"index.php": "<?php\nrequire 'db.php';\n"}

CASES = [
    bad("IV-03", "python", {"files.py": """
        import os
        from stores import LocalStorage, S3Storage
        storage = S3Storage("uploads") if os.environ["ENVIRONMENT"] == "production" else LocalStorage("uploads")
        """}, "files.py:3", why="choice"),
    bad("IV-03", "python", {"settings.py": """
        if DEBUG:
            EMAIL_BACKEND = "django.core.mail.backends.console.EmailBackend"
        else:
            EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
        """}, "settings.py:2", why="Django mail"),
    bad("IV-03", "python", {"cache.py": """
        import os, redis
        if os.getenv("APP_ENV") == "production":
            client = redis.from_url(os.environ["REDIS_URL"])
        else:
            client = {}
        """}, "cache.py:3", why="a client under the condition"),
    ok("IV-03", "python", {"files.py": """
        import os
        from stores import LocalStorage, S3Storage
        storage = S3Storage() if os.environ.get("S3_BUCKET") else LocalStorage("uploads")
        """}, "a setting of its own"),
    ok("IV-03", "python", {"files.py": """
        import os
        storage_size = 100 if os.environ["ENVIRONMENT"] == "production" else 10
        cache_timeout = 60 if DEBUG else 600
        """}, "a size"),
    ok("IV-03", "python", {"settings.py": """
        if TESTING:
            EMAIL_BACKEND = "django.core.mail.backends.locmem.EmailBackend"
        """}, "tests"),
    ok("IV-03", "python", {"tests/settings.py": """
        import os
        storage = S3Storage() if os.environ["ENVIRONMENT"] == "production" else LocalStorage()
        """}, "test path"),
    bad("IV-03", "javascript", {"files.js": """
        const { S3Storage, LocalStorage } = require('./stores');
        const storage = process.env.NODE_ENV === 'production' ? new S3Storage() : new LocalStorage('./uploads');
        """}, "files.js:2", why="choice"),
    bad("IV-03", "javascript", {"queue.js": """
        const { createClient } = require('redis');
        let client;
        if (process.env.NODE_ENV === 'production') {
          client = createClient({ url: process.env.REDIS_URL });
        }
        """}, "queue.js:4", why="a client under the condition"),
    ok("IV-03", "javascript", {"files.js": """
        const { S3Storage, LocalStorage } = require('./stores');
        const storage = process.env.STORAGE === 's3' ? new S3Storage() : new LocalStorage();
        """}, "a setting of its own"),
    ok("IV-03", "javascript", {"files.ts": """
        import env from './env';
        const storage = env.FILE_STORAGE === 'local' ? new LocalStorage() : new S3Storage();
        """}, "a setting among those of the environment"),
    ok("IV-03", "javascript", {"log.js": """
        const level = process.env.NODE_ENV === 'production' ? 'info' : 'debug';
        const cacheSize = process.env.NODE_ENV === 'production' ? 100 : 1;
        """}, "no service"),
    ok("IV-03", "javascript", {"test/files.js": """
        const storage = process.env.NODE_ENV === 'production' ? new S3Storage() : new LocalStorage();
        """}, "test path"),
    bad("IV-04", "python", FLASK | {"config.py": """
        import os
        class Config:
            SQLALCHEMY_DATABASE_URI = "sqlite:///" + os.path.join(os.path.dirname(__file__), "app.db")
        """}, "config.py:3", severity="error", why="SQLAlchemy"),
    bad("IV-04", "python", FLASK | {"app.py": """
        import sqlite3
        def connection():
            return sqlite3.connect("data/app.db")
        """}, "app.py:3", severity="error", why="sqlite3"),
    bad("IV-04", "python", {"requirements.txt": "django\n", "shop/settings.py": """
        DATABASES = {
            "default": {"ENGINE": "django.db.backends.sqlite3", "NAME": BASE_DIR / "db.sqlite3"},
        }
        """}, "shop/settings.py:2", severity="error", why="Django"),
    bad("IV-04", "python", FLASK | {"config.py": """
        import os
        DATABASE_URL = os.environ.get("DATABASE_URL", "sqlite:///app.db")
        """}, "config.py:2", severity="note", why="the environment selects"),
    ok("IV-04", "python", FLASK | {"config.py": """
        import os
        DATABASE_URL = os.environ["DATABASE_URL"]
        """}, "environment"),
    ok("IV-04", "python", FLASK | {"tests/conftest.py": """
        import sqlite3
        db = sqlite3.connect("test.db")
        """, "config.py": 'class TestConfig:\n    SQLALCHEMY_DATABASE_URI = "sqlite:///t.db"\n'}, "tests"),
    ok("IV-04", "python", FLASK | {"app.py": """
        import sqlite3
        cache = sqlite3.connect(":memory:")
        lookup = sqlite3.connect("file:geo.db?mode=ro", uri=True)
        """}, "in memory and read-only"),
    ok("IV-04", "python", {"tool.py": """
        import sqlite3
        db = sqlite3.connect("history.db")
        """}, "a command-line tool"),
    bad("IV-04", "javascript", EXPRESS | {"db.js": """
        const sqlite3 = require('sqlite3');
        const db = new sqlite3.Database('./data/app.db');
        """}, "db.js:2", severity="error"),
    bad("IV-04", "javascript", EXPRESS | {"db.js": """
        const Database = require('better-sqlite3');
        module.exports = new Database('app.db');
        """}, "db.js:2", severity="error", why="better-sqlite3"),
    ok("IV-04", "javascript", EXPRESS | {"db.js": """
        const sqlite3 = require('sqlite3');
        const db = new sqlite3.Database(':memory:');
        """}, "in memory"),
    ok("IV-04", "javascript", EXPRESS | {"db.js": """
        const { Pool } = require('pg');
        module.exports = new Pool({ connectionString: process.env.DATABASE_URL });
        """}, "environment"),
    ok("IV-04", "javascript", EXPRESS | {"test/db.js": """
        const Database = require('better-sqlite3');
        module.exports = new Database('app.db');
        """}, "tests"),
    bad("IV-04", "javascript", EXPRESS | {"db.js": """
        const { Sequelize } = require('sequelize');
        module.exports = new Sequelize({ dialect: 'sqlite', storage: './app.sqlite' });
        """}, "db.js:2", severity="error", why="Sequelize"),
    bad("IV-04", "go", GO | {"main.go": """
        package main
        import "database/sql"
        import "net/http"
        func main() { db, _ := sql.Open("sqlite3", "./data/app.db"); http.ListenAndServe(":80", nil) }
        """}, "main.go:4", severity="error"),
    bad("IV-04", "go", GO | {"main.go": """
        package main
        import "gorm.io/driver/sqlite"
        import "gorm.io/gorm"
        import "net/http"
        func main() { g, _ := gorm.Open(sqlite.Open("app.db"), &gorm.Config{}); http.ListenAndServe(":80", nil) }
        """}, "main.go:5", severity="error", why="GORM"),
    ok("IV-04", "go", GO | {"main.go": """
        package main
        import "database/sql"
        import "net/http"
        import "os"
        func main() { db, _ := sql.Open("postgres", os.Getenv("DATABASE_URL")); http.ListenAndServe(":80", nil) }
        """}, "a server"),
    ok("IV-04", "go", GO | {"main_test.go": """
        package main
        import "database/sql"
        import "net/http"
        func TestIt() { db, _ := sql.Open("sqlite3", "./data/app.db") }
        """}, "tests"),
    ok("IV-04", "go", GO | {"main.go": """
        package main
        import "database/sql"
        func main() { db, _ := sql.Open("sqlite3", "history.db") }
        """}, "a command-line tool"),
    bad("IV-04", "java", JAVA | {"src/main/java/a/A.java": """
        package a;
        import java.sql.DriverManager;
        class A { void f() throws Exception { DriverManager.getConnection("jdbc:sqlite:app.db"); } }
        """}, "src/main/java/a/A.java:3", severity="error"),
    bad("IV-04", "java", JAVA | {"src/main/java/a/A.java": """
        package a;
        import java.sql.DriverManager;
        class A { void f() throws Exception { DriverManager.getConnection("jdbc:h2:file:./data/app"); } }
        """}, "src/main/java/a/A.java:3", severity="error", why="H2"),
    ok("IV-04", "java", JAVA | {"src/main/java/a/A.java": """
        package a;
        import java.sql.DriverManager;
        class A { void f() throws Exception { DriverManager.getConnection("jdbc:h2:mem:app"); } }
        """}, "in memory"),
    ok("IV-04", "java", JAVA | {"src/main/java/a/A.java": """
        package a;
        import java.sql.DriverManager;
        class A { void f() throws Exception { DriverManager.getConnection(System.getenv("JDBC_URL")); } }
        """}, "environment"),
    ok("IV-04", "java", JAVA | {"src/test/java/a/A.java": """
        package a;
        import java.sql.DriverManager;
        class A { void f() throws Exception { DriverManager.getConnection("jdbc:sqlite:app.db"); } }
        """}, "tests"),
    bad("IV-04", "ruby", SINATRA | {"app.rb": 'require "sqlite3"\nDB = SQLite3::Database.new "app.db"\n'}, "app.rb:2",
        severity="error"),
    bad("IV-04", "ruby", SINATRA | {"app.rb": """
        require "active_record"
        ActiveRecord::Base.establish_connection(adapter: "sqlite3", database: "db/app.sqlite3")
        """}, "app.rb:2", severity="error", why="Active Record"),
    ok("IV-04", "ruby", SINATRA | {"app.rb": 'require "sqlite3"\nDB = SQLite3::Database.new ":memory:"\n'},
       "in memory"),
    ok("IV-04", "ruby", SINATRA | {"spec/app_spec.rb": 'DB = SQLite3::Database.new "app.db"\n'}, "tests"),
    ok("IV-04", "ruby", SINATRA | {"app.rb": 'require "pg"\nDB = PG.connect(ENV["DATABASE_URL"])\n'}, "a server"),
    bad("IV-04", "php", PHP | {"db.php": "<?php\n$db = new PDO('sqlite:data/app.db');\n"}, "db.php:2",
        severity="error"),
    bad("IV-04", "php", PHP | {"db.php": "<?php\n$db = new PDO('sqlite:' . __DIR__ . '/app.db');\n"}, "db.php:2",
        severity="error", why="joined"),
    ok("IV-04", "php", PHP | {"db.php": "<?php\n$db = new PDO('sqlite::memory:');\n"}, "in memory"),
    ok("IV-04", "php", PHP | {"db.php": "<?php\nfunction f($file) { return new PDO('sqlite:' . $file); }\n"},
       "a file that others name"),
    ok("IV-04", "php", PHP | {"tests/db.php": "<?php\n$db = new PDO('sqlite:data/app.db');\n"}, "tests"),
    bad("IV-04", "manifests", EXPRESS | {"config.json": '{"storage": {"type": "file", "path": "./data"}}'},
        "config.json:1", severity="warning"),
    bad("IV-04", "manifests", {"Procfile": "web: java -jar app.jar\n", "src/main/resources/application.properties": """
        spring.datasource.url=jdbc:h2:file:./data/shop
        """}, "src/main/resources/application.properties:1", severity="error", why="H2"),
    ok("IV-04", "manifests", EXPRESS | {"config.json": '{"storage": {"type": "s3", "path": "./data"}}'}, "a service"),
    ok("IV-04", "manifests", EXPRESS | {"config/test.json": '{"storage": {"type": "file"}}'}, "test profile"),
    ok("IV-04", "manifests", {"Procfile": "web: java -jar app.jar\n", "src/main/resources/application.properties": """
        spring.datasource.url=jdbc:h2:mem:shop
        """}, "in memory"),
]  # fmt: skip


@pytest.mark.parametrize("case", CASES, ids=str)
def test_backing_stores(case: Case, tmp_path: Path) -> None:
    case.run(tmp_path)
