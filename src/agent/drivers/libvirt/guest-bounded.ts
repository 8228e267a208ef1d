/**
 * A command in a guest whose outputs are bounded before they reach the guest's agent. The agent itself keeps all that a command writes and
 * hands it over in one answer; libvirt reads no answer of more than 10 MiB, and no other one after it, so that the agent of a guest hangs
 * until it is started anew. Where the guest has a POSIX shell, a fixed script puts a reader behind each output, which passes on its beginning
 * and drops the rest, and then becomes the command: exit code, signal, process id and standard input are the command's own. Whoever asks is
 * never read as a script: what they ask comes as parameters. Not its job: starting and following it (guest-exec.ts).
 */
import { type GuestAnswer, type GuestCommand, guestBounds } from '../../../protocol/guest.ts'

/**
 * POSIX.1-2017, of `sh` and utilities that busybox, coreutils and the BSDs have (head -c and mktemp are in none of its parts, and looked for).
 * Parameters: how much of each output is passed on, bytes; the word by which it says that it cannot do it; 'as-it-is', or how many variables
 * the command's own environment has; the command's words.
 *
 * A variable is no word: words are in the log of the guest's agent and in its list of processes. They come in the environment under names that no
 * shell knows (croft_1='NAME=value', …) and get their own names last, so that neither the shell nor its helpers go by a PATH, a locale or a
 * preloaded library that is the command's. What the shell says of them is not the command's either (a locale that is not there, in bash).
 *
 * It gives up before anything has begun: then nothing but that word is written. The readers are nobody's children, or a command that waits for
 * all of its own would wait for them. Both ends of the pipes are opened here, first for both ways, which waits for nobody (fifo(7)): so nothing
 * hangs where no more processes may be, and the names are gone before there is a reader. A reader that can begin no other program becomes it.
 */
export const boundedScript = String.raw`
set -f
croft_n=$1 croft_word=$2 croft_count=$3 croft_dir=
shift 3
no() {
  trap - EXIT
  printf %s "$croft_word"
  [ -z "$croft_dir" ] || rm -rf "$croft_dir" 2>/dev/null
  exit 125
}
trap no EXIT
croft_path=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
[ "$croft_count" = as-it-is ] || PATH=$croft_path
croft_at=
case $1 in
  '' | -* | *=*) no ;;
  */*) croft_at=$1 ;;
  *)
    IFS=:
    for croft_in in ${'$'}{PATH:-$croft_path}; do
      croft_in=${'$'}{croft_in:-.}/$1
      if [ -z "$croft_at" ] && [ -f "$croft_in" ] && [ -x "$croft_in" ]; then croft_at=$croft_in; fi
    done
    unset IFS
    ;;
esac
[ -f "$croft_at" ] && [ -x "$croft_at" ] || no
[ "$(printf ab | head -c 1 2>/dev/null)" = a ] || no
croft_env=$(command -v env) || no
for croft_in in "${'$'}{TMPDIR:-/tmp}" /run /dev/shm; do
  [ -n "$croft_dir" ] || croft_dir=$(mktemp -d "$croft_in/croft-XXXXXX" 2>/dev/null) || croft_dir=
done
[ -n "$croft_dir" ] || no
mkfifo "$croft_dir/1" "$croft_dir/2" 2>/dev/null || no
exec 3>&1 4>&2 9<>"$croft_dir/1" 5>"$croft_dir/1" 7<"$croft_dir/1" 9<>"$croft_dir/2" 6>"$croft_dir/2" 8<"$croft_dir/2" 9>&- || no
rm -rf "$croft_dir" || no
croft_dir=
keep() {
  trap 'exec head -c "$croft_n"' EXIT
  head -c "$croft_n"
  trap - EXIT
  exec cat >/dev/null
}
({ exec <&7 >&3 2>/dev/null 3>&- 4>&- 5>&- 6>&- 7<&- 8<&- && keep; } &) || no
({ exec <&8 >&4 2>/dev/null 3>&- 4>&- 5>&- 6>&- 7<&- 8<&- && keep; } &) || no
trap - EXIT
exec >&5 2>&6 3>&- 4>&- 5>&- 6>&- 7<&- 8<&-
[ "$croft_count" != as-it-is ] || exec "$@"
shift
set -- "$croft_at" "$@"
# As bash leaves, it sets this one once more.
[ -z "$BASH_VERSION" ] || set -- "$croft_env" -u SHLVL "$@"
croft_in=$croft_count croft_all=
while [ "$croft_in" -gt 0 ]; do
  eval "set -- \"\$croft_$croft_in\" \"\$@\"; unset croft_$croft_in"
  croft_all="\"\${$croft_in}\" $croft_all"
  croft_in=$((croft_in - 1))
done
[ -z "$croft_all" ] || croft_all="export $croft_all 2>/dev/null; shift $croft_count"
# What shells add by themselves; then nothing is read any more but the command.
eval "unset PATH PWD OLDPWD SHLVL _ croft_n croft_word croft_count croft_path croft_at croft_env croft_in croft_all
$croft_all"
exec "$@"
`

/** Which one shell or another keeps for itself, sets anew or refuses: of bash, dash, busybox and the Korn shells. */
const shellsOwn =
  /^(?:_|BASH.*|COMP_.*|COPROC|DIRSTACK|E?UID|E?GID|EPOCH.*|FUNCN.*|GROUPS|HISTCMD|KSH.*|LINENO|MAPFILE|OPT(?:ARG|ERR|IND)|PGRP|PIPESTATUS|PPID|READLINE_.*|S?RANDOM|SECONDS|SHELLOPTS|SHLVL|USER_ID)$/

/** As guest-exec takes it, null when a shell cannot hand the environment on as it is. `word`: which the command does not write by chance. */
export function boundedCommand({ argv, env, stdin }: GuestCommand, word: string): object | null {
  const names = env?.map(one => /^([A-Za-z_]\w*)=/.exec(one)?.[1]) ?? []
  if (names.some(name => name === undefined || shellsOwn.test(name))) return null
  // One byte more than is shown, which says that there was more.
  const head = [String(guestBounds.output_bytes_max + 1), word, env ? String(env.length) : 'as-it-is']
  return {
    path: '/bin/sh',
    arg: ['-c', boundedScript, 'croft', ...head, ...argv],
    ...(env && { env: env.map((one, n) => `croft_${n + 1}=${one}`) }),
    ...(stdin && { 'input-data': stdin }),
    'capture-output': true,
  }
}

/** As it is; its outputs have no bound. */
export function plainCommand({ argv: [path = '', ...arg], env, stdin }: GuestCommand): object {
  return { path, arg, ...(env && { env }), ...(stdin && { 'input-data': stdin }), 'capture-output': true }
}

/** The script says that it can do nothing here, and has begun nothing. */
export function cannotBound(answer: GuestAnswer, word: string): boolean {
  if (answer.outcome !== 'ran' || answer.exit_code !== 125) return false
  return Buffer.from(answer.stdout, 'base64').toString() === word
}
