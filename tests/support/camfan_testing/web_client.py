"""A program that speaks HTTP to the web server and keeps cookies by hand."""

from __future__ import annotations

import http.client
import json
from dataclasses import dataclass, field

from camfan_testing.hashes import PASSWORD


@dataclass
class Client:
    """A program that keeps cookies by hand, so that nothing is sent by itself."""

    url: str
    cookie: str | None = None
    browser: str = ""  # a cookie that outlives the login, as browsers keep it
    headers: dict[str, str] = field(default_factory=dict)

    def get(self, path: str, **headers: str) -> tuple[int, bytes, http.client.HTTPMessage]:
        return self.ask("GET", path, None, **headers)

    def post(
        self, path: str, body: object, **headers: str
    ) -> tuple[int, bytes, http.client.HTTPMessage]:
        headers.setdefault("Content-Type", "application/json")
        return self.ask("POST", path, json.dumps(body).encode(), **headers)

    def ask(
        self, method: str, path: str, body: bytes | None, **headers: str
    ) -> tuple[int, bytes, http.client.HTTPMessage]:
        host, _, port = self.url.removeprefix("http://").rpartition(":")
        connection = http.client.HTTPConnection(host, int(port), timeout=20)
        sent = {**self.headers, **{k.replace("_", "-"): v for k, v in headers.items()}}
        if self.cookie:
            sent["Cookie"] = self.cookie
        try:
            connection.request(method, path, body, sent)
            answer = connection.getresponse()
            return answer.status, answer.read(), answer.msg
        finally:
            connection.close()

    def log_in(self, name: str, password: str = PASSWORD, **headers: str) -> int:
        status, _, got = self.post("/api/login", {"name": name, "password": password}, **headers)
        if status == 200:
            cookies = [said.partition(";")[0] for said in got.get_all("Set-Cookie") or ()]
            self.cookie = "; ".join([self.browser, *cookies] if self.browser else cookies)
        return status
