# bash completion for moonbeat: the binary itself knows what may follow.
_moonbeat() {
  # Split at blanks only: a run's id holds '@' and ':', at which bash would split too.
  local line=${COMP_LINE:0:COMP_POINT} words cur head
  read -ra words <<<"$line"
  [[ $line == *[[:blank:]] ]] && words+=("")
  cur=${words[-1]}
  mapfile -t COMPREPLY < <("$1" __complete $((${#words[@]} - 1)) "${words[@]}" 2>/dev/null)
  # Bash replaces only what stands behind the last ':' or '=', or the last '@' and what follows it.
  head=${cur%"${cur##*[@:=]}"}
  [[ $COMP_WORDBREAKS == *@* ]] && head=${head%@}
  COMPREPLY=("${COMPREPLY[@]#"$head"}")
}
complete -o default -F _moonbeat moonbeat
