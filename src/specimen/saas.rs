//! Tokens of software services.

use serde_json::json;

use super::Maker;
use super::Stream;
use super::common::{
    ALPHANUMERIC, BASE64URL, DIGITS, HEX, UPPER_ALPHANUMERIC, broken, number, password,
};
use crate::confirm::validate::{checksum, encoding, github};

/// The specimens of this family.
pub(super) const MAKERS: &[(&str, Maker)] = &[
    ("github-classic", github_classic),
    ("github-classic-wrong-crc", github_classic_wrong_crc),
    ("github-fine-grained", github_fine_grained),
    (
        "github-fine-grained-wrong-hash",
        github_fine_grained_wrong_hash,
    ),
    ("github-installation", github_installation),
    ("github-installation-not-json", github_installation_not_json),
    ("github-oauth", github_oauth),
    ("github-refresh", github_refresh),
    ("github-refresh-wrong-crc", github_refresh_wrong_crc),
    ("github-server", github_server),
    ("github-user-server", github_user_server),
    ("npm-basic", npm_basic),
    ("npm-password", npm_password),
    ("npm-token", npm_token),
    ("npm-token-wrong-crc", npm_token_wrong_crc),
    ("openai-admin", openai_admin),
    ("openai-legacy", openai_legacy),
    ("openai-old", openai_old),
    ("openai-project", openai_project),
    ("openai-service-account", openai_service_account),
    ("slack-app", slack_app),
    ("slack-bot", slack_bot),
    ("slack-bot-zero-team", slack_bot_zero_team),
    ("slack-config-access", slack_config_access),
    (
        "slack-config-access-not-a-record",
        slack_config_access_not_a_record,
    ),
    ("slack-config-refresh", slack_config_refresh),
    ("slack-legacy-bot", slack_legacy_bot),
    ("slack-refresh", slack_refresh),
    ("slack-session", slack_session),
    ("slack-trigger", slack_trigger),
    ("slack-user", slack_user),
    ("slack-webhook", slack_webhook),
    ("slack-workflow", slack_workflow),
];

/// Prefix, random body, CRC-32.
fn with_crc(stream: &mut Stream, prefix: &str, len: usize) -> String {
    let body = stream.text(ALPHANUMERIC, len);
    let tail = checksum::base62_crc32(body.as_bytes()).map(char::from);
    format!("{prefix}{body}{}", String::from_iter(tail))
}

pub(super) fn github_classic(stream: &mut Stream) -> String {
    with_crc(stream, "ghp_", 30)
}

pub(super) fn github_oauth(stream: &mut Stream) -> String {
    with_crc(stream, "gho_", 30)
}

pub(super) fn github_user_server(stream: &mut Stream) -> String {
    with_crc(stream, "ghu_", 30)
}

pub(super) fn github_server(stream: &mut Stream) -> String {
    with_crc(stream, "ghs_", 30)
}

pub(super) fn github_refresh(stream: &mut Stream) -> String {
    with_crc(stream, "ghr_", 70)
}

pub(super) fn github_classic_wrong_crc(stream: &mut Stream) -> String {
    broken(&github_classic(stream))
}

pub(super) fn github_refresh_wrong_crc(stream: &mut Stream) -> String {
    broken(&github_refresh(stream))
}

pub(super) fn github_fine_grained(stream: &mut Stream) -> String {
    let body = format!(
        "github_pat_11A{}_{}",
        stream.text(ALPHANUMERIC, 19),
        stream.text(ALPHANUMERIC, 43)
    );
    let hash = github::fine_grained_checksum(body.as_bytes());
    format!("{body}{hash}{}", stream.text(ALPHANUMERIC, 8))
}

pub(super) fn github_fine_grained_wrong_hash(stream: &mut Stream) -> String {
    broken(&github_fine_grained(stream))
}

/// An installation token of 2026 around an unsigned web token.
pub(super) fn github_installation(stream: &mut Stream) -> String {
    let app = number(stream, 6);
    let issued = 1_780_000_000 + stream.below(10_000_000);
    let header = json!({"alg": "RS256", "typ": "JWT"});
    let payload = json!({"exp": issued + 3600, "iat": issued, "iss": app, "sub": "installation"});
    let part = |value: serde_json::Value| {
        encoding::to_base64(value.to_string().as_bytes())
            .replace('+', "-")
            .replace('/', "_")
            .replace('=', "")
    };
    format!(
        "ghs_{app}_{}.{}.{}",
        part(header),
        part(payload),
        stream.text(BASE64URL, 342)
    )
}

/// The same shape around nonsense.
pub(super) fn github_installation_not_json(stream: &mut Stream) -> String {
    format!(
        "ghs_{}_eyJ{}.eyJ{}.{}",
        number(stream, 6),
        stream.text(ALPHANUMERIC, 33),
        stream.text(ALPHANUMERIC, 81),
        stream.text(BASE64URL, 342)
    )
}

/// Random characters of which neither the first nor the last is a mark.
fn half(stream: &mut Stream, len: usize) -> String {
    format!(
        "{}{}{}",
        stream.text(ALPHANUMERIC, 1),
        stream.text(BASE64URL, len - 2),
        stream.text(ALPHANUMERIC, 1)
    )
}

