"""What went wrong, as gaps: the one place that reads botocore's errors."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from urllib.parse import urlsplit

from botocore import exceptions as boto
from botocore.parsers import ResponseParserError
from urllib3.exceptions import HTTPError

from collectors.cloudwatch.clock import NTP
from collectors.cloudwatch.codes import EXPIRED, FOREIGN, LATE, REFUSED, SKEWED, SLOWED, STRANGE
from collectors.cloudwatch.permissions import statement
from collectors.cloudwatch.settings import NAME
from gather_diagnostics import Gap
from gather_diagnostics.model import Cause

MOST = 300
"""Characters kept of what AWS said."""

Told = tuple[Cause, str, str]
"""Cause, why, mend."""


class OutOfTimeError(Exception):
    """The deadline of the whole source has fallen; nothing was sent."""


class TooLargeError(Exception):
    """An answer above the size that is read."""


class BadAnswerError(ValueError):
    """An answer that lacks what AWS's API promises."""


class BadAddressError(ValueError):
    """An endpoint that is no URL."""


OUTSIDE = (
    boto.ClientError,
    boto.HTTPClientError,
    boto.ConnectionError,
    boto.NoCredentialsError,
    boto.PartialCredentialsError,
    boto.CredentialRetrievalError,
    boto.InvalidConfigError,
    boto.ConfigNotFound,
    boto.ConfigParseError,
    boto.ProfileNotFound,
    boto.SSOError,
    boto.TokenRetrievalError,
    boto.MetadataRetrievalError,
    boto.InvalidRegionError,
    boto.UnknownServiceError,
    boto.PaginationError,
    ResponseParserError,
    HTTPError,
    OutOfTimeError,
    TooLargeError,
    BadAnswerError,
    BadAddressError,
)
"""What the world may do to a call. Anything else, such as a ParamValidationError, is a bug of ours and stays one."""


class CallError(Exception):
    """A call that failed for a reason outside of this program."""

    def __init__(self, action: str, region: str, error: Exception) -> None:
        super().__init__(f"{action} in {region}: {error}")
        self.action = action
        """As IAM names it: 'logs:FilterLogEvents'."""
        self.region = region
        self.error = error

    @property
    def code(self) -> str:
        """AWS's word for the error; '' when it was not AWS that spoke."""
        return str(_part(self.error, "Error").get("Code", "")) if isinstance(self.error, boto.ClientError) else ""

    @property
    def hopeless(self) -> bool:
        """No other call will fare better: the credentials are no good, or the time is over."""
        if self.skewed:
            return True
        login = boto.NoCredentialsError | boto.PartialCredentialsError | boto.CredentialRetrievalError
        sso = boto.SSOError | boto.TokenRetrievalError | OutOfTimeError | boto.InvalidRegionError
        return self.code in EXPIRED | STRANGE or isinstance(self.error, login | sso | boto.MetadataRetrievalError)

    @property
    def skewed(self) -> bool:
        """AWS takes no signature that is more than five minutes off its clock (15 for some services).

        Source: docs.aws.amazon.com/IAM/latest/UserGuide/signature-v4-troubleshooting.html
        """
        return self.code in SKEWED or any(words in self.said for words in LATE)

    @property
    def said(self) -> str:
        """AWS's sentence, cut; '' when it was not AWS that spoke."""
        return cut(str(_part(self.error, "Error").get("Message", "")))

    @property
    def refused(self) -> bool:
        """The credentials are good, and not allowed to do this."""
        return self.code in REFUSED

    @property
    def useless(self) -> bool:
        """The same action will not fare better with other parameters."""
        return self.hopeless or self.refused


def gap(error: CallError, wanted: str, resource: str = "") -> Gap:
    """Say what a failed call means to a person. `resource`: ARN that access was refused on, where it is known."""
    cause, why, mend = _told(error, resource)
    return Gap(NAME, wanted, cause, why, mend)


def truncated(wanted: str, why: str, mend: str) -> Gap:
    """A limit of ours cut it."""
    return Gap(NAME, wanted, "truncated", why, mend)


