#!/bin/sh
# Makes up the secrets of docker-compose.yml below the folder that it is given, once: what is there stays.
# Each folder is the volume of one service, and its files belong to that service's user alone.
set -eu
umask 077
cd "$1"

random() {
  head -c 24 /dev/urandom | base64 | tr '+/' '-_'
}

# give USER FOLDER: its files are that user's, and a file `done` tells that they are whole
give() {
  chmod 0755 "$2"
  chmod 0400 "$2"/*
  chown "$1" "$2"/*  # last: without its other rights, root may not touch what is another's
  : >"$2/done"
}

if [ ! -e redis/done ]; then
  rm -f redis/* redis-exporter/*
  random >redis/password
  random >redis-exporter/password
  {
    echo "requirepass $(cat redis/password)"
    # what redis-exporter --print-acl says
    echo "user metrics reset on >$(cat redis-exporter/password) +info +config|get +latency|latest +latency|histogram +slowlog|len +slowlog|get +cluster|info +client|setname"
    echo "maxmemory 256mb"
    echo "maxmemory-policy noeviction"
    echo "dir /data"
  } >redis/redis.conf
  give 65532:65532 redis-exporter
  give 999:1000 redis
fi

if [ ! -e postgres/done ]; then
  rm -f postgres/* postgres-exporter/* cert-exporter/*
  random >postgres/password
  random >postgres/exporter-password
  cp postgres/exporter-password postgres-exporter/password
  # an authority for one certificate: its key is thrown away
  openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 1826 -subj "/CN=Watchfire's stack" \
    -keyout postgres/ca.key -out postgres/ca.crt 2>/dev/null
  openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 1825 -subj /CN=postgres \
    -CA postgres/ca.crt -CAkey postgres/ca.key -addext basicConstraints=critical,CA:FALSE \
    -addext subjectAltName=DNS:postgres,DNS:localhost -addext extendedKeyUsage=serverAuth \
    -keyout postgres/server.key -out postgres/server.crt 2>/dev/null
  rm postgres/ca.key
  cp postgres/ca.crt postgres-exporter/ca.crt
  cp postgres/ca.crt cert-exporter/ca.crt
  give 65532:65532 postgres-exporter
  give 65532:65532 cert-exporter
  give 999:999 postgres
fi

if [ ! -e grafana/done ]; then
  rm -f grafana/*
  random >grafana/password
  give 472:0 grafana
fi
