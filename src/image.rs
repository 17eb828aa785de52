//! Opening what is to be searched.

mod map;

pub use map::Map;
