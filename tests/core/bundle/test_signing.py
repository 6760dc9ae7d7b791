"""A bundle signed with an SSH key: by whom, for what, and what a forger would try. ssh-keygen is the real one."""

from __future__ import annotations

import os
import pty
import re
import shutil
import signal
import stat
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from bundlework import NAME, contents
from conftest import missing
from evidencesample import DOCUMENTS

from gather_diagnostics import BundleError, Evidence
from gather_diagnostics.bundle import (
    Written,
    archive,
    check_key,
    read,
    sign,
    signatures,
    signed_by,
    signing,
    staging,
    verify,
    write,
)
from gather_diagnostics.cli import main
from gather_diagnostics.errors import InputError, VerificationError

SIG = "SHA256SUMS.sig"


@pytest.fixture(scope="module")
def keys(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the keys alice, mallory and, with a passphrase, locked; `allowed` knows alice."""
    if not shutil.which("ssh-keygen"):
        missing("ssh-keygen", "apt-get install openssh-client")
    folder = tmp_path_factory.mktemp("keys")
    for name, passphrase in (("alice", ""), ("mallory", ""), ("locked", "sesame-of-the-key")):
        run = ["ssh-keygen", "-q", "-t", "ed25519", "-C", "", "-N", passphrase, "-f", folder / name]
        subprocess.run(run, check=True, stdin=subprocess.DEVNULL)
    (folder / "allowed").write_text(f"alice@example.org {(folder / 'alice.pub').read_text()}")
    return folder


@pytest.fixture(autouse=True)
def _no_agent_of_this_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SSH_AUTH_SOCK", raising=False)


@pytest.fixture
def signed(written: Written, keys: Path) -> Written:
    sign(written, keys / "alice")
    return written


@pytest.fixture
def agent(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    socket = f"/tmp/agent-{os.getpid()}-{tmp_path.name[-1]}"  # a socket's path may not be long
    process = subprocess.Popen(["ssh-agent", "-D", "-a", socket], stdout=subprocess.PIPE)
    assert process.stdout
    process.stdout.readline()
    monkeypatch.setenv("SSH_AUTH_SOCK", socket)
    yield
    process.terminate()
    process.wait()


def both(bundle: Written) -> tuple[Path, Path]:
    assert bundle.archive is not None
    return bundle.folder, bundle.archive


def test_folder_and_archive_bear_the_signature(signed: Written, keys: Path, evidence: Evidence) -> None:
    for path in both(signed):
        assert verify(path) == []
        assert signed_by(path, keys / "allowed") == "alice@example.org"
        assert read(path).request == evidence.request
    assert {p.name for p in signed.folder.parent.iterdir()} == {NAME, f"{NAME}.tar.gz"}
    assert stat.S_IMODE((signed.folder / SIG).stat().st_mode) == 0o600
    assert stat.S_IMODE(both(signed)[1].stat().st_mode) == 0o600


def test_ssh_keygen_alone_and_sha256sum_check_it(signed: Written, keys: Path) -> None:
    """What a person without this tool would type."""
    line = (
        "ssh-keygen -Y verify -n gather-diagnostics -I alice@example.org"
        f" -f {keys}/allowed -s {SIG} <SHA256SUMS && sha256sum --strict --quiet -c SHA256SUMS"
    )
    subprocess.run(line, shell=True, cwd=signed.folder, check=True, capture_output=True)


def test_the_same_evidence_and_key_make_the_same_bytes(evidence: Evidence, keys: Path, tmp_path: Path) -> None:
    made = []
    for name in ("one", "two"):
        written = write(evidence, DOCUMENTS, tmp_path / name)
        sign(written, keys / "alice")
        made.append((contents(written.folder), both(written)[1].read_bytes()))
    assert made[0] == made[1]


def test_an_unsigned_bundle_is_told(written: Written, keys: Path) -> None:
    assert verify(written.folder) == []
    for path in both(written):
        with pytest.raises(VerificationError, match=re.escape(f"{path} is not signed")):
            signed_by(path, keys / "allowed")


def test_another_signer_is_told(written: Written, keys: Path) -> None:
    sign(written, keys / "mallory")
    assert verify(written.folder) == []
    with pytest.raises(VerificationError, match=r"by nobody in .*allowed .No principal matched"):
        signed_by(written.folder, keys / "allowed")


def test_one_of_several_may_be_asked_for(signed: Written, keys: Path, tmp_path: Path) -> None:
    several = tmp_path / "several"
    several.write_text((keys / "allowed").read_text() + f"mallory@example.org {(keys / 'mallory.pub').read_text()}")
    assert signed_by(signed.folder, several, "alice@example.org") == "alice@example.org"
    with pytest.raises(VerificationError, match=r"by alice@example\.org, not by mallory@example\.org"):
        signed_by(signed.folder, several, "mallory@example.org")
    several.write_text(f"*@example.org {(keys / 'alice.pub').read_text()}")
    assert signed_by(signed.folder, several, "alice@example.org") == "alice@example.org"
    with pytest.raises(VerificationError, match="not by alice@elsewhere"):
        signed_by(signed.folder, several, "alice@elsewhere")


@pytest.mark.parametrize(
    ("options", "why"),
    [
        ('valid-before="20260313"', "key has expired"),
        ('valid-after="20260315"', "not yet valid"),
        ('namespaces="git"', "namespace"),
    ],
)
def test_a_key_that_may_not_sign_bundles_does_not_count(
    signed: Written, keys: Path, tmp_path: Path, options: str, why: str
) -> None:
    """The bundle is of 2026-03-14, whatever day it is checked."""
    allowed = tmp_path / "allowed"
    allowed.write_text(f"alice@example.org {options} {(keys / 'alice.pub').read_text()}")
    with pytest.raises(VerificationError, match=why):
        signed_by(signed.folder, allowed)


def test_a_key_that_has_expired_since_counts(signed: Written, keys: Path, tmp_path: Path) -> None:
    allowed = tmp_path / "allowed"
    allowed.write_text(f'alice@example.org valid-before="20260315" {(keys / "alice.pub").read_text()}')
    assert signed_by(signed.folder, allowed) == "alice@example.org"


def test_a_signature_for_something_else_is_none(written: Written, keys: Path) -> None:
    """Else a signed git commit, mail or release could be passed off as a signed bundle."""
    sums = (written.folder / "SHA256SUMS").read_bytes()
    run = ["ssh-keygen", "-Y", "sign", "-n", "git", "-f", keys / "alice"]
    other = subprocess.run(run, input=sums, capture_output=True, check=True).stdout
    (written.folder / SIG).write_bytes(other)
    assert any("namespace" in problem for problem in verify(written.folder))
    with pytest.raises(VerificationError, match="does not hold"):
        signed_by(written.folder, keys / "allowed")


def test_a_forger_who_makes_the_bundle_agree_with_itself_is_found(
    evidence: Evidence, signed: Written, keys: Path, tmp_path: Path
) -> None:
    forged = write(evidence, DOCUMENTS | {"evidence.md": b"all is well"}, tmp_path / "forged").folder
    assert verify(forged) == []
    shutil.copy(signed.folder / SIG, forged)
    assert verify(forged) == [f"{SIG} is not the signature of this SHA256SUMS: Signature verification failed: "
                              "incorrect signature"]  # fmt: skip
    with pytest.raises(VerificationError, match=r"does not hold: .*incorrect signature"):
        signed_by(forged, keys / "allowed")


@pytest.mark.slow
def test_every_byte_of_the_signature_counts(signed: Written) -> None:
    place = signed.folder / SIG
    content = place.read_bytes()
    for number in range(len(content)):
        changed = bytearray(content)
        changed[number] ^= 1 << number % 8
        place.write_bytes(changed)
        assert verify(signed.folder), number
    for changed in (b"", content[:-1], content + b"\n", b"\n" + content, content * 2, b"\xff", content + b"x" * 20_000):
        place.write_bytes(changed)
        assert verify(signed.folder), changed


def test_a_link_for_a_signature_is_not_followed(signed: Written, keys: Path, tmp_path: Path) -> None:
    (signed.folder / SIG).rename(tmp_path / "elsewhere")
    (signed.folder / SIG).symlink_to(tmp_path / "elsewhere")
    assert verify(signed.folder) == [f"'{SIG}' is neither a plain file nor a folder"]
    with pytest.raises(VerificationError, match="is not signed"):
        signed_by(signed.folder, keys / "allowed")


def test_keys_in_the_agent_sign(written: Written, keys: Path, tmp_path: Path, agent: None) -> None:
    subprocess.run(["ssh-add", "-q", keys / "alice"], check=True, capture_output=True)
    shutil.copy(keys / "alice.pub", tmp_path / "alone.pub")
    sign(written, tmp_path / "alone.pub")
    assert signed_by(written.folder, keys / "allowed") == "alice@example.org"


@pytest.mark.parametrize("name", ["locked", "locked.pub", "nobody", "allowed", "."])
def test_a_key_that_can_not_sign_is_told_at_once_and_nobody_is_asked(
    keys: Path, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DISPLAY", ":0")
    monkeypatch.setenv("SSH_ASKPASS", "/bin/false")
    with pytest.raises(BundleError, match=f"{re.escape(str(keys / name))} can't sign .*ssh-add") as told:
        check_key(keys / name)
    assert "\n" not in str(told.value)


def test_nobody_at_a_terminal_is_asked_either(keys: Path) -> None:
    """ssh-keygen would ask at /dev/tty, whatever its input is, and the run would wait."""
    child, terminal = pty.fork()
    if not child:
        try:
            check_key(keys / "locked")
        except BundleError:
            os._exit(7)
        os._exit(0)
    deadline = time.monotonic() + 20
    while not (ended := os.waitpid(child, os.WNOHANG))[0] and time.monotonic() < deadline:
        time.sleep(0.02)
    if not ended[0]:
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
    os.close(terminal)
    assert ended[0], "it waits for a passphrase"
    assert os.waitstatus_to_exitcode(ended[1]) == 7


def test_a_key_that_others_may_read_is_told(keys: Path, tmp_path: Path) -> None:
    shutil.copy(keys / "alice", tmp_path / "open")
    (tmp_path / "open").chmod(0o644)
    with pytest.raises(BundleError, match=r"Permissions 0644 for .* are too open"):
        check_key(tmp_path / "open")


def test_without_ssh_keygen_a_signature_is_not_taken_on_trust(
    signed: Written, keys: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    why = "signatures need ssh-keygen"
    assert why in verify(signed.folder)[0]
    with pytest.raises(BundleError, match=why):
        signed_by(signed.folder, keys / "allowed")
    with pytest.raises(BundleError, match=why):
        check_key(keys / "alice")


def test_a_key_that_waits_too_long_is_told(keys: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "ssh-keygen").write_text("#!/bin/sh\nexec sleep 60\n")
    (tmp_path / "ssh-keygen").chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=os.pathsep)
    monkeypatch.setattr(signatures, "_SECONDS", 0.2)
    with pytest.raises(BundleError, match="wait for a touch"):
        check_key(keys / "alice")


def test_nothing_secret_is_in_arguments_or_the_temporary_folder(
    written: Written, keys: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Arguments are for everybody on the machine to read: they hold paths and names, no key and no evidence."""
    genuine = shutil.which("ssh-keygen")
    (tmp_path / "bin").mkdir()
    spy = tmp_path / "bin" / "ssh-keygen"
    spy.write_text(f'#!/bin/sh\nprintf "%s\\n" "$@" >>"{tmp_path}/told"\nexec {genuine} "$@"\n')
    spy.chmod(0o755)
    (tmp_path / "temporary").mkdir()
    (tmp_path / "temporary").chmod(0o500)
    monkeypatch.setenv("PATH", str(tmp_path / "bin"), prepend=os.pathsep)
    monkeypatch.setenv("TMPDIR", str(tmp_path / "temporary"))
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "temporary"))
    sign(written, keys / "alice")
    signed_by(written.folder, keys / "allowed")
    assert list((tmp_path / "temporary").iterdir()) == []
    told = set((tmp_path / "told").read_text().splitlines())
    known = {"-Y", "-n", "-f", "-s", "-I", "sign", "check-novalidate", "find-principals", "verify"}
    known |= {"gather-diagnostics", "alice@example.org", "-Overify-time=20260314032000"}
    known |= {str(keys / "alice"), str(keys / "allowed")}
    assert {word for word in told - known if not re.fullmatch(r"/dev/fd/\d+", word)} == set()


