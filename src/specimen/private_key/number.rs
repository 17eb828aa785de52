//! Primes, and the RSA keys made of them.

use num_bigint::BigUint;

use super::Stream;
use super::encoding::{integer, mpint, strings, tlv};

/// Bits of a specimen's RSA primes: keys of 2048 bits, as `ssh-keygen` made them for years.
pub(super) const RSA_PRIME: u64 = 1024;
pub(super) struct Rsa {
    pub(super) n: BigUint,
    pub(super) e: BigUint,
    pub(super) d: BigUint,
    pub(super) p: BigUint,
    pub(super) q: BigUint,
}

impl Rsa {
    pub(super) fn new(stream: &mut Stream) -> Self {
        let e = BigUint::from(65537u32);
        let one = BigUint::from(1u8);
        loop {
            let p = prime(stream, RSA_PRIME, &one);
            let q = prime(stream, RSA_PRIME, &one);
            let order = (&p - &one) * (&q - &one);
            if let (true, Some(d)) = (p != q, e.modinv(&order)) {
                let n = &p * &q;
                return Self { n, e, d, p, q };
            }
        }
    }

    pub(super) fn coefficient(&self) -> BigUint {
        // Two different primes: the inverse exists.
        self.q.modinv(&self.p).unwrap_or_default()
    }

    /// `RSAPrivateKey` of RFC 8017, appendix A.1.2.
    pub(super) fn pkcs1(&self) -> Vec<u8> {
        let one = BigUint::from(1u8);
        let exponent = |prime: &BigUint| &self.d % (prime - &one);
        let numbers = [
            &BigUint::ZERO,
            &self.n,
            &self.e,
            &self.d,
            &self.p,
            &self.q,
            &exponent(&self.p),
            &exponent(&self.q),
            &self.coefficient(),
        ];
        tlv(0x30, &[&numbers.map(integer).concat()])
    }

    pub(super) fn blob(&self) -> Vec<u8> {
        [strings(&[b"ssh-rsa"]), mpint(&self.e), mpint(&self.n)].concat()
    }
}

/// A number of at most `bits` bits.
pub(super) fn random(stream: &mut Stream, bits: u64) -> BigUint {
    let mut bytes = vec![0; bits.div_ceil(8) as usize];
    stream.fill(&mut bytes);
    BigUint::from_bytes_be(&bytes) % (BigUint::from(1u8) << bits)
}

/// A prime of exactly `bits` bits, its two highest set, that leaves 1 when divided by `step`.
pub(super) fn prime(stream: &mut Stream, bits: u64, step: &BigUint) -> BigUint {
    let one = BigUint::from(1u8);
    let top = BigUint::from(3u8) << (bits - 2);
    loop {
        let mut candidate = random(stream, bits) | &top | &one;
        if *step != one {
            candidate = &candidate - &candidate % step + &one;
        }
        if candidate.bits() == bits && is_prime(&candidate) {
            return candidate;
        }
    }
}

/// Miller-Rabin with fixed bases: enough for numbers that nobody chose to deceive.
pub(super) fn is_prime(number: &BigUint) -> bool {
    let one = BigUint::from(1u8);
    let has_small_factor = (3u32..2000)
        .step_by(2)
        .any(|small| (number % small) == BigUint::ZERO);
    if has_small_factor || !number.bit(0) {
        return false;
    }
    let less = number - &one;
    let twos = less.trailing_zeros().unwrap_or(0);
    let odd = &less >> twos;
    [2u8, 3, 5, 7, 11].into_iter().all(|base| {
        let mut power = BigUint::from(base).modpow(&odd, number);
        if power == one || power == less {
            return true;
        }
        (1..twos).any(|_| {
            power = &power * &power % number;
            power == less
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn primes_are_told_from_what_resembles_them() {
        let number = |text: &str| text.parse::<BigUint>().unwrap();

        // 2^127 - 1 and 2^521 - 1 are prime; 2^67 - 1 is not, though Mersenne thought so.
        let mersenne = |power: u32| (BigUint::from(1u8) << power) - 1u8;
        assert!(is_prime(&mersenne(127)) && is_prime(&mersenne(521)));
        assert!(!is_prime(&mersenne(67)) && !is_prime(&mersenne(523)));
        assert!(!is_prime(&(number("1000000007") * number("1000000009"))));
    }
}
