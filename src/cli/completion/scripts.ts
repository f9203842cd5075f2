/** What a shell is given to complete certman's command line: each asks `certman complete`, and evaluates nothing. */

/** The shells that certman completes for. */
export const SHELLS = ['bash', 'zsh', 'fish'] as const;

/** Its script, to be sourced. */
export function completionScript(shell: (typeof SHELLS)[number]): string {
  return SCRIPTS[shell];
}

const SCRIPTS: Readonly<Record<(typeof SHELLS)[number], string>> = {
  bash: `# source <(certman completion bash)
_certman() {
  local line directive=
  COMPREPLY=()
  while IFS= read -r line; do
    case "$line" in
      :*) directive="\${line#:}" ;;
      *) COMPREPLY+=("\${line%%$'\\t'*}") ;;
    esac
  done < <("\${COMP_WORDS[0]}" complete -- "\${COMP_WORDS[@]:1:COMP_CWORD}" 2>/dev/null)
  if [ "$directive" = 0 ]; then compopt -o default 2>/dev/null; fi
  return 0
}
complete -F _certman certman
`,
  zsh: `#compdef certman
# source <(certman completion zsh), after compinit
_certman() {
  local line directive
  local -a candidates
  while IFS= read -r line; do
    case "$line" in
      :*) directive="\${line#:}" ;;
      *) candidates+=("\${\${line%%$'\\t'*}//:/\\\\:}:\${line#*$'\\t'}") ;;
    esac
  done < <("\${words[1]}" complete -- "\${(@)words[2,CURRENT]}" 2>/dev/null)
  if [[ "$directive" == 0 ]]; then
    _files
  else
    _describe -t certman certman candidates
  fi
}
compdef _certman certman
`,
  fish: `# certman completion fish | source
function __certman_complete
  set -l words (commandline -opc)
  certman complete -- $words[2..-1] (commandline -ct) 2>/dev/null | string match --invert ':*'
end
complete --command certman --no-files --arguments '(__certman_complete)'
`,
};
