//! Secrets that were never issued to anyone, made at run time.
//!
//! Rule examples, the demo disk and the tests need keys with valid checksums, and nothing that
//! looks alive may lie in the repository. A specimen is made from a seed: the same seed gives the
//! same specimen on every machine and in every version.

mod aws;
mod azure;
pub mod check;
mod common;
pub mod disk;
mod planted;
mod private_key;
mod saas;
mod sample;

/// A deterministic stream of bytes: BLAKE3 in its extendable-output mode, which is specified and
/// will not change between versions as a random-number crate's streams may.
pub struct Stream(blake3::OutputReader);

impl Stream {
    /// The stream of a seed.
    #[must_use]
    pub fn new(seed: &str) -> Self {
        let mut hasher = blake3::Hasher::new_derive_key("keydredge 2026 specimen stream");
        hasher.update(seed.as_bytes());
        Self(hasher.finalize_xof())
    }

    /// The next bytes.
    pub fn fill(&mut self, bytes: &mut [u8]) {
        self.0.fill(bytes);
    }

    /// The next `N` bytes.
    #[must_use]
    pub fn bytes<const N: usize>(&mut self) -> [u8; N] {
        let mut bytes = [0; N];
        self.fill(&mut bytes);
        bytes
    }

    /// A number below `bound`, every one as likely as the next to within 2^-32.
    #[must_use]
    pub fn below(&mut self, bound: u64) -> u64 {
        let wide = u128::from(u64::from_le_bytes(self.bytes()));
        // The product's high half is below the bound, so it fits.
        ((wide * u128::from(bound)) >> 64) as u64
    }

    /// Characters drawn from an ASCII alphabet.
    #[must_use]
    pub fn text(&mut self, alphabet: &str, len: usize) -> String {
        let alphabet = alphabet.as_bytes();
        (0..len)
            .map(|_| char::from(alphabet[self.below(alphabet.len() as u64) as usize]))
            .collect()
    }
}

/// Makes one specimen.
pub type Maker = fn(&mut Stream) -> String;

/// The maker of this name: `github-classic`.
#[must_use]
pub fn maker(name: &str) -> Option<Maker> {
    MAKERS
        .iter()
        .copied()
        .flatten()
        .find(|(known, _)| *known == name)
        .map(|(_, maker)| *maker)
}

/// The names of all makers.
pub fn names() -> impl Iterator<Item = &'static str> {
    MAKERS.iter().copied().flatten().map(|(name, _)| *name)
}

/// A template with every `{maker}` replaced by a specimen of its own. Braces around anything but
/// a maker's name stay as they are.
#[must_use]
pub fn expand(template: &str, stream: &mut Stream) -> String {
    let mut text = String::with_capacity(template.len());
    let mut rest = template;
    while let Some(open) = rest.find('{') {
        let (before, after) = rest.split_at(open);
        text.push_str(before);
        let inner = &after[1..];
        let close = inner.find('}');
        let found = close.and_then(|close| Some((close, maker(&inner[..close])?)));
        match found {
            Some((close, maker)) => {
                text.push_str(&maker(stream));
                rest = &inner[close + 1..];
            }
            None => {
                text.push('{');
                rest = inner;
            }
        }
    }
    text.push_str(rest);
    text
}

/// Every maker, by the name used in the examples of rule files.
const MAKERS: &[&[(&str, Maker)]] = &[private_key::MAKERS, TOKENS];

