# Reads the part of #cloud-config that tiny understands and prints lines of name, tab, value: hostname, key, password
# (of root), chpasswd (user:password), ssh_pwauth, run (a shell command). Block style YAML, with lists of scalars or of
# one-line flow sequences; other keys are passed over.
function unquote(s) {
  sub(/^[ \t]+/, "", s)
  sub(/[ \t\r]+$/, "", s)
  if (match(s, /^"([^"\\]|\\.)*"/)) {
    s = substr(s, 2, RLENGTH - 2)
    gsub(/\\"/, "\"", s)
    gsub(/\\\\/, "\\", s)
  } else if (match(s, /^'([^']|'')*'/)) {
    s = substr(s, 2, RLENGTH - 2)
    gsub(/''/, "'", s)
  } else sub(/[ \t]+#.*$/, "", s)
  return s
}

function shell_quote(s) { gsub(/'/, "'\\''", s); return "'" s "'" }

# [ls, -l, "a b"] → 'ls' '-l' 'a b'
function command(s, words, count, i, line, word, open) {
  s = unquote(s)
  if (s !~ /^\[.*\]$/) return s
  count = split(substr(s, 2, length(s) - 2), words, ",")
  for (i = 1; i <= count; i++) {
    word = word (open ? "," : "") words[i]
    # A comma inside quotes does not end the word.
    open = (word ~ /^[ \t]*"/ && word !~ /^[ \t]*".*"[ \t]*$/) || (word ~ /^[ \t]*'/ && word !~ /^[ \t]*'.*'[ \t]*$/)
    if (open) continue
    line = line (line == "" ? "" : " ") shell_quote(unquote(word))
    word = ""
  }
  return line
}

function indent_of(s) { match(s, /^ */); return RLENGTH }

function end_block() {
  if (block == "run" && text != "") print "run\t" text
  block = ""; text = ""
}

# Inside a block scalar (key: | or - |): every line that is further in than where it began.
block != "" {
  if ($0 ~ /^[ \t]*$/) next
  if (indent_of($0) > block_indent) {
    line = substr($0, indent_of($0) + 1)
    if (block == "run") text = text (text == "" ? "" : "; ") line
    else print "chpasswd\t" line
    next
  }
  end_block()
}
/^[ \t]*(#|$)/ || /^---/ { next }

/^[a-z_]+:/ {
  section = substr($0, 1, index($0, ":") - 1)
  rest = substr($0, index($0, ":") + 1)
  if (unquote(rest) == "") next
  if (section == "hostname" || section == "password" || section == "ssh_pwauth") print section "\t" unquote(rest)
  else if (section == "fqdn") print "hostname\t" unquote(rest)
  next
}

section == "ssh_authorized_keys" && /^ *- / { sub(/^ *- /, ""); print "key\t" unquote($0); next }
section == "runcmd" && /^ *- *[|>]/ { block = "run"; block_indent = indent_of($0); text = ""; next }
section == "runcmd" && /^ *- / { sub(/^ *- /, ""); print "run\t" command($0); next }
section == "chpasswd" && /^ *list: *\|/ { block = "chpasswd"; block_indent = indent_of($0); next }
section == "chpasswd" && /^ *list:/ { next }
section == "chpasswd" && /^ *- *[^ {:]+:[^ ]/ { sub(/^ *- /, ""); print "chpasswd\t" unquote($0); next }
END { end_block() }
