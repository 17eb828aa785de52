//! Keys, signatures and connection strings of Azure.

use super::Maker;
use super::Stream;
use super::common::{
    ALPHANUMERIC, BASE64URL, DIGITS, LOWER_ALPHANUMERIC, broken, json, password, percent, uuid, xml,
};
use crate::confirm::validate::identifiable::{BATCH, STORAGE};
use crate::confirm::validate::{cask, devops, encoding, entra, identifiable};

/// The specimens of this family.
pub(super) const MAKERS: &[(&str, Maker)] = &[
    ("azure-batch-key", batch_key),
    ("azure-devops-pat-base64", devops_pat_base64),
    ("azure-devops-pat-basic", devops_pat_basic),
    (
        "azure-devops-pat-basic-wrong-crc",
        devops_pat_basic_wrong_crc,
    ),
    ("azure-devops-pat52", devops_pat52),
    ("azure-devops-pat52-wrong-crc", devops_pat52_wrong_crc),
    ("azure-devops-pat84", devops_pat84),
    (
        "azure-devops-pat84-wrong-checksum",
        devops_pat84_wrong_checksum,
    ),
    ("azure-sql-ado", sql_ado),
    ("azure-storage-connection", storage_connection),
    ("azure-storage-connection-json", storage_connection_json),
    ("azure-storage-key", storage_key),
    ("azure-storage-key-json", storage_key_json),
    ("azure-storage-key-percent", storage_key_percent),
    (
        "azure-storage-key-wrong-checksum",
        storage_key_wrong_checksum,
    ),
    ("azure-storage-legacy-key", storage_legacy_key),
    ("azure-storage-sas", storage_sas),
    ("azure-storage-sas-account", storage_sas_account),
    (
        "azure-storage-sas-bad-permissions",
        storage_sas_bad_permissions,
    ),
    ("azure-storage-sas-json", storage_sas_json),
    (
        "azure-storage-sas-short-signature",
        storage_sas_short_signature,
    ),
    (
        "azure-storage-sas-user-delegation",
        storage_sas_user_delegation,
    ),
    ("azure-storage-sas-xml", storage_sas_xml),
    ("entra-secret", entra_secret),
    ("entra-secret-7q", entra_secret_7q),
    ("entra-secret-legacy34", entra_secret_legacy34),
    ("entra-secret-legacy44", entra_secret_legacy44),
    ("entra-secret-wrong-checksum", entra_secret_wrong_checksum),
];

/// A storage account key with its signature and checksum.
pub(super) fn storage_key(stream: &mut Stream) -> String {
    identifiable::make(&stream.bytes::<64>(), &STORAGE)
}

pub(super) fn storage_key_wrong_checksum(stream: &mut Stream) -> String {
    broken(&storage_key(stream))
}

pub(super) fn storage_key_percent(stream: &mut Stream) -> String {
    percent(&storage_key(stream))
}

pub(super) fn storage_key_json(stream: &mut Stream) -> String {
    json(&storage_key(stream))
}

/// A storage account key from before signatures.
pub(super) fn storage_legacy_key(stream: &mut Stream) -> String {
    encoding::to_base64(&stream.bytes::<64>())
}

/// A key of the batch service, which looks like one of storage.
pub(super) fn batch_key(stream: &mut Stream) -> String {
    identifiable::make(&stream.bytes::<64>(), &BATCH)
}

pub(super) fn storage_connection(stream: &mut Stream) -> String {
    format!(
        "DefaultEndpointsProtocol=https;AccountName=acme{};AccountKey={};EndpointSuffix=core.windows.net",
        stream.text(LOWER_ALPHANUMERIC, 6),
        storage_key(stream)
    )
}

pub(super) fn storage_connection_json(stream: &mut Stream) -> String {
    json(&storage_connection(stream))
}

fn signature(stream: &mut Stream) -> String {
    percent(&encoding::to_base64(&stream.bytes::<32>()))
}

/// A service signature for one blob.
pub(super) fn storage_sas(stream: &mut Stream) -> String {
    let day = 10 + stream.below(18);
    format!(
        "sp=racwd&st=2026-01-01T08:00:00Z&se=2027-03-{day}T08:00:00Z&spr=https&sv=2024-08-04&sr=b&sig={}",
        signature(stream)
    )
}

/// A signature for a whole account.
pub(super) fn storage_sas_account(stream: &mut Stream) -> String {
    format!(
        "sv=2022-11-02&ss=bfqt&srt=sco&sp=rwdlacupiytfx&se=2027-12-31T23%3A59%3A59Z&st=2026-01-01&spr=https&sig={}",
        signature(stream)
    )
}

