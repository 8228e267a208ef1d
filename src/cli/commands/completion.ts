/** `croft completion SHELL`: a script for the shell that asks `croft __complete` what fits where the cursor is. */
import { Argument, type Command } from 'commander'

const scripts = {
  bash: `# Completion of croft for bash. In ~/.bashrc:  eval "$(croft completion bash)"
_croft() {
  local IFS=$'\\n'
  COMPREPLY=($("\${COMP_WORDS[0]}" __complete "$COMP_CWORD" "\${COMP_WORDS[@]}" 2>/dev/null))
}
complete -o default -F _croft croft ./croft
`,
  zsh: `#compdef croft
# Completion of croft for zsh. In ~/.zshrc, after compinit:  eval "$(croft completion zsh)"
_croft() {
  local -a found
  found=("\${(@f)$("\${words[1]}" __complete "$((CURRENT - 1))" "\${words[@]}" 2>/dev/null)}")
  if (( \${#found[@]} == 0 )) || [[ -z "\${found[1]}" ]]; then _files; else compadd -a found; fi
}
compdef _croft croft
`,
  fish: `# Completion of croft for fish. In ~/.config/fish/config.fish:  croft completion fish | source
function __croft_complete
  set -l words (commandline --tokenize --cut-at-cursor)
  set -l current (commandline --current-token --cut-at-cursor)
  $words[1] __complete (count $words) $words "$current" 2>/dev/null
end
complete --command croft --arguments '(__croft_complete)'
`,
} as const

export function register(program: Command): void {
  program
    .command('completion')
    .description('A script that completes nouns, verbs, options and names. eval "$(croft completion bash)"')
    .addArgument(new Argument('<shell>').choices(Object.keys(scripts)))
    .action((shell: keyof typeof scripts) => {
      process.stdout.write(scripts[shell])
    })
}
