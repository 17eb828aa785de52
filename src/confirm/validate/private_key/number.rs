//! The arithmetic that ties the two halves of a key together.
//!
//! A structure that merely parses is easily made by accident or by a broken copy. Only numbers
//! that belong together make a key, and a single flipped bit tears them apart. Sizes are capped
//! first: the numbers come from a stranger's disk and long division is quadratic.

#![allow(
    clippy::arithmetic_side_effects,
    reason = "big integers do not overflow; primes are above one before one is taken off, and a \
              modulus is never zero"
)]

use num_bigint::BigUint;

use super::Refusal;
use super::public::{Curve, Public};

/// OpenSSH reads no RSA modulus longer than this (`SSHBUF_MAX_BIGNUM`), in bits.
const LONGEST_MODULUS: u64 = 16 * 1024;
/// Below this a modulus is a text book's, in bits.
const SHORTEST_MODULUS: u64 = 512;
/// FIPS 186-3 ends at 3072 bits; some tools made 4096.
const LONGEST_DSA_PRIME: u64 = 4096;
/// FIPS 186-3 ends at 256 bits.
const LONGEST_DSA_ORDER: u64 = 512;

/// The numbers of an RSA key, big-endian.
pub(super) struct Rsa<'a> {
    /// Modulus.
    pub(super) n: &'a [u8],
    /// Public exponent.
    pub(super) e: &'a [u8],
    /// Private exponent.
    pub(super) d: &'a [u8],
    /// First prime.
    pub(super) p: &'a [u8],
    /// Second prime.
    pub(super) q: &'a [u8],
    /// `d mod (p - 1)` and `d mod (q - 1)`; SSH formats leave them out.
    pub(super) exponents: Option<(&'a [u8], &'a [u8])>,
    /// Inverse of `q` modulo `p`.
    pub(super) coefficient: &'a [u8],
}

impl Rsa<'_> {
    /// The public half, if the numbers belong together (RFC 8017, section 3.2).
    pub(super) fn prove(&self) -> Result<Public, Refusal> {
        let odd = Refusal::Broken("the RSA numbers do not belong together");
        let number = BigUint::from_bytes_be;
        let (n, e, d) = (number(self.n), number(self.e), number(self.d));
        let (p, q, inverse) = (number(self.p), number(self.q), number(self.coefficient));
        if !(SHORTEST_MODULUS..=LONGEST_MODULUS).contains(&n.bits()) || e.bits() > 256 {
            return Err(Refusal::Broken("no RSA key has numbers of this size"));
        }
        let at_most = |number: &BigUint| number.bits() <= LONGEST_MODULUS;
        let one = BigUint::from(1u8);
        if ![&d, &p, &q, &inverse].into_iter().all(at_most) || p <= one || q <= one {
            return Err(odd);
        }
        let (before_p, before_q) = (&p - &one, &q - &one);
        let inverts = |exponent: &BigUint, modulus: &BigUint| is_one(&(exponent * &e), modulus);
        let holds = &p * &q == n
            && inverts(&d, &before_p)
            && inverts(&d, &before_q)
            && is_one(&(&inverse * &q), &p);
        let exponents_hold = self.exponents.is_none_or(|(dp, dq)| {
            let (dp, dq) = (number(dp), number(dq));
            dp < p && dq < q && inverts(&dp, &before_p) && inverts(&dq, &before_q)
        });
        if !holds || !exponents_hold {
            return Err(odd);
        }
        Ok(Public::Rsa {
            n: n.to_bytes_be(),
            e: e.to_bytes_be(),
        })
    }
}

