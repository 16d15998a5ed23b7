"""How a service is used: through one adapter, and declared."""

from __future__ import annotations

from pathlib import Path

import pytest
from check.harness import Case, bad, ok


def spread(suffix: str, line: str, directories: str = "abcdefg") -> dict[str, str]:
    return {f"shop/{name}/pay.{suffix}": line for name in directories}


CASES = [
    bad("IV-05", "python", spread("py", "import stripe\n"), "shop/a/pay.py:1", severity="note"),
    bad("IV-05", "python", spread("py", "from google.cloud import storage\n"), "shop/a/pay.py:1", why="a cloud"),
    ok("IV-05", "python", {f"shop/payments/{name}.py": "import stripe\n" for name in "abcdefg"}, "one adapter package"),
    ok("IV-05", "python", spread("py", "import stripe\n", "abc"), "few modules"),
    ok("IV-05", "python", spread("py", "import sqlalchemy\nimport logging\n"), "an ORM and logging"),
    ok("IV-05", "python", {f"tests/{name}/test_pay.py": "import stripe\n" for name in "abcdefg"}, "tests"),
    bad("IV-05", "javascript", spread("js", "const stripe = require('stripe');\n"), "shop/a/pay.js:1"),
    bad("IV-05", "javascript", spread("ts", "import { S3Client } from '@aws-sdk/client-s3';\n"), "shop/a/pay.ts:1",
        why="a scope"),
    ok("IV-05", "javascript", {f"src/aws/{name}.js": "const s3 = require('aws-sdk');\n" for name in "abcdefg"},
       "one adapter package"),
    ok("IV-05", "javascript", spread("js", "const express = require('express');\n"), "a framework"),
    ok("IV-05", "javascript", spread("test.js", "const stripe = require('stripe');\n"), "tests"),
    bad("IV-06", "python", {"cache.py": """
        import os, redis
        cache = redis.from_url(os.environ["REDIS_URL"])
        """}, "cache.py:2", severity="note"),
    bad("IV-06", "python", {"README.md": "# Shop\n", "queue.py": """
        import os, pika
        connection = pika.BlockingConnection(pika.URLParameters(os.environ["AMQP_URL"]))
        """}, "queue.py:2", why="queue"),
    ok("IV-06", "python", {"compose.yaml": "services: {cache: {image: 'redis:7'}}\n", "cache.py": """
        import os, redis
        cache = redis.from_url(os.environ["REDIS_URL"])
        """}, "compose"),
    ok("IV-06", "python", {".env.example": "REDIS_URL=\n", "cache.py": """
        import os, redis
        cache = redis.from_url(os.environ["REDIS_URL"])
        """}, "template"),
    ok("IV-06", "python", {"cache.py": """
        import os, redis
        if os.environ.get("REDIS_URL"):
            cache = redis.from_url(os.environ["REDIS_URL"])
        other = redis.from_url(os.environ["OTHER"]) if os.environ.get("OTHER") else None
        """}, "optional"),
    ok("IV-06", "python", {"tests/cache.py": "import redis\ncache = redis.from_url('redis://x')\n"}, "tests"),
    bad("IV-06", "javascript", {"db.js": """
        const mongoose = require('mongoose');
        mongoose.connect(process.env.MONGODB_URI);
        """}, "db.js:2"),
    bad("IV-06", "javascript", {"README.md": "# Shop\n", "db.js": """
        const { Pool } = require('pg');
        const pool = new Pool({ connectionString: process.env.DATABASE_URL });
        """}, "db.js:2", why="pg"),
    ok("IV-06", "javascript", {"README.md": "It needs MongoDB 6.\n", "db.js": """
        const mongoose = require('mongoose');
        mongoose.connect(process.env.MONGODB_URI);
        """}, "README"),
    ok("IV-06", "javascript", {"app.json": '{"addons": ["heroku-postgresql"]}', "db.js": """
        const { Pool } = require('pg');
        const pool = new Pool({ connectionString: process.env.DATABASE_URL });
        """}, "add-on"),
    ok("IV-06", "javascript", {"cache.js": """
        const Redis = require('ioredis');
        const cache = process.env.REDIS_URL ? new Redis(process.env.REDIS_URL) : null;
        """}, "optional"),
]  # fmt: skip


@pytest.mark.parametrize("case", CASES, ids=str)
def test_backing_use(case: Case, tmp_path: Path) -> None:
    case.run(tmp_path)
