/** What is known of a name that no ClusterDeployment, CertificateRequest or running workflow has. */
import type { Client } from '@temporalio/client';
import { loadSettings, loadTemporal } from '../../configuration/load-configuration.ts';
import type { DecommissionResult } from '../../contract/cluster-certificates.ts';
import { identityOfWorkflow } from '../../contract/ids.ts';
import { listExecutions } from '../../controller/cluster-workflow-client.ts';
import { CertmanError, isFailure } from '../../failures/failure.ts';
import { CERTIFICATE_REQUESTS, CLUSTER_DEPLOYMENTS } from '../../kubernetes/objects/resources.ts';
import { withTolerantMemos } from '../../payloads/data-converter.ts';
import type { ClusterName } from '../arguments.ts';
import { clustersQuery, PAGE_TIMEOUT_MS, resultOfEnded } from '../cluster-workflow.ts';
import { apiServerOf, withKubernetes } from '../kubernetes-client.ts';
import { commandLine } from '../program-name.ts';
import type { StatusSource } from '../status/read-status.ts';
import { isUnavailable, unavailableMessage, withTemporal } from '../temporal-client.ts';
import type { Explanation } from './explanation.ts';

const MAX_ELSEWHERE = 5;

/** Explains a cluster that was decommissioned. @throws CertmanError `kubernetes/notFound` saying what was looked for where. */
export async function explainAbsent(name: ClusterName, source: StatusSource): Promise<Explanation> {
  const looked: string[] = [];
  const closed = await latestClosed(name, source, looked);
  if (closed !== undefined) return closed;
  const elsewhere = await namesakes(name, source);
  looked.push(`ClusterDeployment and CertificateRequest at ${apiServerOf(source).text}`);
  const text = `${name.namespace}/${name.name}`;
  const others = elsewhere.slice(0, MAX_ELSEWHERE).map((one) => commandLine(`explain ${one}`));
  throw new CertmanError({
    code: 'kubernetes/notFound',
    message: `There is no ClusterDeployment or CertificateRequest ${text}. Looked for: ${looked.join('; ')}.`,
    remedy:
      others.length === 0
        ? `Nothing in another namespace has that name either. Those that are served: ${commandLine('status')}`
        : `That name is in another namespace: ${others.join('; ')}`,
  });
}

async function latestClosed(
  name: ClusterName,
  source: StatusSource,
  looked: string[],
): Promise<Explanation | undefined> {
  if (source.kubernetes === true) return undefined;
  const { managementCluster } = loadSettings(process.env, ['managementCluster']);
  const { namespace, connectionOptions } = loadTemporal(process.env);
  const where = `workflow of management cluster ${managementCluster} in Temporal at ${connectionOptions.address}, namespace ${namespace}`;
  try {
    const found = await withTemporal((client) => latestClosedIn(client, managementCluster, name));
    looked.push(where);
    return found;
  } catch (error) {
    if (!isUnavailable(error)) throw error;
    looked.push(`${where} (not asked: ${unavailableMessage(error)})`);
    return undefined;
  }
}

async function latestClosedIn(
  client: Client,
  managementCluster: string,
  name: ClusterName,
): Promise<Explanation | undefined> {
  const query = `${clustersQuery(managementCluster, name)} AND ExecutionStatus != 'Running'`;
  let latest:
    | { readonly workflowId: string; readonly runId: string; readonly at: Date; readonly status: string }
    | undefined;
  for await (const execution of listExecutions(withTolerantMemos(client), { query }, PAGE_TIMEOUT_MS)) {
    const { workflowId, runId, closeTime: at, status } = execution;
    if (at === undefined || identityOfWorkflow(managementCluster, execution)?.name !== name.name) continue;
    if (latest === undefined || at > latest.at) latest = { workflowId, runId, at, status: status.name };
  }
  if (latest === undefined) return undefined;
  const { workflowId, runId, at, status } = latest;
  const cluster = `${name.namespace}/${name.name}`;
  const shown = { cluster, source: 'temporal', workflowId, certificates: [] } as const;
  const history = { text: 'See the certificates that it had', command: commandLine(`history ${cluster}`) };
  if (status !== 'COMPLETED') {
    const served = `It is gone, and its workflow ended at ${at.toISOString()}: ${status.toLowerCase()}. Its certificates may be valid.`;
    return { ...shown, served, actions: [history] };
  }
  const result = await resultOfEnded<DecommissionResult>(client, { workflowId, runId });
  return { ...shown, served: decommissionedText(result, at), actions: [history] };
}

/** What a decommission did, and what it left. */
export function decommissionedText({ bundles, claimedBy, finalizerRemoved }: DecommissionResult, at: Date): string {
  const failures = bundles.flatMap(({ bundleName, failures: ofBundle }) =>
    ofBundle.map((failure) => ({ bundleName, ...failure })),
  );
  if (claimedBy !== undefined)
    return [
      `Since ${at.toISOString()} it belongs to ClusterDeployment ${claimedBy}, whose workflow manages its certificate.`,
      ...failures.map(({ message, remedy }) => [message, remedy].filter(Boolean).join(' ')),
    ].join(' ');
  const left = failures.map(({ bundleName, code, message }) => `${bundleName}: ${code}: ${message}`);
  return [
    `It is gone: decommissioned at ${at.toISOString()}${finalizerRemoved ? '' : ', with its finalizer still there'}.`,
    left.length === 0 ? 'Nothing was left behind.' : `Given up: ${left.join(' ')}`,
  ].join(' ');
}

/** `<namespace>/<name>` of the objects of this name elsewhere. */
async function namesakes({ name }: ClusterName, source: StatusSource): Promise<readonly string[]> {
  const found = new Set<string>();
  await withKubernetes(async (kubernetes) => {
    for (const resource of [CLUSTER_DEPLOYMENTS, CERTIFICATE_REQUESTS]) {
      try {
        const options = { fieldSelector: `metadata.name=${name}`, metadataOnly: true };
        for await (const { metadata } of kubernetes.list(resource, options))
          found.add(`${metadata.namespace}/${metadata.name}`);
      } catch (error) {
        // Without Hive, or without the right to look everywhere, nothing is said about elsewhere.
        if (!isFailure(error, 'kubernetes/notFound') && !isFailure(error, 'kubernetes/forbidden')) throw error;
      }
    }
  }, source);
  return [...found];
}