/// A signature made with a person's or application's own key.
pub(super) fn storage_sas_user_delegation(stream: &mut Stream) -> String {
    format!(
        "sv=2023-11-03&skoid={}&sktid={}&skt=2026-05-01T00%3A00%3A00Z&ske=2026-05-08T00%3A00%3A00Z&sks=b&skv=2023-11-03&sr=c&sp=rl&se=2026-06-01T00%3A00%3A00Z&sig={}",
        uuid(stream),
        uuid(stream),
        signature(stream)
    )
}

pub(super) fn storage_sas_xml(stream: &mut Stream) -> String {
    xml(&storage_sas(stream))
}

pub(super) fn storage_sas_json(stream: &mut Stream) -> String {
    storage_sas(stream).replace('&', "\\u0026")
}

pub(super) fn storage_sas_short_signature(stream: &mut Stream) -> String {
    let short = percent(&encoding::to_base64(&stream.bytes::<31>()));
    format!("sv=2024-08-04&sr=b&sp=r&se=2027-01-01T00:00:00Z&sig={short}")
}

pub(super) fn storage_sas_bad_permissions(stream: &mut Stream) -> String {
    storage_sas(stream).replace("sp=racwd", "sp=racwz")
}

/// An ADO.NET connection string.
pub(super) fn sql_ado(stream: &mut Stream) -> String {
    format!(
        "Server=tcp:acme-{}.database.windows.net,1433;Initial Catalog=crm;Persist Security Info=False;User ID=app;Password={};MultipleActiveResultSets=False;Encrypt=True;",
        stream.text(LOWER_ALPHANUMERIC, 5),
        password(stream)
    )
}

/// 52 characters of base32 with their CRC.
pub(super) fn devops_pat52(stream: &mut Stream) -> String {
    devops::make_base32(stream.bytes(), devops::Holder::Person)
}

pub(super) fn devops_pat52_wrong_crc(stream: &mut Stream) -> String {
    broken(&devops_pat52(stream))
}

/// 84 characters, annotated.
pub(super) fn devops_pat84(stream: &mut Stream) -> String {
    // Issued keys never show `+` or `/` in the checksum; a base-62 text never does.
    let month = stream.text("ABCDEFGHIJKL", 1);
    let body = format!(
        "{}JQQJ99C{month}ACAAAAA{}AAASAZDO",
        stream.text(ALPHANUMERIC, 52),
        stream.text(ALPHANUMERIC, 5)
    );
    let tails = cask::tails(body.as_bytes(), *b"Default0");
    let tail = tails.first().and_then(|tail| tail.get(..4)).unwrap_or(&[]);
    format!("{body}{}", String::from_utf8_lossy(tail))
}

pub(super) fn devops_pat84_wrong_checksum(stream: &mut Stream) -> String {
    broken(&devops_pat84(stream))
}

/// Base64 of a token, as an `.npmrc` has it.
pub(super) fn devops_pat_base64(stream: &mut Stream) -> String {
    encoding::to_base64(devops_pat52(stream).as_bytes())
}

/// Base64 of `:token`, as Basic authentication has it.
pub(super) fn devops_pat_basic(stream: &mut Stream) -> String {
    encoding::to_base64(format!(":{}", devops_pat84(stream)).as_bytes())
}

pub(super) fn devops_pat_basic_wrong_crc(stream: &mut Stream) -> String {
    encoding::to_base64(format!(":{}", devops_pat52_wrong_crc(stream)).as_bytes())
}

const UNRESERVED: &str = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._~-";

/// A client secret with its checksum.
pub(super) fn entra_secret(stream: &mut Stream) -> String {
    let body = entra_body(stream, "8Q~");
    let tail = entra::checksum(body.as_bytes()).map(char::from);
    format!("{body}{}", String::from_iter(tail))
}

pub(super) fn entra_secret_wrong_checksum(stream: &mut Stream) -> String {
    broken(&entra_secret(stream))
}

/// A client secret of 2021 to 2022.
pub(super) fn entra_secret_7q(stream: &mut Stream) -> String {
    entra_body(stream, "7Q~")
}

fn entra_body(stream: &mut Stream, mark: &str) -> String {
    format!(
        "{}{mark}{}",
        stream.text(ALPHANUMERIC, 3),
        stream.text(UNRESERVED, 31)
    )
}

/// A client secret from before 2021, 34 characters.
pub(super) fn entra_secret_legacy34(stream: &mut Stream) -> String {
    format!(
        "{}aB{}~{}",
        stream.text(ALPHANUMERIC, 10),
        stream.text(DIGITS, 1),
        stream.text(BASE64URL, 20)
    )
}

/// A client secret from before 2021, base64 of 32 bytes.
pub(super) fn entra_secret_legacy44(stream: &mut Stream) -> String {
    encoding::to_base64(&stream.bytes::<32>())
}