def test_nothing_is_signed_that_is_not_as_it_was_written(written: Written, keys: Path) -> None:
    (written.folder / "evidence.md").write_bytes(b"changed meanwhile")
    with pytest.raises(BundleError, match=r"whole in .*, but it is not signed: .*evidence\.md"):
        sign(written, keys / "alice")
    assert not (written.folder / SIG).exists()


def test_who_will_not_wait_for_the_key_keeps_the_bundle(
    written: Written, keys: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(subprocess, "run", interrupted)
    with pytest.raises(BundleError, match=r"the bundle is whole in .*, but it is not signed: it was interrupted"):
        sign(written, keys / "alice")


def test_nothing_is_signed_twice(signed: Written, keys: Path) -> None:
    before = contents(signed.folder)
    with pytest.raises(BundleError, match="bears a signature already"):
        sign(signed, keys / "mallory")
    assert contents(signed.folder) == before


@pytest.mark.parametrize("call", ["fsync", "mkdir", "replace"])
def test_where_signing_fails_the_bundle_stays_as_it_was(
    written: Written, keys: Path, monkeypatch: pytest.MonkeyPatch, call: str
) -> None:
    before = contents(written.folder), both(written)[1].read_bytes()

    def failing(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(os, call, failing)
        with pytest.raises(BundleError, match=r"the bundle is whole in .*, but it is not signed: No space left"):
            sign(written, keys / "alice")
    assert (contents(written.folder), both(written)[1].read_bytes()) == before
    assert {p.name for p in written.folder.parent.iterdir()} == {NAME, f"{NAME}.tar.gz"}


@pytest.mark.slow
def test_killed_before_each_single_step_of_signing(written: Written, keys: Path, tmp_path: Path) -> None:
    """Folder and archive are whole at every moment, each with a signature that holds or with none."""
    made = signatures.sign((written.folder / "SHA256SUMS").read_bytes(), keys / "alice")
    states, step, status = set(), 0, 9
    while os.WIFSIGNALED(status):
        parent = tmp_path / f"{step:03d}"
        shutil.copytree(written.folder.parent, parent)
        bundle = Written(parent / NAME, parent / f"{NAME}.tar.gz")
        if not (child := os.fork()):
            _die_at(step, str(parent))
            signing._publish(bundle, contents(bundle.folder), made)
            os._exit(0)
        status = os.waitpid(child, 0)[1]
        assert [verify(path) for path in both(bundle)] == [[], []]
        states.add(tuple(_bears(path, keys) for path in both(bundle)))
        staging.sweep(parent)
        assert {p.name for p in parent.iterdir()} == {NAME, f"{NAME}.tar.gz"}
        step += 1
    assert os.WEXITSTATUS(status) == 0
    assert step > 8
    assert states == {(False, False), (False, True), (True, True)}


def _bears(path: Path, keys: Path) -> bool:
    try:
        return bool(signed_by(path, keys / "allowed"))
    except VerificationError:
        return False


def _die_at(last: int, below: str) -> None:
    steps = 0

    def count(event: str, arguments: tuple[object, ...]) -> None:
        nonlocal steps
        if event in {"open", "os.mkdir", "os.rename", "os.remove", "os.rmdir"} and str(arguments[0]).startswith(below):
            steps += 1
            if steps > last:
                os.kill(os.getpid(), signal.SIGKILL)

    sys.addaudithook(count)


def run(*arguments: object) -> int:
    with pytest.raises(SystemExit) as done:
        main([str(a) for a in arguments])
    return int(done.value.code or 0)


def test_the_exit_codes(
    signed: Written, keys: Path, tmp_path: Path, evidence: Evidence, capsys: pytest.CaptureFixture[str]
) -> None:
    unsigned = write(evidence, DOCUMENTS, tmp_path / "unsigned").folder
    allowed = ("--allowed-signers", keys / "allowed")
    assert run("verify", signed.folder, *allowed) == 0
    assert "every file is what the manifest says, signed by alice@example.org" in capsys.readouterr().out
    assert run("verify", signed.folder, *allowed, "--identity", "bob") == 4
    assert run("verify", unsigned, *allowed) == 4
    assert run("verify", unsigned) == 0
    assert run("verify", signed.folder, "--allowed-signers", tmp_path / "none") == 1
    assert run("verify", signed.folder, "--identity", "bob") == 1
    (signed.folder / "evidence.md").write_bytes(b"altered")
    assert run("verify", signed.folder, *allowed) == 4
    told = capsys.readouterr().err
    assert [line[:5] for line in told.splitlines() if "Try" not in line and not line.startswith("  ")] == ["error"] * 5


def logs(folder: Path) -> tuple[str, ...]:
    (folder / "app.log").write_text("2026-03-14T03:10:00Z ERROR pool exhausted\n")
    window = ("--from", "2026-03-14T03:00Z", "--to", "2026-03-14T03:20Z")
    return "--service", "x", "--source", "logfiles", "--logs", str(folder / "app.log"), *window, "--quiet"


def test_a_run_signs_what_it_writes(keys: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert run(*logs(tmp_path), "--out", tmp_path / "out", "--sign", keys / "alice") in (0, 2)
    for path in (tmp_path / "out").iterdir():
        assert verify(path) == []
        assert signed_by(path, keys / "allowed") == "alice@example.org"
    assert len(list((tmp_path / "out").iterdir())) == 2


def test_a_key_that_fails_ends_a_run_before_it_begins(
    keys: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert run(*logs(tmp_path), "--out", tmp_path / "out", "--sign", keys / "locked") == 1
    assert not (tmp_path / "out").exists()
    told = capsys.readouterr()
    assert "ssh-add" in told.err
    assert told.out == ""


def test_a_key_that_fails_later_costs_the_signature_and_not_the_evidence(
    keys: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    pack, packed = archive.pack, []

    def full(*arguments: object) -> None:
        packed.append(1)
        if len(packed) > 1:
            raise OSError(28, "No space left on device")
        pack(*arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(archive, "pack", full)
    assert run(*logs(tmp_path), "--out", tmp_path / "out", "--sign", keys / "alice") == 1
    told = capsys.readouterr()
    assert "Bundle" in told.out
    assert "but it is not signed: No space left" in told.err
    for path in (tmp_path / "out").iterdir():
        assert verify(path) == []


def test_signers_that_are_no_file_are_a_mistake_of_typing(signed: Written, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="there is no such file"):
        signed_by(signed.folder, tmp_path / "none")
