"""From a kubeconfig's context to the client's configuration: the one place that handles credentials."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from collectors.kubernetes.kubeconfig import IN_CLUSTER, Place
from collectors.kubernetes.objects import items, mapping, text

if TYPE_CHECKING:
    from kubernetes.client import Configuration

PLUGIN_SECONDS = 20.0
"""How long an exec plugin may take, at most."""
MOST = 300
_RETIRED = {"gcp": "gke-gcloud-auth-plugin", "azure": "kubelogin"}


class CredentialError(Exception):
    """There is no way to log in; the message is a sentence without credentials in it."""

    def __init__(self, why: str, mend: str) -> None:
        super().__init__(why)
        self.mend = mend


def configuration(place: Place, seconds: float) -> Configuration:
    """The official client's configuration of one place. Runs the context's exec plugin where it has one.

    Raises CredentialError.
    """
    import oauthlib.oauth2
    from kubernetes import client, config

    mend = f"see whether kubectl works: kubectl --context {place.context} version"
    made: Configuration = type.__call__(client.Configuration)
    try:
        if place.context == IN_CLUSTER and not place.config:
            config.load_incluster_config(client_configuration=made)  # type: ignore[no-untyped-call]
        else:
            config.load_kube_config_from_dict(  # type: ignore[no-untyped-call]
                _logged_in(place, seconds), context=place.context, client_configuration=made, persist_config=False
            )
    except config.ConfigException as error:
        raise CredentialError(_cut(str(error)), mend) from error
    except OSError as error:
        why = f"a file of the context {place.context} can't be read: {error.filename or ''} {error.strerror or error}"
        raise CredentialError(_cut(why), mend) from error
    except (ValueError, TypeError, KeyError, AttributeError, client.OpenApiException) as error:
        # The client takes a kubeconfig's entries unseen; its error's text may quote them.
        why = f"the entries of context {place.context} are not as a kubeconfig has them ({type(error).__name__})"
        raise CredentialError(why, mend) from error
    except oauthlib.oauth2.OAuth2Error as error:
        why = f"the OIDC token of context {place.context} can't be renewed: {type(error).__name__}"
        raise CredentialError(why, mend) from error
    return made


def authorization(made: Configuration) -> str:
    """The header's value; '' where a client certificate or nothing is used. Raises CredentialError."""
    value = made.auth_settings().get("BearerToken", {}).get("value") or ""
    value = str(value).strip()
    if not value.isprintable() or not value.isascii():
        mend = "look for line ends and blanks in the kubeconfig's token or tokenFile"
        raise CredentialError("the token has characters that can't be sent in a header", mend)
    return value


def _logged_in(place: Place, seconds: float) -> dict[str, Any]:
    """The kubeconfig with the exec plugin's answer in place of the plugin.

    The client would run it without a time-out, and only log that it failed.
    """
    made = dict(place.config)
    user = next(iter(items(made, "users")), {})
    inner = mapping(user, "user")
    provider = text(inner, "auth-provider", "name")
    if provider in _RETIRED:
        why = f"the context {place.context} uses the auth-provider {provider}, which Kubernetes removed in 1.26"
        raise CredentialError(why, f"use the exec plugin {_RETIRED[provider]} instead")
    if not mapping(inner, "exec") or text(inner, "token") or text(inner, "tokenFile"):
        return made
    status = run_plugin(mapping(inner, "exec"), min(PLUGIN_SECONDS, seconds))
    kept = {k: v for k, v in inner.items() if k != "exec"}
    made["users"] = [{"name": user["name"], "user": kept | _credentials(status)}]
    return made


def _credentials(status: Mapping[str, Any]) -> dict[str, str]:
    import base64

    if token := status.get("token"):
        return {"token": str(token)}
    certificate, key = status.get("clientCertificateData"), status.get("clientKeyData")
    if isinstance(certificate, str) and isinstance(key, str):
        encoded = {"client-certificate-data": certificate, "client-key-data": key}
        return {name: base64.b64encode(value.encode()).decode() for name, value in encoded.items()}
    raise CredentialError(
        "the exec plugin's answer has neither a token nor a certificate with its key", "run it by hand"
    )


def run_plugin(plugin: Mapping[str, Any], seconds: float) -> Mapping[str, Any]:
    """`status` of the ExecCredential that a plugin prints. Raises CredentialError.

    Source: kubernetes.io/docs/reference/access-authn-authz/authentication/#client-go-credential-plugins
    """
    command = text(plugin, "command")
    arguments = plugin.get("args")
    words = [command, *(str(a) for a in arguments)] if isinstance(arguments, list) else [command]
    mend = f"run it yourself and log in where it says so: {os.path.basename(command)}"
    if hint := text(plugin, "installHint"):
        mend += f"; {_cut(hint)}"
    about = {"apiVersion": text(plugin, "apiVersion"), "kind": "ExecCredential", "spec": {"interactive": False}}
    environment = {text(e, "name"): text(e, "value") for e in items(plugin, "env") if text(e, "name")}
    environment = {**os.environ, **environment, "KUBERNETES_EXEC_INFO": json.dumps(about)}
    try:
        done = subprocess.run(
            words,
            env=environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=max(seconds, 0.1),
            check=False,
        )
    except FileNotFoundError as error:
        raise CredentialError(f"the exec plugin {command!r} of the kubeconfig is not installed", mend) from error
    except (OSError, ValueError) as error:
        raise CredentialError(f"the exec plugin {command!r} of the kubeconfig can't be run: {error}", mend) from error
    except subprocess.TimeoutExpired as error:
        why = f"the exec plugin {command!r} of the kubeconfig did not end within {seconds:.0f} s"
        raise CredentialError(why, mend) from error
    if done.returncode:
        said = _cut(done.stderr.decode("utf-8", "replace")) or "nothing"
        raise CredentialError(f"the exec plugin {command!r} of the kubeconfig failed ({done.returncode}): {said}", mend)
    return _status(done.stdout, command, mend)


def _status(output: bytes, command: str, mend: str) -> Mapping[str, Any]:
    try:
        document = json.loads(output)
    except (ValueError, RecursionError) as error:
        raise CredentialError(f"the exec plugin {command!r} of the kubeconfig printed no JSON", mend) from error
    status = mapping(document, "status")
    if text(document, "kind") != "ExecCredential" or not status:
        raise CredentialError(f"the exec plugin {command!r} of the kubeconfig printed no ExecCredential", mend)
    return status


def _cut(said: str) -> str:
    line = " ".join(said.split())
    return line if len(line) <= MOST else line[: MOST - 1] + "…"
