# fish completion for moonbeat: the binary itself knows what may follow.
function __moonbeat_candidates
    set -l words (commandline -opc) (commandline -ct)
    $words[1] __complete (math (count $words) - 1) $words 2>/dev/null
end
complete -c moonbeat -a '(__moonbeat_candidates)'
