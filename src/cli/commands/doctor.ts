import { Command, InvalidArgumentError } from 'commander';
import { CLUSTER_ARGUMENT, resolveClusterName, UsageError } from '../arguments.ts';
import { examples } from '../examples.ts';
import { addNamespaceOptions, addOutputOptions, type NamespaceOptions } from '../kubectl-options.ts';
import { formatOutput, note, type OutputOptions, print } from '../output.ts';
import { commandLine } from '../program-name.ts';

const DEFAULT_TIMEOUT_SECONDS = 10;
const MAX_TIMEOUT_SECONDS = 300;

interface DoctorOptions extends NamespaceOptions, OutputOptions {
  readonly pre?: true;
  readonly timeout: number;
}

/** `certman doctor`: checks everything that certman depends on. */
export function doctorCommand(): Command {
  const command = new Command('doctor')
    .summary('check everything that certman depends on, and say what to do')
    .description(
      'Checks settings, Temporal, workers, the API server and the rights of certman, the ACME account, its CA and the DNS resolvers; with a name also that cluster: credentials, zone, public DNS, Secrets, expiry, workflow.\n' +
        'With --pre, what has to be there before certman is installed. Uses the settings of this environment, so that it says most in a pod of the worker. Changes nothing. Exit code 1 when a check fails.',
    )
    .argument('[cluster]', CLUSTER_ARGUMENT);
  addNamespaceOptions(command);
  addOutputOptions(command);
  return command
    .option('--pre', 'before an installation: without workers, account and objects of certman')
    .option('--timeout <seconds>', 'for each check', seconds, DEFAULT_TIMEOUT_SECONDS)
    .addHelpText(
      'after',
      examples(
        commandLine('doctor --pre'),
        commandLine('doctor demo -n uhc-production-1'),
        'kubectl exec -n certman-operator deploy/certman -- node bin/certman.js doctor',
      ),
    )
    .action(async (text: string | undefined, options: DoctorOptions) => {
      const { pre = false, timeout, kubeconfig, context } = options;
      if (pre && text !== undefined)
        throw new UsageError('before an installation (--pre), there is no cluster to check');
      const cluster = text === undefined ? undefined : await resolveClusterName(text, options);
      const [{ runDoctor }, { failedMessage }, { groupText, resultText, summaryText }] = await Promise.all([
        import('../doctor/doctor.ts'),
        import('../doctor/check.ts'),
        import('../doctor/report-text.ts'),
      ]);
      const connection = { kubeconfig, context };
      const request = { connection, preInstall: pre, cluster, timeoutMs: timeout * 1_000 };
      const isText = options.json !== true && (options.output ?? 'table') === 'table';
      let group: string | undefined;
      const results = await runDoctor(request, (result) => {
        if (!isText) return;
        if (result.group !== group) print(`${group === undefined ? '' : '\n'}${groupText(result.group)}`);
        group = result.group;
        print(resultText(result));
      });
      const checked = cluster === undefined ? '' : `${cluster.namespace}/${cluster.name}`;
      const failed = failedMessage(results, pre ? '--pre' : checked);
      print(
        await formatOutput(options, { ok: failed === undefined, checks: results }, () => `\n${summaryText(results)}`),
      );
      if (failed === undefined) return;
      note(failed);
      process.exitCode = 1;
    });
}

function seconds(text: string): number {
  const count = /^\d{1,4}$/.test(text) ? Number(text) : 0;
  if (count >= 1 && count <= MAX_TIMEOUT_SECONDS) return count;
  throw new InvalidArgumentError(`Expected a number from 1 to ${MAX_TIMEOUT_SECONDS}.`);
}
