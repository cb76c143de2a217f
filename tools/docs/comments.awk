# A header as Doxygen is to read it, line for line: contracts as labelled paragraphs, equations as formulas, examples
# as highlighted code. Its names become members of the group `room`. LC_ALL=C, so that a character of UTF-8 is its bytes in any awk.

BEGIN {
  labels = "^(What|Shapes|Range|Units|Init|Inputs|State|Errors|Cost|Lifetime|Limits|Thread rule|Source): +"
  greek = "\316[\221-\277]|\317[\200-\216]"
}

# ---- Formulas ----

# What an index or exponent says, without its braces.
function bare(text) { gsub(/[{}]/, "", text); return text }

# One symbol, in the hand of mathematics: letters lean, words (tanh, lr) stand.
function symbol(text) { return text ~ ("^([A-Za-z]|" greek ")$") ? "<i>" text "</i>" : text }

# W_ih x + h' as HTML.
function formula(text,   out, start) {
  gsub(/&/, "\\&amp;", text); gsub(/</, "\\&lt;", text); gsub(/>/, "\\&gt;", text)
  gsub(/\*=/, "\303\227=", text)  # ×=: a star would be emphasis
  out = ""
  while (text != "") {
    if (match(text, /^&[a-z]+;/)) out = out substr(text, 1, RLENGTH)
    else if (match(text, /^_(\{[^}]*\}|[A-Za-z0-9]+)/)) out = out "<sub>" bare(substr(text, 2, RLENGTH - 1)) "</sub>"
    else if (match(text, /^\^(\{[^}]*\}|[A-Za-z0-9]+)/)) out = out "<sup>" bare(substr(text, 2, RLENGTH - 1)) "</sup>"
    else if (match(text, /^'/)) out = out "\342\200\262"
    else if (match(text, /^[A-Za-z]+/)) out = out symbol(substr(text, 1, RLENGTH))
    else if (match(text, "^(" greek ")")) out = out symbol(substr(text, 1, RLENGTH))
    else { RLENGTH = 1; out = out substr(text, 1, 1) }
    text = substr(text, RLENGTH + 1)
  }
  return out
}

# The equations that a paragraph begins with, `;  ` between them, as formulas; what comes after them as prose.
function equations(text,   out, part, n, k) {
  n = split(text, part, /; +/)
  for (k = 1; k <= n && is_equation(part[k]); k++) {
    text = substr(text, length(part[k]) + 1)
    sub(/^; +/, "", text)
    if (match(part[k], /(,? (with|where|then) |\. ).*/)) {
      text = substr(part[k], RSTART, RLENGTH) (text == "" ? "" : "; " text)
      sub(/^[.,]? /, "", text)
      part[k] = substr(part[k], 1, RSTART - 1)
      n = k
    }
    sub(/\.$/, "", part[k])
    out = out "<span class=\"equation\">" formula(part[k]) "</span>"
  }
  return out (text == "" ? "" : " " prose(text))
}

