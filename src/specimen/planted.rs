//! What lies on the demo disk: one row per planted secret or look-alike.

/// A specimen, the file it is written to, and the text around it.
pub(super) struct Plant {
    /// Identifier of the secret type it is, or looks like.
    pub(super) secret_type: &'static str,
    /// Name of the specimen.
    pub(super) maker: &'static str,
    /// Path on the disk.
    pub(super) path: &'static str,
    /// Content of the file; `{}` is the specimen.
    pub(super) template: &'static str,
    /// Whether it must be found.
    pub(super) secret: bool,
    /// Whether the file is deleted afterwards.
    pub(super) deleted: bool,
}

/// Everything on the disk.
pub(super) const PLANTED: &[Plant] = &[];
