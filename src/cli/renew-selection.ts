/** Renewal of several clusters, or a preview of a renewal. */
import type { Client } from '@temporalio/client';
import { type RenewedCertificate, renew } from '../contract/cluster-certificates.ts';
import { CertmanError } from '../failures/failure.ts';
import { updateCluster } from './cluster-workflow.ts';
import { type ConfirmOptions, confirmWithin } from './confirm.ts';
import type { TargetOptions } from './kubectl-options.ts';
import { formatInstant, formatRelative } from './output.ts';
import { commandLine } from './program-name.ts';
import { askEachWorkflow, withSelectedClusters } from './selected-clusters.ts';
import type { StartUpdate } from './send-update.ts';
import { fleetFromTemporal } from './status/from-temporal.ts';
import type { FleetRow } from './status/status-view.ts';
import { forEachTarget, parseTarget, type Target, type TargetResult, type Targets } from './targets.ts';
import type { TimeBound } from './time-bound.ts';
import { TimedRequest } from './timed-request.ts';

/** Flags of a renewal. */
export interface RenewSelectionOptions extends TargetOptions, ConfirmOptions {
  /** Only bundles of this name. */
  readonly bundle?: string;
}

/**
 * Renews what is selected, or with `--dry-run` says what would be renewed, and what is refused now.
 * @param text the name of one cluster; absent: a selection. @param bound of all that it waits for: those that are then not asked
 * for are not renewed.
 */
export async function renewSelection(
  text: string | undefined,
  options: RenewSelectionOptions,
  bound?: TimeBound,
): Promise<readonly TargetResult[]> {
  const target = await parseTarget(text, options);
  const timed = new TimedRequest(bound, commandLine('status'));
  return await timed.run(() => renewTarget(target, options, bound));
}

async function renewTarget(
  target: Target,
  options: RenewSelectionOptions,
  bound: TimeBound | undefined,
): Promise<readonly TargetResult[]> {
  return await withSelectedClusters(target, options, bound, async (selected) => {
    const { client, managementCluster, targets } = selected;
    if (options.dryRun === true) return await preview(client, managementCluster, targets);
    const question = `This would order new certificates for ${targets.described}; a new certificate of its API restarts a cluster's kube-apiserver.`;
    await confirmWithin(bound, question, options);
    return await askEachWorkflow(selected, bound, async (handle, request, cluster) => {
      if (handle === undefined) throw notServed(cluster);
      const start: StartUpdate<readonly RenewedCertificate[]> = (run, sent) =>
        run.startUpdate(renew, { ...sent, args: [{ bundleName: options.bundle }] });
      return renewedText(await updateCluster(client, handle, start, { request }));
    });
  });
}

function renewedText(renewed: readonly RenewedCertificate[]): string {
  return renewed
    .map(({ bundleName, certificate: { notAfter } }) => `${bundleName} renewed, expires ${formatInstant(notAfter)}`)
    .join('; ');
}

async function preview(client: Client, managementCluster: string, targets: Targets): Promise<readonly TargetResult[]> {
  const [only] = targets.objects;
  const namespace = targets.objects.length === 1 ? only?.namespace : undefined;
  const { clusters } = await fleetFromTemporal(client, managementCluster, namespace);
  const rows = new Map(clusters.map((row) => [row.cluster, row]));
  return await forEachTarget(targets, ({ namespace: where, name }) =>
    Promise.resolve(previewOf(rows.get(`${where}/${name}`))),
  );
}

/** What a renewal would do now. @param row undefined: it has no workflow. */
export function previewOf(row: FleetRow | undefined): string {
  if (row === undefined) return 'would be refused: it is not served';
  const { state, reason, notAfter } = row;
  if (state === 'Paused' || state === 'Decommissioning') return `would be refused: ${state}`;
  if (state === 'Issuing' || state === 'Renewing') return 'is being ordered already: its certificate would be awaited';
  const why = state === 'Ready' ? '' : `${state}${reason === undefined || reason === state ? '' : `, ${reason}`}; `;
  return `would be renewed (${why}${notAfter === undefined ? 'no certificate yet' : `expires ${formatRelative(notAfter)}`})`;
}

function notServed(cluster: string): CertmanError {
  return new CertmanError({
    code: 'kubernetes/notFound',
    message: 'it has no workflow: it is not served.',
    remedy: `See why: ${commandLine(`explain ${cluster}`)}`,
  });
}
