"""What a file is to a running service: documentation, a test, a feature flag, configuration or code."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from fnmatch import fnmatchcase
from pathlib import PurePosixPath
from typing import Literal

Sort = Literal["docs", "tests", "flag", "config", "code"]
Scope = Literal["docs", "tests", "config", "code", "mixed"]

_DOCS_NAMES = re.compile(
    r"(readme|changelog|changes|license|licence|notice|authors|contributing|codeowners|maintainers)(\..*)?|.*\.(md|mdx|rst|adoc)",
    re.IGNORECASE,
)
_DOCS_FOLDERS = frozenset({"doc", "docs", "documentation"})
_TEST_FOLDERS = frozenset({"test", "tests", "__tests__", "testing", "testdata", "spec", "specs", "e2e", "fixtures"})
_TEST_NAMES = re.compile(
    r"test_.*|conftest\.py|.*_test\.[^.]+|.*_spec\.rb|.*\.(test|spec)\.[cm]?[jt]sx?|.*Tests?\.(java|kt|cs|scala|groovy)"
)
_FLAG = re.compile(r"feature[-_. ]?(flag|toggle|switch)|(^|[/._-])(flags?|toggles?|flagd|launchdarkly)([/._-]|$)", re.I)
_DATA = re.compile(r".*\.(json|ya?ml|toml|ini|properties|env|conf|cfg|csv)", re.IGNORECASE)
BUILD_FILES = frozenset(
    "pyproject.toml poetry.toml ruff.toml uv.toml tox.ini setup.cfg pytest.ini mypy.ini .pre-commit-config.yaml"
    " pnpm-lock.yaml pnpm-workspace.yaml Cargo.toml Cargo.lock rustfmt.toml .golangci.yml .golangci.yaml mkdocs.yml"
    " .gitlab-ci.yml .travis.yml buf.yaml buf.gen.yaml renovate.json .readthedocs.yaml gradle.properties"
    " libs.versions.toml codecov.yml dependabot.yml".split()
)
"""Have the look of configuration but change the build: they take effect with a deploy, as code does."""
_BUILD_FOLDERS = frozenset({".github", ".gitlab", ".circleci", ".buildkite"})


def sort_of(path: str, config_patterns: Sequence[str]) -> Sort:
    """Sort one file by its path alone."""
    pure = PurePosixPath(path)
    folders = {part.lower() for part in pure.parts[:-1]}
    if (pure.name in BUILD_FILES and pure.name not in config_patterns) or folders & _BUILD_FOLDERS:
        return "code"
    if folders & _TEST_FOLDERS or _TEST_NAMES.fullmatch(pure.name):
        return "tests"
    if folders & _DOCS_FOLDERS or _DOCS_NAMES.fullmatch(pure.name):
        return "docs"
    is_config = any(_matches(path, pattern) for pattern in config_patterns)
    if _FLAG.search(path) and (is_config or _DATA.fullmatch(pure.name)):
        return "flag"
    return "config" if is_config else "code"


def _matches(path: str, pattern: str) -> bool:
    if "/" not in pattern:
        return fnmatchcase(path.rpartition("/")[2], pattern)
    return fnmatchcase(path, pattern) or fnmatchcase(path, f"*/{pattern}")


def kind_of(sorts: Iterable[Sort]) -> Literal["commit", "config", "flag"]:
    """'flag' or 'config' only where nothing else was touched."""
    seen = set(sorts)
    if seen == {"flag"}:
        return "flag"
    return "config" if seen and seen <= {"flag", "config"} else "commit"


def scope_of(sorts: Iterable[Sort]) -> Scope | None:
    """The part of the sorts that matters: tests and documents beside code or configuration do not. None: no file."""
    seen = {"config" if s == "flag" else s for s in sorts}
    if not seen:
        return None
    if {"code", "config"} <= seen:
        return "mixed"
    for scope in ("code", "config", "tests", "docs"):
        if scope in seen:
            return scope
    raise AssertionError(f"not sorts of files: {seen}")
