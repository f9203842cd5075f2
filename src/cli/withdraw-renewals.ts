/** `certman renew --withdraw`: requested renewals that are pending are attempted no more. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Client, WorkflowHandle } from '@temporalio/client';
import { isPending } from '../certificates/renewal-request.ts';
import { loadSettings } from '../configuration/load-configuration.ts';
import type { ClusterStatus } from '../contract/cluster-certificates.ts';
import { renewalWithdrawn } from '../contract/renewal-withdrawal.ts';
import { CertmanError } from '../failures/failure.ts';
import { findClusterWorkflow, queryClusterStatus, withClusterWorkflow } from './cluster-workflow.ts';
import { confirm } from './confirm.ts';
import { withKubernetes } from './kubernetes-client.ts';
import { requireSameManagementCluster } from './management-cluster.ts';
import { commandLine } from './program-name.ts';
import type { RenewSelectionOptions } from './renew-selection.ts';
import { forEachTarget, parseTarget, readTargets, type TargetResult } from './targets.ts';
import { withTemporal } from './temporal-client.ts';

const POLL_INTERVAL_MS = 300;

/** A worker takes a signal with its next task, and answers a query after it. */
const TIMEOUT_MS = 60_000;

/** A requested renewal of a bundle. */
interface PendingRenewal {
  readonly bundleName: string;
  readonly requestedAt: string;
  /** An order for it is under way, and goes on. */
  readonly isOrdered: boolean;
}

/** Withdraws those of one cluster, or of a selection, or with `--dry-run` says which. @param text the name of one cluster. */
export async function withdrawRenewals(
  text: string | undefined,
  options: RenewSelectionOptions,
): Promise<readonly TargetResult[]> {
  const target = await parseTarget(text, options);
  if ('name' in target) {
    const { namespace, name } = target.name;
    const outcome = await withClusterWorkflow(target.name, options, (handle, client) =>
      withdraw(client, handle, options),
    );
    return [{ cluster: `${namespace}/${name}`, outcome }];
  }
  const { managementCluster } = loadSettings(process.env, ['managementCluster']);
  const targets = await withKubernetes((kubernetes) => readTargets(kubernetes, target), options);
  return await withTemporal(async (client) => {
    await requireSameManagementCluster(client, managementCluster, options);
    if (options.dryRun !== true)
      await confirm(`This would withdraw the requested renewals of ${targets.described}.`, options);
    return await forEachTarget(targets, async ({ namespace, name }) => {
      const handle = await findClusterWorkflow(client, managementCluster, { namespace, name });
      return handle === undefined ? NONE : await withdraw(client, handle, options);
    });
  });
}

const NONE = 'no requested renewal is pending';

async function withdraw(
  client: Client,
  handle: WorkflowHandle,
  { bundle, dryRun }: RenewSelectionOptions,
): Promise<string> {
  const status = await queryClusterStatus(client, handle);
  requireBundle(status, bundle);
  const pending = pendingRenewals(status, bundle);
  if (pending.length === 0) return NONE;
  if (dryRun === true) return withdrawalText('would withdraw', pending);
  await handle.signal(renewalWithdrawn, { bundleNames: pending.map(({ bundleName }) => bundleName) });
  await untilWithdrawn(client, handle, pending);
  return withdrawalText('withdrew', pending);
}

/** @throws CertmanError for a name that is no bundle's: of a mistyped one, nothing is pending either. */
export function requireBundle({ bundles }: Pick<ClusterStatus, 'bundles'>, name: string | undefined): void {
  const names = Object.keys(bundles);
  if (name === undefined || names.includes(name)) return;
  throw new CertmanError({
    code: 'configuration/invalid',
    message: `It has no bundle ${name}; it has ${names.length === 0 ? 'none' : names.join(', ')}.`,
    remedy: 'Name one of these, or leave out --bundle for all.',
  });
}

/** Requested renewals that are pending. @param only the name of a bundle; absent: of all. */
export function pendingRenewals({ bundles }: ClusterStatus, only?: string): readonly PendingRenewal[] {
  return Object.entries(bundles).flatMap(([bundleName, { renewalRequest, state }]) =>
    isPending(renewalRequest) && (only === undefined || only === bundleName)
      ? [
          {
            bundleName,
            requestedAt: renewalRequest.requestedAt,
            isOrdered: state === 'Issuing' || state === 'Renewing',
          },
        ]
      : [],
  );
}

/** What was, or would be, withdrawn, for people. */
export function withdrawalText(what: 'withdrew' | 'would withdraw', pending: readonly PendingRenewal[]): string {
  const parts = pending.map(
    ({ bundleName, requestedAt, isOrdered }) =>
      `the renewal of ${bundleName} that was requested at ${requestedAt}${isOrdered ? '; its order is under way and goes on' : ''}`,
  );
  return `${what} ${parts.join(', and ')}`;
}

async function untilWithdrawn(
  client: Client,
  handle: WorkflowHandle,
  pending: readonly PendingRenewal[],
): Promise<void> {
  const deadline = Date.now() + TIMEOUT_MS;
  const names = new Set(pending.map(({ bundleName }) => bundleName));
  for (;;) {
    const left = pendingRenewals(await queryClusterStatus(client, handle));
    if (!left.some(({ bundleName }) => names.has(bundleName))) return;
    if (Date.now() > deadline) break;
    await sleep(POLL_INTERVAL_MS);
  }
  throw new CertmanError({
    code: 'internal/unexpected',
    message: 'The requested renewal is still pending: the workflow has not withdrawn it within a minute.',
    remedy: `Its worker may be of a version that knows no withdrawal, or one requested it again. See: ${commandLine('doctor')}`,
  });
}