pub(super) fn openai_legacy(stream: &mut Stream) -> String {
    let (front, back) = (stream.text(ALPHANUMERIC, 20), stream.text(ALPHANUMERIC, 20));
    format!("sk-{front}T3BlbkFJ{back}")
}

pub(super) fn openai_project(stream: &mut Stream) -> String {
    format!("sk-proj-{}T3BlbkFJ{}", half(stream, 74), half(stream, 74))
}

pub(super) fn openai_service_account(stream: &mut Stream) -> String {
    format!(
        "sk-svcacct-{}T3BlbkFJ{}",
        half(stream, 74),
        half(stream, 74)
    )
}

pub(super) fn openai_admin(stream: &mut Stream) -> String {
    format!("sk-admin-{}T3BlbkFJ{}", half(stream, 58), half(stream, 58))
}

pub(super) fn openai_old(stream: &mut Stream) -> String {
    format!("sk-{}", stream.text(ALPHANUMERIC, 48))
}

pub(super) fn npm_token(stream: &mut Stream) -> String {
    with_crc(stream, "npm_", 30)
}

pub(super) fn npm_token_wrong_crc(stream: &mut Stream) -> String {
    broken(&npm_token(stream))
}

/// Base64 of `user:password`.
pub(super) fn npm_basic(stream: &mut Stream) -> String {
    encoding::to_base64(format!("build:{}", password(stream)).as_bytes())
}

/// Base64 of a password.
pub(super) fn npm_password(stream: &mut Stream) -> String {
    encoding::to_base64(password(stream).as_bytes())
}

pub(super) fn slack_bot(stream: &mut Stream) -> String {
    let (team, bot) = (number(stream, 12), number(stream, 13));
    format!("xoxb-{team}-{bot}-{}", stream.text(ALPHANUMERIC, 24))
}

pub(super) fn slack_bot_zero_team(stream: &mut Stream) -> String {
    let random = stream.text(ALPHANUMERIC, 24);
    format!("xoxb-000000000000-{}-{random}", number(stream, 13))
}

pub(super) fn slack_legacy_bot(stream: &mut Stream) -> String {
    format!(
        "xoxb-{}-{}",
        number(stream, 12),
        stream.text(ALPHANUMERIC, 24)
    )
}

pub(super) fn slack_user(stream: &mut Stream) -> String {
    numbered(stream, "xoxp", 32)
}

/// The browser's token, half of a session.
pub(super) fn slack_session(stream: &mut Stream) -> String {
    numbered(stream, "xoxc", 64)
}

fn numbered(stream: &mut Stream, prefix: &str, len: usize) -> String {
    let numbers: Vec<String> = (0..3).map(|_| number(stream, 12)).collect();
    format!("{prefix}-{}-{}", numbers.join("-"), stream.text(HEX, len))
}

pub(super) fn slack_refresh(stream: &mut Stream) -> String {
    let (team, user) = (number(stream, 12), number(stream, 12));
    format!("xoxr-2-{team}-{user}-{}", stream.text(ALPHANUMERIC, 24))
}

pub(super) fn slack_app(stream: &mut Stream) -> String {
    format!(
        "xapp-1-A{}-{}-{}",
        stream.text(UPPER_ALPHANUMERIC, 10),
        number(stream, 13),
        stream.text(HEX, 64)
    )
}

/// The record of a configuration token, in base64 without padding.
fn slack_record(stream: &mut Stream, kind: &str, numbers: usize) -> String {
    let numbers: Vec<String> = (0..numbers).map(|_| number(stream, 12)).collect();
    let record = format!("{kind}-{}-{}", numbers.join("-"), stream.text(HEX, 64));
    encoding::to_base64(record.as_bytes()).replace('=', "")
}

pub(super) fn slack_config_access(stream: &mut Stream) -> String {
    format!("xoxe.xoxp-1-{}", slack_record(stream, "2-2", 4))
}

pub(super) fn slack_config_refresh(stream: &mut Stream) -> String {
    format!("xoxe-1-{}", slack_record(stream, "3-1", 3))
}

pub(super) fn slack_config_access_not_a_record(stream: &mut Stream) -> String {
    format!("xoxe.xoxp-1-{}", stream.text(ALPHANUMERIC, 162))
}

pub(super) fn slack_webhook(stream: &mut Stream) -> String {
    format!(
        "https://hooks.slack.com/services/{}/{}/{}",
        slack_id(stream, "T"),
        slack_id(stream, "B"),
        stream.text(ALPHANUMERIC, 24)
    )
}

pub(super) fn slack_workflow(stream: &mut Stream) -> String {
    format!(
        "https://hooks.slack.com/workflows/{}/{}/{}/{}",
        slack_id(stream, "T"),
        slack_id(stream, "A"),
        number(stream, 18),
        stream.text(ALPHANUMERIC, 24)
    )
}

pub(super) fn slack_trigger(stream: &mut Stream) -> String {
    format!(
        "https://hooks.slack.com/triggers/{}/{}/{}",
        slack_id(stream, "T"),
        number(stream, 13),
        stream.text(HEX, 32)
    )
}

fn slack_id(stream: &mut Stream, kind: &str) -> String {
    format!(
        "{kind}0{}{}",
        stream.text(DIGITS, 1),
        stream.text(UPPER_ALPHANUMERIC, 8)
    )
}
