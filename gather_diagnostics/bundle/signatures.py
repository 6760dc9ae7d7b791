"""Signatures made and checked by OpenSSH's ssh-keygen, as git does for commits: no cryptography of ours, no new keys.

Format: https://github.com/openssh/openssh-portable/blob/master/PROTOCOL.sshsig
"""

from __future__ import annotations

import base64
import binascii
import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

from gather_diagnostics.errors import BundleError, InputError, VerificationError

NAMESPACE = "gather-diagnostics"
"""What a signature is for: one made for git or for mail is none for a bundle, nor the other way round."""

MAX_BYTES = 16 * 1024
"""Of a signature; an RSA key's takes 3 KB, with a certificate some more."""

_BEGIN, _END = "-----BEGIN SSH SIGNATURE-----", "-----END SSH SIGNATURE-----"
_LINE = 70
_SECONDS = 60
"""A key on a token waits for a touch."""


def sign(text: bytes, key: Path) -> bytes:
    """A signature with a private key file, or, for a public one, with its private key in the ssh-agent.

    Raises BundleError where the key can't be used. Nobody is asked for a passphrase: at the end of a run the person
    may be elsewhere, and a prompt would keep the bundle waiting. The agent holds such keys.
    """
    done = _ssh_keygen("sign", "-f", str(key.absolute()), text=text)
    if done.returncode or not done.stdout.startswith(_BEGIN.encode()):
        raise BundleError(
            f"{key} can't sign ({_reason(done)}): name an SSH key file, or the .pub of a key in the ssh-agent;"
            " one with a passphrase is made ready with ssh-add"
        )
    return done.stdout


def flaw(text: bytes, signature: bytes) -> str:
    """What is wrong with a signature, whoever made it; empty where it is whole and `text` is what was signed."""
    if not _is_canonical(signature):
        return "it is no signature as ssh-keygen writes it"
    done = _ssh_keygen("check-novalidate", text=text, signature=signature)
    return _reason(done) if done.returncode else ""


def signer(text: bytes, signature: bytes, allowed: Path, identity: str, at: datetime) -> str:
    """Which of the signers in `allowed`, a file as in ssh-keygen(1), made the signature. `identity` accepts one alone.

    Keys are judged as of `at`, as git does: what was signed with a key that has expired since stays signed.
    Raises VerificationError where none of them did, and for a text that is not the one signed.
    """
    if not allowed.is_file():
        raise InputError(f"--allowed-signers {allowed}: there is no such file")
    if wrong := flaw(text, signature):
        raise VerificationError(f"the signature does not hold: {wrong}")
    trust = ("-f", str(allowed.absolute()), f"-Overify-time={at.astimezone(UTC):%Y%m%d%H%M%S}")
    done = _ssh_keygen("find-principals", *trust, signature=signature)
    names = done.stdout.decode("utf-8", "replace").splitlines() if done.returncode == 0 else []
    if not names:
        raise VerificationError(f"the signature is by nobody in {allowed} ({_reason(done)})")
    for name in [identity] if identity else names:
        done = _ssh_keygen("verify", "-I", name, *trust, text=text, signature=signature)
        if done.returncode == 0:
            return name
    whom = ", ".join(names)
    if identity and identity not in names:
        raise VerificationError(f"the signature is by {whom}, not by {identity}")
    raise VerificationError(f"the signature by {whom} does not count ({_reason(done)})")


def _is_canonical(signature: bytes) -> bool:
    """ssh-keygen overlooks blanks and what stands after the end; a file that may be altered unnoticed is not sealed."""
    try:
        lines = signature.decode("ascii").split("\n")
        body = base64.b64decode("".join(lines[1:-2]), validate=True)
    except (UnicodeDecodeError, binascii.Error):
        return False
    text = base64.b64encode(body).decode("ascii")
    wanted = [_BEGIN, *(text[n : n + _LINE] for n in range(0, len(text), _LINE)), _END, ""]
    return lines == wanted


def _ssh_keygen(
    action: str, *options: str, text: bytes = b"", signature: bytes | None = None
) -> subprocess.CompletedProcess[bytes]:
    """Run it on `text`. The signature goes through a pipe: nothing is written to the disk."""
    environment = os.environ | {"LC_ALL": "C", "TZ": "UTC0", "SSH_ASKPASS_REQUIRE": "never"}
    with _piped(signature) as (names, descriptors):
        try:
            # In a session of its own it has no terminal to ask for a passphrase at.
            return subprocess.run(
                ["ssh-keygen", "-Y", action, "-n", NAMESPACE, *names, *options],
                input=text, capture_output=True, check=False, timeout=_SECONDS,
                env=environment, pass_fds=descriptors, start_new_session=True,
            )  # fmt: skip
        except FileNotFoundError as error:
            raise BundleError("signatures need ssh-keygen: install OpenSSH's client, 8.9 or newer") from error
        except subprocess.TimeoutExpired as error:
            raise BundleError(f"ssh-keygen took longer than {_SECONDS} s: does the key wait for a touch?") from error


@contextmanager
def _piped(content: bytes | None) -> Iterator[tuple[tuple[str, ...], tuple[int, ...]]]:
    """Options that name the content, and the descriptors to hand on."""
    if content is None:
        yield (), ()
        return
    reader, writer = os.pipe()
    try:
        with os.fdopen(writer, "wb") as out:
            # A pipe holds at least as much; nobody reads yet.
            out.write(content[:MAX_BYTES])
        yield ("-s", f"/dev/fd/{reader}"), (reader,)
    finally:
        os.close(reader)


def _reason(done: subprocess.CompletedProcess[bytes]) -> str:
    """What ssh-keygen said, without its frames, in one line."""
    text = done.stderr.decode("utf-8", "replace").replace("Enter passphrase: ", "")
    lines = (line.strip() for line in text.splitlines())
    told = [line for line in lines if line and not line.startswith(("@", "Signing "))]
    return "; ".join(dict.fromkeys(told))[:300] or f"ssh-keygen ended with {done.returncode}"
