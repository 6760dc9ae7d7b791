"""What in a log line is worth counting. Data, in RE2 syntax (github.com/google/re2/wiki/Syntax); new words are put in
here. The scanners' names and paths are those of the OWASP Core Rule Set's data files (coreruleset.org)."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Sign:
    """One kind of observation."""

    name: str
    """As in the findings' ids."""
    words: str
    """What is counted, in the plural."""
    message: str = ""
    """Found in messages."""
    endpoint: str = ""
    """Found in the paths that are asked for."""
    status: tuple[int, ...] = ()
    """HTTP status codes that say it."""
    at: str = ""
    """Of `status`: only for paths in which this is found."""
    least: int = 10
    """Lines in the incident window below which nobody need be told."""


_AGENTS = (
    "sqlmap|nikto|nmap scripting|masscan|zgrab|nuclei|gobuster|dirbuster|dirsearch|feroxbuster|wpscan|acunetix|nessus"
    "|openvas|wfuzz|ffuf/|hydra|l9explore|censysinspect"
)
_PATHS = (
    r"/\.(?:env|git/|svn/|aws/|ssh/|htpasswd|htaccess|DS_Store)|/wp-(?:login|admin|config|content/plugins)|/xmlrpc\.php"
    r"|/phpmyadmin|/pma/|/cgi-bin/|/etc/passwd|\.\./\.\./|%2e%2e|/actuator/(?:env|heapdump)|/manager/html|/vendor/phpunit"
    r"|/boaform|/HNAP1|/solr/admin|/owa/auth|/server-status|/config\.json$|/\.well-known/security\.txt|/setup\.php"
    r"|union(?:\+|%20| )+select|\$\{jndi:"
)
_LOGIN = "log-?in|log-?on|sign-?in|password|passphrase|authenticat(?:e|ion)"

SIGNS = (
    Sign("scanners", "requests of a scanner's kind", f"(?i){_AGENTS}", f"(?i){_PATHS}", least=5),
    Sign(
        "failed_logins",
        "failed log-ins",
        rf"(?i)(?:fail(?:ed|ure|s)?|invalid|incorrect|wrong|bad|reject(?:ed|s)?|unsuccessful)\b[^\n]{{0,30}}\b(?:{_LOGIN})"
        rf"|\b(?:{_LOGIN})\b[^\n]{{0,30}}\b(?:fail(?:ed|ure|s)?|invalid|incorrect|wrong|rejected|denied|unsuccessful)"
        r"|(?:invalid|bad|wrong|incorrect) (?:user(?:name)?|credentials?)\b|badcredentials|user not known"
        r"|account (?:is )?locked|too many (?:failed )?(?:login|authentication) attempts|NOAUTH|WRONGPASS",
        status=(401,),
        at=r"(?i)log-?in|log-?on|sign-?in|session|/auth\b|/oauth|token",
    ),
    Sign(
        "permission_denied",
        "refusals for want of permission",
        r"(?i)permission denied|access (?:is )?denied|access_?denied|forbidden|not (?:authorized|allowed|permitted)"
        r"|un-?authori[sz]ed|insufficient (?:privileges?|permissions?|scope)|operation not permitted|EACCES|EPERM\b",
        status=(401, 403),
    ),
)
"""In order: a line counts for the first sign that it shows."""

_GROUP = "[0-9A-Fa-f]{1,4}"
ADDRESS = (
    r"\[redacted:address:[0-9a-f]{8}\]|(?:[0-9]{1,3}\.){3}[0-9]{1,3}"
    rf"|\b(?:[0-9A-Fa-f]{{3,4}}:|(?:{_GROUP}:){{2,7}}):(?:{_GROUP}(?::{_GROUP}){{0,6}})?|\b(?:{_GROUP}:){{7}}{_GROUP}\b"
)
"""An IP address, or what redaction put in its place: the same address is the same token throughout a bundle.

Of what is short before a double colon, nothing: 'a::b' is a name in many languages."""

CLIENT_KEYS = (
    "client|client_?ip|client\\.ip|client\\.address|remote_?addr|remote_?ip|remote|source_?ip|source\\.ip|sourceIPAddress"
    "|src_?ip|ip|ip_?address|peer|rhost|httpRequest\\.remoteIp|x[-_]forwarded[-_]for|network\\.client\\.ip"
)
STATUS_KEYS = "status|status_?code|http\\.status_code|http\\.response\\.status_code|res\\.statusCode|response\\.status"

SENSITIVE = (
    r"^Delete|^Stop(?:Logging|ConfigurationRecorder)|^Disable|^ScheduleKeyDeletion|Policy$|^Create(?:AccessKey|User"
    r"|LoginProfile)|^Authorize|^Attach|^ModifyDBSnapshotAttribute|^PutBucketAcl|^UpdateAssumeRolePolicy"
)
"""API calls that a security review asks for by name (AWS Security Hub's and CIS' CloudTrail alarms)."""
