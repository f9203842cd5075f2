/** Revokes one certificate by a signal to the workflow of its cluster, and waits for what becomes of it. */
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
import { awaitRevocation, follow } from './await-revocation.ts';
import { planRevocation, planText, type RevocationFlags, type RevocationPlan } from './plan-revocation.ts';

const TIMEOUT = duration('1s', '7d');
/** Of the request, which Temporal answers without a worker. */
const SIGNAL_TIMEOUT_MS = 60_000;

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

/** @throws UsageError for what cannot be revoked; CertmanError for what could not. */
export async function revokeOne(cluster: ClusterName, options: RevokeOptions): Promise<RevokeResult> {
  const timeoutMs = TIMEOUT.parse(options.timeout);
  if (timeoutMs === undefined)
    throw new UsageError(`--timeout is "${options.timeout}"; expected a duration such as 30m`);
  let until = Date.now() + timeoutMs;
  return await withClusterWorkflow(cluster, options, async (handle, client) => {
    const plan = planRevocation(await queryClusterStatus(client, handle, until - Date.now()), options, Date.now());
    const { bundleName, serialNumber } = plan;
    const of = { cluster: plan.cluster, bundleName, serialNumber };
    if (options.dryRun === true) return { ...of, outcome: 'planned', message: planText(plan) };
    const asked = Date.now();
    await confirm(planText(plan), options);
    // The person has any time.
    until += Date.now() - asked;
    if (plan.inUse && !plan.replaceFirst) {
      const { managementCluster } = loadSettings(process.env, ['managementCluster']);
      await requireSameManagementCluster(client, managementCluster, options);
      await allow(plan, cluster, options);
    }
    const { reason, replaceFirst, delayMs } = plan;
    const request = { bundleName, serialNumber, reason, replaceFirst, delayMs };
    const deadline = Math.min(until, Date.now() + SIGNAL_TIMEOUT_MS);
    await client.withDeadline(deadline, () => handle.signal(revocationRequested, request));
    if (!options.wait) return { ...of, outcome: 'requested', message: `To see what becomes of it: ${follow(plan)}` };
    return { ...of, ...(await awaitRevocation(client, handle, plan, until)) };
  });
}

/** A certificate in use is revoked only where its CertificateRequest says so too. */
async function allow(
  { requestName, serialNumber }: RevocationPlan,
  { namespace }: ClusterName,
  connection: KubeConnection,
): Promise<void> {
  const { withKubernetes } = await import('../kubernetes-client.ts');
  const changed = await withKubernetes(
    (kubernetes) =>
      annotate(kubernetes, CERTIFICATE_REQUESTS, { namespace, name: requestName }, REVOKE_ANNOTATION, serialNumber),
    connection,
  );
  if (changed !== undefined) return;
  throw new CertmanError({
    code: 'kubernetes/notFound',
    message: `There is no CertificateRequest ${namespace}/${requestName}. Nothing was done.`,
  });
}
