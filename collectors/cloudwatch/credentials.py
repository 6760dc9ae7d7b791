"""Whose credentials are taken: told from environment and files alone, and made into a session."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

import botocore.session
from botocore.exceptions import BotoCoreError, ConfigParseError, ProfileNotFound
from botocore.session import Session

from collectors.cloudwatch.api import Api
from collectors.cloudwatch.settings import NAME, CloudWatchSettings
from collectors.cloudwatch.troubles import cut
from gather_diagnostics import Gap

SESSION_NAME = "gather-diagnostics"
"""How CloudTrail names a role that was assumed for reading."""

_PROFILE_KEYS = {
    "aws_access_key_id": "has a key",
    "role_arn": "names a role",
    "sso_session": "signs in by SSO",
    "sso_start_url": "signs in by SSO",
    "login_session": "signs in by aws login",
    "credential_process": "names a credential process",
    "web_identity_token_file": "names a web identity",
}
_VARIABLES = (
    ("AWS_ACCESS_KEY_ID", "AWS_ACCESS_KEY_ID is set"),
    ("AWS_WEB_IDENTITY_TOKEN_FILE", "AWS_WEB_IDENTITY_TOKEN_FILE is set"),
    ("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI", "this container has a task role"),
    ("AWS_CONTAINER_CREDENTIALS_FULL_URI", "this container has a role"),
)


def session(settings: CloudWatchSettings) -> Session:
    """A session that finds credentials as the AWS CLI does, but asks the instance's metadata only where told to.

    Raises BotoCoreError where `found` has a gap.
    """
    made = botocore.session.Session(profile=settings.profile or None)
    if not settings.instance_metadata:
        made.get_component("credential_provider").remove("iam-role")
    return made


def found(settings: CloudWatchSettings) -> str | Gap:
    """Why credentials should be at hand, e.g. 'AWS_ACCESS_KEY_ID is set'; a gap where none are. Sends nothing."""
    wanted = "credentials for AWS"
    core = botocore.session.Session(profile=settings.profile or None)
    try:
        profile, profiles = core.profile or "default", core.full_config.get("profiles", {})
    except (ConfigParseError, ProfileNotFound) as error:
        return Gap(NAME, wanted, "not_configured", cut(str(error)), "correct ~/.aws/config and ~/.aws/credentials")
    named = bool(settings.profile or core.profile)
    if named and profile not in profiles:
        why = f"there is no profile {profile!r} in ~/.aws/config or ~/.aws/credentials"
        return Gap(NAME, wanted, "not_configured", why, f"run: aws configure --profile {profile}")
    because = ("" if settings.profile else _environment()) or _profile(profile, profiles.get(profile, {}))
    if because:
        return because
    if settings.instance_metadata:
        return "sources.cloudwatch.instance_metadata is set"
    mend = "run: aws configure sso (or aws sso login), set AWS_PROFILE or sources.cloudwatch.profile; on an EC2"
    mend += " instance with a role: sources.cloudwatch.instance_metadata: true"
    why = "neither the environment nor ~/.aws holds credentials"
    return Gap(NAME, wanted, "not_configured", why, mend)


def regions(settings: CloudWatchSettings, core: Session) -> tuple[str, ...] | Gap:
    """The regions to read, each once; a gap where none is named anywhere."""
    try:
        told = core.get_config_variable("region")
    except BotoCoreError as error:
        return Gap(NAME, "a region of AWS", "not_configured", cut(str(error)), "set sources.cloudwatch.profile")
    # botocore knows AWS_DEFAULT_REGION alone; Lambda, ECS and the other SDKs set AWS_REGION.
    names = settings.regions or [os.environ.get("AWS_REGION") or told or ""]
    if any(names):
        return tuple(dict.fromkeys(n for n in names if n))
    mend = "set AWS_REGION, or sources.cloudwatch.regions: [us-east-1]"
    return Gap(NAME, "a region of AWS", "not_configured", "no region is named", mend)


def assumed(api: Api, settings: CloudWatchSettings, service: str) -> Session:
    """A session with the role of sources.cloudwatch.role_arn. Raises CallError."""
    params: dict[str, Any] = {"RoleArn": settings.role_arn, "RoleSessionName": SESSION_NAME, "DurationSeconds": 900}
    if settings.external_id:
        params["ExternalId"] = settings.external_id.replace("{service}", service)
    given = api.call("sts", "assume_role", **params)["Credentials"]
    made = botocore.session.Session(profile=settings.profile or None)
    made.set_credentials(given["AccessKeyId"], given["SecretAccessKey"], given["SessionToken"])
    return made


def _environment() -> str:
    return next((because for name, because in _VARIABLES if os.environ.get(name)), "")


def _profile(name: str, profile: Mapping[str, Any]) -> str:
    return next((f"the profile {name} {words}" for key, words in _PROFILE_KEYS.items() if profile.get(key)), "")