# One or several names, and what they are.
function is_equation(text) {
  return text ~ /^[^ ]+(, [^ ]+)* ([-+*]|\342\210\222|:)?= / && text !~ /^[^=]*`/
}

# ---- Prose ----

# Text that HTML, Markdown and Doxygen's commands leave alone; what is between backticks is code already.
function prose(text,   out, n, part, k) {
  n = split(text, part, "`")
  for (k = 1; k <= n; k++) {
    if (k % 2) {
      gsub(/&/, "\\&amp;", part[k]); gsub(/</, "\\&lt;", part[k]); gsub(/>/, "\\&gt;", part[k])
      gsub(/"/, "\\&quot;", part[k])
      gsub(/#/, "\\#", part[k]); gsub(/--/, "\\--", part[k])
    }
    out = out (k > 1 ? "`" : "") part[k]
  }
  return out
}

# ---- Blocks of comments ----

# The text of the paragraph that begins in line k of a block, without its label; `last` becomes its last line.
function paragraph(text, n, k,   all) {
  all = text[k]
  sub(labels, "", all)
  for (last = k; last < n && text[last + 1] ~ /^      +[^ ]/; last++) {
    sub(/^ +/, "", text[last + 1])
    all = all (all ~ /;$/ ? "  " : " ") text[last + 1]
  }
  return all
}

# A line of a comment waits for what it is about.
function put(text) { held = held text "\n" }

# Puts what follows `margin` in a labelled paragraph.
function tell_labelled(margin, text, n, k,   label, all) {
  label = substr(text[k], 1, index(text[k], ":") - 1)
  all = paragraph(text, n, k)
  sub(/ /, "", label)
  if (label != "What") put(margin " @" tolower(label) " " prose(all))
  else if (is_equation(all)) put(margin " @equations " equations(all))
  else put(margin " " (all ~ /^[a-z][a-z]+ / ? toupper(substr(all, 1, 1)) prose(substr(all, 2)) : prose(all)))
}

# Puts a block of comment lines, each after `margin`.
function tell(margin, text, n,   k, in_code) {
  for (k = 1; k <= n; k++) {
    if (in_code && (text[k] == "" || k == n)) {
      put(margin (text[k] == "" ? "" : " " text[k]) " @endcode")
      in_code = 0
    } else if (in_code) {
      put(margin " " text[k])
    } else if (text[k] == "" && k < n && text[k + 1] ~ /^    /) {
      put(margin " @code{.cpp}")
      in_code = 1
    } else if (text[k] ~ labels) {
      tell_labelled(margin, text, n, k)
      for (; k < last; k++) put(margin)
    } else {  # a paragraph of its own also right after a labelled one
      put(margin (k > 1 && text[k - 1] != "" && labelled ? " @plain " : " ") prose(text[k]))
    }
    labelled = text[k] == "" ? 0 : text[k] ~ labels || labelled && k == last
  }
}

# ---- Names that mean the same wherever they occur ----

# What a declaration without a comment is, where its name says so.
function by_convention(line) {
  sub(/^ +/, "", line)
  sub(/^(\[\[[^]]*\]\] +)+/, "", line)  # attributes
  if (line ~ /^using (value_type|T) =/) return "The number type, float or double."
  if (line ~ /^using (State|Members) =/) return "What is carried from step to step."
  if (line ~ /^void visit\(V&& v\)/) return "Shows the members by name: calls `v(name, member)` for each; see Module and StateOf."
  if (line ~ /^(static constexpr )?bool row_wise/) return "Whether no row of a batch depends on another, so that the batch may be divided over threads."
  if (line ~ /^static constexpr const char\* gate_names/) return "The names of the gates, in the order of their rows in the weights."
  if (line ~ /^[A-Za-z:<> ]*State step\(/) return "One time step: the next state from a projected input and the state before."
  if (line ~ / project\(const Variable<(T|value_type)>& xs?\) const/) return "What of a step depends on the input alone, for all time steps at once."
  if (line ~ / coefficients\(const Variable<T>& x\) const/) return "What the state is multiplied by and what is added to it, from projected inputs."
  if (line ~ / output\(const [A-Za-z<>]*Coefficients/) return "The output that goes with the carried states of the same rows."
  if (line ~ / sequence\(const Variable<T>& xs?, const State& state/) return "All steps of a sequence; see cell.hpp."
  if (line ~ /^Variable<T> [a-z_0-9]+(, [a-z_0-9]+)*;/) return "A parameter or state; the shapes are those above."
  if (line ~ /^(RMSNorm|CausalConv1d|Linear|Dropout|RgLruCell)<T> [a-z_]+(, [a-z_]+)*;/ || line ~ /^Mixer mixer;/) return "A part of the cell; see above."
  if (line ~ / initial_state\(index_t batch\) const/) return "The state that a sequence begins with, for `batch` sequences."
  if (line ~ /^index_t hidden_size\(\) const/) return "The number of units, H."
  if (line ~ /^index_t input_size\(\) const/) return "The size of the input, I."
  if (line ~ /^bool operator==\(.*default;/) return "Whether all members are equal."
  if (line ~ / load_state\(const State/) return "Goes on from a saved state."
  if (line ~ /^static constexpr const char\* rule =/) return "The name of the rule, in files and messages."
  if (line ~ /^const char\* rule\(\) const final/) return "The name of the rule."
  if (line ~ /^void update\(const .*Update& u\) override/) return "Updates one parameter."
  if (line ~ /^typename Optimizer<T>::ArrayNames array_names\(/) return "The names of the arrays that the rule keeps for each parameter."
  if (match(line, /^struct [A-Z][A-Za-z0-9]*Options \{/)) return "Options of " substr(line, 8, RLENGTH - 16) ", given by name: `{.member = value}`."
  if (line ~ /^struct State \{/ || line ~ /^(const )?State&? state\(\) const/) return "What a checkpoint has to keep."
  if (line ~ /^(explicit )?[A-Z][A-Za-z0-9]*\(index_t (input|inputs|vocabulary|size|features),? /) return "With new parameters, initialised from `rng`."
  if (line ~ /^(Variable<T>|LayerNorm<T>) (weight|bias|norm|query|h|c)[a-z_]*(, [a-z_]+)*;/) return "A parameter or state; the shapes are those above."
  if (line ~ /operator\(\)\(const [^{]*(Variable|Indices)[^{]*\) const/ || line ~ /operator\(\)\(const auto& x\) const/) return "Applies it."
  if (line ~ / begin\(\) const/) return "The first element, for loops."
  if (line ~ / end\(\) const/) return "Behind the last element."
  if (line ~ /^(index_t|std::size_t|std::int64_t) size\(\) const/) return "The number of elements."
  if (line ~ / to_json\(\) const/) return "As JSON."
  if (line ~ /^auto [a-z_0-9]+\(E&& /) return "The same for an expression."
  if (line ~ /^(detail::)?[A-Za-z<>:]+ (vjp|jvp|hvp)\(const F& f, const Variable<T>& x/) return "The same for one input and one output."
  return ""
}
# At the left margin only a deduction guide has no type before its name.
function is_guide(line) { return line ~ /^[A-Z][a-z][A-Za-z]*\(/ }

# `T a, b;  ///< what they are` as a declaration for each; Doxygen would give the comment to one of them.
function one_by_one(line,   said, type, n, name, k, out, first) {
  if (line !~ /^ +[A-Za-z][^()]*, [a-z_0-9]+( = [^,;()]+|\{\})?;/ || line ~ /^ *(using|return|template)/) return line
  said = line
  if (!sub(/.*\/\/\/< /, "", said)) said = by_convention(line)
  sub(/;.*/, "", line)
  n = split(line, name, ", ")
  for (k = n; k > 1 && name[k] ~ /^[a-z_0-9]+( = .*|\{\})?$/; k--) out = ", " name[k] out
  line = substr(line, 1, length(line) - length(out))  # the type and the first name
  match(line, /[a-z_0-9]+( = [^,]*|\{\})?$/)
  type = substr(line, 1, RSTART - 1)
  n = split(substr(line, RSTART) out, name, ", ")
  out = ""
  for (k = 1; k <= n; k++) {
    if (commented != "") said = k == 1 ? "" : "See " first "."
    if (k == 1) { first = name[1]; sub(/[ {].*/, "", first) }
    out = out (said == "" ? "" : "/** " said " */ ") type name[k] "; "
  }
  return out
}

# UNROLL_LAYER(Layer, Cell) as the class that it is.
function layer_class(line,   name) {
  gsub(/^UNROLL_LAYER\(|\)$/, "", line)
  split(line, name, ", ")
  return "template <class T = float> class " name[1] " : public Recurrent<" name[2] "<T>> { public: " \
         "/** Without parameters. */ " name[1] "() = default; " \
         "/** With new parameters, initialised from `rng` as the cell says. */ " name[1] \
         "(index_t input, index_t hidden, const RecurrentOptions& options = {}, " \
         "Generator& rng = default_generator()); };"
}

# A template of another library, made to fit ours: no name of ours, and Doxygen does not know where it belongs.
function is_foreign(line) { return line ~ /^(struct|class) (xt|std|fmt)::/ }

# A declaration may begin with lines for its template; what is said of it stands before them.
function declare(line,   said) {
  if (line ~ /^UNROLL_LAYER/) line = layer_class(line)
  if (line ~ /^ *(template <.*>|requires [^;{]*)$/) { head = head line "\n"; return }
  if (is_foreign(line)) {
    foreign = line !~ /\};$/
    gsub(/[^\n]/, "", held); gsub(/[^\n]/, "", head)
    print held head
    held = head = commented = ""
    return
  }
  line = one_by_one(line)
  said = commented != "" ? "" : is_guide(line) ? "Deduces the arguments of the template." : by_convention(line)
  printf "%s%s%s%s\n", held, said == "" ? "" : "/** " said " */ ", head, line
  held = head = commented = ""
}

NR == 1 { print "/// @file"; next }
foreign { print ""; foreign = !/^};/; next }
/^(extern template |UNROLL_COMPILED_CELL)/ { print ""; next }
/^namespace unroll(::(init|io|blas))? \{$/ { print $0 " /** @room{" room "} */"; next }
/^\}  \/\/ namespace unroll(::(init|io|blas))?$/ && !lines { print "/** @} */ " $0; next }
{
  if (match($0, /^ *\/\/\/( |$)/)) {
    indent = $0
    sub(/\/\/\/.*/, "", indent)
    text = substr($0, length(indent) + 4)
    sub(/^ /, "", text)
    sub(/^\\file /, "", text)
    block[++lines] = text
    block_margin = indent "///"
    next
  }
  if (lines) { tell(block_margin, block, lines); lines = 0; commented = block[1] }
  declare($0)
}
END {
  if (lines) tell(block_margin, block, lines)
  printf "%s", held
}
