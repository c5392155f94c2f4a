# fish completion for haar: commands from `haar help`, options from `haar COMMAND --help`.
function __haar_commands
  haar help 2>/dev/null | string replace -rf '^  ([a-z][a-z-]*)  +(.*)' '$1\t$2'
end
function __haar_options
  set -l words (commandline -opc)
  haar $words[2] --help 2>/dev/null | string match -ra -- '--[a-z-]+'
end
complete -c haar -n __fish_use_subcommand -f -a '(__haar_commands)'
complete -c haar -n 'not __fish_use_subcommand; and string match -q -- "-*" (commandline -ct)' -f -a '(__haar_options)'
complete -c haar -n '__fish_seen_subcommand_from clock' -f -a 'advance set speed reset'
complete -c haar -n '__fish_seen_subcommand_from fault' -f -a 'zone cut loss bandwidth latency dns endpoint service late-eni stateless-groups failover lift'
complete -c haar -n '__fish_seen_subcommand_from mail' -f -a 'read'
complete -c haar -n '__fish_seen_subcommand_from serve' -l durability -x -a 'process disk'
complete -c haar -n '__fish_seen_subcommand_from serve' -l network -x -a 'on off'
complete -c haar -n '__fish_seen_subcommand_from serve' -l egress -x -a 'off host'
complete -c haar -n '__fish_seen_subcommand_from env' -l shell -x -a 'sh fish powershell'
complete -c haar -n '__fish_seen_subcommand_from check' -s f -l format -x -a 'human json sarif github'
complete -c haar -n '__fish_seen_subcommand_from check' -l fail-on -x -a 'error warning note'
complete -c haar -n '__fish_seen_subcommand_from check' -l disable -x -a "(haar check --list-rules 2>/dev/null | string replace -r ' .*' '')"
complete -c haar -n '__fish_seen_subcommand_from check' -l enable -x -a "(haar check --list-rules 2>/dev/null | string replace -r ' .*' '')"
