#include "agent/cli/completion.hpp"

namespace xm {
namespace {

constexpr std::string_view kBash = R"script(# bash completion for xdp-mesh
_xdp_mesh_agents() {
  local socket
  for socket in /run/xdp-mesh/*.sock; do
    if [[ -e $socket ]]; then socket=${socket##*/}; echo "${socket%.sock}"; fi
  done
}
_xdp_mesh_interfaces() {
  local device
  for device in /sys/class/net/*; do echo "${device##*/}"; done
}
_xdp_mesh() {
  local current=${COMP_WORDS[COMP_CWORD]} previous=${COMP_WORDS[COMP_CWORD-1]}
  local start='--foreground --workers --aead --io --io-sqpoll --handoff --busy-poll --mtu --log-level --attach --keep-attached --control-group --metrics --help'
  local attach='--mode --rx --queues --zerocopy --chunks --rx-ring --fill-ring --chunk-size --busy-poll'
  local bench='aead path --rounds --seconds --quick --peer --only --rows --aead --io --json --svg --help'
  local engines='ipsec-mb boringssl openssl libsodium af-alg'
  local grants='--name --allow-address --allow-subnet'
  local words
  case $previous in
    --dir) COMPREPLY=($(compgen -d -- "$current")); return ;;
    --out) COMPREPLY=($(compgen -f -- "$current")); return ;;
    --label|--name|--allow-address|--allow-subnet|--mesh|--days|--until|--stun) return ;;
    --aead) words="auto $engines"
            [[ ${COMP_WORDS[1]} == bench && ${COMP_WORDS[2]} != path ]] && words="$engines none" ;;
    --io) words='auto syscall uring'
          [[ ${COMP_WORDS[1]} == bench ]] && words='uring syscall none' ;;
    --handoff) words='auto on off' ;;
    --rows) words='rtt tcp1 tcp1r tcp8 tcp8r rtt-load udp64 udp1300 rss rss1000' ;;
    --json|--svg) COMPREPLY=($(compgen -f -- "$current")); return ;;
    -c|--count|--rounds|--seconds|--peer|--only) return ;;
    --log-level) words='silent error info verbose' ;;
    --mode) words='auto native generic' ;;
    --rx) words='auto xdp socket' ;;
    --zerocopy) words='auto yes no' ;;
    --queues|--rx-ring|--fill-ring) words='auto' ;;
    --chunk-size) words='auto 2048 4096' ;;
    --to|--interface) words=$(_xdp_mesh_agents) ;;
    --attach) words=$(_xdp_mesh_interfaces) ;;
    --metrics) words='127.0.0.1:9586 [::1]:9586' ;;
    --control-group) COMPREPLY=($(compgen -g -- "$current")); return ;;
    --workers|--busy-poll|--mtu|--chunks) return ;;
    *)
      case ${COMP_WORDS[1]} in
        status)
          words="--json --watch --help $(_xdp_mesh_agents)" ;;
        attach) words="$attach --to --dry-run --list --json --help $(_xdp_mesh_interfaces)" ;;
        detach) words="--to --help $(_xdp_mesh_interfaces)" ;;
        doctor) words="$attach --help $(_xdp_mesh_interfaces)" ;;
        peers) words="--json --help $(_xdp_mesh_agents)" ;;
        resolve) words='--interface --help' ;;
        ping) words='--count --interface --help' ;;
        down) words="--help $(_xdp_mesh_agents)" ;;
        completion) words='bash zsh fish --help' ;;
        bench)
          case ${COMP_WORDS[2]} in
            aead) words='--sizes --batch --milliseconds --json --help' ;;
            path) words='--packets --size --stage --aead --helpers --peers --json --help' ;;
            *) words=$bench ;;
          esac ;;
        keygen) words='--dir --help' ;;
        export) words='--org --delegate --dir --help' ;;
        trust) words="--org --label $grants --dir --help $(compgen -f -- "$current" || :)" ;;
        revoke) words='--dir --help' ;;
        org)
          case ${COMP_WORDS[2]} in
            keygen) words='--delegate --dir --help' ;;
            sign) words="--delegate $grants --mesh --days --until --out --dir --help" ;;
            delegate) words="$grants --mesh --days --until --out --dir --help" ;;
            revoke) words='--out --dir --help' ;;
            *) words='keygen sign delegate revoke --help' ;;
          esac ;;
        config)
          case ${COMP_WORDS[2]} in
            check) words='--dir --help' ;;
            show) words='--defaults --dir --help' ;;
            *) words='check show --help' ;;
          esac ;;
        netcheck) words='--stun --dir --json --help' ;;
        run) words=$start ;;
        up) words="$start --dir" ;;
        *) words="$start --version"
           [[ $COMP_CWORD -eq 1 ]] && words+=' run up status attach detach doctor peers resolve ping down bench completion keygen export trust revoke org config netcheck' ;;
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
_xdp_mesh_interfaces() {
  local -a interfaces=(/sys/class/net/*(N:t))
  compadd -a interfaces
}
_xdp_mesh_keys() {
  local -a common=('--dir[keys and trust]:directory:_files -/' '(-h --help)'{-h,--help}'[print help]')
  local -a grants=(
    '*--name[a name that it may have]:name:'
    '*--allow-address[an address that it may have]:prefix:'
    '*--allow-subnet[a subnet that it may route]:prefix:'
  )
  local -a signing=('--mesh[for this mesh only]:name:' '--days[how long it holds]:days:'
    '--until[when it ends]:time:'
    '--out[write it here]:file:_files')
  local command=${words[2]}
  shift words; (( CURRENT-- ))
  case $command in
    keygen) _arguments $common '--delegate[a delegate]' ;;
    export) _arguments $common '--org[an organisation]' '--delegate[a delegate]' ;;
    trust) _arguments $common $grants '--org[an organisation]' '--label[in messages]:text:' \
             '1:key or file:_files' ;;
    revoke) _arguments $common '--out[write it here]:file:_files' '1:key:' ;;
    sign|delegate) _arguments $common $grants $signing '--delegate[as a delegate]' \
                     '1:key or file:_files' ;;
    check) _arguments $common '1:interface or file:_files' ;;
    show) _arguments $common '--defaults[every key]' '1:interface or file:_files' ;;
    *) compadd keygen sign delegate revoke check show ;;
  esac
}
_xdp_mesh() {
  local -a attach=(
    '--mode[where the kernel runs the program]:mode:(auto native generic)'
    '--rx[how data messages come]:path:(auto xdp socket)'
    '--queues[the first so many receive queues]:number:(auto)'
    '--zerocopy[without copies]:when:(auto yes no)'
    '--chunks[buffers a queue]:number:'
    '--rx-ring[entries of a receive ring]:number:(auto)'
    '--fill-ring[entries of a fill ring]:number:(auto)'
    '--chunk-size[bytes a buffer]:bytes:(auto 2048 4096)'
    '--busy-poll[microseconds to poll the card]:microseconds:'
    '(-h --help)'{-h,--help}'[print help]'
  )
  local -a start=(
    '(-f --foreground)'{-f,--foreground}'[stay in the foreground]'
    '--workers[worker threads]:number:'
    '--aead[engine for ChaCha20-Poly1305]:engine:(auto ipsec-mb boringssl openssl libsodium af-alg)'
    '--io[how packets come and go]:kind:(auto syscall uring)'
    '--handoff[share the batches of a busy worker]:when:(auto on off)'
    '--io-sqpoll[with --io uring, a kernel thread a worker]'
    '--busy-poll[microseconds to poll the network card]:microseconds:'
    '--mtu[MTU of the interface]:bytes:'
    '--log-level[how much to log]:level:(silent error info verbose)'
    '*--attach[attach to a network interface]:interface:_xdp_mesh_interfaces'
    '--keep-attached[leave XDP programs where they are]'
    '--control-group[may use the control socket]:group:_groups'
    '--metrics[serve metrics and health by HTTP]:address\:port:(127.0.0.1\:9586)'
    '(-h --help)'{-h,--help}'[print help]'
  )
  case ${words[2]} in
    run) shift words; (( CURRENT-- )); _arguments $start '1:interface:' ;;
    up)
      shift words; (( CURRENT-- ))
      _arguments $start '--dir[keys, trust, configuration]:directory:_files -/' '1:interface:' ;;
    status)
      shift words; (( CURRENT-- ))
      _arguments '--json[print JSON]' '--watch[once a second]' '(-h --help)'{-h,--help}'[print help]' \
        '1:interface:_xdp_mesh_agents' ;;
    attach)
      shift words; (( CURRENT-- ))
      _arguments $attach '--to[the agent]:interface:_xdp_mesh_agents' \
        '--dry-run[change nothing]' '--list[show what is attached]' '--json[print JSON]' \
        '1:interface:_xdp_mesh_interfaces' ;;
    detach)
      shift words; (( CURRENT-- ))
      _arguments '--to[the agent]:interface:_xdp_mesh_agents' '(-h --help)'{-h,--help}'[print help]' \
        '1:interface:_xdp_mesh_interfaces' ;;
    doctor)
      shift words; (( CURRENT-- ))
      _arguments $attach '1:interface:_xdp_mesh_interfaces' ;;
    peers)
      shift words; (( CURRENT-- ))
      _arguments '--json[print JSON]' '(-h --help)'{-h,--help}'[print help]' \
        '1:interface:_xdp_mesh_agents' ;;
    resolve)
      shift words; (( CURRENT-- ))
      _arguments '--interface[the mesh]:interface:_xdp_mesh_agents' \
        '(-h --help)'{-h,--help}'[print help]' '1:name:' ;;
    ping)
      shift words; (( CURRENT-- ))
      _arguments '--interface[the mesh]:interface:_xdp_mesh_agents' \
        '(-c --count)'{-c,--count}'[how often]:number:' '(-h --help)'{-h,--help}'[print help]' \
        '1:member:' ;;
    down)
      shift words; (( CURRENT-- ))
      _arguments '(-h --help)'{-h,--help}'[print help]' '1:interface:_xdp_mesh_agents' ;;
    completion)
      shift words; (( CURRENT-- ))
      _arguments '(-h --help)'{-h,--help}'[print help]' '1:shell:(bash zsh fish)' ;;
    keygen|export|trust|revoke) _xdp_mesh_keys ;;
    org|config) shift words; (( CURRENT-- )); _xdp_mesh_keys ;;
    netcheck)
      shift words; (( CURRENT-- ))
      _arguments '*--stun[ask this server]:host\:port:' '--dir[of NAME.toml]:directory:_files -/' \
        '--json[print JSON]' '(-h --help)'{-h,--help}'[print help]' '1:interface or file:_files' ;;
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
            '--aead[engine]:engine:(auto ipsec-mb boringssl openssl libsodium af-alg)' \
            '--helpers[threads that share the work]:number:' \
            '--peers[what so many peers cost]:number:' \
            '--json[write JSON]:file:_files' '(-h --help)'{-h,--help}'[print help]' ;;
        *)
          shift words; (( CURRENT-- ))
          _arguments '--rounds[rounds]:number:' '--seconds[length of a row]:seconds:' \
            '--quick[one round of a second a row]' '*--peer[another implementation]:name=command:' \
            '--only[contestants]:names:' \
            '--rows[rows]:row:(rtt tcp1 tcp1r tcp8 tcp8r rtt-load udp64 udp1300 rss rss1000)' \
            '--aead[engines one by one]:engine:(ipsec-mb boringssl openssl libsodium af-alg none)' \
            '--io[I/O backends one by one]:backend:(uring syscall none)' \
            '--json[write every sample]:file:_files' '--svg[draw a chart]:file:_files' \
            '(-h --help)'{-h,--help}'[print help]' \
            '1:part:(aead path)' ;;
      esac ;;
    *) _arguments $start '--version[print the version]' \
         '1:interface or command:(run up status attach detach doctor peers resolve ping down bench completion keygen export trust revoke org config netcheck)' ;;
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
function __xdp_mesh_interfaces
  for device in /sys/class/net/*
    basename $device
  end
end
set -l start "not __fish_seen_subcommand_from status attach detach doctor peers resolve ping down bench completion keygen export trust revoke org config netcheck"
complete -c xdp-mesh -f
complete -c xdp-mesh -s h -l help -d 'Print help'
complete -c xdp-mesh -n __fish_use_subcommand -l version -d 'Print the version'
complete -c xdp-mesh -n __fish_use_subcommand -a run -d 'Start an agent'
complete -c xdp-mesh -n __fish_use_subcommand -a up -d 'Start a node of a mesh'
complete -c xdp-mesh -n __fish_use_subcommand -a status -d 'Show what running agents do'
complete -c xdp-mesh -n __fish_use_subcommand -a attach -d 'Receive from an interface by XDP'
complete -c xdp-mesh -n __fish_use_subcommand -a detach -d 'Undo an attach'
complete -c xdp-mesh -n __fish_use_subcommand -a doctor -d 'Say what an attach would do'
complete -c xdp-mesh -n __fish_use_subcommand -a peers -d 'Show the members of a mesh'
complete -c xdp-mesh -n __fish_use_subcommand -a resolve -d "Print a member's addresses"
complete -c xdp-mesh -n __fish_use_subcommand -a ping -d 'Ask a member for an answer'
complete -c xdp-mesh -n __fish_use_subcommand -a down -d 'Stop an agent'
complete -c xdp-mesh -n '__fish_seen_subcommand_from peers down' -a '(__xdp_mesh_agents)'
complete -c xdp-mesh -n '__fish_seen_subcommand_from peers' -l json -d 'Print JSON'
complete -c xdp-mesh -n '__fish_seen_subcommand_from resolve ping' -x -l interface -a '(__xdp_mesh_agents)' -d 'The mesh'
complete -c xdp-mesh -n '__fish_seen_subcommand_from ping' -x -s c -l count -d 'How often'
complete -c xdp-mesh -n __fish_use_subcommand -a bench -d 'Measure it beside others'
complete -c xdp-mesh -n __fish_use_subcommand -a completion -d 'Print completions for a shell'
complete -c xdp-mesh -n __fish_use_subcommand -a keygen -d 'Make an identity'
complete -c xdp-mesh -n __fish_use_subcommand -a export -d 'Print what others need to trust this node'
complete -c xdp-mesh -n __fish_use_subcommand -a trust -d 'Trust a node or an organisation'
complete -c xdp-mesh -n __fish_use_subcommand -a revoke -d 'Trust it no longer'
complete -c xdp-mesh -n __fish_use_subcommand -a org -d 'Run an organisation'
complete -c xdp-mesh -n __fish_use_subcommand -a config -d 'Look at a configuration'
complete -c xdp-mesh -n __fish_use_subcommand -a netcheck -d 'Say what the network allows'
complete -c xdp-mesh -n '__fish_seen_subcommand_from netcheck' -x -l stun -d 'Ask this server'
complete -c xdp-mesh -n '__fish_seen_subcommand_from netcheck' -r -F -l dir -d 'Of NAME.toml'
complete -c xdp-mesh -n '__fish_seen_subcommand_from netcheck' -l json -d 'Print JSON'
set -l keys '__fish_seen_subcommand_from up keygen export trust revoke org config netcheck'
complete -c xdp-mesh -n '__fish_seen_subcommand_from org' -a 'keygen sign delegate revoke'
complete -c xdp-mesh -n '__fish_seen_subcommand_from config' -a 'check show'
complete -c xdp-mesh -n '__fish_seen_subcommand_from config' -l defaults -d 'Every key with its default'
complete -c xdp-mesh -n $keys -r -F -l dir -d 'Keys and trust'
complete -c xdp-mesh -n '__fish_seen_subcommand_from trust export' -l org -d 'An organisation'
complete -c xdp-mesh -n '__fish_seen_subcommand_from export org' -l delegate -d 'A delegate'
complete -c xdp-mesh -n '__fish_seen_subcommand_from trust' -F -x -l label -d 'What to call it'
complete -c xdp-mesh -n '__fish_seen_subcommand_from trust org' -x -l name -d 'A name that it may have'
complete -c xdp-mesh -n '__fish_seen_subcommand_from trust org' -x -l allow-address -d 'An address that it may have'
complete -c xdp-mesh -n '__fish_seen_subcommand_from trust org' -x -l allow-subnet -d 'A subnet that it may route'
complete -c xdp-mesh -n '__fish_seen_subcommand_from org' -x -l mesh -d 'For this mesh only'
complete -c xdp-mesh -n '__fish_seen_subcommand_from org' -x -l days -d 'How long it holds'
complete -c xdp-mesh -n '__fish_seen_subcommand_from org' -x -l until -d 'When it ends'
complete -c xdp-mesh -n '__fish_seen_subcommand_from org' -r -F -l out -d 'Write it here'
complete -c xdp-mesh -n '__fish_seen_subcommand_from bench; and not __fish_seen_subcommand_from aead path' -a 'aead path'
complete -c xdp-mesh -n '__fish_seen_subcommand_from bench' -r -l json -d 'Write JSON'
complete -c xdp-mesh -n '__fish_seen_subcommand_from bench; and __fish_seen_subcommand_from aead' -x -l sizes -d 'Packet sizes'
complete -c xdp-mesh -n '__fish_seen_subcommand_from bench; and __fish_seen_subcommand_from aead' -x -l batch -d 'Packets a call'
complete -c xdp-mesh -n '__fish_seen_subcommand_from bench; and __fish_seen_subcommand_from aead' -x -l milliseconds -d 'For each engine and size'
complete -c xdp-mesh -n '__fish_seen_subcommand_from bench; and __fish_seen_subcommand_from path' -x -l packets -d 'Through each walk'
complete -c xdp-mesh -n '__fish_seen_subcommand_from bench; and __fish_seen_subcommand_from path' -x -l size -d 'UDP payload'
complete -c xdp-mesh -n '__fish_seen_subcommand_from bench; and __fish_seen_subcommand_from path' -x -l helpers -d 'Threads that share the work'
complete -c xdp-mesh -n '__fish_seen_subcommand_from bench; and __fish_seen_subcommand_from path' -x -l peers -d 'What so many peers cost'
complete -c xdp-mesh -n '__fish_seen_subcommand_from bench; and __fish_seen_subcommand_from path' -x -l stage -a 'tx read route split encrypt batch rx classify decrypt replay source coalesce deliver' -d 'Only this one'
complete -c xdp-mesh -n '__fish_seen_subcommand_from bench; and __fish_seen_subcommand_from path' -x -l aead -a 'auto ipsec-mb boringssl openssl libsodium af-alg' -d 'AEAD engine'
complete -c xdp-mesh -n $start -s f -l foreground -d 'Stay in the foreground'
complete -c xdp-mesh -n $start -x -l workers -d 'Worker threads'
complete -c xdp-mesh -n $start -x -l aead -a 'auto ipsec-mb boringssl openssl libsodium af-alg' -d 'AEAD engine'
complete -c xdp-mesh -n $start -x -l io -a 'auto syscall uring' -d 'How packets come and go'
complete -c xdp-mesh -n $start -x -l handoff -a 'auto on off' -d 'Share the batches of a busy worker'
complete -c xdp-mesh -n $start -l io-sqpoll -d 'With --io uring, a kernel thread a worker'
complete -c xdp-mesh -n $start -x -l busy-poll -d 'Microseconds to poll the network card'
complete -c xdp-mesh -n $start -x -l mtu -d 'MTU of the interface'
complete -c xdp-mesh -n $start -x -l log-level -a 'silent error info verbose' -d 'How much to log'
complete -c xdp-mesh -n $start -x -l attach -a '(__xdp_mesh_interfaces)' -d 'Attach to a network interface'
complete -c xdp-mesh -n $start -l keep-attached -d 'Leave XDP programs where they are'
complete -c xdp-mesh -n $start -x -l control-group -a '(__fish_complete_groups)' -d 'May use the control socket'
complete -c xdp-mesh -n $start -x -l metrics -a '127.0.0.1:9586' -d 'Serve metrics and health by HTTP'
set -l attach '__fish_seen_subcommand_from attach doctor'
complete -c xdp-mesh -n $attach -x -l mode -a 'auto native generic' -d 'Where the kernel runs the program'
complete -c xdp-mesh -n $attach -x -l rx -a 'auto xdp socket' -d 'How data messages come'
complete -c xdp-mesh -n $attach -x -l queues -a auto -d 'The first so many receive queues'
complete -c xdp-mesh -n $attach -x -l zerocopy -a 'auto yes no' -d 'Without copies'
complete -c xdp-mesh -n $attach -x -l chunks -d 'Buffers a queue'
complete -c xdp-mesh -n $attach -x -l rx-ring -a auto -d 'Entries of a receive ring'
complete -c xdp-mesh -n $attach -x -l fill-ring -a auto -d 'Entries of a fill ring'
complete -c xdp-mesh -n $attach -x -l chunk-size -a 'auto 2048 4096' -d 'Bytes a buffer'
complete -c xdp-mesh -n $attach -x -l busy-poll -d 'Microseconds to poll the card'
complete -c xdp-mesh -n '__fish_seen_subcommand_from attach detach doctor' -a '(__xdp_mesh_interfaces)'
complete -c xdp-mesh -n '__fish_seen_subcommand_from attach detach' -x -l to -a '(__xdp_mesh_agents)' -d 'The agent'
complete -c xdp-mesh -n '__fish_seen_subcommand_from attach' -l dry-run -d 'Change nothing'
complete -c xdp-mesh -n '__fish_seen_subcommand_from attach' -l list -d 'Show what is attached'
complete -c xdp-mesh -n '__fish_seen_subcommand_from attach' -l json -d 'Print JSON'
complete -c xdp-mesh -n '__fish_seen_subcommand_from status' -l watch -d 'Once a second'
complete -c xdp-mesh -n '__fish_seen_subcommand_from status' -l json -d 'Print JSON'
complete -c xdp-mesh -n '__fish_seen_subcommand_from status' -a '(__xdp_mesh_agents)'
set -l bench '__fish_seen_subcommand_from bench'
complete -c xdp-mesh -n $bench -x -l rounds -d 'Rounds'
complete -c xdp-mesh -n $bench -x -l seconds -d 'Length of a row'
complete -c xdp-mesh -n $bench -l quick -d 'One round of a second a row'
complete -c xdp-mesh -n $bench -x -l peer -d 'Another implementation, NAME=COMMAND'
complete -c xdp-mesh -n $bench -x -l only -d 'Contestants'
complete -c xdp-mesh -n $bench -x -l rows -d 'Rows' \
  -a 'rtt tcp1 tcp1r tcp8 tcp8r rtt-load udp64 udp1300 rss rss1000'
complete -c xdp-mesh -n $bench -x -l aead -a 'ipsec-mb libsodium openssl none' -d 'AEAD engines'
complete -c xdp-mesh -n $bench -x -l io -a 'uring syscall none' -d 'I/O backends'
complete -c xdp-mesh -n $bench -r -F -l json -d 'Write every sample'
complete -c xdp-mesh -n $bench -r -F -l svg -d 'Draw a chart'
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
