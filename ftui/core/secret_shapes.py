"""What secrets look like: the fixed beginnings and the alphabets of provider tokens, keys, and assigned passwords."""

from __future__ import annotations

import re

_BODY = r"(?<![A-Za-z0-9_-])"


def _shape(pattern: str) -> re.Pattern[str]:
    return re.compile(_BODY + pattern)


# (literal that must be in the text, what it is, shape)
TOKENS: tuple[tuple[str, str, re.Pattern[str]], ...] = (
    ("ghp_", "GitHub token", _shape(r"ghp_[A-Za-z0-9]{30,}")),
    ("gho_", "GitHub token", _shape(r"gho_[A-Za-z0-9]{30,}")),
    ("ghu_", "GitHub token", _shape(r"ghu_[A-Za-z0-9]{30,}")),
    ("ghs_", "GitHub token", _shape(r"ghs_[A-Za-z0-9]{30,}")),
    ("ghr_", "GitHub token", _shape(r"ghr_[A-Za-z0-9]{30,}")),
    ("github_pat_", "GitHub token", _shape(r"github_pat_\w{36,}")),
    ("hf_", "Hugging Face token", _shape(r"hf_[A-Za-z0-9]{30,}")),
    ("api_org_", "Hugging Face token", _shape(r"api_org_[A-Za-z0-9]{30,}")),
    ("npm_", "npm token", _shape(r"npm_[A-Za-z0-9]{36}")),
    ("sk_live_", "Stripe key", _shape(r"sk_live_[A-Za-z0-9]{10,}")),
    ("rk_live_", "Stripe key", _shape(r"rk_live_[A-Za-z0-9]{10,}")),
    ("sk_test_", "Stripe test key", _shape(r"sk_test_[A-Za-z0-9]{20,}")),
    ("whsec_", "webhook secret", _shape(r"whsec_[A-Za-z0-9+/=]{20,}")),
    ("dop_v1_", "DigitalOcean token", _shape(r"dop_v1_[0-9a-f]{64}")),
    ("gsk_", "Groq key", _shape(r"gsk_[A-Za-z0-9]{40,}")),
    ("r8_", "Replicate token", _shape(r"r8_[A-Za-z0-9]{30,}")),
    ("shpat_", "Shopify token", _shape(r"shpat_[0-9a-fA-F]{32}")),
    ("shpss_", "Shopify secret", _shape(r"shpss_[0-9a-fA-F]{32}")),
    ("glsa_", "Grafana token", _shape(r"glsa_[A-Za-z0-9]{32}_[0-9a-fA-F]{8}")),
    ("lin_api_", "Linear key", _shape(r"lin_api_[A-Za-z0-9]{40}")),
    ("ntn_", "Notion token", _shape(r"ntn_[A-Za-z0-9]{40,}")),
    ("sntrys_", "Sentry token", _shape(r"sntrys_[A-Za-z0-9+/=_-]{40,}")),
    ("pscale_", "PlanetScale token", _shape(r"pscale_(?:tkn|pw|oauth)_[\w.-]{32,}")),
    ("rubygems_", "RubyGems key", _shape(r"rubygems_[0-9a-f]{48}")),
    ("sbp_", "Supabase token", _shape(r"sbp_[0-9a-f]{40}")),
    ("figd_", "Figma token", _shape(r"figd_[\w-]{40,}")),
    ("nvapi-", "NVIDIA API key", _shape(r"nvapi-[\w-]{60,}")),
    ("sk-ant-", "Anthropic key", _shape(r"sk-ant-[A-Za-z0-9_-]{24,}")),
    ("sk-", "OpenAI-style key", _shape(r"sk-(?!ant-)(?:[a-z0-9]{2,8}-){0,2}[A-Za-z0-9_-]{24,}")),
    ("glpat-", "GitLab token", _shape(r"glpat-[\w-]{20,}")),
    ("xox", "Slack token", _shape(r"xox[abeprs]-[A-Za-z0-9-]{10,}")),
    ("xapp-", "Slack token", _shape(r"xapp-\d-[A-Z0-9]+-\d+-[0-9a-f]+")),
    ("pypi-", "PyPI token", _shape(r"pypi-AgE[\w-]{50,}")),
    ("GOCSPX-", "Google client secret", _shape(r"GOCSPX-[\w-]{28}")),
    ("pplx-", "Perplexity key", _shape(r"pplx-[A-Za-z0-9]{40,}")),
    ("xai-", "xAI key", _shape(r"xai-[A-Za-z0-9]{60,}")),
    ("NRAK-", "New Relic key", _shape(r"NRAK-[A-Z0-9]{27}")),
    ("PMAK-", "Postman key", _shape(r"PMAK-[0-9a-f]{24}-[0-9a-f]{34}")),
    ("AGE-SECRET-KEY-1", "age key", _shape(r"AGE-SECRET-KEY-1[A-Z0-9]{58}")),
    ("key-", "Mailgun key", _shape(r"key-[0-9a-f]{32}(?![0-9A-Za-z])")),
    ("AKIA", "AWS access key", _shape(r"AKIA[A-Z2-7]{16}(?![A-Za-z0-9])")),
    ("ASIA", "AWS access key", _shape(r"ASIA[A-Z2-7]{16}(?![A-Za-z0-9])")),
    ("AIza", "Google API key", _shape(r"AIza[\w-]{35}")),
    ("ya29.", "Google access token", _shape(r"ya29\.[\w-]{20,}")),
    ("SG.", "SendGrid key", _shape(r"SG\.[\w-]{22}\.[\w-]{43}")),
    ("eyJ", "JSON web token", _shape(r"eyJ[\w-]{10,}\.eyJ[\w-]{10,}\.[\w-]{10,}")),
    ("dapi", "Databricks token", _shape(r"dapi[0-9a-f]{32}")),
    ("hvs.", "Vault token", _shape(r"hvs\.[\w-]{24,}")),
    (":AA", "Telegram bot token", _shape(r"\d{8,10}:AA[\w-]{33}(?![\w-])")),
    ("AccountKey=", "Azure storage key", re.compile(r"(?<=AccountKey=)[A-Za-z0-9+/]{86}==")),
    ("hooks.slack", "Slack webhook", re.compile(r"hooks\.slack\.com/services/[\w/]{40,}")),
)  # fmt: skip

