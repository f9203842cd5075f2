import { Command } from 'commander';
import { CLUSTER_ARGUMENT, resolveClusterName } from '../arguments.ts';
import { examples } from '../examples.ts';
import {
  addConnectionOptions,
  addNamespaceOptions,
  addOutputOptions,
  type KubeConnection,
  type NamespaceOptions,
} from '../kubectl-options.ts';
import { formatOutput, type OutputOptions, print } from '../output.ts';
import { commandLine } from '../program-name.ts';

/** `certman windows`: when planned renewals may start. */
export function windowsCommand(): Command {
  const command = new Command('windows')
    .summary('show renewal windows and freezes, check them, show when a cluster is renewed')
    .description(
      'The renewal windows and freezes of the ConfigMap certman-operator (entry renewal_windows): when each opens or begins next, and what it selects. They postpone planned renewals only, and never beyond what is safe (docs/renewal-windows.md).',
    )
    .addCommand(checkCommand())
    .addCommand(nextCommand());
  addConnectionOptions(command);
  return addOutputOptions(command)
    .addHelpText(
      'after',
      examples(
        commandLine('windows'),
        commandLine('windows check windows.yaml'),
        commandLine('windows next demo -n uhc-production-1'),
      ),
    )
    .action(async (options: KubeConnection & OutputOptions) => {
      const [{ readWindows }, { rulesText }, { describeRules }] = await Promise.all([
        import('../windows/read-windows.ts'),
        import('../windows/windows-text.ts'),
        import('../windows/describe-rules.ts'),
      ]);
      const rules = describeRules(await readWindows(options), Date.now());
      print(await formatOutput(options, { rules }, () => rulesText(rules)));
    });
}

function checkCommand(): Command {
  const command = new Command('check')
    .summary('check the renewal windows of the ConfigMap, or of a file')
    .description('Says what is wrong, and where; exits with 2 then. Changes nothing.')
    .argument('[file]', 'YAML as of the entry renewal_windows; - for stdin. Default: the entry of the ConfigMap');
  addConnectionOptions(command);
  return addOutputOptions(command).action(async (file: string | undefined, options: KubeConnection & OutputOptions) => {
    const [{ readWindows, readWindowsFile }, { describeRules }, { rulesText }] = await Promise.all([
      import('../windows/read-windows.ts'),
      import('../windows/describe-rules.ts'),
      import('../windows/windows-text.ts'),
    ]);
    const found = file === undefined ? await readWindows(options) : await readWindowsFile(file);
    const rules = describeRules(found, Date.now());
    print(await formatOutput(options, { rules }, () => `They are valid.\n\n${rulesText(rules)}`));
  });
}

interface NextOptions extends NamespaceOptions, OutputOptions {
  readonly count: string;
}

function nextCommand(): Command {
  const command = new Command('next')
    .summary('show when renewals of a cluster may start next, and what waits')
    .description(
      'By the windows of the ConfigMap, the labels of the cluster, and the status of its CertificateRequests.',
    )
    .argument('<cluster>', CLUSTER_ARGUMENT)
    .option('--count <number>', 'how many periods to show, at most 100', '5');
  addNamespaceOptions(command);
  return addOutputOptions(command).action(async (text: string, options: NextOptions) => {
    const name = await resolveClusterName(text, options);
    const [{ readSchedule }, { scheduleText }] = await Promise.all([
      import('../windows/read-schedule.ts'),
      import('../windows/windows-text.ts'),
    ]);
    const schedule = await readSchedule(name, options);
    print(await formatOutput(options, schedule, scheduleText));
  });
}
