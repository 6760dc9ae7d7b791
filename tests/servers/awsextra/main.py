"""The process: moto's own WSGI application, with the extensions in front of it. `python -m servers.awsextra.main`.

Prints its URL when it listens; ends when its standard input is closed, so that no killed test run leaves it behind.
"""

from __future__ import annotations

import importlib
import json
import os
import sys
import threading
import traceback
from collections.abc import Iterable
from dataclasses import fields
from datetime import UTC, datetime
from typing import Any

from servers.awsextra import faults
from servers.awsextra.control import PATH, decoded, encoded
from servers.awsextra.state import AFTER, ANSWERS, CLOCK, HELPERS, RESHAPES, State, helper
from servers.awsextra.wire import Answer, AwsError, Call, Environ, read, refuse, understood, write
from werkzeug.serving import make_server

EXTENSIONS = ("metrics", "alarms", "trail", "logs", "insights", "deploys", "databases", "stacks", "tags", "policy")
"""Modules that register answers and helpers when they are imported."""


class Application:
    """WSGI: the test's words to the server, the extensions' answers, or moto's."""

    def __init__(self, moto: Any) -> None:
        self.moto = moto
        self.state = State()
        self.lock = threading.RLock()

    def __call__(self, environ: Environ, start_response: Any) -> Iterable[bytes]:
        if environ["PATH_INFO"].startswith(PATH):
            return _send(self._control(environ), start_response)
        call = read(environ)
        if call is None:
            return _send(self._ask_moto(environ), start_response)
        with self.lock:
            self.state.calls.append({"service": call.service, "operation": call.operation, "params": call.params})
        early = faults.before(call, self.state)
        answer = early or faults.afterwards(call, self.state, self._answer(call, environ))
        return _send(answer, start_response)

    def _answer(self, call: Call, environ: Environ) -> Answer:
        function = ANSWERS.get((call.service, call.operation))
        with self.lock:
            try:
                if function:
                    return write(call, function(call, self.state))
                answer = self._ask_moto(environ)
                told = AFTER.get((call.service, call.operation))
                if told and answer.status == 200:
                    told(call, self.state)
                reshape = RESHAPES.get((call.service, call.operation))
                if reshape and answer.status == 200:
                    return write(call, reshape(call, self.state, understood(call, answer)))
            except AwsError as error:
                return refuse(call, error)
            except NotImplementedError as error:
                message = f"moto has no {call.service} {call.operation}: {error}"
                return refuse(call, AwsError("NotInThisServer", message))
            except Exception:
                # A 4xx, because botocore repeats 5xx: a bug of an extension should be seen at once.
                return refuse(call, AwsError("BrokenExtension", traceback.format_exc()))
        return answer

    def _ask_moto(self, environ: Environ) -> Answer:
        said: list[Any] = []

        def start(status: str, headers: list[tuple[str, str]], exc_info: Any = None) -> Any:
            said[:] = [int(status.split()[0]), dict(headers)]
            return lambda _: None

        body = b"".join(self.moto(environ, start))
        return Answer(said[0], said[1], body)

    def _control(self, environ: Environ) -> Answer:
        name = environ["PATH_INFO"].removeprefix(PATH)
        text = environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
        try:
            with self.lock:
                result = HELPERS[name](self.state, **json.loads(text, object_hook=decoded))
            return Answer(200, {}, json.dumps(result, default=encoded).encode())
        except Exception:
            return Answer(400, {}, traceback.format_exc().encode())


def _send(answer: Answer, start_response: Any) -> Iterable[bytes]:
    date = f"{datetime.now(UTC) + CLOCK.skew:%a, %d %b %Y %H:%M:%S GMT}"
    headers = {"Content-Length": str(len(answer.body)), **answer.headers}
    headers = {name: value for name, value in headers.items() if name.lower() != "date"} | {"Date": date}
    start_response(f"{answer.status} -", list(headers.items()))
    return answer.sent or [answer.body]


@helper
def stop_clock(state: State, at: datetime | None) -> None:
    CLOCK.stopped = at


@helper
def calls(state: State) -> list[dict[str, Any]]:
    return state.calls


@helper
def forget_calls(state: State) -> None:
    state.calls.clear()


@helper
def reset(state: State) -> None:
    """As new: moto's stores, ours, faults, clock."""
    from moto.moto_api._internal.models import moto_api_backend

    moto_api_backend.reset()
    faults.heal(state)
    CLOCK.stopped = None
    fresh = State()
    for member in fields(State):
        setattr(state, member.name, getattr(fresh, member.name))


def main() -> None:
    from moto.moto_server.werkzeug_app import DomainDispatcherApplication, MotoRequestHandler, create_backend_app

    for name in EXTENSIONS:
        importlib.import_module(f"servers.awsextra.{name}")

    class Quiet(MotoRequestHandler):
        def log(self, type: str, message: str, *args: Any) -> None:
            if type != "info":
                sys.stderr.write(message % args + "\n")

        def send_response(self, code: int, message: str | None = None) -> None:
            self.send_response_only(code, message)  # the Date is ours

    app = Application(DomainDispatcherApplication(create_backend_app))
    server = make_server("127.0.0.1", 0, app, threaded=True, request_handler=Quiet)
    threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
    print(f"http://127.0.0.1:{server.server_port}", flush=True)
    sys.stdin.read()
    os._exit(0)  # requests that hang on purpose don't keep the process


if __name__ == "__main__":
    main()
