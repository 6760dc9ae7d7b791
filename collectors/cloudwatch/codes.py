"""AWS's words for what went wrong, sorted by what they mean to a person.

Source: the pages "Common Errors" of each service's API reference.
"""

from __future__ import annotations

from gather_diagnostics.model import Cause

EXPIRED = frozenset({"ExpiredToken", "ExpiredTokenException", "TokenRefreshRequired", "RequestExpired"})
STRANGE = frozenset(
    {
        "InvalidClientTokenId",
        "UnrecognizedClientException",
        "InvalidAccessKeyId",
        "SignatureDoesNotMatch",
        "InvalidSignatureException",
        "IncompleteSignature",
        "AuthFailure",
        "MissingAuthenticationToken",
        "MissingAuthenticationTokenException",
    }
)
SKEWED = frozenset({"RequestTimeTooSkewed", "RequestInTheFuture"})
LATE = ("Signature expired", "Signature not yet current")
"""What AWS says under a code of STRANGE when nothing but the time of the signature is wrong."""
REFUSED = frozenset(
    {
        "AccessDenied",
        "AccessDeniedException",
        "UnauthorizedOperation",
        "UnauthorizedException",
        "NotAuthorized",
        "AuthorizationError",
        "OptInRequired",
        "SubscriptionRequiredException",
    }
)
SLOWED = frozenset(
    {
        "Throttling",
        "ThrottlingException",
        "ThrottledException",
        "TooManyRequestsException",
        "RequestLimitExceeded",
        "LimitExceededException",
        "SlowDown",
        "RequestThrottled",
        "RequestThrottledException",
    }
)
FOREIGN: dict[int, Cause] = {401: "denied", 403: "denied", 404: "not_found", 407: "denied"}
"""Causes by HTTP status, where the answer names no code of AWS's: botocore then takes the status for one."""