/// The makers of tokens, keys and connection strings.
const TOKENS: &[(&str, Maker)] = &[
    ("aws-key-id", aws::key_id),
    ("aws-pair", aws::pair),
    ("aws-secret", aws::secret),
    ("aws-session-token", aws::session_token),
    ("aws-temporary-id", aws::temporary_id),
    ("azure-batch-key", azure::batch_key),
    ("azure-devops-pat-base64", azure::devops_pat_base64),
    ("azure-devops-pat-basic", azure::devops_pat_basic),
    (
        "azure-devops-pat-basic-wrong-crc",
        azure::devops_pat_basic_wrong_crc,
    ),
    ("azure-devops-pat52", azure::devops_pat52),
    (
        "azure-devops-pat52-wrong-crc",
        azure::devops_pat52_wrong_crc,
    ),
    ("azure-devops-pat84", azure::devops_pat84),
    (
        "azure-devops-pat84-wrong-checksum",
        azure::devops_pat84_wrong_checksum,
    ),
    ("azure-sql-ado", azure::sql_ado),
    ("azure-storage-connection", azure::storage_connection),
    (
        "azure-storage-connection-json",
        azure::storage_connection_json,
    ),
    ("azure-storage-key", azure::storage_key),
    ("azure-storage-key-json", azure::storage_key_json),
    ("azure-storage-key-percent", azure::storage_key_percent),
    (
        "azure-storage-key-wrong-checksum",
        azure::storage_key_wrong_checksum,
    ),
    ("azure-storage-legacy-key", azure::storage_legacy_key),
    ("azure-storage-sas", azure::storage_sas),
    ("azure-storage-sas-account", azure::storage_sas_account),
    (
        "azure-storage-sas-bad-permissions",
        azure::storage_sas_bad_permissions,
    ),
    ("azure-storage-sas-json", azure::storage_sas_json),
    (
        "azure-storage-sas-short-signature",
        azure::storage_sas_short_signature,
    ),
    (
        "azure-storage-sas-user-delegation",
        azure::storage_sas_user_delegation,
    ),
    ("azure-storage-sas-xml", azure::storage_sas_xml),
    ("entra-secret", azure::entra_secret),
    ("entra-secret-7q", azure::entra_secret_7q),
    ("entra-secret-legacy34", azure::entra_secret_legacy34),
    ("entra-secret-legacy44", azure::entra_secret_legacy44),
    (
        "entra-secret-wrong-checksum",
        azure::entra_secret_wrong_checksum,
    ),
    ("github-classic", saas::github_classic),
    ("github-classic-wrong-crc", saas::github_classic_wrong_crc),
    ("github-fine-grained", saas::github_fine_grained),
    (
        "github-fine-grained-wrong-hash",
        saas::github_fine_grained_wrong_hash,
    ),
    ("github-installation", saas::github_installation),
    (
        "github-installation-not-json",
        saas::github_installation_not_json,
    ),
    ("github-oauth", saas::github_oauth),
    ("github-refresh", saas::github_refresh),
    ("github-refresh-wrong-crc", saas::github_refresh_wrong_crc),
    ("github-server", saas::github_server),
    ("github-user-server", saas::github_user_server),
    ("hex40", common::hex40),
    ("npm-basic", saas::npm_basic),
    ("npm-password", saas::npm_password),
    ("npm-token", saas::npm_token),
    ("npm-token-wrong-crc", saas::npm_token_wrong_crc),
    ("openai-admin", saas::openai_admin),
    ("openai-legacy", saas::openai_legacy),
    ("openai-old", saas::openai_old),
    ("openai-project", saas::openai_project),
    ("openai-service-account", saas::openai_service_account),
    ("password", common::password),
    ("s3-presigned-v2", aws::presigned_v2),
    ("s3-presigned-v2-xml", aws::presigned_v2_xml),
    ("s3-presigned-v4", aws::presigned_v4),
    ("s3-presigned-v4-json", aws::presigned_v4_json),
    (
        "s3-presigned-v4-other-service",
        aws::presigned_v4_other_service,
    ),
    ("s3-presigned-v4-path-style", aws::presigned_v4_path_style),
    ("s3-presigned-v4-xml", aws::presigned_v4_xml),
    ("slack-app", saas::slack_app),
    ("slack-bot", saas::slack_bot),
    ("slack-bot-zero-team", saas::slack_bot_zero_team),
    ("slack-config-access", saas::slack_config_access),
    (
        "slack-config-access-not-a-record",
        saas::slack_config_access_not_a_record,
    ),
    ("slack-config-refresh", saas::slack_config_refresh),
    ("slack-legacy-bot", saas::slack_legacy_bot),
    ("slack-refresh", saas::slack_refresh),
    ("slack-session", saas::slack_session),
    ("slack-trigger", saas::slack_trigger),
    ("slack-user", saas::slack_user),
    ("slack-webhook", saas::slack_webhook),
    ("slack-workflow", saas::slack_workflow),
    ("uuid", common::uuid),
];

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn a_template_takes_a_new_specimen_each_time() {
        let text = expand("a={uuid} b={uuid} {x} {{uuid}}", &mut Stream::new("t"));
        let parts: Vec<&str> = text.split(' ').collect();
        assert_eq!(parts[0].len(), 2 + 36);
        assert_ne!(parts[0][2..], parts[1][2..]);
        assert_eq!(parts[2], "{x}");
        assert!(parts[3].starts_with('{') && parts[3].len() == 38, "{text}");
    }

    #[test]
    fn no_name_is_used_twice() {
        let all: HashSet<&str> = names().collect();
        assert_eq!(all.len(), names().count());
    }

    #[test]
    fn a_seed_gives_the_same_stream_everywhere() {
        assert_eq!(
            Stream::new("a").text("0123456789", 8),
            Stream::new("a").text("0123456789", 8)
        );
        assert_ne!(
            Stream::new("a").bytes::<16>(),
            Stream::new("b").bytes::<16>()
        );
    }
}
