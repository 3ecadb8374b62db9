#!/bin/sh
# The password of the exporter's role, which 1-grants.sql has made: read by psql itself, so that no list of processes shows it.
psql --no-psqlrc --quiet --set=ON_ERROR_STOP=1 --username=postgres --dbname=postgres <<'SQL'
\set password `cat /run/watchfire/exporter-password`
ALTER ROLE postgres_exporter PASSWORD :'password';
SQL
