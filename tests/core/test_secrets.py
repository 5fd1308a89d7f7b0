"""Secrets and personal data: found in the shapes people write them in, left alone in prose, masked in full."""

import random
import string
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ftui.core.checksums import card_is_valid, iban_is_valid, luhn_is_valid, national_id
from ftui.core.secret_shapes import TOKENS as SHAPES
from ftui.core.secrets import find_personal, find_secrets, marks_of, may_hold_secrets, redact

ALNUM = string.ascii_letters + string.digits


def made(prefix: str, length: int, alphabet: str = ALNUM, suffix: str = "") -> str:
    """A token of the right shape that nobody ever issued; put together here so that no scanner trips over this file."""
    return prefix + "".join(random.Random(prefix + str(length)).choices(alphabet, k=length)) + suffix


HEX = "0123456789abcdef"
TOKENS = {
    "GitHub token": made("gh" + "p_", 36),
    "Hugging Face token": made("h" + "f_", 34),
    "OpenAI-style key": made("s" + "k-proj-", 48),
    "Anthropic key": made("s" + "k-ant-api03-", 95),
    "GitLab token": made("glp" + "at-", 20),
    "Slack token": made("xo" + "xb-", 24, string.digits) + "-" + made("", 24),
    "AWS access key": made("AK" + "IA", 16, string.ascii_uppercase + "234567"),
    "Google API key": made("AI" + "za", 35),
    "Stripe key": made("sk_" + "live_", 24),
    "npm token": made("np" + "m_", 36),
    "SendGrid key": made("S" + "G.", 22) + made(".", 43),
    "Databricks token": made("da" + "pi", 32, HEX),
    "JSON web token": made("ey" + "J", 20) + made(".ey" + "J", 30) + made(".", 43),
    "DigitalOcean token": made("dop" + "_v1_", 64, HEX),
    "PyPI token": made("pyp" + "i-AgE", 80),
}


@pytest.mark.parametrize(("kind", "token"), TOKENS.items())
def test_a_provider_token_is_found_and_masked(kind: str, token: str) -> None:
    text = f"Use {token}, and tell nobody."
    (hit,) = find_secrets(text)
    assert hit.kind == kind
    assert text[hit.start : hit.end] == token
    masked = redact(text)
    assert token[5:] not in masked and len(masked) == len(text)
    assert masked.startswith("Use " + token[:4]) and masked.endswith(", and tell nobody.")


@pytest.mark.parametrize(
    "text",
    [
        'password = "correct-horse-7-battery"',
        "API_KEY=" + made("", 32),
        '{"client_secret": "' + made("", 28) + '"}',
        "export AWS_SECRET_ACCESS_KEY=" + made("", 40),
        "Authorization: Bearer " + made("", 40),
        "postgres://admin:" + made("", 12) + "@db.internal:5432/app",
        "-----BEGIN RSA PRIVATE " + "KEY-----\n" + made("", 200) + "\n-----END RSA PRIVATE KEY-----",
    ],
)
def test_assigned_and_embedded_secrets_are_found(text: str) -> None:
    assert len(find_secrets(text)) == 1
    assert redact(text) != text and len(redact(text)) == len(text)


@pytest.mark.parametrize(
    "text",
    [
        "The token count is 1234567 and the key idea: attention.",
        "api_key = os.environ['OPENAI_API_KEY']",
        'api_key="your-api-key-goes-here-123"',
        "password: ********",
        "sk-xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx",
        "eos_token: <|im_end|>, pad_token='</s>'",
        "tokens: 12,345,678 of 99,999,999",
        "https://github.com/org/repo/blob/main/a_very_long_file_name_with_underscores.py",
        "commit 3f786850e387550fdab836ed7e6dc881de23001b",
        "https://example.com/user:name@host",
        "step=1200 loss=0.4312 learning_rate=2.0000e-05 tokens_per_second=10234",
    ],
)
def test_ordinary_text_holds_no_secret(text: str) -> None:
    assert find_secrets(text) == []
    assert redact(text) == text


def test_published_examples_are_marked_as_such() -> None:
    (hit,) = find_secrets("AWS writes AKIA" + "IOSFODNN7EXAMPLE in its documentation")
    assert hit.documented and hit.kind == "AWS access key"


def test_a_log_masks_weak_passwords_too() -> None:
    assert "hunter2" not in redact("login failed for bob password=hunter2 from 10.0.0.1")
    assert find_secrets("password=hunter2") == []


