# Flattens a JSON document to lines of dotted path, tab, value. A string of several lines gives a line for each.
# RFC 8259, but lenient: what is not JSON gives no lines rather than an error. \u escapes above U+007F become "?".
{ text = text $0 "\n" }
END { position = 1; value("") }

function skip() { while (index(" \t\r\n", substr(text, position, 1)) && position <= length(text)) position++ }

function emit(path, content, lines, count, i) {
  count = split(content, lines, "\n")
  if (count == 0) print path "\t"
  for (i = 1; i <= count; i++) if (lines[i] != "" || count == 1) print path "\t" lines[i]
}

function below(path, name) { return path == "" ? name : path "." name }

function value(path, first) {
  skip()
  first = substr(text, position, 1)
  if (first == "{") return object(path)
  if (first == "[") return array(path)
  if (first == "\"") { emit(path, string()); return 1 }
  if (!match(substr(text, position), /^[-+.A-Za-z0-9]+/)) return 0
  emit(path, substr(text, position, RLENGTH))
  position += RLENGTH
  return 1
}

function object(path, name) {
  position++
  for (;;) {
    skip()
    if (substr(text, position, 1) == "}") { position++; return 1 }
    if (substr(text, position, 1) != "\"") return 0
    name = string()
    skip()
    if (substr(text, position, 1) != ":") return 0
    position++
    if (!value(below(path, name))) return 0
    skip()
    if (substr(text, position, 1) == ",") position++
  }
}

function array(path, number) {
  position++
  for (number = 0; ; number++) {
    skip()
    if (substr(text, position, 1) == "]") { position++; return 1 }
    if (!value(below(path, number))) return 0
    skip()
    if (substr(text, position, 1) == ",") position++
  }
}

# Takes what is between quotes and backslashes whole: letter by letter is slow under emulation.
function string(result, rest, letter, code) {
  result = ""
  position++
  while (match(rest = substr(text, position), /["\\]/)) {
    result = result substr(rest, 1, RSTART - 1)
    position += RSTART
    letter = substr(rest, RSTART, 1)
    if (letter == "\"") return result
    letter = substr(text, position++, 1)
    if (letter == "n") letter = "\n"
    else if (letter == "t") letter = " "
    else if (letter == "r" || letter == "b" || letter == "f") letter = ""
    else if (letter == "u") {
      code = hex(substr(text, position, 4))
      position += 4
      letter = code > 0 && code < 128 ? sprintf("%c", code) : "?"
    }
    result = result letter
  }
  position = length(text) + 1
  return result
}

function hex(digits, i, sum) {
  for (i = 1; i <= length(digits); i++) sum = sum * 16 + index("0123456789abcdef", tolower(substr(digits, i, 1))) - 1
  return sum
}
