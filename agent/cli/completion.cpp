#include "agent/cli/completion.hpp"

namespace xm {
namespace {

constexpr std::string_view kBash = R"script(# bash completion for xdp-mesh
_xdp_mesh() {
  local current=${COMP_WORDS[COMP_CWORD]} previous=${COMP_WORDS[COMP_CWORD-1]}
  local start='--foreground --workers --aead --busy-poll --mtu --log-level --help'
  local words
  case $previous in
    --aead) words='auto ipsec-mb libsodium openssl af-alg' ;;
    --log-level) words='silent error info verbose' ;;
    --workers|--busy-poll|--mtu) return ;;
    *)
      case ${COMP_WORDS[1]} in
        status)
          words="--json --help $(for s in /run/xdp-mesh/*.sock; do
            [[ -e $s ]] && s=${s##*/} && echo "${s%.sock}"; done)" ;;
        completion) words='bash zsh fish --help' ;;
        bench)
          case ${COMP_WORDS[2]} in
            aead) words='--sizes --batch --milliseconds --json --help' ;;
            path) words='--packets --size --stage --aead --peers --json --help' ;;
            *) words='aead path --help' ;;
          esac ;;
        run) words=$start ;;
        *) words="$start --version"
           [[ $COMP_CWORD -eq 1 ]] && words+=' run status completion bench' ;;
      esac ;;
  esac
  COMPREPLY=($(compgen -W "$words" -- "$current"))
}
complete -F _xdp_mesh xdp-mesh
)script";

