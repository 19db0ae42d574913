#!/bin/bash
# Run once by PostgreSQL's image, when it makes its data: a database for the archive's index, and a
# role that owns this database and may do nothing beyond it. The password comes from the environment
# and stands in no command line.
set -euo pipefail
psql --no-psqlrc --set ON_ERROR_STOP=1 --username "$POSTGRES_USER" --dbname postgres <<'SQL'
\getenv password MINGJIAN_POSTGRES_PASSWORD
CREATE ROLE mingjian LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE PASSWORD :'password';
CREATE DATABASE mingjian OWNER mingjian;
REVOKE ALL ON DATABASE mingjian FROM PUBLIC;
REVOKE ALL ON DATABASE postgres FROM PUBLIC;
SQL
