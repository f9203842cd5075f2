import { setTimeout as sleep } from 'node:timers/promises';
import type { Client, WorkflowHandle } from '@temporalio/client';
import { Command, Option } from 'commander';
import type { RenewedCertificate, RenewRequest } from '../../contract/cluster-certificates.ts';
import { CLUSTER_ARGUMENT, resolveClusterName, UsageError } from '../arguments.ts';
import { examples } from '../examples.ts';
import {
  addOutputOptions,
  addTargetOptions,
  addTimeoutOption,
  DEFAULT_TIMEOUT,
  type TimeoutOptions,
} from '../kubectl-options.ts';
import { formatInstant, formatOutput, note, type OutputOptions, print } from '../output.ts';
import { commandLine } from '../program-name.ts';
import type { RenewSelectionOptions } from '../renew-selection.ts';
import type { StartUpdate } from '../send-update.ts';
import type { TimeBound } from '../time-bound.ts';

const POLL_INTERVAL_MS = 500;

interface RenewOptions extends RenewSelectionOptions, TimeoutOptions, OutputOptions {
  readonly exceedLimit?: true;
  readonly withdraw?: true;
}

/** `certman renew`: orders a new certificate now, ahead of schedule. */
export function renewCommand(): Command {
  const command = new Command('renew')
    .summary('renew certificates of clusters now')
    .description(
      'Orders new certificates for a cluster or a standalone CertificateRequest now, and waits until they are in their Secrets. The renewal continues when this command is interrupted, and a renewal that fails is attempted again, for a week, until there is another certificate.\n' +
        'With -l or --all, for all that are selected, ten at once; those that were not asked for yet when it is interrupted are not renewed.\n' +
        'With --withdraw, requests that are pending are attempted no more, and nothing is ordered.',
    )
    .argument('[cluster]', CLUSTER_ARGUMENT);
  addTargetOptions(command);
  addOutputOptions(command);
  addTimeoutOption(command, `how long to wait (default: ${DEFAULT_TIMEOUT}; of a selection, without a limit)`);
  return command
    .option('--bundle <name>', 'only this certificate bundle')
    .option(
      '--exceed-limit',
      'of one cluster: also where the limit of certificates for exactly these names is used up, as for a compromised key; the CA may still refuse',
    )
    .addOption(
      new Option('--withdraw', 'withdraw requests that are pending; an order under way goes on').conflicts(
        'exceedLimit',
      ),
    )
    .addHelpText(
      'after',
      examples(
        commandLine('renew demo -n uhc-production-1 --bundle primary'),
        commandLine('renew -l team=payments -A --dry-run'),
        commandLine('renew demo -n uhc-production-1 --withdraw'),
      ),
    )
    .action(async (text: string | undefined, options: RenewOptions) => {
      if (options.exceedLimit === true && (text === undefined || isSelection(options)))
        throw new UsageError('--exceed-limit is for one cluster: name it');
      if (options.withdraw === true) return await withdraw(text, options);
      const isOne = text !== undefined && options.dryRun !== true && !isSelection(options);
      await (isOne ? renewOne(text, options) : renewSeveral(text, options));
    });
}

/** One cluster is waited for half an hour by default; a large selection takes hours. */
async function boundOf({ timeout }: RenewOptions, text?: string): Promise<TimeBound | undefined> {
  const limit = timeout ?? (text === undefined ? undefined : DEFAULT_TIMEOUT);
  if (limit === undefined) return undefined;
  const { TimeBound } = await import('../time-bound.ts');
  return TimeBound.of(limit);
}

function isSelection({ selector, all, allNamespaces }: RenewOptions): boolean {
  return selector !== undefined || all === true || allNamespaces === true;
}

async function renewSeveral(text: string | undefined, options: RenewOptions): Promise<void> {
  const [{ renewSelection }, { formatResults, throwIfFailed }] = await Promise.all([
    import('../renew-selection.ts'),
    import('../targets.ts'),
  ]);
  const results = await renewSelection(text, options, await boundOf(options));
  print(await formatOutput(options, { results }, () => formatResults(results)));
  throwIfFailed(results);
}

async function withdraw(text: string | undefined, options: RenewOptions): Promise<void> {
  const [{ withdrawRenewals }, { formatResults, throwIfFailed }] = await Promise.all([
    import('../withdraw-renewals.ts'),
    import('../targets.ts'),
  ]);
  const results = await withdrawRenewals(text, options, await boundOf(options, text));
  print(await formatOutput(options, { results }, () => formatResults(results)));
  throwIfFailed(results);
}

async function renewOne(text: string, options: RenewOptions): Promise<void> {
  const bound = await boundOf(options, text);
  const cluster = await resolveClusterName(text, options);
  const { updateCluster, withClusterWorkflow } = await import('../cluster-workflow.ts');
  const { TimedRequest } = await import('../timed-request.ts');
  const { renew } = await import('../../contract/cluster-certificates.ts');
  const explain = commandLine(`explain ${cluster.namespace}/${cluster.name}`);
  const timed = new TimedRequest(bound, explain);
  const work = async (handle: WorkflowHandle, client: Client): Promise<readonly RenewedCertificate[]> => {
    const request: RenewRequest = { bundleName: options.bundle, exceedLimit: options.exceedLimit };
    const start: StartUpdate<readonly RenewedCertificate[]> = (run, sent) =>
      run.startUpdate(renew, { ...sent, args: [request] });
    const remedyFor = (type: string) =>
      type === 'renew/rejected' || type === 'renew/aborted'
        ? undefined
        : `The request is kept: certman attempts the renewal again, for a week. When, and what you can do: ${explain}`;
    return await withProgress(client, handle, updateCluster(client, handle, start, { remedyFor, request: timed }));
  };
  const renewed = await timed.run(() => withClusterWorkflow(cluster, options, work, bound));
  print(await formatOutput(options, { renewed }, () => renewed.map(asText).join('\n')));
}

/** Prints the progress until the update has its result. */
async function withProgress<T>(client: Client, handle: WorkflowHandle, update: Promise<T>): Promise<T> {
  const finished = new AbortController();
  const [result] = await Promise.allSettled([
    update.finally(() => finished.abort()),
    printProgress(client, handle, finished.signal),
  ]);
  if (result.status === 'rejected') throw result.reason;
  return result.value;
}

/** Prints each new activity as it starts. The renewal does not need these queries: unavailability is ignored. */
async function printProgress(client: Client, handle: WorkflowHandle, signal: AbortSignal): Promise<void> {
  const { describeProgress } = await import('../issuance-progress.ts');
  const { isUnavailable } = await import('../temporal-client.ts');
  let printed = '';
  // The SDK never removes its listeners: each question has a signal of its own.
  let question = new AbortController();
  signal.addEventListener('abort', () => question.abort(), { once: true });
  while (!signal.aborted) {
    try {
      question = new AbortController();
      const progress = await client.withAbortSignal(question.signal, () => describeProgress(client, handle));
      if (progress !== printed && progress !== '' && !signal.aborted) note(progress);
      printed = progress;
    } catch (error) {
      if (!signal.aborted && !isUnavailable(error)) throw error;
    }
    await sleep(POLL_INTERVAL_MS, undefined, { signal }).catch(() => undefined);
  }
}

function asText({ bundleName, certificate }: RenewedCertificate): string {
  return `${bundleName}: renewed by ${certificate.issuerName}, serial ${certificate.serialNumber}, expires ${formatInstant(certificate.notAfter)}`;
}
