# A guide as Doxygen is to read it: headings with GitHub's anchors, links between guides, other links as their text,
# and fences without the file's name. Written for README.md, SECURITY.md and docs/*.md. LC_ALL=C, as for comments.awk.
# usage: awk -v guides=" first_cell.md ops.md … " -f guide.awk GUIDE

# GitHub's anchor of a heading, in one guide.
function anchor(guide, heading,   slug) {
  slug = tolower(heading)
  gsub(/[^a-z0-9 _\200-\377-]/, "", slug)
  gsub(/[\200-\377]/, "", slug)
  gsub(/ /, "-", slug)
  sub(/\.md$/, "", guide)
  return tolower(guide) "_" slug
}

# What `[text](target)` becomes.
function link(text, target,   name, heading) {
  if (target ~ /^[a-z]+:/) return "[" text "](" target ")"
  heading = target ~ /#/ ? substr(target, index(target, "#") + 1) : ""
  sub(/#.*/, "", target)
  name = target == "" ? own : target
  sub(/.*\//, "", name)
  if (heading != "") return "[" text "](#" anchor(name, heading) ")"
  if (index(guides, " " name " ")) return name == "README.md" ? "[" text "](@ref index)" : "[" text "](@ref " page(name) ")"
  return text
}
function page(guide) { sub(/\.md$/, "", guide); return "guide_" guide }

# A line outside of fences.
function told(line,   out, before, whole, text, target) {
  out = ""
  while (match(line, /!?\[[^]]*\]\([^) ]*\)|`[^`]*`/)) {
    before = substr(line, 1, RSTART - 1)
    whole = substr(line, RSTART, RLENGTH)
    line = substr(line, RSTART + RLENGTH)
    out = out prose(before)
    if (whole ~ /^`/) { out = out whole; continue }
    text = whole; sub(/^!?\[/, "", text); sub(/\]\(.*/, "", text)
    target = whole; sub(/.*\]\(/, "", target); sub(/\)$/, "", target)
    if (whole ~ /^!/) { sub(/.*\//, "", target); out = out "![" text "](" target ")" }
    else out = out link(text, target)
  }
  return out prose(line)
}
# The rest of a line; a link's text may have begun in the line before.
function prose(text,   begin, after) {
  gsub(/--/, "\\--", text)
  if (!match(text, /\]\(#[^)]*\)/)) return text
  begin = RSTART
  after = RSTART + RLENGTH
  return substr(text, 1, begin) "(#" anchor(own, substr(text, begin + 3, RLENGTH - 4)) ")" prose(substr(text, after))
}

# Doxygen knows no code in bold text.
function bold(line,   begin, inner) {
  if (!match(line, /\*\*[^*]*`[^*]*\*\*/)) return line
  begin = RSTART
  inner = substr(line, RSTART + 2, RLENGTH - 4)
  return substr(line, 1, begin - 1) "<b>" inner "</b>" substr(line, begin + length(inner) + 4)
}

BEGIN { own = ARGV[1]; sub(/.*\//, "", own) }
/^```/ {
  fence = !fence
  print (fence && NF > 1 ? $1 : $0)
  next
}
fence || /^    / { print; next }
/^#+ / {
  heading = $0; sub(/^#+ +/, "", heading)
  print $0 " {#" (FNR == 1 ? (own == "README.md" ? "readme" : page(own)) : anchor(own, heading)) "}"
  next
}
/^\|[-:| ]+\|$/ { print; next }
{ print bold(told($0)) }
