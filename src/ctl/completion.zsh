#compdef moonbeat
# zsh completion for moonbeat: the binary itself knows what may follow.
_moonbeat() {
  local -a candidates
  candidates=("${(@f)$("${words[1]}" __complete $((CURRENT - 1)) "${(@)words}" 2>/dev/null)}")
  candidates=("${(@)candidates:#}")
  if (( ${#candidates} )); then compadd -- "${candidates[@]}"; else _files; fi
}
_moonbeat "$@"
