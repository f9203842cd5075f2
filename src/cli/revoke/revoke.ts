/** Revokes one certificate by a signal to the workflow of its cluster, and waits for what becomes of it. */
import type { Client, WorkflowHandle } from '@temporalio/client';
import { loadSettings } from '../../configuration/load-configuration.ts';
import { duration } from '../../configuration/values.ts';
import { revocationRequested } from '../../contract/revocation-request.ts';
import { CertmanError } from '../../failures/failure.ts';
import { annotate } from '../../kubernetes/objects/annotate.ts';
import { CERTIFICATE_REQUESTS } from '../../kubernetes/objects/resources.ts';
import { REVOKE_ANNOTATION } from '../../kubernetes/objects/revoke-annotation.ts';
import { type ClusterName, UsageError } from '../arguments.ts';
import { queryClusterStatus, withClusterWorkflow } from '../cluster-workflow.ts';
import { type ConfirmOptions, confirm } from '../confirm.ts';
import type { KubeConnection } from '../kubectl-options.ts';
import { requireSameManagementCluster } from '../management-cluster.ts';
import { commandLine } from '../program-name.ts';
import { isUnavailable, unavailableMessage } from '../temporal-client.ts';
import { TimeBound } from '../time-bound.ts';
import { awaitRevocation, follow } from './await-revocation.ts';
import { planRevocation, planText, type RevocationFlags, type RevocationPlan } from './plan-revocation.ts';

const TIMEOUT = duration('1s', '7d');

/** Flags of the command. */
export interface RevokeOptions extends RevocationFlags, ConfirmOptions, KubeConnection {
  /** False: `--no-wait`. */
  readonly wait: boolean;
  readonly timeout: string;
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
  const timeoutMs = TIMEOUT.parse(options.timeout);
  if (timeoutMs === undefined)
    throw new UsageError(`--timeout is "${options.timeout}"; expected a duration such as 30m`);
  const bound = new TimeBound(timeoutMs);
  const progress: Progress = { request: 'not sent' };
  try {
    return await requestAndWait(await find(bound), options, bound, progress);
  } catch (error) {
    throw bound.isOver ? timeoutError(error, options.timeout, progress) : error;
  }
}

/** How far the request has come. */
interface Progress {
  request: 'not sent' | 'sent' | 'accepted';
  /** `<namespace>/<name>`, once a request is sent. */
  cluster?: string;
}

async function requestAndWait(
  cluster: ClusterName,
  options: RevokeOptions,
  bound: TimeBound,
  progress: Progress,
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
    progress.cluster = plan.cluster;
    progress.request = 'sent';
    await handle.signal(revocationRequested, request);
    progress.request = 'accepted';
    if (!options.wait) return { ...of, outcome: 'requested', message: `To see what becomes of it: ${follow(plan)}` };
    return { ...of, ...(await awaitRevocation(client, handle, plan, bound.until)) };
  };
  return await withClusterWorkflow(cluster, options, work, bound);
}

/** What was waited for when the time was over. A failure that is no wait stays as it is. */
function timeoutError(error: unknown, timeout: string, progress: Progress): unknown {
  const isOfApiServer = error instanceof Error && error.name === 'TimeoutError';
  if (progress.request === 'accepted' || !(isOfApiServer || isUnavailable(error))) return error;
  const why = isOfApiServer ? 'The API server does not respond.' : unavailableMessage(error);
  const isSent = progress.request === 'sent';
  return new CertmanError({
    code: isOfApiServer ? 'kubernetes/unreachable' : 'temporal/unreachable',
    message: `${why} ${isSent ? 'The request was sent, and may still be carried out' : 'Nothing was requested'}: the time of --timeout (${timeout}) is over.`,
    remedy: isSent
      ? `See whether it is: ${commandLine(`explain ${progress.cluster}`)}`
      : `See what is wrong: ${commandLine('doctor')}`,
    cause: error,
  });
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
