#!/bin/sh
# Makes the certificates of these tests anew. They open nothing, and are valid until 2126.
set -eu
cd "$(dirname "$0")"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
touch "$work/index"; echo 1000 > "$work/serial"
cat > "$work/ca.cnf" <<CNF
[ca]
default_ca = own
[own]
dir = $work
database = $work/index
serial = $work/serial
new_certs_dir = $work
default_md = sha256
policy = any
copy_extensions = copy
x509_extensions = leaf
[any]
commonName = supplied
[authority]
basicConstraints = critical, CA:true
keyUsage = critical, keyCertSign, cRLSign
subjectKeyIdentifier = hash
[leaf]
basicConstraints = critical, CA:false
subjectKeyIdentifier = hash
authorityKeyIdentifier = keyid
extendedKeyUsage = serverAuth
CNF
key() { openssl ecparam -name prime256v1 -genkey -noout -out "$1"; }
key "$work/ca.key"
openssl req -new -key "$work/ca.key" -out "$work/ca.csr" -subj "/CN=Authority of the tests"
openssl ca -batch -notext -config "$work/ca.cnf" -selfsign -extensions authority -keyfile "$work/ca.key" \
    -in "$work/ca.csr" -out authority.pem -startdate 20250101000000Z -enddate 21260101000000Z
leaf() { # name, subject alternative name, first day, last day
    key "$work/$1.key"
    openssl req -new -key "$work/$1.key" -out "$work/$1.csr" -subj "/CN=$1" -addext "subjectAltName=$2"
    openssl ca -batch -notext -config "$work/ca.cnf" -cert authority.pem -keyfile "$work/ca.key" \
        -in "$work/$1.csr" -out "$work/$1.pem" -startdate "$3" -enddate "$4"
    cat "$work/$1.key" "$work/$1.pem" > "$1.pem"
}
leaf good "DNS:localhost,IP:127.0.0.1" 20250101000000Z 21251231000000Z
leaf elsewhere "DNS:elsewhere.example" 20250101000000Z 21251231000000Z
leaf expired "DNS:localhost,IP:127.0.0.1" 20200101000000Z 20210101000000Z
key "$work/self.key"
openssl req -x509 -new -key "$work/self.key" -out "$work/self.pem" -days 36500 -subj "/CN=localhost" \
    -addext "subjectAltName=DNS:localhost,IP:127.0.0.1"
cat "$work/self.key" "$work/self.pem" > self_signed.pem
