"""Ways to fail: throttled, denied, 5xx, silent, cut off, with a clock that is wrong."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

from servers.awsextra.state import ACCOUNT, CLOCK, Fault, State, helper
from servers.awsextra.wire import Answer, AwsError, Call, refuse

TOLERANCE = timedelta(minutes=5)
"""How old a signature may be."""


@helper
def add_fault(state: State, kind: str, service: str, operation: str, times: int | None, **settings: Any) -> None:
    state.faults.append(Fault(kind, service, operation, times, settings))


@helper
def heal(state: State) -> None:
    """No faults any more, and the right Date again."""
    state.faults.clear()
    CLOCK.skew = timedelta(0)


@helper
def skew(state: State, seconds: float) -> None:
    CLOCK.skew = timedelta(seconds=seconds)


def before(call: Call, state: State) -> Answer | None:
    """The answer of a fault that replaces the real one; None where the call goes on."""
    fault = _next(call, state, ("throttle", "deny", "fail", "hang", "expire", "die"))
    match fault:
        case Fault(kind="die"):
            os._exit(1)
        case Fault(kind="throttle"):
            return refuse(call, AwsError(fault.settings["code"] or _slower(call), "Rate exceeded", 400))
        case Fault(kind="deny"):
            return refuse(call, _denied(call))
        case Fault(kind="fail"):
            body = fault.settings["body"].encode()
            return Answer(fault.settings["status"], {"Content-Type": fault.settings["content_type"]}, body)
        case Fault(kind="hang"):
            time.sleep(fault.settings["seconds"])
        case Fault(kind="expire"):
            return refuse(call, _expired(call))
    return _out_of_step(call)


def afterwards(call: Call, state: State, answer: Answer) -> Answer:
    """The answer, cut or sent slowly where a fault says so."""
    fault = _next(call, state, ("truncate", "drip", "stall", "flood"))
    if fault is None:
        return answer
    if fault.kind != "truncate":
        return _slow(fault, answer)
    half = answer.body[: len(answer.body) // 2]
    # Closed early, the length promised is the whole one; else the cut text is a complete answer that does not parse.
    length = len(answer.body) if fault.settings["closes"] else len(half)
    return Answer(answer.status, {**answer.headers, "Content-Length": str(length)}, half)


def _slow(fault: Fault, answer: Answer) -> Answer:
    """A byte at a time; the first half and then silence; or the answer after so many blanks that nobody reads it."""
    sent = {"drip": _dripping, "stall": _stalling, "flood": _flooding}[fault.kind]
    length = 10**12 if fault.kind == "flood" else len(answer.body)
    headers = {**answer.headers, "Content-Length": str(length)}
    return Answer(answer.status, headers, answer.body, sent(answer.body, fault.settings.get("seconds", 0)))


def _dripping(body: bytes, seconds: float) -> Iterator[bytes]:
    end = time.monotonic() + seconds
    for number in range(len(body)):
        if time.monotonic() > end:
            yield body[number:]
            return
        yield body[number : number + 1]
        time.sleep(0.02)


def _stalling(body: bytes, seconds: float) -> Iterator[bytes]:
    yield body[: len(body) // 2]
    time.sleep(seconds)
    yield body[len(body) // 2 :]


def _flooding(body: bytes, seconds: float) -> Iterator[bytes]:
    while True:
        yield b" " * 65_536


def _next(call: Call, state: State, kinds: tuple[str, ...]) -> Fault | None:
    for fault in state.faults:
        if fault.kind in kinds and fault.hits(call):
            if fault.times is not None:
                fault.times -= 1
            return fault
    return None


def _denied(call: Call) -> AwsError:
    action = f"{call.service}:{call.operation}"
    who = f"arn:aws:iam::{ACCOUNT}:user/testing"
    why = f"because no identity-based policy allows the {action} action"
    code = "AccessDenied" if call.by_query else "AccessDeniedException"
    status = 403 if call.protocol == "query" else 400
    return AwsError(code, f"User: {who} is not authorized to perform: {action} on resource: * {why}", status)


def _slower(call: Call) -> str:
    return "Throttling" if call.by_query else "ThrottlingException"


def _expired(call: Call) -> AwsError:
    code = "ExpiredToken" if call.by_query else "ExpiredTokenException"
    return AwsError(code, "The security token included in the request is expired", 400)


def _out_of_step(call: Call) -> Answer | None:
    """Refuses a signature that is too far from the server's (skewed) clock."""
    if abs(CLOCK.skew) <= TOLERANCE or not call.signed:
        return None
    sent = datetime.strptime(call.signed, "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)
    here = datetime.now(UTC) + CLOCK.skew
    if abs(here - sent) <= TOLERANCE:
        return None
    words = ("expired", "earlier", "-") if sent < here else ("not yet current", "later", "+")
    limit = here + (-TOLERANCE if sent < here else TOLERANCE)
    message = (
        f"Signature {words[0]}: {call.signed} is now {words[1]} than {limit:%Y%m%dT%H%M%SZ} "
        f"({here:%Y%m%dT%H%M%SZ} {words[2]} 5 min.)"
    )
    code = "SignatureDoesNotMatch" if call.by_query else "InvalidSignatureException"
    return refuse(call, AwsError(code, message, 403 if call.protocol == "query" else 400))
