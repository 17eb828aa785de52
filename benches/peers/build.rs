//! Links libhs: Hyperscan, or Vectorscan, its continuation (`libvectorscan-dev` on Debian).

fn main() {
    println!("cargo:rustc-link-lib=hs");
}
