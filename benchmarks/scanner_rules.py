"""What the field's secret scanners find, as grammars: each rule's name, and how a value of it is made.

The grammars follow the rules' published expressions and their examples' shapes (gitleaks' cmd/generate/config/rules,
detect-secrets' plugins and tests, secretlint's rules, TruffleHog's detectors, GitGuardian's list of detectors); every
value is made up here by a seeded generator, none is copied. ORDINARY are lines of the kinds those rules' own lists of
false positives name, in our words.

In a form, {w36} is 36 random characters of the class w, and «...» is what must not be seen any more. {base64} in
front: the whole is encoded, and none of it may be seen.
"""

from __future__ import annotations

import base64
import random
import re
import string
from collections.abc import Iterator
from typing import NamedTuple

ALNUM = string.ascii_letters + string.digits
CLASSES = {
    "d": string.digits,
    "x": "0123456789abcdef",
    "X": "0123456789ABCDEF",
    "a": string.ascii_lowercase + string.digits,
    "l": string.ascii_lowercase,
    "u": string.ascii_uppercase + string.digits,
    "t": string.ascii_uppercase + "234567",
    "w": ALNUM,
    "b": ALNUM + "+/",
    "s": ALNUM + "-_",
    "p": ALNUM + "!#%^*_+~.",
}
_ENCODED = "{base64}"
_RUN = re.compile(r"\{([a-zA-Z])([0-9]+)\}")


class Sample(NamedTuple):
    """One value of a rule in a line."""

    rule: str
    text: str
    secret: str


