# bash completion for haar: commands from `haar help`, options from `haar COMMAND --help`.
_haar() {
  local current=${COMP_WORDS[COMP_CWORD]} previous=${COMP_WORDS[COMP_CWORD - 1]} command=${COMP_WORDS[1]}
  COMPREPLY=()
  if [ "$COMP_CWORD" -eq 1 ]; then
    mapfile -t COMPREPLY < <(compgen -W "$(haar help 2>/dev/null | sed -n 's/^  \([a-z][a-z-]*\)  .*/\1/p')" -- "$current")
    return
  fi
  case $previous in
    --durability) mapfile -t COMPREPLY < <(compgen -W "process disk" -- "$current"); return ;;
    --network) mapfile -t COMPREPLY < <(compgen -W "on off" -- "$current"); return ;;
    --egress) mapfile -t COMPREPLY < <(compgen -W "off host" -- "$current"); return ;;
    --shell | -s) mapfile -t COMPREPLY < <(compgen -W "sh fish powershell" -- "$current"); return ;;
    --format | -f) mapfile -t COMPREPLY < <(compgen -W "human json sarif github" -- "$current"); return ;;
    --fail-on) mapfile -t COMPREPLY < <(compgen -W "error warning note" -- "$current"); return ;;
    --disable | --enable) mapfile -t COMPREPLY < <(compgen -W "$(haar check --list-rules 2>/dev/null | cut -d' ' -f1)" -- "$current"); return ;;
    --data | -d) mapfile -t COMPREPLY < <(compgen -d -- "$current"); return ;;
  esac
  if [ "$command" = clock ] && [ "$COMP_CWORD" -eq 2 ] && [ "${current:0:1}" != - ]; then
    mapfile -t COMPREPLY < <(compgen -W "advance set speed reset" -- "$current")
    return
  fi
  if [ "$command" = fault ] && [ "$COMP_CWORD" -eq 2 ] && [ "${current:0:1}" != - ]; then
    mapfile -t COMPREPLY < <(compgen -W "zone cut loss bandwidth latency dns endpoint service late-eni stateless-groups failover lift" -- "$current")
    return
  fi
  if [ "$command" = mail ] && [ "$COMP_CWORD" -eq 2 ] && [ "${current:0:1}" != - ]; then
    mapfile -t COMPREPLY < <(compgen -W "read" -- "$current")
    return
  fi
  case $current in
    -*) mapfile -t COMPREPLY < <(compgen -W "$(haar "$command" --help 2>/dev/null | grep -o -- '--[a-z-]*')" -- "$current") ;;
    *) mapfile -t COMPREPLY < <(compgen -f -- "$current") ;;
  esac
}
complete -o filenames -F _haar haar
