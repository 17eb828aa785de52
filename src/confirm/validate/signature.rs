//! Recomputing the signature of a presigned S3 link: what proves an AWS secret without a network.
//!
//! A secret access key has no checksum. But whoever signed a link with it left 20 or 32 bytes in
//! that link which only this secret gives, and everything else that was signed lies in the link
//! too: a secret found elsewhere can be tried on it.
//!
//! Version 4: Amazon S3 API Reference, "Authenticating Requests: Using Query Parameters". Version
//! 2: Amazon S3 User Guide, "Signing and authenticating REST requests".

#![warn(
    clippy::arithmetic_side_effects,
    clippy::as_conversions,
    clippy::cast_possible_truncation,
    clippy::indexing_slicing
)]

mod canonical;

use hmac::{Hmac, KeyInit, Mac};
use sha1::Sha1;
use sha2::{Digest as _, Sha256};

pub(crate) use self::canonical::Address;
use self::canonical::{encoded, form_2, form_4, resources};
use super::encoding;

/// What a link may be for. The link does not say, so all are tried, likeliest first.
const METHODS: [&str; 5] = ["GET", "PUT", "HEAD", "DELETE", "POST"];

/// What was signed, and the signature.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Signed {
    algorithm: Algorithm,
    /// What is signed after the method. Version 2 signs the bucket's name, which a link at a host
    /// that is not Amazon's may hold at several places: then one form for each.
    forms: Vec<Vec<u8>>,
    signature: Vec<u8>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Algorithm {
    Version4 {
        /// `20130524T000000Z`.
        moment: String,
        /// `20130524/us-east-1/s3/aws4_request`.
        scope: String,
    },
    Version2,
}

impl Signed {
    /// A version 4 link that signs no header but the host; the signature is in hexadecimal.
    pub(crate) fn version_4(
        address: &Address<'_>,
        moment: &str,
        scope: &str,
        signature: &str,
    ) -> Self {
        Self {
            algorithm: Algorithm::Version4 {
                moment: moment.to_owned(),
                scope: scope.to_owned(),
            },
            forms: vec![form_4(address)],
            signature: signature.to_ascii_lowercase().into_bytes(),
        }
    }

    /// A version 2 link with the bucket that its host names: `None` if the host is not Amazon's,
    /// an empty one if the path begins with the bucket.
    pub(crate) fn version_2(
        address: &Address<'_>,
        bucket: Option<&str>,
        expires: &str,
        signature: &[u8],
    ) -> Self {
        let forms = resources(address, bucket)
            .iter()
            .map(|resource| form_2(address.query, resource, expires))
            .collect();
        Self {
            algorithm: Algorithm::Version2,
            forms,
            signature: signature.to_vec(),
        }
    }

    /// Whether a secret that gives another signature surely did not sign this. Version 2 also
    /// signs the content type of an upload, which the link need not hold.
    #[must_use]
    pub fn is_conclusive(&self) -> bool {
        matches!(self.algorithm, Algorithm::Version4 { .. })
    }

    /// The method of the request that this secret signed; `None` if it did not sign this link.
    #[must_use]
    pub fn method_by(&self, secret: &[u8]) -> Option<&'static str> {
        let key = self.algorithm.key(secret);
        METHODS.into_iter().find(|method| {
            let signs = |form: &Vec<u8>| self.algorithm.sign(&key, method, form) == self.signature;
            self.forms.iter().any(signs)
        })
    }
}

impl Algorithm {
    /// The key that the secret signs with.
    fn key(&self, secret: &[u8]) -> Vec<u8> {
        match self {
            Self::Version4 { scope, .. } => {
                let key = [b"AWS4", secret].concat();
                scope.split('/').fold(key, |key, part| {
                    mac::<Hmac<Sha256>>(&key, &[part.as_bytes()])
                })
            }
            Self::Version2 => secret.to_vec(),
        }
    }

    /// The signature, as it is stored in [`Signed`].
    fn sign(&self, key: &[u8], method: &str, form: &[u8]) -> Vec<u8> {
        match self {
            Self::Version4 { moment, scope } => {
                let request = Sha256::new().chain_update(method).chain_update(form);
                let digest = hex(&request.finalize());
                let text = format!("AWS4-HMAC-SHA256\n{moment}\n{scope}\n{digest}");
                hex(&mac::<Hmac<Sha256>>(key, &[text.as_bytes()])).into_bytes()
            }
            Self::Version2 => mac::<Hmac<Sha1>>(key, &[method.as_bytes(), form]),
        }
    }
}

fn mac<M: Mac + KeyInit>(key: &[u8], parts: &[&[u8]]) -> Vec<u8> {
    // HMAC takes keys of every length.
    let Ok(mut mac) = <M as KeyInit>::new_from_slice(key) else {
        return Vec::new();
    };
    for part in parts {
        mac.update(part);
    }
    mac.finalize().into_bytes().to_vec()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Who signs what.
#[derive(Clone, Copy)]
pub(crate) struct Signer<'s> {
    pub(crate) host: &'s str,
    /// Without its leading `/`, already percent-encoded.
    pub(crate) path: &'s str,
    pub(crate) id: &'s str,
    pub(crate) secret: &'s str,
    pub(crate) region: &'s str,
}

