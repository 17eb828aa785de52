//! Recognising the same secret twice without storing it.
//!
//! A fingerprint is keyed BLAKE3 of the type and the canonical value. Without the key file it says
//! nothing about the secret, so results can be passed around; with it, two scans agree.

use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

/// Bytes in a key file.
const KEY_LEN: usize = 32;

/// Context string that separates this use of the key from any other.
const CONTEXT: &str = "keydredge 2026 fingerprint k1";

/// The secret under which fingerprints are made.
#[derive(Clone)]
pub struct Key([u8; KEY_LEN]);

/// Why there is no key.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum KeyError {
    /// The file cannot be read or created.
    #[error("key file {path}: {source}")]
    Io {
        /// The file.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// The file is not a key.
    #[error(
        "key file {path} has {found} bytes, expected {KEY_LEN}; give another with --key, or \
             remove it to have a new one made (old fingerprints will then no longer match)"
    )]
    Length {
        /// The file.
        path: PathBuf,
        /// Its length.
        found: u64,
    },
    /// Neither a home nor a configuration folder is known.
    #[error("no place for the key file: neither XDG_CONFIG_HOME nor HOME is set; use --key FILE")]
    NoHome,
}

impl Key {
    /// A key made of given bytes.
    #[must_use]
    pub fn from_bytes(bytes: [u8; KEY_LEN]) -> Self {
        Self(bytes)
    }

    /// Where the key lies if the user names no other file.
    ///
    /// # Errors
    /// [`KeyError::NoHome`].
    pub fn default_path() -> Result<PathBuf, KeyError> {
        let set = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty());
        let base = set("XDG_CONFIG_HOME")
            .map(PathBuf::from)
            .or_else(|| set("HOME").map(|home| PathBuf::from(home).join(".config")))
            .or_else(|| set("APPDATA").map(PathBuf::from))
            .ok_or(KeyError::NoHome)?;
        Ok(base.join("keydredge").join("key"))
    }

    /// Reads the key, or makes one (readable by its owner only) if there is none yet. Two
    /// processes that start at once end with the same key.
    ///
    /// # Errors
    /// When the file cannot be read or created, or is not a key.
    pub fn load_or_create(path: &Path) -> Result<Self, KeyError> {
        let failed = |source| KeyError::Io {
            path: path.to_owned(),
            source,
        };
        match Self::read(path) {
            Err(KeyError::Io { source, .. }) if source.kind() == io::ErrorKind::NotFound => {}
            other => return other,
        }
        let folder = path
            .parent()
            .filter(|folder| !folder.as_os_str().is_empty());
        let folder = folder.unwrap_or(Path::new("."));
        fs::create_dir_all(folder).map_err(failed)?;
        // Written aside and linked into place: nobody ever reads half a key, and whoever links
        // first wins.
        let mut aside = tempfile::NamedTempFile::new_in(folder).map_err(failed)?;
        aside.write_all(&fresh().map_err(failed)?).map_err(failed)?;
        aside.as_file().sync_all().map_err(failed)?;
        match aside.persist_noclobber(path) {
            Ok(_) => {}
            Err(error) if error.error.kind() == io::ErrorKind::AlreadyExists => {}
            Err(error) => return Err(failed(error.error)),
        }
        Self::read(path)
    }

    fn read(path: &Path) -> Result<Self, KeyError> {
        let failed = |source| KeyError::Io {
            path: path.to_owned(),
            source,
        };
        let mut file = File::open(path).map_err(failed)?;
        let found = file.metadata().map_err(failed)?.len();
        if found != KEY_LEN as u64 {
            return Err(KeyError::Length {
                path: path.to_owned(),
                found,
            });
        }
        let mut bytes = [0; KEY_LEN];
        file.read_exact(&mut bytes).map_err(failed)?;
        Ok(Self(bytes))
    }

    /// `k1:` and 32 hex digits, equal wherever the same secret of the same type lies.
    #[must_use]
    pub fn fingerprint(&self, secret_type: &str, canonical: &[u8]) -> String {
        let derived = blake3::derive_key(CONTEXT, &self.0);
        let mut hasher = blake3::Hasher::new_keyed(&derived);
        hasher.update(&(secret_type.len() as u64).to_le_bytes());
        hasher.update(secret_type.as_bytes());
        hasher.update(canonical);
        let hash = hasher.finalize();
        let digits: String = hash.to_hex().chars().take(32).collect();
        format!("k1:{digits}")
    }
}

/// Random bytes from the operating system.
fn fresh() -> io::Result<[u8; KEY_LEN]> {
    let mut bytes = [0; KEY_LEN];
    getrandom::fill(&mut bytes).map_err(io::Error::other)?;
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_made_once_private_and_read_again() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("deep").join("key");
        let first = Key::load_or_create(&path).unwrap();
        let second = Key::load_or_create(&path).unwrap();
        assert_eq!(first.0, second.0);
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            assert_eq!(
                fs::metadata(&path).unwrap().permissions().mode() & 0o777,
                0o600
            );
        }
    }

    #[test]
    fn a_file_of_another_length_is_refused_by_name() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("key");
        fs::write(&path, b"short").unwrap();
        let text = Key::load_or_create(&path)
            .map(|_| ())
            .unwrap_err()
            .to_string();
        assert!(text.contains("has 5 bytes, expected 32"), "{text}");
    }

    #[test]
    fn fingerprints_separate_keys_types_and_values() {
        let key = Key::from_bytes([1; KEY_LEN]);
        let one = key.fingerprint("a", b"value");
        assert_eq!(one, key.fingerprint("a", b"value"));
        assert_eq!(one.len(), 3 + 32);
        assert_ne!(one, key.fingerprint("b", b"value"));
        assert_ne!(one, key.fingerprint("av", b"alue"));
        assert_ne!(
            one,
            Key::from_bytes([2; KEY_LEN]).fingerprint("a", b"value")
        );
    }
}