constexpr std::string_view kZsh = R"script(#compdef xdp-mesh
# zsh completion for xdp-mesh
_xdp_mesh_agents() {
  local -a agents=(/run/xdp-mesh/*.sock(N:t:r))
  compadd -a agents
}
_xdp_mesh() {
  local -a start=(
    '(-f --foreground)'{-f,--foreground}'[stay in the foreground]'
    '--workers[worker threads]:number:'
    '--aead[engine for ChaCha20-Poly1305]:engine:(auto ipsec-mb libsodium openssl af-alg)'
    '--busy-poll[microseconds to poll the network card]:microseconds:'
    '--mtu[MTU of the interface]:bytes:'
    '--log-level[how much to log]:level:(silent error info verbose)'
    '(-h --help)'{-h,--help}'[print help]'
  )
  case ${words[2]} in
    run) shift words; (( CURRENT-- )); _arguments $start '1:interface:' ;;
    status)
      shift words; (( CURRENT-- ))
      _arguments '--json[print JSON]' '(-h --help)'{-h,--help}'[print help]' \
        '1:interface:_xdp_mesh_agents' ;;
    completion)
      shift words; (( CURRENT-- ))
      _arguments '(-h --help)'{-h,--help}'[print help]' '1:shell:(bash zsh fish)' ;;
    bench)
      case ${words[3]} in
        aead)
          shift 2 words; (( CURRENT -= 2 ))
          _arguments '--sizes[packet sizes]:bytes:' '--batch[packets a call]:number:' \
            '--milliseconds[for each engine and size]:milliseconds:' \
            '--json[write JSON]:file:_files' '(-h --help)'{-h,--help}'[print help]' ;;
        path)
          shift 2 words; (( CURRENT -= 2 ))
          _arguments '--packets[through each walk]:number:' '--size[UDP payload]:bytes:' \
            '--stage[only this one]:stage:(tx read route split encrypt batch rx classify decrypt replay source coalesce deliver)' \
            '--aead[engine]:engine:(auto ipsec-mb libsodium openssl af-alg)' \
            '--peers[what so many peers cost]:number:' \
            '--json[write JSON]:file:_files' '(-h --help)'{-h,--help}'[print help]' ;;
        *) compadd aead path ;;
      esac ;;
    *) _arguments $start '--version[print the version]' \
         '1:interface or command:(run status completion bench)' ;;
  esac
}
if [[ $funcstack[1] = _xdp_mesh ]]; then _xdp_mesh "$@"; else compdef _xdp_mesh xdp-mesh; fi
)script";

constexpr std::string_view kFish = R"script(# fish completion for xdp-mesh
function __xdp_mesh_agents
  for socket in /run/xdp-mesh/*.sock
    basename $socket .sock
  end
end
set -l start "not __fish_seen_subcommand_from status completion bench"
complete -c xdp-mesh -f
complete -c xdp-mesh -s h -l help -d 'Print help'
complete -c xdp-mesh -n __fish_use_subcommand -l version -d 'Print the version'
complete -c xdp-mesh -n __fish_use_subcommand -a run -d 'Start an agent'
complete -c xdp-mesh -n __fish_use_subcommand -a status -d 'Show what running agents do'
complete -c xdp-mesh -n __fish_use_subcommand -a completion -d 'Print completions for a shell'
complete -c xdp-mesh -n __fish_use_subcommand -a bench -d 'Measure the parts of the tunnel'
complete -c xdp-mesh -n '__fish_seen_subcommand_from bench; and not __fish_seen_subcommand_from aead path' -a 'aead path'
complete -c xdp-mesh -n '__fish_seen_subcommand_from bench' -r -l json -d 'Write JSON'
complete -c xdp-mesh -n '__fish_seen_subcommand_from bench; and __fish_seen_subcommand_from aead' -x -l sizes -d 'Packet sizes'
complete -c xdp-mesh -n '__fish_seen_subcommand_from bench; and __fish_seen_subcommand_from aead' -x -l batch -d 'Packets a call'
complete -c xdp-mesh -n '__fish_seen_subcommand_from bench; and __fish_seen_subcommand_from aead' -x -l milliseconds -d 'For each engine and size'
complete -c xdp-mesh -n '__fish_seen_subcommand_from bench; and __fish_seen_subcommand_from path' -x -l packets -d 'Through each walk'
complete -c xdp-mesh -n '__fish_seen_subcommand_from bench; and __fish_seen_subcommand_from path' -x -l size -d 'UDP payload'
complete -c xdp-mesh -n '__fish_seen_subcommand_from bench; and __fish_seen_subcommand_from path' -x -l peers -d 'What so many peers cost'
complete -c xdp-mesh -n '__fish_seen_subcommand_from bench; and __fish_seen_subcommand_from path' -x -l stage -a 'tx read route split encrypt batch rx classify decrypt replay source coalesce deliver' -d 'Only this one'
complete -c xdp-mesh -n '__fish_seen_subcommand_from bench; and __fish_seen_subcommand_from path' -x -l aead -a 'auto ipsec-mb libsodium openssl af-alg' -d 'AEAD engine'
complete -c xdp-mesh -n $start -s f -l foreground -d 'Stay in the foreground'
complete -c xdp-mesh -n $start -x -l workers -d 'Worker threads'
complete -c xdp-mesh -n $start -x -l aead -a 'auto ipsec-mb libsodium openssl af-alg' -d 'AEAD engine'
complete -c xdp-mesh -n $start -x -l busy-poll -d 'Microseconds to poll the network card'
complete -c xdp-mesh -n $start -x -l mtu -d 'MTU of the interface'
complete -c xdp-mesh -n $start -x -l log-level -a 'silent error info verbose' -d 'How much to log'
complete -c xdp-mesh -n '__fish_seen_subcommand_from status' -l json -d 'Print JSON'
complete -c xdp-mesh -n '__fish_seen_subcommand_from status' -a '(__xdp_mesh_agents)'
complete -c xdp-mesh -n '__fish_seen_subcommand_from completion' -a 'bash zsh fish'
)script";

}  // namespace

std::string_view completion_script(Shell shell) {
  switch (shell) {
    case Shell::zsh:
      return kZsh;
    case Shell::fish:
      return kFish;
    case Shell::bash:
      break;
  }
  return kBash;
}

}  // namespace xm
