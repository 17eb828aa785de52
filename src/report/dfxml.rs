//! Digital Forensics XML, for the tools of examiners.
//!
//! One `fileobject` per file with findings, with the byte runs of the findings in the image, under
//! the element order of version 1.2 of the schema of the DFXML working group. What that schema has
//! no element for is in elements of a namespace of our own, which it allows at a file object's end.
//!
//! Findings that follow each other in the same file share one object. A disk is read from its first
//! byte to its last, so a fragmented file can come up again: its objects have the same inode.

use std::io::{self, Write};

use quick_xml::Writer;
use quick_xml::events::{BytesDecl, BytesEnd, BytesStart, BytesText, Event};

use super::terminal::visible;
use super::{Report, Setting};
use crate::finding::summary::Summary;
use crate::finding::{Finding, Occurrence};

/// The schema's namespace.
const NAMESPACE: &str = "http://www.forensicswiki.org/wiki/Category:Digital_Forensics_XML";
/// Of Dublin Core, which describes the document.
const DUBLIN_CORE: &str = "http://purl.org/dc/elements/1.1/";
/// Of our own elements. It is a name, not an address.
const OWN: &str = "urn:keydredge:dfxml:1";
/// The schema's version.
const VERSION: &str = "1.2.0";
/// Findings in one object; a file with more has several.
const MOST_IN_ONE: usize = 10_000;

pub(super) struct Dfxml<'w> {
    xml: Writer<Box<dyn Write + 'w>>,
    inputs: Vec<String>,
    begun: bool,
    /// Findings in the same file, not yet written.
    together: Vec<Finding>,
}

impl<'w> Dfxml<'w> {
    pub(super) fn new(writer: Box<dyn Write + 'w>, setting: &Setting<'_>) -> Self {
        Self {
            xml: Writer::new_with_indent(writer, b' ', 1),
            inputs: setting.inputs.to_vec(),
            begun: false,
            together: Vec::new(),
        }
    }

    fn begin(&mut self) -> io::Result<()> {
        if self.begun {
            return Ok(());
        }
        self.begun = true;
        let declaration = BytesDecl::new("1.0", Some("UTF-8"), None);
        self.xml.write_event(Event::Decl(declaration))?;
        let root = BytesStart::new("dfxml").with_attributes([
            ("xmlns", NAMESPACE),
            ("xmlns:dc", DUBLIN_CORE),
            ("xmlns:kd", OWN),
            ("version", VERSION),
        ]);
        self.xml.write_event(Event::Start(root))?;
        let inputs = std::mem::take(&mut self.inputs);
        self.xml
            .create_element("metadata")
            .write_inner_content(|xml| element(xml, "dc:type", "Feature Extraction"))?;
        self.xml
            .create_element("creator")
            .write_inner_content(|xml| {
                element(xml, "program", "keydredge")?;
                element(xml, "version", env!("CARGO_PKG_VERSION"))
            })?;
        self.xml
            .create_element("source")
            .write_inner_content(|xml| {
                for input in &inputs {
                    element(xml, "image_filename", input)?;
                }
                Ok(())
            })?;
        Ok(())
    }

    /// Writes the object of the findings that belong together.
    fn flush_object(&mut self) -> io::Result<()> {
        let together = std::mem::take(&mut self.together);
        let Some(first) = together.first() else {
            return Ok(());
        };
        let place = &first.occurrence;
        self.xml
            .create_element("fileobject")
            .write_inner_content(|xml| {
                if let Some(path) = &place.path {
                    element(xml, "filename", path)?;
                }
                if let Some(partition) = place.partition {
                    element(xml, "partition", &partition.to_string())?;
                }
                element(
                    xml,
                    "name_type",
                    if place.path.is_some() { "r" } else { "-" },
                )?;
                match place.state.as_deref() {
                    Some("allocated") => element(xml, "alloc", "1")?,
                    Some("deleted") => element(xml, "alloc", "0")?,
                    _ => {}
                }
                if let Some(inode) = place.inode {
                    element(xml, "inode", &inode.to_string())?;
                }
                if let Some((user, group)) = place.owner {
                    element(xml, "uid", &user.to_string())?;
                    element(xml, "gid", &group.to_string())?;
                }
                if let Some(modified) = &place.modified {
                    element(xml, "mtime", modified)?;
                }
                xml.create_element("byte_runs").write_inner_content(|xml| {
                    together
                        .iter()
                        .try_for_each(|finding| runs(xml, &finding.occurrence))
                })?;
                // Which of the sources it lies in.
                element(xml, "kd:image", &place.input)?;
                together.iter().try_for_each(|finding| own(xml, finding))
            })?;
        Ok(())
    }
}

