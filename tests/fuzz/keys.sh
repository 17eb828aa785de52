#!/usr/bin/env bash
# Makes private keys in every form that the usual programs write, into the folder given: no key is
# kept in the repository.
set -euo pipefail
cd "$1"

for type in rsa ecdsa ed25519; do
    ssh-keygen -q -t "$type" -N '' -C comment -f "openssh-$type"
    ssh-keygen -q -t "$type" -N pass -C comment -f "openssh-$type-locked"
    puttygen "openssh-$type" -O private -o "putty3-$type"
    puttygen "openssh-$type" -O private --ppk-param version=2 -o "putty2-$type"
done
rm ./*.pub
openssl genrsa -traditional -out pkcs1 1024 2>/dev/null
openssl rsa -in pkcs1 -traditional -aes128 -passout pass:pass -out pkcs1-locked 2>/dev/null
openssl pkcs8 -topk8 -nocrypt -in pkcs1 -out pkcs8
openssl pkcs8 -topk8 -passout pass:pass -iter 1000 -in pkcs1 -out pkcs8-locked
openssl ecparam -name prime256v1 -genkey -noout -out sec1
openssl dsaparam -genkey -out dsa 1024 2>/dev/null
openssl genpkey -algorithm x25519 -out x25519
openssl req -x509 -new -key sec1 -subj /CN=test -days 9 -out certificate
pkcs12() { # NAME OPTION..
    openssl pkcs12 -export -iter 1 -inkey sec1 -in certificate -passout pass: -out pfx "${@:2}"
    base64 -w0 pfx >"$1"
}
pkcs12 pkcs12
pkcs12 pkcs12-old -certpbe PBE-SHA1-3DES -keypbe PBE-SHA1-3DES -macalg sha1
pkcs12 pkcs12-open -certpbe NONE -keypbe NONE -nomac
{
    printf '<Subscription ManagementCertificate="'
    cat pkcs12-old
    printf '" Id="1" Name="test" />'
} >publishsettings
rm pfx certificate
GNUPGHOME=$(mktemp -d)
export GNUPGHOME
gpg -q --batch --passphrase '' --quick-generate-key 'test <test@example.com>' ed25519 2>/dev/null
gpg -q --armor --export-secret-keys >openpgp
gpgconf --kill all
rm -rf "$GNUPGHOME"
# One line with escapes is read by other code than several lines.
for file in *; do
    sed 's/$/\\n/' "$file" | tr -d '\n' >"$file-escaped"
done
