//! Walks DER (X.690) where no crate knows the structure: field by field, by tag.

use der::asn1::AnyRef;
use der::oid::ObjectIdentifier;
use der::{Decode, Tag, TagNumber};

use super::Refusal;

/// The fields of a structure that are still to be read.
#[derive(Clone, Copy)]
pub(super) struct Fields<'a>(pub(super) &'a [u8]);

/// An explicit or constructed context tag: `[0]`.
pub(super) fn context(number: u32) -> Tag {
    Tag::ContextSpecific {
        constructed: true,
        number: TagNumber(number),
    }
}

impl<'a> Fields<'a> {
    /// The fields of the structure that `bytes` begins with; what follows it is left alone.
    pub(super) fn of_structure(bytes: &'a [u8]) -> Result<Self, Refusal> {
        Self(bytes).field(Tag::Sequence).map(Self)
    }

    /// The next field with its tag, if there is one.
    pub(super) fn next(&mut self) -> Option<AnyRef<'a>> {
        let (field, rest) = AnyRef::from_der_partial(self.0).ok()?;
        self.0 = rest;
        Some(field)
    }

    /// The content of the next field, which must have this tag.
    pub(super) fn field(&mut self, tag: Tag) -> Result<&'a [u8], Refusal> {
        self.optional(tag).ok_or(Refusal::Misfit)
    }

    /// The content of the next field if it has this tag.
    pub(super) fn optional(&mut self, tag: Tag) -> Option<&'a [u8]> {
        let before = *self;
        match self.next() {
            Some(field) if der::Tagged::tag(&field) == tag => Some(field.value()),
            _ => {
                *self = before;
                None
            }
        }
    }

    /// The next field's bytes whole, with its tag and length.
    pub(super) fn whole(&mut self, tag: Tag) -> Result<&'a [u8], Refusal> {
        let before = self.0;
        self.field(tag)?;
        let len = before.len().saturating_sub(self.0.len());
        before.get(..len).ok_or(Refusal::Misfit)
    }

    /// The fields of the next field.
    pub(super) fn enter(&mut self, tag: Tag) -> Result<Self, Refusal> {
        self.field(tag).map(Self)
    }

    /// The next field as an object identifier.
    pub(super) fn oid(&mut self) -> Result<ObjectIdentifier, Refusal> {
        let bytes = self.field(Tag::ObjectIdentifier)?;
        ObjectIdentifier::from_bytes(bytes).map_err(|_| Refusal::Misfit)
    }

    /// The next field as a small number.
    pub(super) fn number(&mut self) -> Result<u32, Refusal> {
        let bytes = self.whole(Tag::Integer)?;
        u32::from_der(bytes).map_err(super::pkcs::misfit)
    }
}
