/** `certman renew --withdraw`: requested renewals that are pending are attempted no more. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Client, WorkflowHandle } from '@temporalio/client';
import { isPending } from '../certificates/renewal-request.ts';
import type { ClusterStatus } from '../contract/cluster-certificates.ts';
import { renewalWithdrawn } from '../contract/renewal-withdrawal.ts';
import { CertmanError } from '../failures/failure.ts';
import { queryClusterStatus, withClusterWorkflow } from './cluster-workflow.ts';
import { confirmWithin } from './confirm.ts';
import { commandLine } from './program-name.ts';
import type { RenewSelectionOptions } from './renew-selection.ts';
import { askEachWorkflow, withSelectedClusters } from './selected-clusters.ts';
import { parseTarget, type Target, type TargetResult } from './targets.ts';
import type { TimeBound } from './time-bound.ts';
import { TimedRequest } from './timed-request.ts';

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

/**
 * Withdraws those of one cluster, or of a selection, or with `--dry-run` says which.
 * @param text the name of one cluster. @param bound of all that it waits for.
 */
export async function withdrawRenewals(
  text: string | undefined,
  options: RenewSelectionOptions,
  bound?: TimeBound,
): Promise<readonly TargetResult[]> {
  const target = await parseTarget(text, options);
  if (!('name' in target)) {
    const timed = new TimedRequest(bound, commandLine('status'));
    return await timed.run(() => withdrawSelection(target, options, bound));
  }
  const cluster = `${target.name.namespace}/${target.name.name}`;
  const request = new TimedRequest(bound, commandLine(`explain ${cluster}`));
  const outcome = await request.run(() =>
    withClusterWorkflow(target.name, options, (handle, client) => withdraw(client, handle, options, request), bound),
  );
  return [{ cluster, outcome }];
}

async function withdrawSelection(
  target: Target,
  options: RenewSelectionOptions,
  bound: TimeBound | undefined,
): Promise<readonly TargetResult[]> {
  return await withSelectedClusters(target, options, bound, async (selected) => {
    if (options.dryRun !== true) {
      const question = `This would withdraw the requested renewals of ${selected.targets.described}.`;
      await confirmWithin(bound, question, options);
    }
    return await askEachWorkflow(selected, bound, async (handle, request) =>
      handle === undefined ? NONE : await withdraw(selected.client, handle, options, request),
    );
  });
}

const NONE = 'no requested renewal is pending';

async function withdraw(
  client: Client,
  handle: WorkflowHandle,
  { bundle, dryRun }: RenewSelectionOptions,
  request: TimedRequest,
): Promise<string> {
  const status = await queryClusterStatus(client, handle, request.bound?.leftMs);
  requireBundle(status, bundle);
  const pending = pendingRenewals(status, bundle);
  if (pending.length === 0) return NONE;
  if (dryRun === true) return withdrawalText('would withdraw', pending);
  request.state = 'sent';
  await handle.signal(renewalWithdrawn, { bundleNames: pending.map(({ bundleName }) => bundleName) });
  request.state = 'accepted';
  await untilWithdrawn(client, handle, pending, request);
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
  { bound }: TimedRequest,
): Promise<void> {
  const deadline = Date.now() + TIMEOUT_MS;
  const names = new Set(pending.map(({ bundleName }) => bundleName));
  for (;;) {
    const left = pendingRenewals(await queryClusterStatus(client, handle, bound?.leftMs));
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
