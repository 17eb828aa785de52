//! The levels of vector support the engine is written for, and which of them this machine has.

use std::fmt;

#[cfg(target_arch = "aarch64")]
use super::neon::Neon;
#[cfg(target_arch = "x86_64")]
use super::{avx2::Avx2, avx512::Avx512};

/// A set of instructions.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Tier {
    /// Plain integer code, on every machine.
    Portable,
    /// 16-byte vectors: every `AArch64` machine.
    Neon,
    /// 32-byte vectors: Intel since 2013, AMD since 2015.
    Avx2,
    /// 64-byte vectors with byte permutation (VBMI and VBMI2): Intel since 2019, AMD since 2022.
    Avx512,
}

impl Tier {
    /// The tiers of this machine, slowest first.
    #[must_use]
    pub fn available() -> Vec<Self> {
        let all = [Self::Portable, Self::Neon, Self::Avx2, Self::Avx512];
        all.into_iter()
            .filter(|tier| tier.unit().is_some())
            .collect()
    }

    /// The code of the tier, if the machine has it.
    pub(super) fn unit(self) -> Option<Unit> {
        match self {
            Self::Portable => Some(Unit::Portable),
            #[cfg(target_arch = "x86_64")]
            Self::Avx2 => Avx2::detect().map(Unit::Avx2),
            #[cfg(target_arch = "x86_64")]
            Self::Avx512 => Avx512::detect().map(Unit::Avx512),
            #[cfg(target_arch = "aarch64")]
            Self::Neon => Neon::detect().map(Unit::Neon),
            #[cfg(not(target_arch = "aarch64"))]
            Self::Neon => None,
            #[cfg(not(target_arch = "x86_64"))]
            Self::Avx2 | Self::Avx512 => None,
        }
    }
}

impl fmt::Display for Tier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Portable => "portable",
            Self::Neon => "NEON",
            Self::Avx2 => "AVX2",
            Self::Avx512 => "AVX-512",
        })
    }
}

/// The code to run. The vector units can only be made by detecting them, so holding one proves
/// that its instructions exist.
#[derive(Clone, Copy)]
pub(super) enum Unit {
    Portable,
    #[cfg(target_arch = "x86_64")]
    Avx2(Avx2),
    #[cfg(target_arch = "x86_64")]
    Avx512(Avx512),
    #[cfg(target_arch = "aarch64")]
    Neon(Neon),
}

impl Unit {
    /// The best one of this machine.
    pub(super) fn best() -> Self {
        let tiers = Tier::available().into_iter().rev();
        tiers
            .filter_map(Tier::unit)
            .next()
            .unwrap_or(Self::Portable)
    }

    pub(super) fn tier(self) -> Tier {
        match self {
            Self::Portable => Tier::Portable,
            #[cfg(target_arch = "x86_64")]
            Self::Avx2(_) => Tier::Avx2,
            #[cfg(target_arch = "x86_64")]
            Self::Avx512(_) => Tier::Avx512,
            #[cfg(target_arch = "aarch64")]
            Self::Neon(_) => Tier::Neon,
        }
    }
}