/// A version 4 link to an object, signed for `life` seconds from `moment` (`20130524T000000Z`) on.
pub(crate) fn sign_version_4(signer: &Signer<'_>, moment: &str, life: u32) -> String {
    let Signer {
        host,
        path,
        id,
        secret,
        region,
    } = *signer;
    let day = moment.get(..8).unwrap_or_default();
    let query = format!(
        "X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential={id}%2F{day}%2F{region}%2Fs3%2F\
         aws4_request&X-Amz-Date={moment}&X-Amz-Expires={life}&X-Amz-SignedHeaders=host"
    );
    let address = Address {
        host,
        path,
        query: &query,
    };
    let algorithm = Algorithm::Version4 {
        moment: moment.to_owned(),
        scope: format!("{day}/{region}/s3/aws4_request"),
    };
    let key = algorithm.key(secret.as_bytes());
    let signature = algorithm.sign(&key, "GET", &form_4(&address));
    let signature = String::from_utf8_lossy(&signature);
    format!("https://{host}/{path}?{query}&X-Amz-Signature={signature}")
}

/// A version 2 link to an object whose bucket is the first label of the host.
pub(crate) fn sign_version_2(signer: &Signer<'_>, expires: &str) -> String {
    let Signer {
        host,
        path,
        id,
        secret,
        ..
    } = *signer;
    let bucket = host.split('.').next().unwrap_or_default();
    let form = form_2("", &format!("/{bucket}/{path}"), expires);
    let signature = Algorithm::Version2.sign(secret.as_bytes(), "GET", &form);
    let signature = encoded(encoding::to_base64(&signature).as_bytes(), b"");
    format!("https://{host}/{path}?AWSAccessKeyId={id}&Expires={expires}&Signature={signature}")
}

#[cfg(test)]
mod tests {
    use super::canonical::parameters;
    use super::*;

    /// The secret of Amazon's documentation.
    fn secret() -> String {
        ["wJalrXUtnFEMI/K7MDENG/", "bPxRfiCYEXAMPLEKEY"].concat()
    }

