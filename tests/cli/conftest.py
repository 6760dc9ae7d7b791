"""Running the command line as a person would, in this process."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest

from gather_diagnostics.cli import main


@dataclass(frozen=True)
class Ran:
    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Any) -> Callable[..., Ran]:
    """run('--service', 'x', ...) in an empty folder, with no source's environment variables set."""
    monkeypatch.setenv("HOME", str(tmp_path / "nobodys-home"))
    monkeypatch.setenv("TZ", "UTC")
    monkeypatch.chdir(tmp_path)

    def call(*arguments: object) -> Ran:
        with pytest.raises(SystemExit) as done:
            main([str(a) for a in arguments])
        captured = capsys.readouterr()
        return Ran(int(done.value.code or 0), captured.out, captured.err)

    return call