PERSONAL = [
    ("Write to ada.lovelace@analytical-engines.co.uk today", "e-mail address", "ada.lovelace@analytical-engines.co.uk"),
    ("card 4539 1488 0343 6467 please", "payment card", "4539 1488 0343 6467"),
    ("card 4539148803436467.", "payment card", "4539148803436467"),
    ("pay to DE75 5121 0800 1245 1261 99 soon", "IBAN", "DE75 5121 0800 1245 1261 99"),
    ("IBAN GB98MIDL07009312345678", "IBAN", "GB98MIDL07009312345678"),
    ("SSN 536-22-1234", "US social security number", "536-22-1234"),
    ("call +49 30 901820 now", "telephone number", "+49 30 901820"),
    ("call (212) 736-5000.", "telephone number", "(212) 736-5000"),
    ("call 212-736-5000", "telephone number", "212-736-5000"),
    ("call +1 212 736 5000 or", "telephone number", "+1 212 736 5000"),
    ("CPF 529.982.247-25", "Brazilian CPF", "529.982.247-25"),
    ("身份证 11010519491231002X 谢谢", "Chinese resident id", "11010519491231002X"),
]


@pytest.mark.parametrize(("text", "kind", "said"), PERSONAL)
def test_personal_data_is_found(text: str, kind: str, said: str) -> None:
    hits = [(hit.kind, text[hit.start : hit.end]) for hit in find_personal(text)]
    assert hits == [(kind, said)]
    assert said not in redact(text, personal=True)
    assert redact(text) == text


@pytest.mark.parametrize(
    "text",
    [
        "card 4539 1488 0343 6468",  # Luhn does not hold
        "IBAN DE75 5121 0800 1245 1261 98",
        "SSN 000-12-3456 and 666-12-3456",
        "1 2 3 4 5 6 7 8 9 10 11 12",
        "between 2019-01-02 and 2020-11-30, at 10:30:00",
        "pi is 3.14159265358979 and e is 2.718281828459045",
        "population 1,402,112,000; area 9,596,961 km2",
        "ISBN 978-3-16-148410-0",
        "version 1.2.3.4.5.6.7.8.9",
        "0.1234567890 1.2345678901 9.8765432100",
        "192.168.0.1 255.255.255.255 10.0.0.1",
        "x = 123456789012 + 98765432109",
        "@decorator and user@host and a@b",
        "1000 2000 3000 4000",
    ],
)
def test_numbers_that_mean_nobody_are_left_alone(text: str) -> None:
    assert find_personal(text) == []


@pytest.mark.parametrize(
    "text",
    ["bob@example.com", "jane.doe@example.org", "+1 415 555 0134", "(415) 555-0134", "4242 4242 4242 4242",
     "GB82 WEST 1234 5698 7654 32", "DE89 3704 0044 0532 0130 00", "078-05-1120", "+44 7700 900123"],
)  # fmt: skip
def test_documented_personal_data_is_shown_as_an_example(text: str) -> None:
    (hit,) = find_personal(f"see {text} there")
    assert hit.documented, hit


def test_check_digits() -> None:
    assert luhn_is_valid("79927398713") and not luhn_is_valid("79927398710")
    assert card_is_valid("378282246310005") and not card_is_valid("0000000000000000")
    assert iban_is_valid("GB82WEST12345698765432") and not iban_is_valid("GB82WEST1234569876543")
    assert national_id("529.982.247-24") == "" and national_id("111.111.111-11") == ""


@given(st.text(), st.booleans())
def test_redacting_keeps_the_length_and_is_stable(text: str, personal: bool) -> None:
    once = redact(text, personal)
    assert len(once) == len(text)
    assert redact(once, personal) == once
    assert find_secrets(text) == find_secrets(text, marks_of(text))


def test_lone_surrogates_and_long_lines_do_no_harm() -> None:
    assert redact("\ud83d password=hunter22") == "\ud83d password=hu******"
    start = time.process_time()
    for text in ("a" * 200_000, "1 " * 100_000, "=" * 200_000, "password" * 25_000, "eyJ" * 60_000,
                 "-----BEGIN " * 20_000, "A1_" * 60_000, "@" * 200_000, "a@b." * 50_000, "sk-" * 60_000):  # fmt: skip
        redact(text, personal=True)
    assert time.process_time() - start < 5


@pytest.mark.parametrize("literal", [literal for literal, _, _ in SHAPES])
def test_the_quick_look_misses_no_beginning_of_a_token(literal: str) -> None:
    for number in range(200):
        middle = {"xox": "b-", "hooks.slack": ".com/services/"}.get(literal, "")
        token = made(literal + middle, 32 + number % 8, HEX if literal == "dapi" else ALNUM, str(number))
        assert may_hold_secrets(marks_of(f"Said: {token} and so on.")), token