FORMS: tuple[tuple[str, str], ...] = (
    ("gitleaks/1password-secret-key", "«A3-{u6}-{u11}-{u5}-{u5}-{u5}»"),
    ("gitleaks/1password-service-account-token", "«ops_eyJ{b260}»"),
    ("gitleaks/adobe-client-secret", "«p8e-{a32}»"),
    ("gitleaks/age-secret-key", "«AGE-SECRET-KEY-1{t58}»"),
    ("gitleaks/airtable-personal-access-token", "«pat{w14}.{x64}»"),
    ("gitleaks/alibaba-access-key-id", "«LTAI{a20}»"),
    ("gitleaks/anthropic-api-key", "«sk-ant-api03-{s93}AA»"),
    ("gitleaks/anthropic-admin-api-key", "«sk-ant-admin01-{s93}AA»"),
    ("gitleaks/artifactory-api-key", "«AKCp{w69}»"),
    ("gitleaks/artifactory-reference-token", "«cmVmd{w59}»"),
    ("gitleaks/atlassian-api-token", "«ATATT3{s186}»"),
    ("gitleaks/authress-service-client-access-key", "«sc_{a12}.{a5}.acc_{a16}.{b60}»"),
    ("gitleaks/aws-access-token", "«AKIA{t16}»"),
    ("gitleaks/aws-access-token", "«ASIA{t16}»"),
    ("gitleaks/aws-access-token", "«A3TX{t16}»"),
    ("gitleaks/aws-amazon-bedrock-api-key-long-lived", "«ABSK{b109}=»"),
    ("gitleaks/aws-amazon-bedrock-api-key-short-lived", "«bedrock-api-key-YmVkcm9jay5hbWF6b25hd3MuY29t{w40}»"),
    ("gitleaks/azure-ad-client-secret", "«{w3}8Q~{s34}»"),
    ("gitleaks/clickhouse-cloud-api-secret-key", "«4b1d{w38}»"),
    ("gitleaks/clojars-api-token", "«CLOJARS_{a60}»"),
    ("gitleaks/cloudflare-origin-ca-key", "«v1.0-{x24}-{x146}»"),
    ("gitleaks/databricks-api-token", "«dapi{x32}-2»"),
    ("gitleaks/defined-networking-api-token", "«dnkey-{a26}-{a52}»"),
    ("gitleaks/digitalocean-access-token", "«doo_v1_{x64}»"),
    ("gitleaks/digitalocean-pat", "«dop_v1_{x64}»"),
    ("gitleaks/digitalocean-refresh-token", "«dor_v1_{x64}»"),
    ("gitleaks/doppler-api-token", "«dp.pt.{w43}»"),
    ("gitleaks/duffel-api-token", "«duffel_live_{s43}»"),
    ("gitleaks/dynatrace-api-token", "«dt0c01.{u24}.{u64}»"),
    ("gitleaks/easypost-api-token", "«EZAK{w54}»"),
    ("gitleaks/facebook-page-access-token", "«EAAC{w110}»"),
    ("gitleaks/flutterwave-secret-key", "«FLWSECK_TEST-{x32}-X»"),
    ("gitleaks/flyio-access-token", "«fo1_{s43}»"),
    ("gitleaks/flyio-access-token", "«fm2_{b120}»"),
    ("gitleaks/frameio-api-token", "«fio-u-{s64}»"),
    ("gitleaks/gcp-api-key", "«AIza{s35}»"),
    ("gitleaks/github-pat", "«ghp_{w36}»"),
    ("gitleaks/github-oauth", "«gho_{w36}»"),
    ("gitleaks/github-app-token", "«ghs_{w36}»"),
    ("gitleaks/github-refresh-token", "«ghr_{w36}»"),
    ("gitleaks/github-fine-grained-pat", "«github_pat_{w22}_{w59}»"),
    ("gitleaks/gitlab-pat", "«glpat-{s20}»"),
    ("gitleaks/gitlab-pat-routable", "«glpat-{s27}.{a2}{a7}»"),
    ("gitleaks/gitlab-ptt", "«glptt-{x40}»"),
    ("gitleaks/gitlab-rrt", "«GR1348941{s20}»"),
    ("gitleaks/gitlab-runner-authentication-token", "«glrt-{s20}»"),
    ("gitleaks/gitlab-session-cookie", "_gitlab_session=«{x32}»"),
    ("gitleaks/gitlab-feed-token", "«glft-{s20}»"),
    ("gitleaks/grafana-cloud-api-token", "«glc_{w60}»"),
    ("gitleaks/grafana-api-key", "«eyJrIjoi{w80}»"),
    ("gitleaks/grafana-service-account-token", "«glsa_{w32}_{x8}»"),
    ("gitleaks/harness-api-key", "«pat.{w22}.{x24}.{w20}»"),
    ("gitleaks/hashicorp-tf-api-token", "«{w14}.atlasv1.{s65}»"),
    ("gitleaks/heroku-api-key-v2", "«HRKU-AA{s58}»"),
    ("gitleaks/huggingface-access-token", "«hf_{w34}»"),
    ("gitleaks/huggingface-organization-api-token", "«api_org_{w34}»"),
    ("gitleaks/infracost-api-token", "«ico-{w32}»"),
    ("gitleaks/intra42-client-secret", "«s-s4t2ud-{x64}»"),
    ("gitleaks/jwt", "«eyJhbGciOiJIUzI1NiJ9.eyJ{s60}.{s43}»"),
    ("gitleaks/jwt-base64", "{base64}eyJhbGciOiJIUzI1NiJ9.eyJ{s60}.{s43}"),
    ("gitleaks/linear-api-key", "«lin_api_{w40}»"),
    ("gitleaks/lob-api-key", "lob: «live_{x35}»"),
    ("gitleaks/mailchimp-api-key", "mailchimp «{x32}-us12»"),
    ("gitleaks/mailgun-private-api-token", "mailgun: «key-{x32}»"),
    ("gitleaks/mapbox-api-token", "mapbox sk «sk.{a60}.{a22}»"),
    ("gitleaks/maxmind-license-key", "«{w6}_{w29}_mmk»"),
    (
        "gitleaks/microsoft-teams-webhook",
        "https://acme.webhook.office.com/webhookb2/{x8}-{x4}-{x4}-{x4}-{x12}@{x8}-{x4}-{x4}-{x4}-{x12}"
        "/IncomingWebhook/«{x32}/{x8}-{x4}-{x4}-{x4}-{x12}»",
    ),
    ("gitleaks/new-relic-user-api-key", "«NRAK-{u27}»"),
    ("gitleaks/new-relic-browser-api-token", "«NRJS-{x19}»"),
    ("gitleaks/notion-api-token", "«ntn_{d11}{w35}»"),
    ("gitleaks/npm-access-token", "«npm_{w36}»"),
    ("gitleaks/octopus-deploy-api-key", "«API-{u26}»"),
    ("gitleaks/okta-access-token", "okta «00{s40}»"),
    ("gitleaks/openai-api-key", "«sk-{w20}T3BlbkFJ{w20}»"),
    ("gitleaks/openai-api-key", "«sk-svcacct-{s74}T3BlbkFJ{s74}»"),
    ("gitleaks/openshift-user-token", "«sha256~{s43}»"),
    ("gitleaks/perplexity-api-key", "«pplx-{w48}»"),
    ("gitleaks/plaid-api-token", "«access-production-{x8}-{x4}-{x4}-{x4}-{x12}»"),
    ("gitleaks/planetscale-api-token", "«pscale_tkn_{s43}»"),
    ("gitleaks/planetscale-oauth-token", "«pscale_oauth_{s43}»"),
    ("gitleaks/planetscale-password", "«pscale_pw_{s43}»"),
    ("gitleaks/postman-api-token", "«PMAK-{x24}-{x34}»"),
    ("gitleaks/prefect-api-token", "«pnu_{w36}»"),
    ("gitleaks/pulumi-api-token", "«pul-{x40}»"),
    ("gitleaks/pypi-upload-token", "«pypi-AgEIcHlwaS5vcmc{s100}»"),
    ("gitleaks/readme-api-token", "«rdme_{a70}»"),
    ("gitleaks/rubygems-api-token", "«rubygems_{x48}»"),
    ("gitleaks/scalingo-api-token", "«tk-us-{s48}»"),
    ("gitleaks/sendgrid-api-token", "«SG.{s22}.{s43}»"),
    ("gitleaks/sendinblue-api-token", "«xkeysib-{x64}-{w16}»"),
    ("gitleaks/sentry-org-token", "«sntrys_eyJpYXQiO{w40}LCJyZWdpb25fdXJs{w40}_{b43}»"),
    ("gitleaks/sentry-user-token", "«sntryu_{x64}»"),
    ("gitleaks/settlemint-personal-access-token", "«sm_pat_{w16}»"),
    ("gitleaks/shippo-api-token", "«shippo_live_{x40}»"),
    ("gitleaks/shopify-access-token", "«shpat_{x32}»"),
    ("gitleaks/shopify-shared-secret", "«shpss_{X32}»"),
    ("gitleaks/sidekiq-sensitive-url", "https://{x8}:«{x8}»@gems.contribsys.com/"),
    ("gitleaks/slack-app-token", "«xapp-1-{u11}-{d13}-{x64}»"),
    ("gitleaks/slack-bot-token", "«xoxb-{d12}-{d13}-{w24}»"),
    ("gitleaks/slack-config-access-token", "«xoxe.xoxp-1-{u166}»"),
    ("gitleaks/slack-config-refresh-token", "«xoxe-1-{u146}»"),
    ("gitleaks/slack-legacy-token", "«xoxs-{d10}-{d10}-{d10}-{x10}»"),
    ("gitleaks/slack-user-token", "«xoxp-{d12}-{d12}-{d12}-{x32}»"),
    ("gitleaks/slack-webhook-url", "https://hooks.slack.com/services/«T{u8}/B{u10}/{w24}»"),
    ("gitleaks/sourcegraph-access-token", "«sgp_{x16}_{x40}»"),
    ("gitleaks/square-access-token", "«EAAA{s60}»"),
    ("gitleaks/square-access-token", "«sq0atp-{s22}»"),
    ("gitleaks/stripe-access-token", "«sk_live_{w24}»"),
    ("gitleaks/stripe-access-token", "«rk_prod_{w30}»"),
    ("gitleaks/telegram-bot-api-token", "telegram «{d10}:A{s34}»"),
    ("gitleaks/twilio-api-key", "«SK{x32}»"),
    ("gitleaks/vault-service-token", "«hvs.{s90}»"),
    ("gitleaks/vault-service-token", "«s.{w24}»"),
    ("gitleaks/vault-batch-token", "«hvb.{s140}»"),
    ("gitleaks/yandex-api-key", "«AQVN{s37}»"),
    ("gitleaks/yandex-access-token", "«t1.{u20}.{s86}»"),
    ("gitleaks/curl-auth-user", "curl --cacert ca.crt -u elastic:«{w9}$1» https://localhost:9200"),
    ("gitleaks/curl-auth-user", 'curl -u ":«{p12}»" https://localhost:9200'),
    ("gitleaks/curl-auth-user", 'curl -u "«{w16}»:" https://localhost:9200'),
    ("gitleaks/curl-auth-user", "curl --user kevin:'«{p14}»' -iX PATCH"),
    ("gitleaks/curl-auth-user", "curl -k -X POST https://h:11222/v2 \\\n  -d 'x' \\\n  -u dev:«{w16}»"),
    ("gitleaks/curl-auth-header", "curl -H 'Authorization: «{x8}-{x4}-{x4}-{x4}-{x12}»' h"),
    ("gitleaks/curl-auth-header", 'curl -H "Authorization: Api-Token «{x40}»" h'),
    ("gitleaks/curl-auth-header", 'curl -X GET \\\n  -H "apikey: «{x8}-{x4}-{x4}-{x4}-{x12}»" \\\n  h'),
    ("gitleaks/curl-auth-header", 'curl -H "Token: «{x16}»" -d x'),
    ("gitleaks/curl-auth-header", 'curl h -H "X-Octopus-ApiKey: «{x8}-{x4}-{x4}-{x4}-{x12}»"'),
    ("gitleaks/generic-api-key", "'access_token': '«{s24}==»'"),
    ("gitleaks/generic-api-key", 'some_api_token_123 = "«{w60}»"'),
    ("gitleaks/generic-api-key", '"user_auth": "«{b56}=»"'),
    ("gitleaks/generic-api-key", "creds = «{w30}»"),
    ("gitleaks/generic-api-key", "private-key: «{s100}»"),
    ("gitleaks/generic-api-key", "mySecretString=«{w30}»"),
    ("gitleaks/generic-api-key", "todo_secret_do_not_commit = «{w30}»"),
    ("gitleaks/generic-api-key", 'GetEnvOrDefault("api_token", "«{x8}-{x4}-{x4}-{x4}-{x12}»")'),
    ("gitleaks/nuget-config-password", '<add key="ClearTextPassword" value="«{p12}»" />'),
    ("gitleaks/kubernetes-secret-yaml", "kind: Secret\ndata:\n  extra: «{b22}==»\nmetadata:\n  name: a"),
    ("gitleaks/kubernetes-secret-yaml", "data:\n\textra: «{b22}==»\nkind: secret\nmetadata:\n\tname: b"),
    ("gitleaks/kubernetes-secret-yaml", 'kind: "Secret"\ndata:\n  a.conf: "«{b30}==»"\n'),
    ("gitleaks/kubernetes-secret-yaml", "kind: Secret\ndata:\n  .dockercfg: |\n    «{b60}»\n"),
    ("detect-secrets/keyword", 'apikey := "«{p20}»"'),
    ("detect-secrets/keyword", "theapikey:«{p20}»"),
    ("detect-secrets/keyword", 'apikey[] = "«{p20}»"'),
    ("detect-secrets/keyword", 'apikey = @"«{p20}»"'),
    ("detect-secrets/keyword", 'some_dict["secret"] = "«{p20}»"'),
    ("detect-secrets/keyword", "private_key '«{p20}»';"),
    ("detect-secrets/keyword", 'if (my_password != "«{p12}»") {'),
    ("detect-secrets/keyword", 'if ("«{p12}»" == my_password) {'),
    ("detect-secrets/keyword", 'service_key = "«{w20}»"'),
    ("detect-secrets/keyword", "db_key=«{w20}»"),
    ("detect-secrets/keyword", "contraseña: «{w12}»"),
    ("detect-secrets/basic_auth", "ftp://bob:«{w12}»@files.example.com/x"),
    ("detect-secrets/cloudant", "https://cl:«{x64}»@cl.cloudant.com"),
    ("detect-secrets/ibm_cos_hmac", "cos_hmac_secret_access_key = «{x48}»"),
    ("detect-secrets/softlayer", "sl_api_key=«{x64}»"),
    ("detect-secrets/square_oauth", "«sq0csp-{s43}»"),
    ("detect-secrets/artifactory", "«AP{X1}{w24}»"),
    ("detect-secrets/discord", "«M{w23}.{w6}.{s27}»"),
    ("detect-secrets/azure_storage_key", "AccountName=a;AccountKey=«{b86}==»"),
    ("secretlint/azure", "Endpoint=sb://a.servicebus.windows.net/;SharedAccessKeyName=R;SharedAccessKey=«{b43}=»"),
    ("secretlint/database-connection-string", "mysql://root:«{p12}»@db:3306/shop?ssl=1"),
    ("secretlint/npmrc", "//registry.npmjs.org/:_authToken=«{x8}-{x4}-{x4}-{x4}-{x12}»"),
    ("secretlint/npmrc", "_auth=«{b24}=»"),
    ("secretlint/docker-config", '{"auths":{"r.example.com":{"auth":"«{b32}»"}}}'),
    ("trufflehog/uri", "https://svc:«{p14}»@host.example.com/v1?x=y"),
    ("trufflehog/jdbc", "jdbc:sqlserver://h:1433;databaseName=d;user=sa;password=«{p12}»;encrypt=true"),
    ("trufflehog/ldap", 'ldapsearch -H ldap://h -D "cn=admin" -w «{w12}» -b dc=x'),
    ("trufflehog/redis", "rediss://default:«{w20}»@redis.example.com:6380"),
    ("trufflehog/azure_functions", "https://a.azurewebsites.net/api/f?code=«{s54}==»"),
    ("trufflehog/azure_cosmos", "AccountEndpoint=https://a.documents.azure.com:443/;AccountKey=«{b86}==»;"),
    ("trufflehog/azure_app_config", "Endpoint=https://a.azconfig.io;Id={w4}-l0-s0:{w20};Secret=«{b43}=»"),
    ("trufflehog/dockerhub", "«dckr_pat_{s27}»"),
    ("trufflehog/tailscale", "«tskey-auth-{w16}-{w32}»"),
    ("trufflehog/supabase", "«sbp_{x40}»"),
    ("trufflehog/figma", "«figd_{s40}»"),
    ("trufflehog/groq", "«gsk_{w52}»"),
    ("trufflehog/xai", "«xai-{w80}»"),
    ("trufflehog/replicate", "«r8_{w37}»"),
    ("trufflehog/buildkite", "«bkua_{x40}»"),
    ("trufflehog/circleci", "«CCIPAT_{w22}_{x40}»"),
    ("trufflehog/launchdarkly", "«sdk-{x8}-{x4}-{x4}-{x4}-{x12}»"),
    ("trufflehog/honeycomb", "x-honeycomb-team: «{w22}»"),
    ("trufflehog/datadog", "DD-API-KEY: «{x32}»"),
    ("trufflehog/datadog", "DD_APP_KEY=«{x40}»"),
    ("trufflehog/confluent", "CONFLUENT_API_SECRET=«{b64}»"),
    ("trufflehog/snowflake", "snowsql -a acme -u bob -p «{w14}»"),
    ("ggshield/google_oauth2_keys", '"client_secret":"«GOCSPX-{s28}»"'),
    ("ggshield/gcp_service_account", '"private_key_id": "{x40}", "private_key": "-----BEGIN PRIVATE KEY-----\\n'
     '«{b64}\\n{b64}»\\n-----END PRIVATE KEY-----\\n"'),
    ("ggshield/putty_private_key", "PuTTY-User-Key-File-3: ssh-ed25519\nPrivate-Lines: 1\n«{b48}»\nPrivate-MAC: {x64}"),
    ("ggshield/generic_username_password", "login='bob', password='«{p12}»'"),
    ("ggshield/smtp", "smtp_pass: «{w14}»"),
    ("ggshield/wordpress", "define( 'SECURE_AUTH_KEY', '«{p40}»' );"),
    ("ggshield/laravel_app_key", "APP_KEY=base64:«{b43}=»"),
    ("ggshield/rails_master_key", "RAILS_MASTER_KEY=«{x32}»"),
    ("ggshield/htpasswd", "bob:«$apr1${w8}${w22}»"),
    ("ggshield/shadow", "root:«$6${w16}${b86}»:19000:0:99999:7:::"),
    ("ggshield/bcrypt", "hash is «$2b$12${b53}»"),
    ("ggshield/netrc", "machine api.example.com\n  login bob\n  password «{w14}»\n"),
    ("ggshield/pgpass", "db.internal:5432:shop:shop:«{w14}»"),
    ("ggshield/kubeconfig", "users:\n- name: a\n  user:\n    client-key-data: «{b200}»\n"),
)  # fmt: skip

