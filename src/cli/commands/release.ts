import type { Client, WorkflowHandle } from '@temporalio/client';
import { Command } from 'commander';
import type { ClusterStatus, ReleaseResult } from '../../contract/cluster-certificates.ts';
import { CertmanError, type FailureInfo } from '../../failures/failure.ts';
import { oneLine } from '../../failures/printable.ts';
import { CLUSTER_ARGUMENT, type ClusterName, resolveClusterName } from '../arguments.ts';
import { examples } from '../examples.ts';
import {
  addNamespaceOptions,
  addOutputOptions,
  addTimeoutOption,
  DEFAULT_TIMEOUT,
  type NamespaceOptions,
  type TimeoutOptions,
} from '../kubectl-options.ts';
import { formatOutput, type OutputOptions, print } from '../output.ts';
import { commandLine } from '../program-name.ts';
import type { TimeBound } from '../time-bound.ts';

interface ReleaseOptions extends NamespaceOptions, TimeoutOptions, OutputOptions {
  readonly yes?: true;
  readonly dryRun?: true;
}

/** `certman release`: ends a blocked decommission and gives up what cannot be done. */
export function releaseCommand(): Command {
  const command = new Command('release')
    .summary('release a deleted cluster or a removed bundle whose decommission is blocked')
    .description(
      'Ends the decommission of a cluster that is being deleted, or of bundles that were removed from the ClusterDeployment of a living cluster: operations that fail (a revocation, the deletion of a Secret or of TXT records) are retried once, recorded and given up. Without this command, CERTMAN_DECOMMISSION_POLICY and CERTMAN_DECOMMISSION_LIMIT decide when that happens.',
    )
    .argument('<cluster>', `${CLUSTER_ARGUMENT}; it is being deleted or has a removed bundle`);
  addNamespaceOptions(command);
  addOutputOptions(command);
  addTimeoutOption(command);
  return command
    .option('--yes', 'give up what cannot be done: certificates may stay valid and are then never revoked')
    .option('--dry-run', 'show what would be given up, and do nothing')
    .addHelpText(
      'after',
      examples(
        commandLine('release demo -n uhc-production-1 --dry-run'),
        commandLine('release demo -n uhc-production-1 --yes'),
      ),
    )
    .action(async (name: string, options: ReleaseOptions) => {
      const cluster = await resolveClusterName(name, options);
      const text = `${cluster.namespace}/${cluster.name}`;
      const [{ TimeBound }, { TimedRequest }] = await Promise.all([
        import('../time-bound.ts'),
        import('../timed-request.ts'),
      ]);
      const bound = TimeBound.of(options.timeout ?? DEFAULT_TIMEOUT);
      const request = new TimedRequest(bound, commandLine(`explain ${text}`));
      if (options.dryRun === true) return await request.run(() => preview(cluster, text, options, bound));
      if (options.yes !== true) {
        throw new CertmanError({
          code: 'configuration/invalid',
          message: `Certificates of ${text} may stay valid and are then never revoked.`,
          remedy: `See what would be given up: ${commandLine(`release ${text} --dry-run`)}. To release it anyway: ${commandLine(`release ${text} --yes`)}`,
        });
      }
      const { release } = await import('../../contract/cluster-certificates.ts');
      const { updateCluster, withClusterWorkflow } = await import('../cluster-workflow.ts');
      const work = (handle: WorkflowHandle, client: Client) =>
        updateCluster(client, handle, (run, sent) => run.startUpdate(release, sent), { request });
      const released = await request.run(() => withClusterWorkflow(cluster, options, work, bound));
      print(await formatOutput(options, released, () => formatReleased(text, released)));
    });
}

async function preview(cluster: ClusterName, text: string, options: ReleaseOptions, bound: TimeBound): Promise<void> {
  const { queryClusterStatus, withClusterWorkflow } = await import('../cluster-workflow.ts');
  const work = (handle: WorkflowHandle, client: Client) => queryClusterStatus(client, handle, bound.leftMs);
  const status = await withClusterWorkflow(cluster, options, work, bound);
  const planned = plannedRelease(status);
  print(await formatOutput(options, planned, () => formatPlanned(text, planned)));
}

/** What a release would give up. */
interface PlannedRelease {
  /** Absent: there is nothing to release. */
  readonly of?: ReleaseResult['of'];
  readonly bundleNames: readonly string[];
  /** The step of each bundle that fails now; it is tried once more, and given up with those after it that fail. */
  readonly blocked: readonly FailureInfo[];
}

/** What `certman release` would release now. */
export function plannedRelease({ decommissioning, bundles }: ClusterStatus): PlannedRelease {
  const of = Object.entries(bundles).flatMap(([name, record]) =>
    record.state === 'Decommissioning' && record.result === undefined ? [{ name, blocked: record.blocked }] : [],
  );
  const blocked = of.flatMap(({ blocked: step }) => step?.failure ?? []);
  if (!decommissioning && of.length === 0) return { bundleNames: [], blocked };
  return { of: decommissioning ? 'cluster' : 'bundles', bundleNames: of.map(({ name }) => name), blocked };
}

/** The plan as text. @param cluster as named on the command line. */
export function formatPlanned(cluster: string, { of, bundleNames, blocked }: PlannedRelease): string {
  if (of === undefined)
    return `${cluster} is not being deleted, and none of its bundles is being decommissioned: there is nothing to release.`;
  const what =
    of === 'cluster' ? 'the cluster' : `${bundleNames.length === 1 ? 'bundle' : 'bundles'} ${bundleNames.join(', ')}`;
  if (blocked.length === 0) return `${cluster}: would release ${what}; nothing is blocked now.`;
  return [`${cluster}: would release ${what}, and give up what still fails:`, ...blocked.map(failureLine)].join('\n');
}

/** The result as text. @param cluster as named on the command line. */
export function formatReleased(cluster: string, released: ReleaseResult): string {
  const { failures, blockedBy } = released;
  const givenUp = failures.map(failureLine);
  if (blockedBy !== undefined) {
    return [
      `${cluster}: the finalizer is not released yet; the removal is retried until it succeeds:`,
      failureLine(blockedBy),
      ...(givenUp.length === 0 ? [] : ['Given up before that:', ...givenUp]),
    ].join('\n');
  }
  const outcome = describeOutcome(released);
  if (givenUp.length === 0) return `${cluster}: everything succeeded; ${outcome}.`;
  return [`${cluster}: ${outcome}. Given up:`, ...givenUp].join('\n');
}

function describeOutcome({ of, bundleNames, finalizer }: ReleaseResult): string {
  if (of === 'bundles') return `released ${bundleNames.length === 1 ? 'bundle' : 'bundles'} ${bundleNames.join(', ')}`;
  if (finalizer === 'absent') return 'the finalizer was absent already';
  if (finalizer === 'kept') return 'the object is not being deleted and keeps its finalizer';
  return 'the finalizer is released';
}

function failureLine({ code, message }: FailureInfo): string {
  return `  ${code}: ${oneLine(message)}`;
}
