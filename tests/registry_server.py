"""A schema registry: a server that answers the requests of Confluent's HTTP interface."""

from __future__ import annotations

import base64
import json
import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, unquote, urlsplit

if TYPE_CHECKING:
    from collections.abc import Iterator


class Registry:
    """Schemas by id, and by subject; who may ask for them, and what was asked."""

    def __init__(self, authorization: str | None = None) -> None:
        self.authorization = authorization
        self.failing: int | None = None
        """status of every answer while the registry fails"""
        self.asked: list[str] = []
        self.port = 0
        self._schemas: dict[int, dict[str, Any]] = {}
        self._subjects: dict[str, dict[str, Any]] = {}

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def add(
        self, number: int, schema: str | bytes, kind: str = "AVRO", subject: str = "", references: tuple[str, ...] = ()
    ) -> None:
        """Register a schema, of Protobuf a serialized descriptor; references are names of subjects."""
        answer: dict[str, Any] = {"schema": schema}
        if kind != "AVRO":
            answer["schemaType"] = kind
        if references:
            answer["references"] = [{"name": name, "subject": name, "version": 1} for name in references]
        self._schemas[number] = answer
        self._subjects[subject or f"subject-{number}"] = answer

    def answer(self, path: str, authorization: str | None) -> tuple[int, dict[str, Any]]:
        self.asked.append(path)
        if self.failing is not None:
            return self.failing, {"error_code": 50001, "message": "Error in the backend data store"}
        if authorization != self.authorization:
            return 401, {"error_code": 401, "message": "Unauthorized"}
        parts = urlsplit(path)
        steps = [unquote(step) for step in parts.path.strip("/").split("/")]
        if steps[:2] == ["schemas", "ids"]:
            found = self._schemas.get(int(steps[2]))
        elif steps[0] == "subjects" and steps[2] == "versions":
            found = self._subjects.get(steps[1])
        else:
            return 404, {"error_code": 404, "message": "HTTP 404 Not Found"}
        if found is None:
            return 404, {"error_code": 40403, "message": "Schema not found"}
        schema = found["schema"]
        if isinstance(schema, bytes):
            is_serialized = parse_qs(parts.query).get("format") == ["serialized"]
            schema = base64.b64encode(schema).decode() if is_serialized else 'syntax = "proto3";'
        return 200, found | {"schema": schema}


@contextmanager
def serve(registry: Registry) -> Iterator[Registry]:
    """Let a registry answer, at the port that it had before, if it had one."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            status, answer = registry.answer(self.path, self.headers.get("Authorization"))
            body = json.dumps(answer).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/vnd.schemaregistry.v1+json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the name of the base class
            pass

    with ThreadingHTTPServer(("127.0.0.1", registry.port), Handler) as server:
        registry.port = server.server_port
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield registry
        finally:
            server.shutdown()
            thread.join()
