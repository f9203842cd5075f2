/** Revokes one certificate by a signal to the workflow of its cluster, and waits for what becomes of it. */
import type { Client, WorkflowHandle } from '@temporalio/client';
import { loadSettings } from '../../configuration/load-configuration.ts';
import { revocationRequested } from '../../contract/revocation-request.ts';
import { CertmanError } from '../../failures/failure.ts';
import { annotate } from '../../kubernetes/objects/annotate.ts';
import { CERTIFICATE_REQUESTS } from '../../kubernetes/objects/resources.ts';
import { REVOKE_ANNOTATION } from '../../kubernetes/objects/revoke-annotation.ts';
import type { ClusterName } from '../arguments.ts';
import { queryClusterStatus, withClusterWorkflow } from '../cluster-workflow.ts';
import { type ConfirmOptions, confirm } from '../confirm.ts';
import { DEFAULT_TIMEOUT, type KubeConnection, type TimeoutOptions } from '../kubectl-options.ts';
import { requireSameManagementCluster } from '../management-cluster.ts';
import { commandLine } from '../program-name.ts';
import { TimeBound } from '../time-bound.ts';
import { TimedRequest } from '../timed-request.ts';
import { awaitRevocation, follow } from './await-revocation.ts';
import {
  checkRevocationFlags,
  planRevocation,
  planText,
  type RevocationFlags,
  type RevocationPlan,
} from './plan-revocation.ts';

/** Flags of the command. */
export interface RevokeOptions extends RevocationFlags, ConfirmOptions, KubeConnection, TimeoutOptions {
  /** False: `--no-wait`. */
  readonly wait: boolean;
}

/** What has become of a revocation. */
export interface RevokeResult extends Pick<RevocationPlan, 'cluster' | 'bundleName' | 'serialNumber'> {
  /** That of the CA; `planned` with `--dry-run`; `requested` with `--no-wait`; `scheduled`: replaced, and revoked later. */
  readonly outcome: string;
  readonly message: string;
}

/**
 * @param find the cluster of the certificate, within the time of the command.
 * @throws UsageError for what cannot be revoked; CertmanError for what could not.
 */
export async function revokeOne(
  find: (bound: TimeBound) => Promise<ClusterName>,
  options: RevokeOptions,
): Promise<RevokeResult> {
  const bound = TimeBound.of(options.timeout ?? DEFAULT_TIMEOUT);
  checkRevocationFlags(options);
  const timed = new TimedRequest(bound, commandLine('status'));
  return await timed.run(async () => await requestAndWait(await find(bound), options, bound, timed));
}

async function requestAndWait(
  cluster: ClusterName,
  options: RevokeOptions,
  bound: TimeBound,
  timed: TimedRequest,
): Promise<RevokeResult> {
  const work = async (handle: WorkflowHandle, client: Client): Promise<RevokeResult> => {
    const plan = planRevocation(await queryClusterStatus(client, handle, bound.leftMs), options, Date.now());
    const { bundleName, serialNumber } = plan;
    const of = { cluster: plan.cluster, bundleName, serialNumber };
    if (options.dryRun === true) return { ...of, outcome: 'planned', message: planText(plan) };
    await bound.excluding(() => confirm(planText(plan), options));
    if (plan.inUse && !plan.replaceFirst) {
      const { managementCluster } = loadSettings(process.env, ['managementCluster']);
      await requireSameManagementCluster(client, managementCluster, options, bound);
      await allow(plan, cluster, options, bound);
    }
    const { reason, replaceFirst, delayMs } = plan;
    const request = { bundleName, serialNumber, reason, replaceFirst, delayMs };
    timed.follow = follow(plan);
    timed.state = 'sent';
    await handle.signal(revocationRequested, request);
    timed.state = 'accepted';
    if (!options.wait) return { ...of, outcome: 'requested', message: `To see what becomes of it: ${follow(plan)}` };
    return { ...of, ...(await awaitRevocation(client, handle, plan, bound.until)) };
  };
  return await withClusterWorkflow(cluster, options, work, bound);
}

/** A certificate in use is revoked only where its CertificateRequest says so too. */
async function allow(
  { requestName, serialNumber }: RevocationPlan,
  { namespace }: ClusterName,
  connection: KubeConnection,
  bound: TimeBound,
): Promise<void> {
  const { withKubernetes } = await import('../kubernetes-client.ts');
  const changed = await withKubernetes(
    (kubernetes) =>
      annotate(kubernetes, CERTIFICATE_REQUESTS, { namespace, name: requestName }, REVOKE_ANNOTATION, serialNumber),
    connection,
    bound.signal(),
  );
  if (changed !== undefined) return;
  throw new CertmanError({
    code: 'kubernetes/notFound',
    message: `There is no CertificateRequest ${namespace}/${requestName}. Nothing was done.`,
  });
}
