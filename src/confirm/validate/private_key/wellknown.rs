//! Keys that are no secret: the same one lies in every device of a model, or in every copy of a
//! program, and anybody can download it.
//!
//! The fingerprints were computed with `ssh-keygen -l` from the key files of the public collection
//! `rapid7/ssh-badkeys`; the names are the files' names there. Those of `GnuTLS` are the keys of its self
//! tests (`lib/crypto-selftests-pk.c`), which lie in every copy of the library.

/// The device or program whose users all have this key.
pub(super) fn device(fingerprint: &str) -> Option<&'static str> {
    let digest = fingerprint.strip_prefix("SHA256:")?;
    DEVICES
        .iter()
        .find(|(known, _)| *known == digest)
        .map(|(_, device)| *device)
}

/// Fingerprint without its `SHA256:`, and what has the key.
#[rustfmt::skip]
const DEVICES: &[(&str, &str)] = &[
    ("EYb3seR7zeXfX5vRAHvcZ4f/25rWfBmDoC5t2UVlUYs", "gnutls-self-test"),
    ("aTOClQtdjWd6ramaZSkxPI9c4L5sDR/3RimBlUMfraM", "gnutls-self-test"),
    ("/s7hC1qbiBH8ldTc08GJSkZlmCiNIbFLFmlDUIrRkck", "gnutls-self-test"),
    ("bYqGHysNs1SVlpFZg+znZbFYpocNY2A/7i2Y/5w+7VU", "gnutls-self-test"),
    ("U3zyPNGRPqIj84hBshjV/DDJ0iBrxkOUUqVRgDfr000", "gnutls-self-test"),
    ("/JLp6z6uGE3BPcs70RQob6QOdEWQ6nDC0xY7ejPOCc0", "array-networks-vapv-vxag"),
    ("Z+q4XhSwWY7q0BIDVPR1v/S306FjGBsid7tLq/8kIxM", "ceragon-fibeair-cve-2015-0936"),
    ("whDP3xjKBEettbDuecxtGsfWBST+78gb6McdB9P7jCU", "barracuda_load_balancer_vm"),
    ("uy5wXyEgbRCGsk23+J6f85om7G55Cu3UIPwC7oMZhNQ", "exagrid-cve-2016-1561"),
    ("9prMbqhS4QteoFQ1ZRJDqSBLWoHXPyKB0iWR05Ghro4", "f5-bigip-cve-2012-1493"),
    ("MEc4HfsOlMqJ3/9QMTmrKn5Xj/yfnMITMW8EwfUfTww", "loadbalancer.org-enterprise-va"),
    ("aPoYT2nPIfhqv6BIlbCCpbDjirBxaDFOtPfZ2K20uWw", "monroe-dasdec-cve-2013-0137"),
    ("VtjqZ5fiaeoZ3mXOYi49Lk9aO31iT4pahKFP9JPiQPc", "quantum-dxi-v1000"),
    ("1M4RzhMyWuFS/86uPY/ce2prh/dVTHW7iD2RhpquOZA", "vagrant-default"),
    ("s5Qw/PocHrvXYHlxaQvSI8lodaJiuCZrTp+KjEUw0tc", "Actiontec_q2000_rsa"),
    ("F9KYIspH9Bhy0ohvvWPEgP5HeCUIeZZ5pA+8Xu2Eky8", "Alice_1121_rsa"),
    ("lS3HDtLKk215ScnBSvCMqPKyiF9mvP0o3XG7bJXPHIg", "Cisco_RV315W_dsa"),
    ("RPT99EeL7WwwWvtuzjRJmLQT2DL4zEh8WG/VxUQZhIg", "Cisco_RV315W_rsa"),
    ("8XeiIuMMG6jRFYywuXqJZiLHIFcWoWN0yXR+fYCoy9A", "Cisco_rtp300_dsa"),
    ("KI1opHyhNi8e6cj1kBs2K5TuPj6NE5+8o6hcsQjKSY8", "Cisco_rtp300_rsa"),
    ("9OC9c6oQKFimmPITx++YZ7AbfmZcDAmlhUP/u84wQJQ", "Cisco_rv120w_dsa"),
    ("Lcl4dCjOz4H377asQgXNBK+kjKgD/RNMVZk0aMh5iYE", "Cisco_rv120w_rsa"),
    ("BpW4vxx4JMfXNh6PPa9w80x6YsDa7OZ1LcBCRwYJM/g", "Comtrend_AR5387UN_rsa"),
    ("1T/tv+kuYxJkYpiCsuhb/SE8pLB7gkzTH43h/LjQ3cs", "EVW3226_rsa"),
    ("vmpX3e8939kGt/oufoQQqbJBnC07xxcVQSZaTHGBE84", "Edimax_AR-7167_dsa"),
    ("BuCSIg4STeG8QYS8dKSXGCQWpHB/Pe7FDRF3WpseB9E", "Edimax_AR-7167_rsa"),
    ("r0k4QauOKllur1qQApKhU4Vtg8YEkDNS/6TlOulsSKM", "Huawei_bm626_dsa"),
    ("AogxJW7+Yzu2/Xe2IYAf6VaWRJTBlan754aruVaqp0Q", "Huawei_bm626_rsa"),
    ("m714YoMFjzLJdHQbu7sRH96Bxo8TzmuAbFqBjUAhECI", "Innacomm_w3400v_rsa"),
    ("gIJVV2fPBgDqCqTr/+m8B9Hh2KOPvxVoTCM1p6hBwdE", "Linksys_X1000_rsa"),
    ("/rr9hHdFl2699bf+yo5oERj1wds/JKyOrHi8txBuEQs", "Moxa_ia240_dsa"),
    ("IO79IWaJRJC8/ZM2PfpsxzkpOk4+RY0pqbWt0v95hPg", "Moxa_ia240_rsa"),
    ("+LQ1rkRWS3U5xJbzlCGyuiOoqsfkU3z8sveqU28bOjg", "Ont_g4020w_rsa"),
    ("HL7HchiArMmCJAyWCYJaL7NRsOkLi+5uzgeTYNp5za4", "Pace_V5542_dsa"),
    ("0RCgva9fjvPn6TkN89hkVQHIpHkKfvfsGmYtnOgki0g", "Quanta_LTE"),
    ("HboyXnlo62NK5QYnTXT8/rKywPHrSoyvVfKMQIaPnKc", "Sagemcom_2740_rsa"),
    ("h1gD8T017XJ19NjY3wD9Vob81jHYUJubf2M23KLU7OU", "Sagemcom_sx682_dsa"),
    ("TC9ANa1Feew8aA+jxSk0X2V8V7e7fpSrYyL3MXdU7cA", "Seagate_GoFlex_dsa"),
    ("WtRSB8XG5R0LFE1KvRKV7sa2pTCQBpbVm8W7QLbCb5A", "Seagate_GoFlex_rsa"),
    ("mzY0RSkZv3Rz5pSZcucTACZEhLko2ahTG2HhkiymQNA", "Telefonica-de-Espana_rsa"),
    ("MQXcP/tTXWJKfrytgQwPZgJyAt0WqdZTjRJ9qBeHQl8", "Tplink_tdw8960n-V1_rsa"),
    ("MAQzAYCHIdlpbeld30qcnjU5nVRp42GNVft2YwaJdY0", "Tplink_w8950n_rsa"),
    ("iEYIZLsY3MtHzshoEMMdokU6JL6ilrp12zdZpzSf/hs", "Tplink_w8950nd_rsa"),
    ("Lb30DJg8YvCnhbVVhw6k/WRtxXKN8+4TVZVQQhDVD7U", "Trendnet_tdmc500_rsa"),
    ("K0ibBdrSRO4qBHLntPb+cg8HXdxceUMYztFDPw6kCH0", "Trendnet_tew715apo_dsa"),
    ("BHnRC+5WxXWTFjmXxUq/2PLljU8/X9bbcpiNEEk1xG0", "Trendnet_tew715apo_rsa"),
    ("jkhZ6rCXQMeFOi5A3nYfHXLxYCbGhYSenmSPXZ4nZc8", "Trendnet_tew816drm_dsa"),
    ("Kdko2iZS8DAI8ZEYEhlWJOEoJ3J1FVoKIThHuKPxXy8", "Trendnet_tew816drm_rsa"),
    ("b4/5uEu8KsFn19ujuzOxxum/zf1lO9apXgJYQHMVwqk", "Trendnet_tvip310pi_dsa"),
    ("kTEn/MpGqbKcbRbBzhdthwzf1MZGExI4gVWaf9gNbA4", "Trendnet_tvip310pi_rsa"),
    ("dwjhp1334uoka9DL7ehVPgU7PtZVAPmF0e0xbryla1E", "Westermo_MRD310_dsa"),
    ("AKABay46vBa2bhMYZU2V/z5uqlAUXcuBTxMkW4MHd9s", "Westermo_MRD310_rsa"),
    ("v4+GWcG3ffxI72Au29EPundqWtdVVHaRwYffOKqYslw", "Zhone_6512a1_rsa"),
    ("zaEfS0zzZ4DyGf0BjXPPkEi+6puzJs73EkbEm3XSSqU", "Zyxel_fsg2200_rsa"),
    ("CJ/U/F9xf4ngDgjZL2+OPBoSGZ7gEU18oCjVWPL0qqE", "Zyxel_p870h_rsa"),
    ("rGJYhJYrTK6yceV/v20fJCO+FTu8rlECNH3WHqcGQGI", "Zyxel_pmg1006_dsa"),
    ("z7xWJ0J6BW3zXhBrdcz0Pi9U88TfSQY/zdPYeyPbxyA", "Zyxel_pmg1006_rsa"),
    ("XOWiL0SiIchHnl1UAGqSwR+jwxBPM9ihiBg06Pk0yHg", "Zyxel_sbg3300_rsa"),
    ("fKki+o9MyIk8XUThmRfoejJudcef7mGvkooMCBLyqCM", "advantech_eki_rsa"),
    ("4REJomy/ZbGbLVcbZzR/i6CQuzF+EI6DMvu/lHCxh4M", "kali-rpi2"),
    ("d7Bv1O73pvsg7+XusOpsZ6edG3FBQ9KudBiNDBNKJHU", "moovbox_host_dsa"),
    ("HCKmculX8PrmEXYtnKn3xMnHdnHC/A7+gceWmZNnq0A", "moovbox_host_rsa"),
    ("wuCw9eo7BPNjjv7e8qmXryjpZ9MGspIwmu8KoSH/Tis", "tandberg-vcs"),
    ("aKZMxi51eXUYwJRXJ01Jy+iL6QLyhFUaMOG0cSSKJYc", "zyxel-q100_rsa"),
    ("Gh0eIu1Aym/yqjFYOrnTBfhYI7b++0NQIvkjwsGfFvI", "zyxel-vmg1312_rsa"),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_key_of_every_vagrant_box_is_known_by_what_ssh_keygen_calls_it() {
        let fingerprint = "SHA256:1M4RzhMyWuFS/86uPY/ce2prh/dVTHW7iD2RhpquOZA";
        assert_eq!(device(fingerprint), Some("vagrant-default"));
        assert_eq!(device(fingerprint.trim_start_matches("SHA256:")), None);
        assert!(DEVICES.iter().all(|(digest, _)| digest.len() == 43));
    }
}
