import { Argument, Command } from 'commander';
import { completionScript, SHELLS } from '../completion/scripts.ts';

/** `certman completion`: the script that a shell sources. */
export function completionCommand(): Command {
  return new Command('completion')
    .summary('print a script that completes commands, flags and names in your shell')
    .description(
      'Prints a script for bash, zsh or fish that completes commands, flags, namespaces, contexts and names of clusters. Names come from the API server of the kubeconfig.',
    )
    .addArgument(new Argument('<shell>', 'your shell').choices(SHELLS))
    .addHelpText(
      'after',
      '\nExamples:\n  source <(certman completion bash)     # in ~/.bashrc\n  source <(certman completion zsh)      # in ~/.zshrc, after compinit\n  certman completion fish | source      # in ~/.config/fish/config.fish\n\nkubectl completes "kubectl certman" by itself, with kubectl_complete-certman on the PATH.',
    )
    .action((shell: (typeof SHELLS)[number]) => {
      process.stdout.write(completionScript(shell));
    });
}

/** `certman complete -- <words>`: what the scripts and kubectl ask. */
export function completeCommand(): Command {
  return new Command('complete')
    .summary('complete a command line, for the scripts of "certman completion"')
    .description('Prints what can stand at the end of a command line, as kubectl and the scripts read it.')
    .argument('[words...]', 'the words of the command line after "certman", up to the cursor')
    .action(async (words: readonly string[], _options: object, command: Command) => {
      const [{ complete, formatCompletion }, { liveNames }] = await Promise.all([
        import('../completion/candidates.ts'),
        import('../completion/live-names.ts'),
      ]);
      const program = command.parent ?? command;
      process.stdout.write(`${formatCompletion(await complete(program, words, liveNames))}\n`);
    });
}