def _told(failed: CallError, resource: str) -> Told:
    where = f"{failed.action} in {failed.region}"
    match failed.error:
        case boto.ClientError():
            return _answer(failed, resource)
        case OutOfTimeError():
            return "timeout", f"no time was left for {where}", "allow more time with --deadline"
        case boto.SSOError() | boto.TokenRetrievalError():
            return "denied", f"{where}: the SSO session is over: {cut(str(failed.error))}", "run: aws sso login"
        case boto.ReadTimeoutError():
            return "timeout", f"{where} did not answer in time", "allow more time with --deadline, or a smaller window"
        case TooLargeError():
            mend = "ask for a shorter window; check sources.cloudwatch.endpoint_url: does AWS answer there?"
            return "truncated", f"{where}: {failed.error}", mend
        case boto.SSLError():
            mend = "name the authority's certificate in AWS_CA_BUNDLE"
            return "unreachable", f"{where}: no TLS connection: {_inner(failed.error)}", mend
        case boto.ProxyConnectionError():
            return "unreachable", f"{where}: the proxy does not answer", "check HTTPS_PROXY and NO_PROXY"
        case boto.HTTPClientError() | boto.ConnectionError() | HTTPError():
            mend = f"try: aws sts get-caller-identity --region {failed.region}; check proxy, VPC endpoint, endpoint_url"
            return "unreachable", f"{where} is not reached{_place(failed.error)}: {_inner(failed.error)}", mend
        case ResponseParserError() | BadAnswerError() | boto.PaginationError():
            mend = "check sources.cloudwatch.endpoint_url and AWS_ENDPOINT_URL: does AWS answer there?"
            return "invalid", f"{where} answered, but not like AWS: {cut(str(failed.error))}", mend
        case BadAddressError():
            mend = "set sources.cloudwatch.endpoint_url or AWS_ENDPOINT_URL to e.g. https://monitoring.example.com"
            return "not_configured", cut(str(failed.error)), mend
        case boto.InvalidRegionError():
            return (
                "not_configured",
                f"{failed.region!r} is no region",
                "set sources.cloudwatch.regions, e.g. [us-east-1]",
            )
        case _:
            mend = "run: aws sts get-caller-identity, or set sources.cloudwatch.profile"
            return "denied", f"{where}: no credentials: {cut(str(failed.error))}", mend


def _answer(failed: CallError, resource: str) -> Told:
    why = f"{failed.action} in {failed.region} answers {failed.code}: {failed.said or failed.code}"
    status = int(_part(failed.error, "ResponseMetadata").get("HTTPStatusCode") or 0)
    if failed.code in EXPIRED:
        return "denied", why, "run: aws sso login (or renew the session's credentials)"
    if failed.skewed:
        return "invalid", f"{why}: AWS takes no signature of another time", NTP
    if failed.code in STRANGE:
        mend = "check AWS_ACCESS_KEY_ID, AWS_PROFILE or sources.cloudwatch.profile: AWS doesn't know the key"
        return "denied", why, mend
    if failed.code in SLOWED or status == 429:
        return "throttled", why, "try again later, or name fewer resources in sources.cloudwatch"
    if failed.code.isdigit() and status in FOREIGN:
        return FOREIGN[status], f"{why}: that is not how AWS answers", ELSEWHERE
    if failed.code in REFUSED or status in (401, 403):
        return "denied", why, f"add to the IAM policy: {statement(failed.action, resource)}"
    if "NotFound" in failed.code or "DoesNotExist" in failed.code:
        return "not_found", why, "correct the name in sources.cloudwatch"
    if status >= 500:
        return "invalid", why, "try again; https://health.aws.amazon.com/health/status tells of AWS's own incidents"
    return "invalid", why, "if sources.cloudwatch names it, correct it there; else report it"


ELSEWHERE = "check the proxy (HTTPS_PROXY, NO_PROXY), sources.cloudwatch.endpoint_url and AWS_ENDPOINT_URL"


def _part(error: Exception, name: str) -> dict[str, Any]:
    # The errors of botocore's transport have a response too, which is None.
    part = (getattr(error, "response", None) or {}).get(name)
    return part if isinstance(part, dict) else {}


def _place(error: Exception) -> str:
    """' at monitoring.eu-west-1.amazonaws.com', where botocore tells."""
    host = urlsplit(str(getattr(error, "kwargs", {}).get("endpoint_url", ""))).hostname
    return f" at {host}" if host else ""


def _inner(error: BaseException) -> str:
    """The words of the error at the bottom: 'Connection refused' out of four layers of client libraries."""
    seen: set[int] = set()
    while id(error) not in seen:
        seen.add(id(error))
        inner = [getattr(error, "kwargs", {}).get("error"), getattr(error, "reason", None), *error.args]
        inner += [error.__cause__, error.__context__]
        error = next((e for e in inner if isinstance(e, OSError | HTTPError) and id(e) not in seen), error)
    return cut(str(error.strerror) if isinstance(error, OSError) and error.strerror else str(error))


def cut(text: str) -> str:
    """One line of at most MOST characters."""
    line = " ".join(text.split())
    return line if len(line) <= MOST else line[: MOST - 1] + "…"


def moment(time: datetime) -> str:
    """A time (UTC) for a person to read."""
    return f"{time:%Y-%m-%d %H:%M:%S} UTC"
