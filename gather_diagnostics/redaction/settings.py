"""`redaction` in diagnostics.yaml.

redaction:
  emails: true                       # also e-mail addresses
  addresses: true                    # also IP addresses
  patterns:                          # secrets of your own: kind to RE2 expression
    customer-id: 'CUST-[0-9]{8}'
  allow: ['pk_test_.*']              # RE2; what one of them matches as a whole stays as it is
"""

from __future__ import annotations

from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from gather_diagnostics.redaction import custom
from gather_diagnostics.redaction.redactor import Redactor


def _kind(name: str) -> str:
    if not custom.KIND.fullmatch(name):
        raise ValueError(f"the kind {name[:40]!r} is not 1 to 32 small letters, digits and hyphens: rename it")
    return name


Pattern = Annotated[str, AfterValidator(custom.compilable)]


class Redaction(BaseModel):
    """What is taken out besides the built-in kinds, and what is not."""

    model_config = ConfigDict(extra="forbid")
    emails: bool = Field(default=False, description="also e-mail addresses")
    addresses: bool = Field(default=False, description="also IP addresses")
    patterns: dict[Annotated[str, AfterValidator(_kind)], Pattern] = Field(
        default_factory=dict, description="secrets of your own: kind to RE2 expression"
    )
    allow: list[Pattern] = Field(
        default_factory=list, description="RE2 expressions; what one of them matches as a whole stays"
    )

    def redactor(self, key: bytes = b"") -> Redactor:
        """One for one run: its key is drawn here, unless processes share the run."""
        return Redactor(emails=self.emails, addresses=self.addresses, patterns=self.patterns, allow=self.allow, key=key)
