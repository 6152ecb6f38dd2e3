#!/usr/bin/env bash
# From a fresh machine to a running scheduler in one command:
#
#   ./bootstrap.sh run [OPTIONS]   build, then run the daemon on jobs/ (OPTIONS go to `moonbeat run`)
#   ./bootstrap.sh test            build, then run every test
#   ./bootstrap.sh build           build only: build/moonbeat
#   ./bootstrap.sh packages        get what building and testing need, and no more
#
# On Debian and Ubuntu the packages that are missing are installed by apt-get (as root or by sudo);
# elsewhere they are named. What is already done is skipped. Works from any directory.
set -euo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
build=$root/build
log=$build/bootstrap.log

build_packages=(cmake ninja-build pkg-config gcc libc6-dev liblua5.4-dev lua5.4 libuv1-dev
  libsqlite3-dev libcurl4-openssl-dev libssl-dev
  libreadline-dev libxxhash-dev uthash-dev tzdata
  sqlite3)
test_packages=(openssl libcmocka-dev lua-busted lua-dkjson lua-check python3 python3-pexpect python3-pyte
  git patch rsync strace vim)

say() { printf '%s\n' "$*"; }
die() { printf 'bootstrap: %s\n' "$*" >&2; exit 1; }

usage() { sed -n '2,10{s/^# \{0,1\}//;p}' "${BASH_SOURCE[0]}"; }

# Runs a command into the log; shows the end of the log when it fails.
logged() {
  if ! "$@" >>"$log" 2>&1; then
    say ""
    tail -n 40 "$log" >&2
    die "\"$*\" failed; the whole log is $log"
  fi
}

# ---- what is needed ----

installed() { [[ $(dpkg-query -W -f='${db:Status-Status}' "$1" 2>/dev/null) == installed ]]; }