KEYED = tuple(
    f"{vendor}_{noun}"
    for vendor, noun in zip(
        "adafruit algolia asana beamer bitbucket cloudflare codecov coinbase datadog discord dropbox fastly".split(),
        (
            *"api_key token client_secret access_token API_KEY apiToken".split(),
            *"token secret_key app_key client-secret key api.key".split(),
        ),
        strict=True,
    )
)
"""gitleaks' semi-generic rules: a vendor's name, an assignment, and a value without looks."""
ASSIGNED = (
    '{key} = "«{v}»"',
    "{key}=«{v}»",
    "{key}: «{v}»",
    '"{key}" : "«{v}»",',
    "<{key}>«{v}»</{key}>",
    '{key} := "«{v}»"',
    "{key} => '«{v}»'",
    "{key} ?= «{v}»",
    'set("{key}", "«{v}»")',
    "{key}||«{v}»",
)
"""How gitleaks writes its samples: Go, ini, YAML, JSON, XML, Ruby, make, calls."""

ORDINARY = (
    '"accessor":"kP3mWq8XzT5nB1vD",',
    "report_access_id: 0a1b2c3d-1111-4222-8333-444455556666",
    "storage-api:rc1.4.0_20240105_0930-SNAPSHOT",
    "APP_API_VERSION=rc1.4.0_20240105_0930-SNAPSHOT",
    "[DEBUG] org.example.app-api:jar:2.4.1:compile (version managed from default)",
    "apiUrl=gateway.corp.example.com",
    'author = "jane.roe@mail.example",',
    "X-MS-Exchange-Organization-AuthSource: mx01.corp.example.com",
    "Authentication-Results: mx.example.com; dkim=pass header.d=example.com",
    "withCredentials([usernamePassword(credentialsId: '0a1b2c3d-1111-4222-8333-444455556666', nameVariable: 'U')]) {",
    "credentialsId: '0a1b2c3d-1111-4222-8333-444455556666'",
    "app.credentials.url=auth-lb1.api.example.com:5215",
    'keyword: "Priority_P2"',
    "monkey-patch:x64=ok turkey=1",
    "primaryKey=order_items.id foreignKey=orders.id_17",
    "key_down_event=handler_42 keyPressed = kVK_Return.u16",
    "o.keySelector=n,o.haKey=!1,",
    "KeyPair = X25519.KeyPair",
    '"kms_key_id": "0a1b2c3d-1111-4222-8333-444455556666",',
    '"key_vault_name": "web42prod2024",',
    "app.keystore.file=env/cert.p12",
    "IceSSL.KeyFile=s_rsa2048_priv.pem",
    "password combination.\n\nR7: Regulatory--12",
    "PuttyPassword=0",
    'APP_SECRET_NAME = "payments-db"',
    "secret_length = X25519.secret_length",
    "secretSize must be >= HASH_SECRET_SIZE_MIN",
    "#RUN --mount=type=secret,id=registry_secret \\\n#    TOKEN = $(cat /run/secrets/registry_secret) && \\",
    "access_token_url='https://idp.example.com/login/oauth/access_token',",
    "notes = Maven - io.jsonwebtoken:jjwt-jackson-0.12.3",
    'clientId = "0a1b2c3d-1111-4222-8333-444455556666"',
    "GITHUB_API_KEY=\nDYNATRACE_API_KEY=",
    "db.password=\njdbc.url=",
    'SRCREV_app = "43ac912ef59a83054ea7f6706df4d53a7dea4d81"',
    "curl -i -u 'test:test'",
    'curl -sL --user "$1:$2" "$3"',
    "curl -u <user:password> https://test.example.com/endpoint",
    "curl --user db:[PASSWORD] http://[IP]:7474/db/data/",
    'curl -u "name" http://localhost:15130/api/check_user/',
    'curl -u "${_user}:${_pass}"',
    'curl --fail --user "{{ $.Values.username }}:{{ $.Values.password }}"',
    'curl -X POST --user "$(cat ./login.txt):$(cat ./password.txt)"',
    'curl h -H "Authorization: Bearer XXXXXXXXXXXX"',
    'curl h --header "Authorization: Basic ..."',
    'curl -H "Authorization: Bearer <API token>" h',
    'curl -H "Authorization: Bearer $API_KEY" h',
    'curl -H "Authorization: Bearer $(cloud auth print-access-token)" h',
    "kind: Secret\nmetadata:\n  name: registry-auth\ndata:\n  htpasswd: ''\n",
    "kind: Secret\ndata:\n  htpasswd: {{ htpasswd }}\n",
    "kind: ClusterSecretStore\n  name: aws-manager\n  data:\n  - key: MySecretManagerKey\n    name: github_token",
    "kind: ExternalSecret\nspec:\n  data:\n  - secretKey: api-key\n    remoteRef:\n      key: my-secret",
    'theapikey := ""',
    "password: ${link}",
    "my_password = foo(hey)you",
    "my_password = request.json_body['hey']",
    "login(username=username, password=password)",
    "apiKey: this.apiKey,",
    "apiKey: fs.readFileSync('foo',",
    "$password = $input;",
    "http://localhost:5000/<%= @variable %>",
    "https://example.com:8443/a@b?c=d",
    "integrity sha512-oWPk5QDw1kSbT0GmQ3W6Zc2rJzY4f8hXn9vLxq7uEwA1sBdCtMgHiKjNyRpVaFz0123456789abcdefghijk==",
    "digest sha256:9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
    "golang.org/x/oauth2 v0.15.0 h1:q3nXpR8vTzLk5mYwB7cJd2fGh9sA1eUo4iKxNrMtVbQ=",
    "-----BEGIN CERTIFICATE-----",
    "-----BEGIN PUBLIC KEY-----",
    "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAI jane@laptop",
    "API-GATEWAY-TIMEOUT-EXCEEDED and API-SERVER-NOT-REACHABLE",
    "pat.example.com sc_status=200 s.example.com t1.micro sk.example.com pul-request pk.json hf_transfer",
    "npm_config_registry=https://registry.npmjs.org/ npm_package_version=1.2.3",
    "sdk-2024 r8_shrinker xai-grok api_org_chart gsk_build fo1_ready EAAA ops_eyes",
)


def made(form: str, rng: random.Random) -> tuple[str, str]:
    """(text, secret) of a form."""

    def run(match: re.Match[str]) -> str:
        characters, length = CLASSES[match[1]], int(match[2])
        first = rng.choice([c for c in characters if c.isalnum()])
        last = rng.choice("23456" if "2" in characters else characters)
        return first + "".join(rng.choices(characters, k=length - 2)) + last if length > 1 else first

    text = _RUN.sub(run, form)
    if text.startswith(_ENCODED):
        secret = base64.b64encode(text.removeprefix(_ENCODED).encode()).decode()
        return secret, secret
    before, _, rest = text.partition("«")
    secret, _, after = rest.partition("»")
    return before + secret + after, secret


def samples(seed: int, each: int) -> Iterator[Sample]:
    """`each` values of every rule."""
    for rule, form in FORMS:
        rng = random.Random(f"{seed} {rule} {form}")
        for _ in range(each):
            yield Sample(rule, *made(form, rng))
    for key in KEYED:
        for assigned in ASSIGNED:
            rng = random.Random(f"{seed} {key} {assigned}")
            form = assigned.replace("{key}", key).replace("{v}", "{a32}")
            yield Sample(f"gitleaks/{key.split('_')[0]}", *made(form, rng))
