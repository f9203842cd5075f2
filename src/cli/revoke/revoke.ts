/** Revokes one certificate by a signal to the workflow of its cluster, and waits for what becomes of it. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Client, WorkflowHandle } from '@temporalio/client';
import { isRevoked, type RequestedRevocation, revocationMessage } from '../../certificates/requested-revocation.ts';
import { loadSettings } from '../../configuration/load-configuration.ts';
import { duration } from '../../configuration/values.ts';
import { type ClusterStatus } from '../../contract/cluster-certificates.ts';
import { revocationRequested } from '../../contract/revocation-request.ts';
import { CertmanError } from '../../failures/failure.ts';
import { annotate } from '../../kubernetes/objects/annotate.ts';
import { CERTIFICATE_REQUESTS } from '../../kubernetes/objects/resources.ts';
import { REVOKE_ANNOTATION } from '../../kubernetes/objects/revoke-annotation.ts';
import { type ClusterName, UsageError } from '../arguments.ts';
import { queryClusterStatus, withClusterWorkflow } from '../cluster-workflow.ts';
import { type ConfirmOptions, confirm } from '../confirm.ts';
import { describeProgress } from '../issuance-progress.ts';
import type { KubeConnection } from '../kubectl-options.ts';
import { requireSameManagementCluster } from '../management-cluster.ts';
import { note } from '../output.ts';
import { commandLine } from '../program-name.ts';
import { isUnavailable, unavailableMessage } from '../temporal-client.ts';
import { planRevocation, planText, type RevocationFlags, type RevocationPlan } from './plan-revocation.ts';

const POLL_INTERVAL_MS = 1_000;
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

/** @throws UsageError for what cannot be revoked; CertmanError for what could not. */
export async function revokeOne(cluster: ClusterName, options: RevokeOptions): Promise<RevokeResult> {
  const timeoutMs = TIMEOUT.parse(options.timeout);
  if (timeoutMs === undefined)
    throw new UsageError(`--timeout is "${options.timeout}"; expected a duration such as 30m`);
  return await withClusterWorkflow(cluster, options, async (handle, client) => {
    const plan = planRevocation(await queryClusterStatus(client, handle), options, Date.now());
    const { bundleName, serialNumber } = plan;
    const of = { cluster: plan.cluster, bundleName, serialNumber };
    if (options.dryRun === true) return { ...of, outcome: 'planned', message: planText(plan) };
    await confirm(planText(plan), options);
    if (plan.inUse && !plan.replaceFirst) {
      const { managementCluster } = loadSettings(process.env, ['managementCluster']);
      await requireSameManagementCluster(client, managementCluster, options);
      await allow(plan, cluster, options);
    }
    const { reason, replaceFirst, delayMs } = plan;
    await handle.signal(revocationRequested, { bundleName, serialNumber, reason, replaceFirst, delayMs });
    if (!options.wait) return { ...of, outcome: 'requested', message: `To see what becomes of it: ${follow(plan)}` };
    return { ...of, ...(await outcomeOf(client, handle, plan, Date.now() + timeoutMs)) };
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

/** @param deadline epoch milliseconds. */
async function outcomeOf(
  client: Client,
  handle: WorkflowHandle,
  plan: RevocationPlan,
  deadline: number,
): Promise<Pick<RevokeResult, 'outcome' | 'message'>> {
  let noted = '';
  const noteOnce = (text: string): void => {
    if (text !== '' && text !== noted) note(text);
    noted = text;
  };
  while (Date.now() < deadline) {
    try {
      const status = await queryClusterStatus(client, handle);
      const revocation = revocationIn(status, plan);
      if (revocation?.result !== undefined) return settled(revocation);
      if (status.decommissioning) throw endedByDeletion(plan);
      if (revocation?.revokeAt !== undefined && Date.parse(revocation.revokeAt) > Date.now())
        return { outcome: 'scheduled', message: revocationMessage(revocation) };
      const retried = revocation?.retry === undefined ? undefined : revocationMessage(revocation);
      noteOnce(retried ?? (await describeProgress(client, handle)));
    } catch (error) {
      if (!isUnavailable(error)) throw error;
      noteOnce(`${unavailableMessage(error)} The request is kept.`);
    }
    await sleep(POLL_INTERVAL_MS);
  }
  throw new CertmanError({
    code: 'internal/unexpected',
    message: `Certificate ${plan.serialNumber} is not revoked yet.`,
    remedy: `certman goes on by itself. To see why, and when: ${follow(plan)}`,
  });
}

function revocationIn({ bundles }: ClusterStatus, plan: RevocationPlan): RequestedRevocation | undefined {
  return bundles[plan.bundleName]?.revocations?.find(({ serialNumber }) => serialNumber === plan.serialNumber);
}

function settled(revocation: RequestedRevocation): Pick<RevokeResult, 'outcome' | 'message'> {
  const message = revocationMessage(revocation);
  if (isRevoked(revocation)) return { outcome: revocation.result?.outcome ?? '', message };
  throw new CertmanError({ code: 'internal/unexpected', message });
}

function endedByDeletion({ cluster, serialNumber }: RevocationPlan): CertmanError {
  return new CertmanError({
    code: 'internal/unexpected',
    message: `${cluster} is being deleted meanwhile, which revokes certificate ${serialNumber} with the others.`,
    remedy: `See what becomes of it: ${commandLine(`explain ${cluster}`)}`,
  });
}

function follow({ cluster }: RevocationPlan): string {
  return commandLine(`explain ${cluster}`);
}
