"""What tells a name: the columns and keys it stands under, and how texts lead to it. Declared data."""

from __future__ import annotations

import re
from collections.abc import Mapping

from gather_diagnostics.redaction.renaming.standins import Kind

COLUMNS: Mapping[str, Kind] = {"author": "person", "tenant": "tenant", "node": "host", "instance": "host"}
"""Columns of tables, in whichever they are."""

KEYS: Mapping[Kind, str] = {
    "person": "user|username|user_name|userid|user_id|login|logname|author|committer|actor|principal|assignee|reviewer"
    "|approver|approved_by|created_by|createdby|deployed_by|triggered_by|pusher|email|e_mail|mail|usr|enduser_id"
    "|full_name|fullname|first_name|last_name|display_name",
    "host": "host|hostname|host_name|node|node_name|nodename|hostip|server_name|server_address|remote_host|rhost|fqdn"
    "|machine|net_peer_name|peer_name|net_host_name",
    "tenant": "tenant|tenant_id|tenantid|customer|customer_id|customerid|org|org_id|orgid|organisation|organization"
    "|account|account_id|accountid|merchant|merchant_id|merchantid|company|workspace|workspace_id",
}
"""Keys of labels, details and JSON, and in texts before '=' or ':'; '.' and '-' in them count as '_'."""

KIND_OF_KEY: Mapping[str, Kind] = {key: kind for kind, keys in KEYS.items() for key in keys.split("|")}

ORDINARY = frozenset(
    """root admin administrator system nobody anonymous guest unknown none null nil true false default test localhost
    postgres postgresql mysql redis mongodb kafka rabbitmq nginx grafana prometheus loki user users service services
    bot ci cd daemon www-data ubuntu debian ec2-user app application api web worker server client database primary
    replica master internal external public private public_user operator system:node github gitlab actions
    github-actions dependabot renovate jenkins argocd flux helm kubectl kubernetes deploy deployer deployment pod node
    host production prod staging dev main all any other total and for from with the http https error errors failed
    invalid info warn warning debug fatal critical monday tuesday wednesday thursday friday saturday sunday january
    february march april may june july august september october november december will mark""".split()
)
"""Words that name nobody, or that stand for other things far more often."""

_TLDS = (
    "com|net|org|io|internal|local|localdomain|lan|corp|intern|private|home|cloud|edu|gov|mil|int|info|biz|example|test"
    "|invalid|tech|systems|network|online|eu|de|uk|fr|nl|ch|at|be|es|it|pl|se|no|dk|fi|cz|pt|ie|ru|ua|tr|us|ca|mx|br|ar"
    "|cl|au|nz|jp|cn|kr|in|sg|hk|tw|za|il|ae"
)
_LABEL = r"[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?"
DOMAIN_NAME = re.compile(rf"(?<![\w@.-])(?:{_LABEL}\.){{1,8}}(?:{_TLDS})(?![\w-]|\.[A-Za-z0-9])", re.ASCII)
"""A host by its looks. Top-level domains that end files' or modules' names more often (py, app, sh) are left out."""
AUTHORITY = re.compile(
    rf"(?:://(?:[^/@\s\"'<>]{{0,128}}@)?|(?<=[\w\]])@)(?P<name>{_LABEL}(?:\.{_LABEL}){{0,8}})(?=[:/?#\s\"',;)\]]|$)",
    re.ASCII,
)
"""A host by where it stands: in a URL, or behind '@'."""
MACHINE = re.compile(r"(?<![\w.-])ip-[0-9]{1,3}(?:-[0-9]{1,3}){3}(?![\w-])", re.ASCII)
"""What AWS calls a machine: its address."""
MAIL = re.compile(r"(?<![\w.+-])[A-Za-z0-9_.+%-]{1,64}@(?:[A-Za-z0-9-]{1,63}\.){1,8}[A-Za-z]{2,24}(?![\w-])", re.ASCII)
PERSON_WITH_MAIL = re.compile(
    r"(?P<name>[^\W\d_][\w.'’-]{0,40}(?: [^\W\d_(][\w.'’()-]{0,40}){0,4}) <(?P<mail>[^<>\s@]{1,64}@[^<>\s@]{1,190})>"
)
ACCOUNT = re.compile(r"\barn:aws[a-z-]{0,10}:[a-z0-9-]{0,40}:[a-z0-9-]{0,30}:(?P<name>[0-9]{12})(?=:)", re.ASCII)
PERSON_IN_TEXT = tuple(
    re.compile(pattern, re.ASCII)
    for pattern in (
        r"/(?:home|Users)/(?P<name>[A-Za-z][A-Za-z0-9._-]{1,31})(?=[/\s\"':]|$)",
        r"\b[Uu]ser(?:name)? [\"'](?P<name>[^\"'\s]{2,64})[\"']",
        r"\bfor (?:invalid user |user )?(?P<name>[A-Za-z][\w.-]{1,63}) from (?=[0-9\[]|\w{1,40}\.)",
        r"\b(?:invalid|illegal) user (?P<name>[A-Za-z][\w.-]{1,63})\b",
        r"\barn:aws[a-z-]{0,10}:iam::[0-9]{12}:user/(?P<name>[\w+=,.@/-]{1,64})",
        r"\barn:aws[a-z-]{0,10}:sts::[0-9]{12}:assumed-role/[\w+=,.@-]{1,64}/(?P<name>[\w+=,.@-]{2,64})",
    )
)
MENTION = re.compile(r"(?<![\w/@.])@(?P<name>[a-z][a-z0-9-]{2,38})(?![\w.@/(-])", re.ASCII)
"""@alice in a commit's message; in code '@' begins annotations, so it is looked for nowhere else."""
KEYED = re.compile(
    r"(?<![A-Za-z0-9_.-])(?P<key>[A-Za-z][A-Za-z0-9_.-]{1,40})\\{0,7}[\"']?\s{0,3}(?:=>|[=:])\s{0,3}\\{0,7}[\"']?"
    r"(?P<name>[^\s\"'\\,;&<>(){}\[\]=|]{1,128})",
    re.ASCII,
)
"""Any key and its value; `key_kind` tells whether the key is one of KEYS."""
CLUSTER = (".svc", ".svc.cluster.local", ".cluster.local")
"""Ends of services' names inside of a cluster: they name services, which keep their names."""


def key_kind(key: str) -> Kind | None:
    """Kind of what stands under a key, by the key's last parts."""
    whole = key.lower().replace(".", "_").replace("-", "_").strip("_")
    return KIND_OF_KEY.get(whole) or KIND_OF_KEY.get(whole.rpartition("_")[2] if whole.startswith("label_") else "")