/// The public half of a DSA key, if its numbers belong together (FIPS 186-4, section 4.1). The
/// public number is computed where the format does not store it.
pub(super) fn dsa([p, q, g]: [&[u8]; 3], y: Option<&[u8]>, x: &[u8]) -> Result<Public, Refusal> {
    let number = BigUint::from_bytes_be;
    let (p, q, g, x) = (number(p), number(q), number(g), number(x));
    let one = BigUint::from(1u8);
    let sizes = (SHORTEST_MODULUS..=LONGEST_DSA_PRIME).contains(&p.bits())
        && (128..=LONGEST_DSA_ORDER).contains(&q.bits())
        && p.bit(0);
    // Some devices drew the private number without reducing it below the order.
    if !sizes || g <= one || g >= p || x.bits() > q.bits() || x < one || !is_one(&p, &q) {
        return Err(Refusal::Broken("the DSA numbers are out of range"));
    }
    let computed = g.modpow(&x, &p);
    if y.is_some_and(|y| number(y) != computed) {
        return Err(Refusal::Broken("the public DSA number is another key's"));
    }
    Ok(Public::Dsa {
        p: p.to_bytes_be(),
        q: q.to_bytes_be(),
        g: g.to_bytes_be(),
        y: computed.to_bytes_be(),
    })
}

/// The public half of a key on a NIST curve: the point `scalar * G`, which must be the stored one
/// if one is stored. Scalars are read with and without leading zeros: both are written.
pub(super) fn ecdsa(curve: Curve, scalar: &[u8], point: Option<&[u8]>) -> Result<Public, Refusal> {
    let points = curve
        .points(scalar)
        .ok_or(Refusal::Broken("the scalar is out of the curve's range"))?;
    if point.is_some_and(|stored| stored != points.whole && stored != points.compressed) {
        return Err(Refusal::Broken("the point is another key's"));
    }
    Ok(Public::Ecdsa {
        curve,
        point: points.whole,
    })
}

/// The public half of an Ed25519 key, which must be the stored one if one is stored.
pub(super) fn ed25519(seed: &[u8], point: Option<&[u8]>) -> Result<Public, Refusal> {
    let seed: &[u8; 32] = seed
        .try_into()
        .map_err(|_| Refusal::Broken("an Ed25519 seed has 32 bytes"))?;
    let computed = ed25519_dalek::SigningKey::from_bytes(seed).verifying_key();
    if point.is_some_and(|stored| stored != computed.as_bytes()) {
        return Err(Refusal::Broken("the public half is another key's"));
    }
    Ok(Public::Ed25519(computed.to_bytes()))
}

/// Whether `number` leaves 1 when divided by `modulus`.
fn is_one(number: &BigUint, modulus: &BigUint) -> bool {
    let one = BigUint::from(1u8);
    *modulus > one && number % modulus == one
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_scalar_is_read_with_and_without_its_leading_zeros() {
        let short = ecdsa(Curve::P256, &[7; 30], None);
        assert!(short.is_ok());
        let whole = [&[0, 0], &[7; 30][..]].concat();
        assert_eq!(short, ecdsa(Curve::P256, &whole, None));
        let signed = [&[0], &whole[..]].concat();
        assert_eq!(short, ecdsa(Curve::P256, &signed, None));
        assert!(ecdsa(Curve::P256, &[0xff; 32], None).is_err());
        assert!(ecdsa(Curve::P256, &[0; 32], None).is_err());
    }

    #[test]
    fn numbers_of_absurd_sizes_are_refused_before_they_are_multiplied() {
        let huge = vec![0xff; 8000];
        let rsa = Rsa {
            n: &huge,
            e: &[3],
            d: &huge,
            p: &huge,
            q: &huge,
            exponents: None,
            coefficient: &huge,
        };
        assert!(rsa.prove().is_err());
        assert!(dsa([&huge; 3], None, &huge).is_err());
        // The smallest numbers there are: nothing is subtracted from zero.
        let none = Rsa {
            n: &[0xff; 128],
            e: &[],
            d: &[],
            p: &[1],
            q: &[],
            exponents: Some((&[], &[])),
            coefficient: &[],
        };
        assert!(none.prove().is_err());
    }
}