type Xml<'w> = Writer<Box<dyn Write + 'w>>;

/// An element with a text. XML has no way to write control characters and unpaired halves, so the
/// text is made visible first; the serializer escapes the rest.
fn element(xml: &mut Xml<'_>, name: &str, text: &str) -> io::Result<()> {
    let text: String = visible(text)
        .chars()
        .map(|character| match character {
            '\u{fffe}' | '\u{ffff}' => '\u{fffd}',
            other => other,
        })
        .collect();
    xml.create_element(name)
        .write_text_content(BytesText::new(&text))?;
    Ok(())
}

fn runs(xml: &mut Xml<'_>, place: &Occurrence) -> io::Result<()> {
    for (number, (offset, length)) in (0..).zip(place.ranges()) {
        let mut attributes = Vec::new();
        // Of the later pieces it is not known which byte of the file they begin at.
        if let Some(at) = place.file_offset.filter(|_| number == 0) {
            attributes.push(("file_offset", at.to_string()));
        }
        // A file that was read as a file has no image.
        if place.is_on_disk() || place.path.is_none() {
            attributes.push(("img_offset", offset.to_string()));
        }
        attributes.push(("len", length.to_string()));
        let attributes = attributes
            .iter()
            .map(|(name, value)| (*name, value.as_str()));
        xml.create_element("byte_run")
            .with_attributes(attributes)
            .write_empty()?;
    }
    Ok(())
}

/// The finding itself.
fn own(xml: &mut Xml<'_>, finding: &Finding) -> io::Result<()> {
    let place = &finding.occurrence;
    // Named by a rule file, which may be a stranger's too.
    let variant = visible(&finding.variant);
    let attributes = [
        ("type", finding.secret_type.as_str()),
        ("variant", variant.as_str()),
        ("severity", finding.severity.name()),
        ("verdict", finding.verdict.name()),
        ("fingerprint", finding.fingerprint.as_str()),
        ("forensic_path", place.forensic_path.as_str()),
    ];
    xml.create_element("kd:finding")
        .with_attributes(attributes)
        .write_inner_content(|xml| {
            element(xml, "kd:preview", &finding.secret.preview)?;
            if let Some(state) = &place.state {
                element(xml, "kd:state", state)?;
            }
            if let Some(pointer) = &place.pointer {
                element(xml, "kd:pointer", pointer)?;
            }
            if let Some(target) = &finding.target {
                let endpoint = target.endpoint.as_deref().unwrap_or(&target.name);
                element(xml, "kd:target", &format!("{} {endpoint}", target.kind))?;
            }
            if let Some(reason) = &finding.suppressed {
                element(xml, "kd:suppressed", reason)?;
            }
            if let Some(value) = &finding.secret.value {
                element(xml, "kd:value", value)?;
            }
            Ok(())
        })?;
    Ok(())
}

/// Whether two findings lie in the same file; those of no file are never together.
fn same_file(one: &Occurrence, two: &Occurrence) -> bool {
    one.path.is_some()
        && (&one.input, one.partition, one.inode, &one.path, &one.state)
            == (&two.input, two.partition, two.inode, &two.path, &two.state)
}

impl Report for Dfxml<'_> {
    fn finding(&mut self, finding: &Finding) -> io::Result<()> {
        self.begin()?;
        let goes_on = self.together.last().is_some_and(|last| {
            same_file(&last.occurrence, &finding.occurrence) && self.together.len() < MOST_IN_ONE
        });
        if !goes_on {
            self.flush_object()?;
        }
        self.together.push(finding.clone());
        Ok(())
    }

    fn finish(&mut self, summary: &Summary) -> io::Result<()> {
        self.begin()?;
        self.flush_object()?;
        let complete = if summary.complete { "1" } else { "0" };
        self.xml
            .create_element("kd:summary")
            .with_attributes([("complete", complete)])
            .write_inner_content(|xml| {
                element(xml, "kd:bytes_read", &summary.bytes_read.to_string())?;
                for range in &summary.unreadable {
                    let (start, length) = (
                        range.start.to_string(),
                        range.end.saturating_sub(range.start).to_string(),
                    );
                    xml.create_element("kd:unreadable")
                        .with_attributes([("img_offset", start.as_str()), ("len", length.as_str())])
                        .write_text_content(BytesText::new(&visible(&range.input)))?;
                }
                for warning in summary.warnings.iter().chain(&summary.changed) {
                    element(xml, "kd:warning", warning)?;
                }
                Ok(())
            })?;
        self.xml.write_event(Event::End(BytesEnd::new("dfxml")))?;
        let writer = self.xml.get_mut();
        writer.write_all(b"\n")?;
        writer.flush()
    }
}
