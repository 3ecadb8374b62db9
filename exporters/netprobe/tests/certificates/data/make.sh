#!/bin/sh
# Makes the files beside it, with OpenSSL 3 and Java's keytool: what no crate writes, or writes otherwise than people's
# tools do. They were made once and are kept, so that tests need neither; nothing in them is trusted anywhere.
# The password is "watchfire" wherever there is one.
set -eu
cd "$(dirname "$0")"
work=$(mktemp -d)
trap 'rm -r "$work"' EXIT
P=watchfire

ca() { # name, openssl key options
    name=$1; shift
    openssl req -x509 -newkey "$@" -nodes -keyout "$work/$name.key" -out "$name.pem" -days 36500 -subj "/O=Watchfire/CN=$name" \
        -addext basicConstraints=critical,CA:TRUE -addext keyUsage=critical,keyCertSign,cRLSign 2>/dev/null
}
leaf() { # name, issuer, digest, openssl key options
    name=$1 issuer=$2 digest=$3; shift 3
    openssl req -new -newkey "$@" -nodes -keyout "$work/$name.key" -out "$work/$name.csr" -subj "/CN=$name" 2>/dev/null
    printf 'subjectAltName=DNS:localhost\nextendedKeyUsage=serverAuth\nauthorityKeyIdentifier=keyid\n' > "$work/ext"
    openssl x509 -req -in "$work/$name.csr" -CA "$issuer.pem" -CAkey "$work/$issuer.key" -CAcreateserial -CAserial "$work/serial" \
        -days 36500 "-$digest" -extfile "$work/ext" -out "$name.pem" 2>/dev/null
}
ca root ec -pkeyopt ec_paramgen_curve:P-256
ca root-rsa1024 rsa:1024
ca root-md5 rsa:2048
leaf sha1 root sha1 ec -pkeyopt ec_paramgen_curve:P-256
leaf rsa1024 root sha256 rsa:1024
leaf under-rsa1024 root-rsa1024 sha256 ec -pkeyopt ec_paramgen_curve:P-256
leaf md5 root-md5 md5 rsa:2048
leaf secp256k1 root sha256 ec -pkeyopt ec_paramgen_curve:secp256k1
leaf ed448 root sha256 ed448
leaf server root sha256 ec -pkeyopt ec_paramgen_curve:P-256

# RSA-PSS
openssl req -x509 -newkey rsa:2048 -sha256 -sigopt rsa_padding_mode:pss -sigopt rsa_pss_saltlen:32 -nodes -keyout "$work/pss.key" -out pss.pem \
    -days 36500 -subj /CN=pss -addext subjectAltName=DNS:localhost 2>/dev/null

openssl x509 -in server.pem -trustout -addtrust serverAuth -setalias watched -out trusted.pem
cat server.pem root.pem > "$work/both.pem"
openssl crl2pkcs7 -nocrl -certfile "$work/both.pem" -out both.p7b.pem
openssl crl2pkcs7 -nocrl -certfile "$work/both.pem" -outform DER -out both.p7b

p12() { # file, options
    file=$1; shift
    openssl pkcs12 -export -inkey "$work/server.key" -in server.pem -certfile root.pem -name "the server" -out "$file" "$@"
}
p12 aes.p12 -passout pass:$P
p12 aes-no-mac.p12 -passout pass:$P -nomac -certpbe AES-256-CBC
p12 old-rc2.p12 -passout pass:$P -legacy
p12 old-3des.p12 -passout pass:$P -legacy -certpbe PBE-SHA1-3DES
p12 old-rc2-128.p12 -passout pass:$P -legacy -certpbe PBE-SHA1-RC2-128
p12 old-2des.p12 -passout pass:$P -legacy -certpbe PBE-SHA1-2DES
p12 pbes2-3des.p12 -passout pass:$P -certpbe des-ede3-cbc
p12 empty.p12 -passout pass:
openssl pkcs12 -export -nokeys -in "$work/both.pem" -out plain.p12 -passout pass: -certpbe NONE -nomac
openssl pkcs12 -export -inkey "$work/server.key" -in server.pem -out "$work/key.p12" -passout pass:$P -name server

for type in JKS JCEKS PKCS12; do
    store=java.$(echo $type | tr A-Z a-z)
    rm -f "$store"
    keytool -importkeystore -srckeystore "$work/key.p12" -srcstorepass $P -destkeystore "$store" -deststoretype $type -deststorepass $P \
        -noprompt 2>/dev/null
    if [ $type = JCEKS ]; then
        keytool -genseckey -alias secret -keyalg AES -keysize 256 -keystore "$store" -storetype $type -storepass $P -keypass $P 2>/dev/null
    fi
    keytool -importcert -alias authority -file root.pem -keystore "$store" -storetype $type -storepass $P -noprompt 2>/dev/null
done

# revocation
printf '[ca]\ndefault_ca=d\n[d]\ndatabase=%s/index\ncrlnumber=%s/number\ndefault_md=sha256\ndefault_crl_days=3650\n' "$work" "$work" > "$work/ca.conf"
: > "$work/index"; echo 01 > "$work/number"
openssl ca -config "$work/ca.conf" -keyfile "$work/root.key" -cert root.pem -gencrl -out crl-empty.pem 2>/dev/null
openssl ca -config "$work/ca.conf" -keyfile "$work/root.key" -cert root.pem -revoke server.pem -crl_reason keyCompromise 2>/dev/null
openssl ca -config "$work/ca.conf" -keyfile "$work/root.key" -cert root.pem -gencrl -out crl.pem 2>/dev/null
printf 'extendedKeyUsage=OCSPSigning\n' > "$work/ext"
openssl req -new -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout "$work/responder.key" -out "$work/responder.csr" -subj /CN=responder 2>/dev/null
openssl x509 -req -in "$work/responder.csr" -CA root.pem -CAkey "$work/root.key" -CAcreateserial -CAserial "$work/serial" -days 36500 \
    -extfile "$work/ext" -out "$work/responder.pem" 2>/dev/null
ocsp() { # file, signer, options
    file=$1 signer=$2; shift 2
    openssl ocsp -index "$work/index" -CA root.pem -rsigner "$signer.pem" -rkey "$work/$(basename "$signer").key" -issuer root.pem -cert server.pem \
        -respout "$file" "$@" >/dev/null 2>&1
}
ocsp revoked.ocsp root -ndays 7
ocsp delegated.ocsp "$work/responder" -ndays 7
sed 's/^R\t\([^\t]*\)\t[^\t]*/V\t\1\t/' "$work/index" > "$work/good"; cp "$work/good" "$work/index"
ocsp good.ocsp root -ndays 7
ocsp good-no-next.ocsp root
: > "$work/index"
ocsp unknown.ocsp root -ndays 7
chmod 644 ./*.p12
