//! Vectorscan's (or Hyperscan's) literal mode, by its C interface (`hs_compile.h`, `hs_runtime.h`).

use std::ffi::{c_char, c_int, c_uint, c_ulonglong, c_void};
use std::ptr;

use keydredge::anchor::table::Literal;

use crate::matcher::{Matcher, Slice, follows};

const MODE_BLOCK: c_uint = 1;
const CASELESS: c_uint = 1;

#[repr(C)]
struct Database(c_void);
#[repr(C)]
struct Scratch(c_void);
#[repr(C)]
struct CompileError {
    message: *const c_char,
    expression: c_int,
}

type OnMatch = extern "C" fn(c_uint, c_ulonglong, c_ulonglong, c_uint, *mut c_void) -> c_int;

unsafe extern "C" {
    fn hs_compile_lit_multi(
        expressions: *const *const c_char,
        flags: *const c_uint,
        ids: *const c_uint,
        lens: *const usize,
        elements: c_uint,
        mode: c_uint,
        platform: *const c_void,
        database: *mut *mut Database,
        error: *mut *mut CompileError,
    ) -> c_int;
    fn hs_alloc_scratch(database: *const Database, scratch: *mut *mut Scratch) -> c_int;
    fn hs_scan(
        database: *const Database,
        data: *const c_char,
        len: c_uint,
        flags: c_uint,
        scratch: *mut Scratch,
        on_match: OnMatch,
        context: *mut c_void,
    ) -> c_int;
    fn hs_version() -> *const c_char;
    fn hs_free_scratch(scratch: *mut Scratch) -> c_int;
    fn hs_free_database(database: *mut Database) -> c_int;
}

pub(crate) struct Hyperscan {
    database: *mut Database,
    scratch: *mut Scratch,
    literals: Vec<Literal>,
}

/// What a match is counted by.
struct Context<'a> {
    bytes: &'a [u8],
    literals: &'a [Literal],
    count: usize,
}

impl Hyperscan {
    pub(crate) fn new(literals: &[Literal]) -> Result<Self, String> {
        let count = c_uint::try_from(literals.len()).map_err(|error| error.to_string())?;
        let texts: Vec<*const c_char> = literals
            .iter()
            .map(|literal| literal.bytes.as_ptr().cast())
            .collect();
        let lens: Vec<usize> = literals.iter().map(|literal| literal.bytes.len()).collect();
        let caseless = |literal: &Literal| if literal.nocase { CASELESS } else { 0 };
        let flags: Vec<c_uint> = literals.iter().map(caseless).collect();
        let ids: Vec<c_uint> = (0..count).collect();
        let (mut database, mut error, mut scratch) =
            (ptr::null_mut(), ptr::null_mut(), ptr::null_mut());
        // SAFETY: the four arrays have `count` elements each and outlive the call, which keeps
        // nothing of them.
        let compiled = unsafe {
            hs_compile_lit_multi(
                texts.as_ptr(),
                flags.as_ptr(),
                ids.as_ptr(),
                lens.as_ptr(),
                count,
                MODE_BLOCK,
                ptr::null(),
                &raw mut database,
                &raw mut error,
            )
        };
        if compiled != 0 {
            // SAFETY: the library fills in the error when it gives this code, and a compile error
            // has a message that is a C string.
            let (message, which) = unsafe {
                let error = &*error;
                (std::ffi::CStr::from_ptr(error.message), error.expression)
            };
            let which = usize::try_from(which)
                .ok()
                .and_then(|index| literals.get(index));
            let which = which.map(|literal| String::from_utf8_lossy(&literal.bytes));
            return Err(format!(
                "libhs refuses {which:?}: {}",
                message.to_string_lossy()
            ));
        }
        // SAFETY: the database was just made.
        let made = unsafe { hs_alloc_scratch(database, &raw mut scratch) };
        if made != 0 {
            return Err(format!("hs_alloc_scratch gives {made}"));
        }
        Ok(Self {
            database,
            scratch,
            literals: literals.to_vec(),
        })
    }
}

impl Drop for Hyperscan {
    fn drop(&mut self) {
        // SAFETY: both were made by the library and are used by nobody else.
        unsafe {
            hs_free_scratch(self.scratch);
            hs_free_database(self.database);
        }
    }
}

impl Matcher for Hyperscan {
    fn name(&self) -> String {
        // SAFETY: the library's version is a constant string.
        let version = unsafe { std::ffi::CStr::from_ptr(hs_version()) };
        format!("vectorscan {}", version.to_string_lossy())
    }

    fn count(&mut self, slice: &Slice<'_>) -> usize {
        let mut context = Context {
            bytes: slice.bytes,
            literals: &self.literals,
            count: 0,
        };
        // SAFETY: database and scratch belong together, the bytes are there for the whole call,
        // and the callback gets back the context as it is given here.
        let scanned = unsafe {
            hs_scan(
                self.database,
                slice.bytes.as_ptr().cast(),
                slice.bytes.len() as c_uint,
                0,
                self.scratch,
                on_match,
                (&raw mut context).cast(),
            )
        };
        if scanned == 0 { context.count } else { 0 }
    }
}

extern "C" fn on_match(
    id: c_uint,
    _from: c_ulonglong,
    to: c_ulonglong,
    _flags: c_uint,
    context: *mut c_void,
) -> c_int {
    // SAFETY: `hs_scan` hands on the context that `count` gave it, and nothing else uses it
    // meanwhile.
    let context = unsafe { &mut *context.cast::<Context<'_>>() };
    let literal = &context.literals[id as usize];
    context.count += usize::from(follows(literal, context.bytes, to as usize));
    0
}
