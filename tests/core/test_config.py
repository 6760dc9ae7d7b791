from __future__ import annotations

from pathlib import Path
from typing import ClassVar

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from pydantic import BaseModel, ConfigDict, SecretStr

from gather_diagnostics import config
from gather_diagnostics.config import Config, LocalPath
from gather_diagnostics.errors import ConfigError, InputError


class Toy:
    """A collector as far as configuration sees it."""

    class Settings(BaseModel):
        model_config = ConfigDict(extra="forbid")
        folder: LocalPath = ""
        limit: int = 3
        token: SecretStr = SecretStr("")
        paths: list[LocalPath] = []

    name: ClassVar[str] = "toy"
    tables: ClassVar[frozenset[str]] = frozenset({"logs"})

    def __init__(self, settings: Toy.Settings) -> None:
        self.settings = settings


@pytest.fixture
def write(tmp_path: Path):
    def write(text: str | bytes) -> Path:
        file = tmp_path / "diagnostics.yaml"
        file.write_bytes(text if isinstance(text, bytes) else text.encode())
        return file

    return write


def test_service_settings_win_over_general_ones(write) -> None:
    read = config.read(
        write(
            "sources:\n  toy: {limit: 5, folder: a}\n"
            "services:\n  shop:\n    sources:\n      toy: {limit: 9}\n  other: {}\n"
        )
    )
    assert read.collector(Toy, "shop").settings.limit == 9
    assert read.collector(Toy, "other").settings.limit == 5


def test_relative_paths_are_relative_to_the_file(write) -> None:
    file = write("sources:\n  toy: {folder: logs, paths: [a/*.log, /abs, '-']}\n")
    settings = config.read(file).collector(Toy, "shop").settings
    assert settings.folder == str(file.parent / "logs")
    assert settings.paths == [str(file.parent / "a/*.log"), "/abs", "-"]


def test_environment_variables_keep_secrets_out_of_the_file(write, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TOY_TOKEN", "s3cret")
    read = config.read(write('sources:\n  toy: {token: "${TOY_TOKEN}"}\n'))
    assert read.collector(Toy, "shop").settings.token.get_secret_value() == "s3cret"
    assert "s3cret" not in repr(read.collector(Toy, "shop").settings)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("services:\n  shop:\n    ownr: me\n", ["line 3", "services.shop.ownr", "owner"]),
        ("sources:\n  toy:\n    limit: lots\n", ["line 3", "sources.toy.limit", "integer"]),
        (
            "services:\n  shop:\n    sources:\n      toy:\n        limit: x\n",
            ["line 5", "services.shop.sources.toy.limit"],
        ),
        ("sources:\n  toy: {paths: [a, 3]}\n", ["line 2", "sources.toy.paths.1", "string"]),
        ("timezone: [1\n", ["line 2", "not valid YAML"]),
        ("- a\n- b\n", ["line 1", "expected keys"]),
        (
            "sources:\n  toy: {token: '${NO_SUCH_VARIABLE_HERE}'}\n",
            ["line 2", "sources.toy.token", "NO_SUCH_VARIABLE_HERE"],
        ),
        ("sources:\n  tyo: {}\n", ["line 2", "sources.tyo", "toy"]),
        ("a: &x [1]\nb: *x\n", ["line", "aliases"]),
        (b"sources: \xff\n", ["UTF-8", "byte"]),
        ("timezone: " + "[" * 5000, ["not valid YAML"]),
    ],
)
def test_errors_name_file_line_and_key(write, text, words: list[str]) -> None:
    file = write(text)
    with pytest.raises(ConfigError) as raised:
        read = config.read(file)
        read.check_names(("toy",))
        read.collector(Toy, "shop")
    for word in [str(file), *words]:
        assert word in str(raised.value)
    assert "\n" not in str(raised.value)


def test_a_value_that_is_wrong_is_not_echoed(write) -> None:
    with pytest.raises(ConfigError) as raised:
        config.read(write("sources:\n  toy: {limit: hunter2hunter2}\n")).collector(Toy, "shop")
    assert "hunter2" not in str(raised.value)


def test_unreadable_files(tmp_path: Path) -> None:
    for path in (tmp_path / "missing.yaml", tmp_path):
        with pytest.raises(ConfigError, match="can't read"):
            config.read(path)


def test_an_empty_file_is_an_empty_configuration(write) -> None:
    assert config.read(write("")).settings == Config().settings


def test_unknown_service_with_a_catalogue(write) -> None:
    read = config.read(write("services:\n  checkout: {}\n"))
    with pytest.raises(InputError, match="did you mean 'checkout'"):
        read.service("chekout")
    assert Config().service("anything").owner == ""


def test_the_nearest_file_is_found_up_to_the_checkout(tmp_path: Path) -> None:
    (tmp_path / "diagnostics.yaml").write_text("")
    inner = tmp_path / "repo" / "deep"
    inner.mkdir(parents=True)
    assert config.find(inner) == tmp_path / "diagnostics.yaml"
    (tmp_path / "repo" / ".git").mkdir()
    assert config.find(inner) is None
    (tmp_path / "repo" / "diagnostics.yaml").write_text("")
    assert config.find(inner) == tmp_path / "repo" / "diagnostics.yaml"


@given(st.text(max_size=200))
@example("=")
@example("since: 2026-99-99")
def test_any_text_is_a_configuration_or_a_sentence(tmp_path_factory: pytest.TempPathFactory, text: str) -> None:
    file = tmp_path_factory.mktemp("c") / "diagnostics.yaml"
    file.write_text(text, encoding="utf-8", errors="surrogatepass")
    try:
        config.read(file)
    except ConfigError as error:
        assert str(file) in str(error)