PRIVATE_KEY = re.compile(
    r"-----BEGIN [A-Z0-9 ]{0,30}PRIVATE KEY(?: BLOCK)?-----.{0,8000}?(?:-----END [^-]{0,40}-----|\Z)", re.S
)
CREDENTIALS_IN_URL = re.compile(r"[a-zA-Z][a-zA-Z0-9+.-]{1,20}://[^\s:/@\"'<>]{0,64}:([^\s/@\"'<>]{3,})@[\w.-]+")
HEADER = re.compile(r"(?i)authorization[\"']?\s*[:=]\s*[\"']?(?:bearer|basic|token)\s+([A-Za-z0-9+/=._~-]{16,})")
# On lower-case text: the name of something secret and the sign that assigns it; the value is matched from its end on.
ASSIGNED_NAME = re.compile(
    r"(?:passw(?:or)?d|pwd|secret|api[_-]?key|access[_-]?key|auth[_-]?token|access[_-]?token|private[_-]?key)"
    r"[a-z0-9_]{0,12}[\"']?\s{0,3}(?::=|=>|=|:)\s{0,3}[\"']?"
)
ASSIGNED_VALUE = re.compile(r"[^\s\"',;<>{}\[\]]{4,200}")
# What stands where a secret will be: "your-api-key", "xxxx", "${TOKEN}", "os.environ", "changeme", "sk-...".
PLACEHOLDER = re.compile(
    r"(?i)your|x{4,}|\*{3,}|\.\.\.|…|\$\{?\w|%\(|environ|getenv|process\.env|changeme|placeholder|insert|dummy|redacted"
    r"|\bnone\b|\bnull\b|\btrue\b|\bfalse\b|1234567|abcdef|<|>|0000000|fake"
)
