#!/usr/bin/env bash
# Writes .env for docker-compose.yml: a random password for each service, readable by you only.
# Never touches a .env that is there: the passwords in it are those the stored data was made with.
set -euo pipefail
cd "$(dirname "$0")/.."

if [ -e .env ]; then
    echo ".env is there already and stays as it is · .env 已存在，保持不变"
    exit 0
fi
# 32 characters out of 62 are about 190 bits. No quoting anywhere needs to be thought of.
# The pipe ends when head has enough, so tr may be told that nobody reads on.
secret() { { LC_ALL=C tr -dc 'A-Za-z0-9' </dev/urandom || true; } 2>/dev/null | head -c 32; }

umask 077
cat >.env.new <<END
# Made by scripts/make_env.sh. Keep it out of version control and in your backup.
MINGJIAN_REDIS_PASSWORD=$(secret)
MINGJIAN_ELASTICSEARCH_PASSWORD=$(secret)
MINGJIAN_KAFKA_CLUSTER_ID=$(head -c 16 /dev/urandom | base64 | tr '+/' '-_' | tr -d '=')
END
# Linked, not moved: of two runs at the same time one wins whole, and the other changes nothing.
ln .env.new .env
rm .env.new
echo "wrote .env with random passwords · 已写入 .env（随机口令）"
