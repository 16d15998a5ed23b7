"""How the schema of the database changes."""

from __future__ import annotations

from pathlib import Path

import pytest
from check.harness import Case, bad, ok

MODELS = """
    from flask_sqlalchemy import SQLAlchemy
    db = SQLAlchemy()
    class User(db.Model):
        id = db.Column(db.Integer, primary_key=True)
    """
ENTITY = """
    import { Entity, Column } from 'typeorm';
    @Entity()
    export class User { @Column() name: string; }
    """

CASES = [
    bad("XII-01", "python", {"requirements.txt": "flask-sqlalchemy\n", "models.py": MODELS}, "models.py:1",
        severity="warning"),
    bad("XII-01", "python", {"db.py": """
        import psycopg2
        def save(connection, name):
            connection.cursor().execute("INSERT INTO users (name) VALUES (%s)", (name,))
        """}, "db.py:1", why="a driver that writes"),
    ok("XII-01", "python", {"models.py": MODELS, "migrations/versions/1_users.py": "revision = '1'\n"}, "migrations"),
    ok("XII-01", "python", {"models.py": MODELS, "requirements.txt": "Flask-Migrate\n"}, "a tool"),
    ok("XII-01", "python", {"report.py": """
        import psycopg2
        def names(connection):
            connection.cursor().execute("SELECT name FROM users")
        """}, "it only reads"),
    ok("XII-01", "python", {"tests/models.py": MODELS}, "tests"),
    bad("XII-01", "javascript", {"package.json": '{"dependencies": {"typeorm": "0.3"}}', "user.ts": ENTITY},
        "user.ts:1"),
    bad("XII-01", "javascript", {"store.js": """
        const { Pool } = require('pg');
        const save = (pool, key) => pool.query('INSERT INTO entries (key) VALUES ($1)', [key]);
        """}, "store.js:1", why="a driver that writes"),
    ok("XII-01", "javascript", {"user.ts": ENTITY, "src/migrations/1-users.ts": "export class Users {}\n"},
       "migrations"),
    ok("XII-01", "javascript", {"user.ts": ENTITY, "package.json": '{"dependencies": {"umzug": "3"}}'}, "a tool"),
    ok("XII-01", "javascript", {"test/user.ts": ENTITY}, "tests"),
    bad("XII-01", "manifests", {"build.gradle": """
        dependencies {
            implementation "org.springframework.boot:spring-boot-starter-data-jpa"
        }
        """}, "build.gradle:2"),
    bad("XII-01", "manifests", {"pom.xml": """
        <project>
          <dependencies>
            <dependency>
              <groupId>org.hibernate</groupId>
              <artifactId>hibernate-core</artifactId>
              <version>5.6</version>
            </dependency>
          </dependencies>
        </project>
        """}, "pom.xml:5", why="Maven"),
    ok("XII-01", "manifests", {"build.gradle": """
        dependencies {
            implementation "org.springframework.boot:spring-boot-starter-data-jpa"
            implementation "org.flywaydb:flyway-core"
        }
        """}, "a tool"),
    ok("XII-01", "manifests", {"build.gradle": """
        dependencies {
            implementation "org.springframework.boot:spring-boot-starter-data-jpa"
        }
        """, "src/main/resources/db/migration/V1__users.sql": "create table users (id int);\n"}, "migrations"),
    ok("XII-01", "manifests", {"build.gradle": """
        dependencies {
            testImplementation "org.springframework.boot:spring-boot-starter-data-jpa"
        }
        """}, "tests"),
    bad("XII-02", "python", {"app.py": """
        from flask import Flask
        from models import db
        def create_app():
            app = Flask(__name__)
            with app.app_context():
                db.create_all()
            return app
        """}, "app.py:6", severity="warning"),
    bad("XII-02", "python", {"main.py": """
        from fastapi import FastAPI
        from database import make_tables
        app = FastAPI()
        @app.on_event("startup")
        def on_startup():
            make_tables()
        """, "database.py": """
        from sqlmodel import SQLModel
        def make_tables():
            SQLModel.metadata.create_all(engine)
        """}, "database.py:3", why="through a function"),
    bad("XII-02", "python", {"main.py": """
        from database import Base, engine
        Base.metadata.drop_all(bind=engine)
        """}, "main.py:2", severity="error", why="drops"),
    ok("XII-02", "python", {"cli.py": """
        import click
        from models import db
        @click.command()
        def init():
            db.create_all()
        """}, "a command"),
    ok("XII-02", "python", {"tests/conftest.py": "from models import db\ndb.create_all()\n"}, "tests"),
    ok("XII-02", "python", {"models.py": """
        from sqlalchemy import MetaData
        metadata = MetaData()
        def make_tables(engine):
            metadata.create_all(engine)
        """}, "a function that nobody calls at the start"),
    ok("XII-02", "python", {"manage.py": """
        import sys
        from models import db
        if __name__ == "__main__" and sys.argv[1] == "init":
            db.create_all()
        """}, "an argument"),
    bad("XII-02", "javascript", {"server.js": """
        const { Sequelize } = require('sequelize');
        const sequelize = new Sequelize(process.env.DATABASE_URL);
        sequelize.sync({ alter: true }).then(() => app.listen(process.env.PORT));
        """}, "server.js:3", severity="warning"),
    bad("XII-02", "javascript", {"server.js": """
        const { Sequelize } = require('sequelize');
        const sequelize = new Sequelize(process.env.DATABASE_URL);
        async function start() { await sequelize.sync({ force: true }); app.listen(process.env.PORT); }
        """}, "server.js:3", severity="error", why="force"),
    bad("XII-02", "javascript", {"db.ts": """
        import { DataSource } from 'typeorm';
        export const db = new DataSource({
          url: process.env.DATABASE_URL,
          synchronize: true,
        });
        """}, "db.ts:4", why="TypeORM"),
    ok("XII-02", "javascript", {"db.ts": """
        import { DataSource } from 'typeorm';
        export const db = new DataSource({ url: process.env.DATABASE_URL, synchronize: false });
        """}, "off"),
    ok("XII-02", "javascript", {"test/setup.js": """
        const { Sequelize } = require('sequelize');
        new Sequelize(process.env.DATABASE_URL).sync({ force: true });
        """}, "tests"),
    ok("XII-02", "javascript", {"files.js": "const glob = require('glob');\nglob.sync('**/*.js');\n"}, "another sync"),
    ok("XII-02", "javascript", {"scripts/sync.js": """
        const { Sequelize } = require('sequelize');
        new Sequelize(process.env.DATABASE_URL).sync();
        """}, "a script"),
    bad("XII-02", "go", {"main.go": """
        package main
        import "gorm.io/gorm"
        func main() {
            db, _ := gorm.Open(dialector, &gorm.Config{})
            db.AutoMigrate(&User{})
        }
        """}, "main.go:5", severity="warning"),
    bad("XII-02", "go", {"internal/server.go": """
        package internal
        import "github.com/pressly/goose/v3"
        func Start(db *sql.DB) { goose.Up(db, "migrations") }
        """}, "internal/server.go:3", why="goose"),
    ok("XII-02", "go", {"cmd/migrate.go": """
        package cmd
        import "gorm.io/gorm"
        func migrate(db *gorm.DB) { db.AutoMigrate(&User{}) }
        """}, "a command"),
    ok("XII-02", "go", {"main.go": """
        package main
        import "gorm.io/gorm"
        func main() {
            if flagMigrate { db.AutoMigrate(&User{}) }
        }
        """}, "a flag"),
    ok("XII-02", "go", {"main_test.go": """
        package main
        func main() { db.AutoMigrate(&User{}) }
        """}, "tests"),
    bad("XII-02", "php", {"app/DatabaseProvider.php": """
        <?php
        class DatabaseProvider {
            public function register($app) {
                if (DB_RUN_MIGRATIONS) {
                    self::runMigrations($app['db']);
                }
            }
        }
        """}, "app/DatabaseProvider.php:5", severity="warning"),
    bad("XII-02", "php", {"index.php": "<?php\n$app = new App();\n$app->runMigrations();\n"}, "index.php:3",
        why="page"),
    ok("XII-02", "php", {"app/Console/Migrate.php": """
        <?php
        class Migrate { public function register() { $this->runMigrations(); } }
        """}, "a command"),
    ok("XII-02", "php", {"tests/Base.php": "<?php\nrunMigrations($db);\n"}, "tests"),
    ok("XII-02", "php", {"app/Migrator.php": """
        <?php
        class Migrator { public function runMigrations() { $this->up(); } }
        """}, "the function itself"),
    bad("XII-02", "manifests", {"Dockerfile": "FROM node:22\nCMD npm run migrate && npm start\n",
                                "package.json": '{"scripts": {"start": "node .", "migrate": "knex migrate:latest"}}'},
        "Dockerfile:2", why="npm script"),
    bad("XII-02", "manifests", {"boot.sh": "#!/bin/sh\nflask deploy\nexec gunicorn shop:app\n",
                                "Dockerfile": 'FROM python:3.12\nCMD ["./boot.sh"]\n', "shop.py": """
        from flask_migrate import upgrade
        @app.cli.command()
        def deploy():
            upgrade()
        """}, "boot.sh:2", why="a command of its own"),
    bad("XII-02", "manifests", {"Procfile": "web: flask db upgrade && gunicorn app:app\n"}, "Procfile:1",
        severity="warning"),
    bad("XII-02", "manifests", {"Dockerfile": 'FROM python:3.12\nCOPY . .\nENTRYPOINT ["./entrypoint.sh"]\n',
                                "entrypoint.sh": "#!/bin/sh\npython manage.py migrate\nexec gunicorn app\n"},
        "entrypoint.sh:2", why="entrypoint"),
    bad("XII-02", "manifests", {"compose.yaml": """
        services:
          web:
            build: .
            command: sh -c "until nc -z db 5432; do sleep 1; done && node artifacts/db-reset.js && npm start"
        """}, "compose.yaml:4", why="compose"),
    bad("XII-02", "manifests", {"src/main/resources/application.properties": "spring.jpa.hibernate.ddl-auto=update\n"},
        "src/main/resources/application.properties:1", severity="warning", why="Hibernate"),
    bad("XII-02", "manifests", {"Dockerfile": """
        FROM python:3.12
        CMD if [ "$MIGRATE" = 1 ]; then alembic upgrade head; fi; exec uvicorn app:app
        """}, "Dockerfile:2", severity="note", why="on request"),
    ok("XII-02", "manifests", {"Procfile": "release: flask db upgrade\nweb: gunicorn app:app\n"}, "release phase"),
    ok("XII-02", "manifests", {"compose.yaml": """
        services:
          migrate: {build: ., command: alembic upgrade head}
          web: {build: ., command: gunicorn app:app}
        """}, "a service of its own"),
    ok("XII-02", "manifests", {"src/main/resources/application.properties": "spring.jpa.hibernate.ddl-auto=validate\n"},
       "validate"),
    ok("XII-02", "manifests", {"src/test/resources/application.properties": "spring.jpa.hibernate.ddl-auto=create\n"},
       "test resources"),
]  # fmt: skip


@pytest.mark.parametrize("case", CASES, ids=str)
def test_admin_schema(case: Case, tmp_path: Path) -> None:
    case.run(tmp_path)
