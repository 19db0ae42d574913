#!/usr/bin/env bash
# Writes .env for docker-compose.yml: a random password for each service, readable by you only.
# Never changes what stands in a .env that is there: those are the passwords that the stored data was
# made with. Variables that a later version wants are added to it.
set -euo pipefail
cd "$(dirname "$0")/.."

# 32 characters out of 62 are about 190 bits. No quoting anywhere needs to be thought of.
# The pipe ends when head has enough, so tr may be told that nobody reads on.
secret() { { LC_ALL=C tr -dc 'A-Za-z0-9' </dev/urandom || true; } 2>/dev/null | head -c 32; }

umask 077
# want NAME VALUE: add the variable unless it is there.
want() { grep -qs "^$1=" .env.new || printf '%s=%s\n' "$1" "$2" >>.env.new; }

# Of two runs at the same time one goes on: the draft is made by one alone.
if ! (set -o noclobber && : >.env.new) 2>/dev/null; then
    echo "another run is writing .env.new; if there is none, remove that file" >&2
    echo "另一个进程正在写 .env.new；若没有，请删除该文件" >&2
    exit 1
fi
trap 'rm -f .env.new' EXIT
if [ -e .env ]; then
    cat .env >.env.new
    [ -z "$(tail -c 1 .env.new)" ] || echo >>.env.new # a last line without an end
else
    echo "# Made by scripts/make_env.sh. Keep it out of version control and in your backup." >.env.new
fi
want MINGJIAN_REDIS_PASSWORD "$(secret)"
want MINGJIAN_ELASTICSEARCH_PASSWORD "$(secret)"
want MINGJIAN_KAFKA_CLUSTER_ID "$(head -c 16 /dev/urandom | base64 | tr '+/' '-_' | tr -d '=')"
want MINGJIAN_POSTGRES_PASSWORD "$(secret)"
want MINGJIAN_POSTGRES_ADMIN_PASSWORD "$(secret)"
want MINGJIAN_S3_ACCESS_KEY "$(secret)"
want MINGJIAN_S3_SECRET_KEY "$(secret)"
want MINGJIAN_S3_ADMIN_ACCESS_KEY "$(secret)"
want MINGJIAN_S3_ADMIN_SECRET_KEY "$(secret)"
# seals the tenant's key: without it nobody can open the archive any more
want MINGJIAN_ARCHIVE_PASSPHRASE "$(secret)"

if [ -e .env ] && cmp -s .env .env.new; then
    echo ".env is there already and stays as it is · .env 已存在，保持不变"
elif [ -e .env ]; then
    mv .env.new .env
    echo "added what was missing to .env · 已向 .env 补充缺少的变量"
else
    mv .env.new .env
    echo "wrote .env with random passwords · 已写入 .env（随机口令）"
fi