    /// A link of the documentation's key at the documentation's time, without its signature.
    fn version_4<'l>(host: &'l str, path: &'l str, query: &'l str, signature: &str) -> Signed {
        let address = Address { host, path, query };
        let scope = "20130524/us-east-1/s3/aws4_request";
        Signed::version_4(&address, "20130524T000000Z", scope, signature)
    }

    #[test]
    fn the_documented_version_4_link_is_signed_alike() {
        // Amazon S3 API Reference, the example of query parameter authentication.
        let signer = Signer {
            host: "examplebucket.s3.amazonaws.com",
            path: "test.txt",
            id: "AKIAIOSFODNN7EXAMPLE",
            secret: &secret(),
            region: "us-east-1",
        };
        let url = sign_version_4(&signer, "20130524T000000Z", 86_400);
        let end = "aeeed9bbccd4d02ee5c0109b86d86835f995330da4c265957d157751f604d404";
        assert!(url.ends_with(end), "{url}");
        let (_, query) = url.split_once('?').unwrap();
        let signed = version_4(signer.host, signer.path, query, end);
        assert_eq!(signed.method_by(secret().as_bytes()), Some("GET"));
        assert_eq!(signed.method_by(b"another"), None);
        let lower = query.replace("X-Amz-", "x-amz-");
        let signed = version_4(
            "ExampleBucket.s3.amazonaws.com:443",
            "test.txt",
            &lower,
            end,
        );
        assert_eq!(signed.method_by(secret().as_bytes()), Some("GET"));
    }

    #[test]
    fn the_documented_version_2_link_is_signed_alike() {
        // Amazon S3 Developer Guide of 2006-03-01, "Query String Request Authentication".
        let query = "AWSAccessKeyId=AKIAIOSFODNN7EXAMPLE&Signature=NpgCjnDzrM%2BWFzoENXmpNDUsSn8%3D\
                     &Expires=1175139620";
        let signature = encoding::base64(b"NpgCjnDzrM+WFzoENXmpNDUsSn8=").unwrap();
        let by = |host, path, bucket: Option<&str>| {
            let address = Address { host, path, query };
            let signed = Signed::version_2(&address, bucket, "1175139620", &signature);
            signed.method_by(secret().as_bytes())
        };
        let virtual_host = "johnsmith.s3.amazonaws.com";
        assert_eq!(
            by(virtual_host, "photos/puppy.jpg", Some("johnsmith")),
            Some("GET")
        );
        let path = "johnsmith/photos/puppy.jpg";
        assert_eq!(by("s3.amazonaws.com", path, Some("")), Some("GET"));
        for (host, path) in [
            ("johnsmith", "photos/puppy.jpg"),
            ("johnsmith.minio.example", "photos/puppy.jpg"),
            ("minio.example:9000", "johnsmith/photos/puppy.jpg"),
        ] {
            assert_eq!(by(host, path, None), Some("GET"), "{host}");
        }
        assert_eq!(
            by(virtual_host, "photos/kitten.jpg", Some("johnsmith")),
            None
        );
    }

    /// Host, path and query of a link.
    fn parts(link: &str) -> Address<'_> {
        let (_, rest) = link.split_once("://").unwrap();
        let (rest, query) = rest.split_once('?').unwrap();
        let (host, path) = rest.split_once('/').unwrap();
        Address { host, path, query }
    }

    fn value(address: &Address<'_>, name: &str) -> String {
        let parameters = parameters(address.query);
        let found = parameters
            .iter()
            .find(|(known, _)| known == name.as_bytes());
        let (_, value) = found.unwrap();
        String::from_utf8(value.clone().unwrap()).unwrap()
    }

    #[test]
    fn links_made_by_another_program_are_recomputed() {
        // botocore 1.43.11, `generate_presigned_url`, with the documentation's key.
        for (link, method) in [
            (
                "https://acme-logs.s3.amazonaws.com/a%20b/%C3%BC%2B%281%29~.csv?response-content-disposition=attachment%3B%20filename%3D%22a%20b.csv%22&versionId=3%2FL4k%2Bk&X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=AKIAIOSFODNN7EXAMPLE%2F20261124%2Fus-east-1%2Fs3%2Faws4_request&X-Amz-Date=20261124T083227Z&X-Amz-Expires=3600&X-Amz-SignedHeaders=host&X-Amz-Signature=dd3070afb695c17eb43cd4107b644824b30d164f49d577a0259375234c0b024a",
                "GET",
            ),
            (
                "http://minio.corp.example:9000/my.bucket///x%2A%27.bin?X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=ASIAIOSFODNN7EXAMPLE%2F20261124%2Fus-east-1%2Fs3%2Faws4_request&X-Amz-Date=20261124T083228Z&X-Amz-Expires=3600&X-Amz-SignedHeaders=host&X-Amz-Security-Token=IQoJb3JpZ2luX2VjEXAMPLE%2B%2F%3D%3D&X-Amz-Signature=27c8324b42c1e60c378b24531fcda87f7a3a976ddaafc9610cbc2e723e2870ef",
                "PUT",
            ),
            (
                "https://s3.amazonaws.com/my.bucket/x?uploads=&X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=AKIAIOSFODNN7EXAMPLE%2F20261124%2Fus-east-1%2Fs3%2Faws4_request&X-Amz-Date=20261124T083228Z&X-Amz-Expires=3600&X-Amz-SignedHeaders=host&X-Amz-Signature=50f8aa93768f767ede1b196b67484b6a7476273ff4a2bed76289621ab7bc3d28",
                "POST",
            ),
        ] {
            let address = parts(link);
            let credential = value(&address, "X-Amz-Credential");
            let (_, scope) = credential.split_once('/').unwrap();
            let (moment, signature) = (
                value(&address, "X-Amz-Date"),
                value(&address, "X-Amz-Signature"),
            );
            let signed = Signed::version_4(&address, &moment, scope, &signature);
            assert_eq!(
                signed.method_by(secret().as_bytes()),
                Some(method),
                "{link}"
            );
        }
        for (link, bucket, method) in [
            (
                "https://acme-logs.s3.amazonaws.com/a%20b/%C3%BC%2B%281%29~.csv?response-content-disposition=attachment%3B%20filename%3D%22a%20b.csv%22&versionId=3%2FL4k%2Bk&AWSAccessKeyId=ASIAIOSFODNN7EXAMPLE&Signature=8AdKAlRO4E9bjrAKaPAc591PtRw%3D&x-amz-security-token=IQoJb3JpZ2luX2VjEXAMPLE%2B%2F%3D%3D&Expires=1795512749",
                Some("acme-logs"),
                "GET",
            ),
            (
                "http://my.bucket.minio.corp.example:9000/x?AWSAccessKeyId=AKIAIOSFODNN7EXAMPLE&Signature=tinA1IbokvNP748hexJrBhuikyk%3D&content-type=text%2Fplain&Expires=1795512749",
                None,
                "PUT",
            ),
            (
                "https://s3.amazonaws.com/my.bucket?list-type=2&prefix=a%20b&encoding-type=url&AWSAccessKeyId=AKIAIOSFODNN7EXAMPLE&Signature=GqFl8HM6vKb0%2BO5ozpxQZPAHauc%3D&Expires=1795512749",
                Some(""),
                "GET",
            ),
        ] {
            let address = parts(link);
            let signature = encoding::base64(value(&address, "Signature").as_bytes()).unwrap();
            let expires = value(&address, "Expires");
            let signed = Signed::version_2(&address, bucket, &expires, &signature);
            assert_eq!(
                signed.method_by(secret().as_bytes()),
                Some(method),
                "{link}"
            );
        }
    }
}
