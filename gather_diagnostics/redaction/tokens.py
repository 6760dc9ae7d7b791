"""Tokens known by their first characters, as their issuers document them: declared data.

Lengths are the issuers' own where a prefix is also an everyday word's beginning, and lower otherwise, because logs
cut tokens.
"""

from __future__ import annotations

from collections.abc import Callable
from re import Match
from typing import NamedTuple

from gather_diagnostics.redaction import checks

_HEX = "[0-9a-fA-F]"
_WORD = "[A-Za-z0-9]"
_SAFE = "[A-Za-z0-9_-]"
_UUID = f"{_HEX}{{8}}-{_HEX}{{4}}-{_HEX}{{4}}-{_HEX}{{4}}-{_HEX}{{12}}"


class Token(NamedTuple):
    kind: str
    prefixes: tuple[str, ...]
    """Literal text; in lower case they are the hints."""
    body: str
    """What follows, as a pattern."""
    check: Callable[[Match[str]], bool] | None = None


TOKENS: tuple[Token, ...] = (
    Token("aws-access-key-id", ("AKIA", "ASIA", "ABIA", "ACCA"), r"[A-Z2-7]{16}\b"),
    Token("aws-access-key-id", ("A3T",), r"[A-Z0-9][A-Z2-7]{16}\b"),
    Token("aws-session-token", ("FwoGZXIvYXdz", "IQoJb3JpZ2lu"), "[A-Za-z0-9/+=%]{40,}"),
    Token("aws-bedrock-key", ("ABSK",), r"[A-Za-z0-9+/]{60,}={0,2}"),
    Token("aws-bedrock-key", ("bedrock-api-key-",), r"[A-Za-z0-9+/=_-]{20,}"),
    Token("gcp-api-key", ("AIza",), f"{_SAFE}{{30,}}"),
    Token("gcp-oauth-token", ("ya29.", "GOCSPX-"), f"{_SAFE}{{20,}}"),
    Token("github-token", ("ghp_", "gho_", "ghu_", "ghs_", "ghr_"), f"{_WORD}{{20,}}"),
    Token("github-token", ("github_pat_",), "[A-Za-z0-9_]{20,}"),
    Token(
        "gitlab-token",
        tuple(f"{p}-" for p in "glpat gldt glrt glcbt glptt glft glimt glsoat gloas glagent glwt glffct".split()),
        r"[A-Za-z0-9_-]{16,300}(?:\.[a-z0-9]{2}\.?[a-z0-9]{1,16})?",
    ),
    Token("gitlab-token", ("GR1348941",), f"{_SAFE}{{16,}}"),
    Token("slack-token", ("xapp-", "xoxe.", *(f"xox{c}-" for c in "abeoprs")),
          r"[A-Za-z0-9-]{10,}", checks.has_digit),
    Token(
        "stripe-key",
        ("whsec_", *(f"{c}k_{mode}_" for c in "rs" for mode in ("live", "test", "prod"))),
        "[A-Za-z0-9+/=]{10,}",
    ),
    Token("npm-token", ("npm_",), f"{_WORD}{{30,}}"),
    Token("pypi-token", ("pypi-",), f"{_SAFE}{{50,}}", checks.has_digit),
    Token("rubygems-token", ("rubygems_",), f"{_HEX}{{32,}}"),
    Token("clojars-token", ("CLOJARS_", "clojars_"), f"{_WORD}{{40,}}"),
    Token("llm-api-key", ("sk-",), r"(?:ant-|proj-|or-v1-)?[A-Za-z0-9_-]{32,}", checks.has_digit),
    Token("llm-api-key", ("pplx-", "gsk_", "xai-"), f"{_WORD}{{40,}}"),
    Token("llm-api-key", ("r8_",), rf"{_WORD}{{37}}\b"),
    Token("huggingface-token", ("hf_", "api_org_"), f"{_WORD}{{30,}}"),
    Token("vault-token", ("hvs.", "hvb.", "hvr."), f"{_SAFE}{{20,}}"),
    Token("vault-token", ("s.",), rf"{_WORD}{{24}}\b", checks.is_mixed),
    Token("onepassword-key", ("A3-",), r"[A-Z0-9]{6}-[A-Z0-9]{6}-?[A-Z0-9]{5}(?:-[A-Z0-9]{5}){3}\b"),
    Token("onepassword-key", ("ops_eyJ",), "[A-Za-z0-9+/]{40,}"),
    Token("age-key", ("AGE-SECRET-KEY-1",), "[A-Z0-9]{40,}"),
    Token("doppler-token", tuple(f"dp.{k}." for k in ("pt", "st", "ct", "sa", "scim", "audit")), "[A-Za-z0-9._-]{40,}"),
    Token("digitalocean-token", ("dop_v1_", "doo_v1_", "dor_v1_"), "[0-9a-f]{40,}"),
    Token("databricks-token", ("dapi",), r"[0-9a-f]{32}(?:-[0-9]{1,2})?\b"),
    Token("dynatrace-token", ("dt0c01.", "dt0s01.", "dt0s16."), r"[A-Za-z0-9]{24}\.[A-Za-z0-9]{40,}"),
    Token("grafana-token", ("glsa_", "glc_"), r"[A-Za-z0-9_=+/]{24,}", checks.has_digit),
    Token("grafana-token", ("eyJrIjoi",), f"{_WORD}{{40,}}"),
    Token("newrelic-key", ("NRAK-", "NRII-", "NRJS-"), f"{_SAFE}{{19,}}"),
    Token("sentry-token", ("sntryu_", "sntrys_"), "[A-Za-z0-9+/=_]{40,}"),
    Token("shopify-token", ("shpat_", "shpca_", "shppa_", "shpss_"), f"{_HEX}{{32,}}"),
    Token("shippo-token", ("shippo_live_", "shippo_test_"), f"{_HEX}{{32,}}"),
    Token("square-token", ("EAAA",), f"{_SAFE}{{40,}}", checks.has_digit),
    Token("square-token", ("sq0atp-", "sq0csp-", "sq0idp-"), f"{_SAFE}{{20,}}"),
    Token("facebook-token", ("EAAC", "EAAM"), f"{_WORD}{{80,}}"),
    Token("flutterwave-key", ("FLWSECK-", "FLWSECK_TEST-"), f"{_WORD}{{12,}}"),
    Token("duffel-token", ("duffel_live_", "duffel_test_"), r"[A-Za-z0-9_=-]{40,}"),
    Token("easypost-token", ("EZAK", "EZTK"), rf"{_WORD}{{54}}\b"),
    Token("lob-key", ("live_", "test_"), r"(?:pub_)?[0-9a-f]{31,35}\b", checks.has_letter_and_digit),
    Token("plaid-token", tuple(f"access-{m}-" for m in ("sandbox", "development", "production")), _UUID),
    Token("mailgun-key", ("key-",), r"[0-9a-f]{32}\b", checks.has_letter_and_digit),
    Token("brevo-key", ("xkeysib-", "xsmtpsib-"), r"[0-9a-f]{64}-[A-Za-z0-9]{8,}"),
    Token("mapbox-token", ("sk.", "pk."), r"[A-Za-z0-9]{60,120}\.[A-Za-z0-9_-]{20,}"),
    Token("atlassian-token", ("ATATT3", "ATCTT3"), r"[A-Za-z0-9_=-]{40,}"),
    Token("postman-key", ("PMAK-",), r"[0-9a-f]{24}-[0-9a-f]{34}\b"),
    Token("prefect-key", ("pnu_", "pnb_"), rf"{_WORD}{{36}}\b"),
    Token("pulumi-token", ("pul-",), r"[0-9a-f]{40}\b"),
    Token("planetscale-token", ("pscale_tkn_", "pscale_oauth_", "pscale_pw_"), r"[A-Za-z0-9_=.-]{32,}"),
    Token("notion-token", ("ntn_",), r"[0-9]{11}[A-Za-z0-9]{30,}"),
    Token("linear-key", ("lin_api_", "lin_oauth_"), f"{_WORD}{{30,}}"),
    Token("figma-token", ("figd_",), f"{_SAFE}{{30,}}"),
    Token("frameio-token", ("fio-u-",), r"[A-Za-z0-9_=-]{60,}"),
    Token("flyio-token", ("fo1_",), rf"{_SAFE}{{43}}"),
    Token("flyio-token", ("fm1a_", "fm1r_", "fm2_"), r"[A-Za-z0-9+/]{60,}={0,3}"),
    Token("supabase-token", ("sbp_",), r"[0-9a-f]{40}\b"),
    Token("tailscale-key", ("tskey-",), r"[a-z]{3,10}-[A-Za-z0-9]{8,}-?[A-Za-z0-9]{0,64}", checks.has_digit),
    Token("docker-token", ("dckr_pat_", "dckr_oat_"), f"{_SAFE}{{20,}}"),
    Token("buildkite-token", ("bkua_",), r"[0-9a-f]{40}\b"),
    Token("circleci-token", ("CCIPAT_", "CCIPRJ_"), "[A-Za-z0-9_]{40,}"),
    Token("sourcegraph-token", ("sgp_",), r"(?:[0-9a-fA-F]{16}_|local_)?[0-9a-fA-F]{40}\b"),
    Token("scalingo-token", ("tk-us-",), f"{_SAFE}{{40,}}"),
    Token("settlemint-token", ("sm_aat_", "sm_pat_", "sm_sat_"), f"{_WORD}{{16,}}"),
    Token("readme-key", ("rdme_",), "[a-z0-9]{60,}"),
    Token("infracost-key", ("ico-",), rf"{_WORD}{{32}}\b", checks.has_letter_and_digit),
    Token("intra42-secret", ("s-s4t2ud-", "s-s4t2af-"), "[0-9a-f]{40,}"),
    Token("heroku-key", ("HRKU-",), f"{_SAFE}{{36,}}"),
    Token("harness-key", ("pat.", "sat."), r"[A-Za-z0-9_-]{22}\.[0-9a-f]{24}\.[A-Za-z0-9]{20}\b"),
    Token("airtable-token", ("pat",), r"[A-Za-z0-9]{14}\.[0-9a-f]{64}\b"),
    Token("authress-key", ("sc_", "ext_", "scauth_", "authress_"),
          r"[a-z0-9]{5,30}\.[a-z0-9]{4,6}\.acc[_-][a-z0-9-]{10,32}\.[A-Za-z0-9+/_=-]{30,}"),
    Token("octopus-key", ("API-",), r"[A-Z0-9]{26}\b", checks.has_letter_and_digit),
    Token("openshift-token", ("sha256~",), f"{_SAFE}{{43}}"),
    Token("launchdarkly-key", ("sdk-", "mob-"), _UUID),
    Token("adobe-secret", ("p8e-",), r"[a-z0-9]{32}\b"),
    Token("alibaba-access-key-id", ("LTAI",), rf"{_WORD}{{12,30}}\b", checks.has_digit),
    Token("artifactory-token", ("AKCp", "cmVmd"), f"{_WORD}{{59,}}"),
    Token("artifactory-token", ("AP",), rf"[0-9A-F]{_WORD}{{20,}}\b", checks.is_mixed),
    Token("clickhouse-key", ("4b1d",), rf"{_WORD}{{38}}\b"),
    Token("cloudflare-key", ("v1.0-",), r"[0-9a-f]{24}-[0-9a-f]{146}\b"),
    Token("defined-networking-token", ("dnkey-",), r"[A-Za-z0-9=_-]{26}-[A-Za-z0-9=_-]{40,}"),
    Token("yandex-key", ("AQVN",), f"{_SAFE}{{35,}}", checks.has_digit),
    Token("yandex-key", ("t1.",), r"[A-Za-z0-9_-]{1,64}={0,2}\.[A-Za-z0-9_-]{80,}"),
)  # fmt: skip
