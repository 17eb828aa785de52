//! Where a finding lies, in SARIF's terms.
//!
//! A file in an image is an artifact below the image (`originalUriBaseIds`), its region counts
//! bytes of the file; where the bytes lie in the image itself is a related location. A finding that
//! belongs to no file has a region of the image.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use super::super::terminal::visible;
use crate::finding::{Finding, Occurrence};

/// The folder that relative inputs are in.
const INPUTS: &str = "INPUTS";

/// The images that results refer to.
#[derive(Default)]
pub(super) struct Places {
    images: BTreeMap<String, usize>,
}

impl Places {
    /// The name of the base of files in this image.
    fn base(&mut self, image: &str) -> String {
        let next = self.images.len() + 1;
        let number = self.images.entry(image.to_owned()).or_insert(next);
        format!("IMAGE{number}")
    }

    /// The location of a result.
    pub(super) fn location(&mut self, finding: &Finding) -> Value {
        let place = &finding.occurrence;
        let physical = match &place.path {
            Some(path) if place.is_on_disk() => in_file(
                json!({
                    "uri": encoded(path.trim_start_matches('/')),
                    "uriBaseId": self.base(&place.input),
                }),
                finding,
            ),
            Some(path) => in_file(input(path), finding),
            None => image_region(place, place.offset, place.length),
        };
        let mut location = json!({"physicalLocation": physical});
        let logical = logical(place);
        if !logical.is_empty() {
            location["logicalLocations"] = logical.into();
        }
        location
    }

    /// Where the bytes of a finding in a file lie in the image.
    pub(super) fn related(&self, finding: &Finding) -> Vec<Value> {
        let place = &finding.occurrence;
        if place.path.is_none() || !place.is_on_disk() {
            return Vec::new();
        }
        (1_u32..)
            .zip(place.ranges())
            .map(|(id, (offset, length))| {
                json!({
                    "id": id,
                    "message": {"text": "in the image"},
                    "physicalLocation": image_region(place, offset, length),
                })
            })
            .collect()
    }

    /// The bases that were used.
    pub(super) fn bases(&self) -> BTreeMap<String, Value> {
        let images = self.images.iter().map(|(image, number)| {
            let mut base = artifact(image);
            if let Some(Value::String(uri)) = base.get_mut("uri") {
                uri.push('/');
            }
            let text = format!("the files in {}", visible(image));
            base.insert("description".to_owned(), json!({"text": text}));
            (format!("IMAGE{number}"), base.into())
        });
        let inputs = json!({"description": {"text": "the folder that the program was started in"}});
        images.chain([(INPUTS.to_owned(), inputs)]).collect()
    }
}

fn in_file(artifact: Value, finding: &Finding) -> Value {
    let mut physical = json!({"artifactLocation": artifact});
    let region = region(finding);
    // A case does not keep where in a file a secret lies, only where in the image.
    if !region.is_empty() {
        physical["region"] = region.into();
    }
    physical
}

fn image_region(place: &Occurrence, offset: u64, length: u64) -> Value {
    json!({
        "artifactLocation": input(&place.input),
        "region": {"byteOffset": offset, "byteLength": length},
    })
}

/// The bytes in the file, and its line if it is a text.
fn region(finding: &Finding) -> Map<String, Value> {
    let place = &finding.occurrence;
    let mut region = Map::new();
    if let Some(line) = place.line {
        region.insert("startLine".to_owned(), line.into());
    }
    let offset = match place.file_offset {
        None if !place.is_on_disk() => Some(place.offset),
        known => known,
    };
    if let Some(offset) = offset {
        // What a file system compressed takes whole blocks on the disk, and its own length in the
        // file.
        let is_compressed =
            !place.pieces.is_empty() && place.forensic_path != place.offset.to_string();
        let length = if is_compressed {
            u64::try_from(finding.secret.length).unwrap_or(u64::MAX)
        } else {
            place.length
        };
        region.insert("byteOffset".to_owned(), offset.into());
        region.insert("byteLength".to_owned(), length.into());
    }
    region
}

/// Partition, file system, inode, the way through decoders; deployment, resource and the pointer into
/// a document.
fn logical(place: &Occurrence) -> Vec<Value> {
    let input = visible(&place.input);
    let mut all = Vec::new();
    let mut add = |kind: &str, name: String, full: String| {
        all.push(json!({"kind": kind, "name": name, "fullyQualifiedName": full}));
    };
    let mut base = input.clone();
    if let Some(partition) = place.partition {
        base = format!("{input}/partition{partition}");
        add("partition", partition.to_string(), base.clone());
    }
    if let Some(name) = &place.filesystem {
        base = format!("{base}/{}", visible(name));
        add("file-system", visible(name), base.clone());
    }
    if let Some(inode) = place.inode {
        add("inode", inode.to_string(), format!("{base}/inode{inode}"));
    }
    let forensic = &place.forensic_path;
    add(
        "forensic-path",
        forensic.clone(),
        format!("{input}:{forensic}"),
    );
    if let Some(deployment) = &place.deployment {
        let deployment = visible(deployment);
        add("deployment", deployment.clone(), deployment);
    }
    if let Some(resource) = &place.resource {
        let resource = visible(resource);
        add("resource", resource.clone(), resource);
    }
    if let Some(pointer) = &place.pointer {
        let pointer = visible(pointer);
        add(
            "json-pointer",
            pointer.clone(),
            format!("{input}#{pointer}"),
        );
    }
    all
}

/// An input, or a file that is not in an image.
fn input(name: &str) -> Value {
    if name == "-" {
        return json!({"uri": "stdin", "description": {"text": "standard input"}});
    }
    artifact(name).into()
}

fn artifact(path: &str) -> Map<String, Value> {
    let mut map = Map::new();
    if path.starts_with('/') {
        map.insert("uri".to_owned(), format!("file://{}", encoded(path)).into());
    } else {
        map.insert("uri".to_owned(), encoded(path).into());
        map.insert("uriBaseId".to_owned(), INPUTS.into());
    }
    map
}

/// A path as a URI reference: every byte but the unreserved ones of RFC 3986 is escaped, so that no
/// name can bring a scheme, a host or a query of its own.
fn encoded(path: &str) -> String {
    path.bytes().fold(String::new(), |mut out, byte| {
        if byte.is_ascii_alphanumeric() || b"-._~/".contains(&byte) {
            out.push(char::from(byte));
        } else {
            out.push_str(&format!("%{byte:02X}"));
        }
        out
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_cannot_become_another_uri() {
        assert_eq!(encoded("javascript:alert(1)"), "javascript%3Aalert%281%29");
        assert_eq!(encoded("a b/ä?x#y"), "a%20b/%C3%A4%3Fx%23y");
        assert_eq!(artifact("/mnt/x.img")["uri"], "file:///mnt/x.img");
        assert_eq!(artifact("x.img")["uriBaseId"], "INPUTS");
        assert_eq!(input("-")["uri"], "stdin");
    }
}