install_debian() {
  local package missing=()
  for package in "$@"; do
    installed "$package" || missing+=("$package")
  done
  ((${#missing[@]})) || return 0
  local apt=(env DEBIAN_FRONTEND=noninteractive apt-get -qq -o DPkg::Lock::Timeout=300)
  if ((EUID != 0)); then
    command -v sudo >/dev/null ||
      die "neither root nor sudo; as root: apt-get install ${missing[*]}"
    apt=(sudo "${apt[@]}")
    sudo -v || die "sudo is refused; as root: apt-get install ${missing[*]}"
  fi
  say "installing ${#missing[@]} packages: ${missing[*]}"
  "${apt[@]}" update >>"$log" 2>&1 || say "the list of packages cannot be refreshed; trying what is known"
  logged "${apt[@]}" install -y --no-install-recommends -o Dpkg::Use-Pty=0 "${missing[@]}"
}

any_command() {
  local name
  for name in "$@"; do
    command -v "$name" >/dev/null && return 0
  done
  return 1
}

any_module() {
  local module
  for module in "$@"; do
    pkg-config --exists "$module" 2>/dev/null && return 0
  done
  return 1
}

# Upstream names, for systems whose package names are not known here.
check_others() {
  local missing=()
  any_command cmake || missing+=("CMake 3.24 or newer")
  any_command ninja make || missing+=("Ninja or make")
  any_command cc gcc clang || missing+=("a C11 compiler")
  any_command pkg-config pkgconf || missing+=("pkg-config")
  any_module lua5.4 lua54 lua-5.4 'lua >= 5.4' || missing+=("Lua 5.4 (library and headers)")
  any_command lua5.4 lua54 lua || missing+=("Lua 5.4 (interpreter)")
  any_module 'libuv >= 1.44' || missing+=("libuv 1.44")
  any_module 'sqlite3 >= 3.40' || missing+=("SQLite 3.40")
  any_module 'libcurl >= 7.85' || missing+=("libcurl 7.85")
  any_module 'libcrypto >= 3' || missing+=("OpenSSL 3")
  any_module 'readline >= 8' || missing+=("GNU readline 8")
  any_module libxxhash || missing+=("xxHash")
  echo '#include <uthash.h>' | cc -E - >/dev/null 2>&1 || missing+=("uthash")
  if [[ $1 == test ]]; then
    any_module cmocka || missing+=("cmocka")
    any_command patch || missing+=("patch")
    any_command busted || missing+=("busted (for Lua 5.4)")
    lua5.4 -e 'require "dkjson"' 2>/dev/null || lua -e 'require "dkjson"' 2>/dev/null ||
      missing+=("dkjson (for Lua 5.4)")
    python3 -c 'import pexpect, pyte' 2>/dev/null || missing+=("Python 3 with pexpect and pyte")
  fi
  ((${#missing[@]})) || return 0
  say "this is neither Debian nor Ubuntu, and these are missing:"
  printf '  %s\n' "${missing[@]}"
  die "install them (with their development files) and call this again"
}

get_packages() {
  if ! any_command apt-get || ! any_command dpkg-query; then
    check_others "$1"
  elif [[ $1 == test ]]; then
    install_debian "${build_packages[@]}" "${test_packages[@]}"
  else
    install_debian "${build_packages[@]}"
  fi
}

# ---- configure and build ----

configure() {
  local testing=$1 cache=$build/CMakeCache.txt generator=()
  if [[ -f $build/build.ninja || -f $build/Makefile ]] &&
    grep -q "^CMAKE_HOME_DIRECTORY:INTERNAL=$root\$" "$cache" 2>/dev/null &&
    { [[ $testing == OFF ]] || grep -q '^BUILD_TESTING:BOOL=ON$' "$cache"; }; then
    return 0 # the build configures again by itself when its files change
  fi
  if [[ -f $cache ]] && ! grep -q "^CMAKE_HOME_DIRECTORY:INTERNAL=$root\$" "$cache"; then
    rm -rf "$cache" "$build/CMakeFiles" # the tree was moved
  fi
  [[ -f $cache ]] || ! any_command ninja || generator=(-G Ninja)
  say "configuring…"
  logged cmake -S "$root" -B "$build" ${generator[@]+"${generator[@]}"} \
    -DCMAKE_BUILD_TYPE=Release "-DBUILD_TESTING=$testing"
}

# Ninja's "[17/120] ..." as one line that counts, on a terminal.
show_progress() {
  local line last=
  while IFS= read -r line; do
    printf '%s\n' "$line" >>"$log"
    if [[ $line =~ ^(\[[1-9][0-9]*/[0-9]+\]|\[\ *[0-9]+%\]) ]]; then
      last=${BASH_REMATCH[1]}
      [[ -t 1 ]] && printf '\rbuilding… %s ' "$last"
    fi
  done
  if [[ -n $last && -t 1 ]]; then
    printf '\rbuilding… done %*s\n' ${#last} ''
  elif [[ -n $last ]]; then
    say "building… $last"
  fi
}

compile() {
  local jobs
  jobs=$(nproc 2>/dev/null || echo 2)
  : >>"$log"
  if ! cmake --build "$build" --parallel "$jobs" "$@" 2>&1 | show_progress; then
    tail -n 40 "$log" >&2
    die "the build failed; the whole log is $log"
  fi
}

# ---- commands ----

main() {
  local command=${1:-}
  shift || true
  case $command in
  run | test | build | packages) ;;
  -h | --help | help) usage && exit 0 ;;
  *) usage >&2 && exit 64 ;;
  esac
  mkdir -p "$build"
  : >"$log"
  if [[ $command == packages ]]; then
    get_packages test
  else
    get_packages "$command"
  fi
  case $command in
  run)
    configure OFF
    compile --target moonbeat
    local jobs=$root/jobs
    [[ $PWD == "$root" ]] && jobs="jobs"
    exec "$build/moonbeat" run "$jobs" "$@"
    ;;
  build)
    configure OFF
    compile
    say "built $build/moonbeat"
    ;;
  packages) say "everything is there" ;;
  test)
    configure ON
    compile
    # Most of them wait most of the time.
    exec ctest --test-dir "$build" --output-on-failure -j3 "$@"
    ;;
  esac
}

main "$@"
