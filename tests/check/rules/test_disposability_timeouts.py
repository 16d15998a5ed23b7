"""IX-06: outbound calls without a timeout."""

from __future__ import annotations

from pathlib import Path

import pytest
from check.harness import Case, bad, ok

CASES = [
    bad("IX-06", "python", {"a.py": "import requests\n\ndef f(url):\n    return requests.get(url)\n"}, "a.py:4"),
    bad(
        "IX-06",
        "python",
        {"a.py": "import requests as r\n\ns = r.Session()\n\ndef f(url):\n    return s.post(url, json={})\n"},
        "a.py:6",
        why="a session",
    ),
    bad(
        "IX-06",
        "python",
        {"a.py": "from urllib.request import urlopen\n\ndef f(url):\n    return urlopen(url).read()\n"},
        "a.py:4",
        why="the standard library",
    ),
    bad(
        "IX-06", "python", {"a.py": "import httpx\nclient = httpx.Client(timeout=None)\n"}, "a.py:2", why="switched off"
    ),
    ok("IX-06", "python", {"a.py": "import requests\n\ndef f(url):\n    return requests.get(url, timeout=5)\n"}, "set"),
    ok(
        "IX-06", "python", {"a.py": "import httpx\n\ndef f(url):\n    return httpx.get(url)\n"}, "httpx waits 5 seconds"
    ),
    ok(
        "IX-06",
        "python",
        {"a.py": "import requests\n\ndef f(url, **options):\n    return requests.get(url, **options)\n"},
        "a wrapper that hands it through",
    ),
    ok("IX-06", "python", {"tests/test_a.py": "import requests\nrequests.get('http://localhost')\n"}, "a test"),
    bad(
        "IX-06",
        "javascript",
        {"a.js": "const axios = require('axios');\nexports.f = (url) => axios.get(url);\n"},
        "a.js:2",
    ),
    bad(
        "IX-06",
        "javascript",
        {"a.js": "const needle = require('needle');\nneedle.get(url, (err, res) => done(res));\n"},
        "a.js:2",
        why="needle",
    ),
    bad(
        "IX-06",
        "javascript",
        {"a.js": "const https = require('https');\nhttps.get(url, (res) => res.pipe(out));\n"},
        "a.js:2",
        why="node's own",
    ),
    ok(
        "IX-06",
        "javascript",
        {"a.js": "const axios = require('axios');\nexports.f = (url) => axios.get(url, { timeout: 5000 });\n"},
        "set",
    ),
    ok(
        "IX-06",
        "javascript",
        {"a.js": "const axios = require('axios');\nconst api = axios.create({ timeout: 5000 });\napi.get('/x');\n"},
        "a client with a timeout",
    ),
    ok("IX-06", "javascript", {"test/a.js": "const axios = require('axios');\naxios.get('http://x');\n"}, "a test"),
    ok("IX-06", "javascript", {"a.js": "const cache = require('./cache');\ncache.get('x');\n"}, "no network"),
    bad(
        "IX-06",
        "go",
        {"a.go": 'package a\n\nimport "net/http"\n\nfunc f(url string) {\n\thttp.Get(url)\n}\n'},
        "a.go:6",
    ),
    bad(
        "IX-06",
        "go",
        {"a.go": 'package a\n\nimport "net/http"\n\nvar client = &http.Client{}\n'},
        "a.go:5",
        why="a client without",
    ),
    ok(
        "IX-06",
        "go",
        {"a.go": 'package a\n\nimport "net/http"\n\nvar client = &http.Client{Timeout: 10 * time.Second}\n'},
        "set",
    ),
    ok(
        "IX-06",
        "go",
        {
            "a.go": 'package a\n\nimport "net/http"\n\nfunc f() *http.Client {\n\tc := &http.Client{}\n'
            "\tc.Timeout = timeout\n\treturn c\n}\n"
        },
        "set later",
    ),
    ok(
        "IX-06",
        "go",
        {"a_test.go": 'package a\n\nimport "net/http"\n\nfunc TestX(t *testing.T) {\n\thttp.Get("http://x")\n}\n'},
        "a test",
    ),
    ok(
        "IX-06",
        "javascript",
        {"a.js": "const axios = require('axios');\nexports.f = (options) => axios.request(options);\n"},
        "options that somebody else fills",
    ),
    ok(
        "IX-06",
        "javascript",
        {"a.js": "module.exports = (request, response) => response.send(request.get('host'));\n"},
        "a handler's parameter has the name of a library",
    ),
    ok(
        "IX-06",
        "javascript",
        {
            "a.js": "const axios = require('axios');\nclass A extends Base {\n  send(url, data) {\n"
            "    const config = this.options();\n    return axios.post(url, data, config);\n  }\n}\n",
            "base.js": "class Base {\n  options() {\n    return { timeout: 5000 };\n  }\n}\n",
        },
        "a method gives the options, with a limit",
    ),
    bad(
        "IX-06",
        "javascript",
        {
            "a.js": "const axios = require('axios');\nclass A extends Base {\n  send(url, data) {\n"
            "    const config = this.options();\n    return axios.post(url, data, config);\n  }\n}\n",
            "base.js": "class Base {\n  options() {\n    return { proxy: false };\n  }\n}\n",
        },
        "a.js:5",
        why="a method gives the options, without a limit",
        severity="warning",
    ),
    ok(
        "IX-06",
        "go",
        {
            "a.go": 'package a\n\nimport "net/http"\n\nfunc f(s settings) *http.Client {\n'
            "\tt := &http.Transport{DialContext: TimeoutDialer(s.Connect, s.ReadWrite)}\n"
            "\treturn &http.Client{Transport: t}\n}\n"
        },
        "the transport limits each connection",
    ),
    bad(
        "IX-06",
        "go",
        {
            "o.go": 'package o\n\nimport "golang.org/x/oauth2"\n\nfunc f(ctx context.Context, code string) {\n'
            "\tconf := &oauth2.Config{}\n\tconf.Exchange(ctx, code)\n}\n"
        },
        "o.go:7",
        why="the default client of a library",
    ),
    bad("IX-06", "ruby", {"a.rb": "class A\n  def f(url)\n    HTTParty.get(url)\n  end\nend\n"}, "a.rb:3"),
    bad("IX-06", "ruby", {"a.rb": "def f(url)\n  Net::HTTP.get_response(URI(url))\nend\n"}, "a.rb:2", why="Net::HTTP"),
    ok("IX-06", "ruby", {"a.rb": "def f(url)\n  HTTParty.get(url, timeout: 10)\nend\n"}, "set"),
    ok("IX-06", "ruby", {"spec/a_spec.rb": "HTTParty.get('http://x')\n"}, "a test"),
    ok("IX-06", "ruby", {"a.rb": "Rails.cache.get('x')\n"}, "no network"),
    bad(
        "IX-06",
        "php",
        {"a.php": "<?php\nfunction f($u) {\n  $ch = curl_init($u);\n  return curl_exec($ch);\n}\n"},
        "a.php:4",
    ),
    bad("IX-06", "php", {"a.php": "<?php\nuse GuzzleHttp\\Client;\n$c = new Client();\n"}, "a.php:3", why="Guzzle"),
    ok(
        "IX-06",
        "php",
        {"a.php": "<?php\n$ch = curl_init($u);\ncurl_setopt($ch, CURLOPT_TIMEOUT, 5);\ncurl_exec($ch);\n"},
        "set",
    ),
    ok(
        "IX-06",
        "php",
        {"a.php": "<?php\nuse GuzzleHttp\\Client;\n$c = new Client(['timeout' => 5]);\n"},
        "set for Guzzle",
    ),
    ok("IX-06", "php", {"tests/a.php": "<?php\n$ch = curl_init($u);\ncurl_exec($ch);\n"}, "a test"),
    bad("IX-06", "java", {"A.java": "class A {\n  RestTemplate t = new RestTemplate();\n}\n"}, "A.java:2"),
    bad(
        "IX-06",
        "java",
        {"A.java": "class A {\n  HttpClient c() {\n    return HttpClient.newHttpClient();\n  }\n}\n"},
        "A.java:3",
        why="the JDK's",
    ),
    ok(
        "IX-06",
        "java",
        {
            "A.java": "class A {\n  RestTemplate t(Factory f) {\n    f.setReadTimeout(5);\n"
            "    return new RestTemplate(f);\n  }\n}\n"
        },
        "set on its factory",
    ),
    ok(
        "IX-06",
        "java",
        {"src/test/java/ATest.java": "class ATest {\n  RestTemplate t = new RestTemplate();\n}\n"},
        "a test",
    ),
    ok("IX-06", "java", {"A.java": "class A {\n  A(RestTemplate t) {\n    this.t = t;\n  }\n}\n"}, "it is given"),
]


@pytest.mark.parametrize("case", CASES, ids=str)
def test_outbound_calls(case: Case, tmp_path: Path) -> None:
    case.run(tmp_path)
