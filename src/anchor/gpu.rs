//! The engine for graphics processors.
