/** How much: what one certificate of three names asks of everybody outside, when it is issued and when it is renewed. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { Client, Connection } from '@temporalio/client';
import { waitForCertificate, waitForReadyRequest } from '../local/demo/checks.ts';
import { identityOf } from '../local/demo/output.ts';
import { prepareManagementCluster } from '../local/stack/management-cluster/management-cluster.ts';
import {
  installSampleClusters,
  prepareSampleClusters,
  type SampleCluster,
} from '../local/stack/management-cluster/sample-cluster.ts';
import { CERTMAN_SERVICE_ACCOUNT } from '../local/stack/management-cluster/service-account.ts';
import { type RunningStack, startStack } from '../local/stack/stack.ts';
import { startWorker } from '../local/stack/worker-process.ts';
import { renew } from '../src/contract/cluster-certificates.ts';
import { clusterWorkflowId, issuanceWorkflowId } from '../src/contract/ids.ts';
import { createKubernetesClient } from '../src/kubernetes/api/client.ts';
import { loadKubeConfig } from '../src/kubernetes/api/kube-config.ts';
import type { KubernetesApi } from '../src/kubernetes/api/kubernetes-api.ts';
import { auditedRequests } from './audit-log.ts';
import { type DnsRelays, startDnsRelays } from './dns-relays.ts';
import { type Counts, type OutsideRequests, type RequestsBenchResult, requestsTable } from './requests-table.ts';
import { historyCost, sumCosts } from './temporal-actions.ts';
import { fetchMetrics, increase, sumByLabel, workerCounts } from './worker-counts.ts';

const ZONE = 'bench.example.com';
/** After Ready, for what follows in its wake. */
const SETTLE_MS = 3_000;
const IDLE_MS = 60_000;
const TIMEOUT_SECONDS = 90;

export async function benchRequests(options: { readonly stateDir: string }): Promise<RequestsBenchResult> {
  const { namespace, name } = CERTMAN_SERVICE_ACCOUNT;
  const stack = await startStack({
    stateDir: options.stateDir,
    kubernetes: { auditUser: `system:serviceaccount:${namespace}:${name}` },
    // Every name is proved anew and no nonce is refused at random, so that each run counts the same.
    pebble: { authzReuse: 0, nonceReject: 0 },
  });
  const cleanUps: (() => Promise<unknown>)[] = [() => stack.stop()];
  try {
    const { zoneId } = await stack.createZone(ZONE);
    const managementCluster = await prepareManagementCluster(stack);
    const relays = await startDnsRelays(stack);
    cleanUps.push(() => relays.close());
    const worker = await startWorker({ stack, managementCluster, environment: relays.environment });
    cleanUps.push(() => worker.stop());
    const connection = await Connection.connect({ address: stack.temporal.address });
    cleanUps.push(() => connection.close());
    const kubernetes = createKubernetesClient({
      kubeConfig: loadKubeConfig({ path: stack.kubernetes.adminKubeconfig }),
    });
    cleanUps.push(() => kubernetes.close());
    const [warmUp] = await prepareSampleClusters(stack, { count: 1, zone: ZONE, zoneId, prefix: 'warm-up' });
    const [cluster] = await prepareSampleClusters(stack, { count: 1, zone: ZONE, zoneId, prefix: 'one' });
    if (warmUp === undefined || cluster === undefined) throw new Error('no cluster was made');
    // The first one pays for what is loaded once: directory, account, zone, settings.
    await installSampleClusters(stack, [warmUp]);
    await waitForReady(kubernetes, warmUp);
    const client = new Client({ connection, namespace: stack.temporal.namespace });
    const result = await measure({ stack, relays, metricsUrl: worker.metricsUrl, kubernetes, client }, cluster);
    process.stdout.write(`\n${requestsTable(result)}\n\n`);
    return result;
  } finally {
    for (const cleanUp of cleanUps.toReversed()) await cleanUp();
  }
}

interface BenchContext {
  readonly stack: RunningStack;
  readonly relays: DnsRelays;
  readonly metricsUrl: string;
  readonly kubernetes: KubernetesApi;
  readonly client: Client;
}

async function measure(context: BenchContext, cluster: SampleCluster): Promise<RequestsBenchResult> {
  const { stack, kubernetes, client } = context;
  const identity = await identityOf(kubernetes, cluster);
  const id = clusterWorkflowId(identity);
  const handle = client.workflow.getHandle(id);
  const order = (attempt: number) => historyCost(client, issuanceWorkflowId(identity, cluster.bundleName, attempt));

  let serialNumber = '';
  const forIssuance = await countRequests(context, cluster, async () => {
    await installSampleClusters(stack, [cluster]);
    serialNumber = await waitForReady(kubernetes, cluster);
  });
  const { runId } = await handle.describe();
  const [born, issued] = [await historyCost(client, id, runId), await order(1)];

  const forRenewal = await countRequests(context, cluster, async () => {
    await handle.executeUpdate(renew, { args: [{}] });
    await waitForReady(kubernetes, cluster, serialNumber);
  });
  const [closed, renewed, next] = [
    await historyCost(client, id, runId, born.events),
    await order(2),
    await historyCost(client, id),
  ];
  const rest = await countRequests(context, cluster, () => sleep(IDLE_MS));
  return {
    rest,
    names: cluster.dnsNames.length,
    issuance: {
      ...forIssuance,
      temporal: sumCosts([born, issued]),
      events: { cluster: born.events, order: issued.events },
    },
    renewal: {
      ...forRenewal,
      temporal: sumCosts([closed, renewed, next]),
      events: { cluster: born.events + closed.events, order: renewed.events, 'next run of the cluster': next.events },
    },
  };
}

/** @returns the serial number of the certificate that is installed and told on its CertificateRequest. */
async function waitForReady(kubernetes: KubernetesApi, cluster: SampleCluster, previous?: string): Promise<string> {
  const { serialNumber } = await waitForCertificate(kubernetes, cluster, previous, TIMEOUT_SECONDS);
  await waitForReadyRequest(kubernetes, cluster, serialNumber, TIMEOUT_SECONDS);
  await sleep(SETTLE_MS);
  return serialNumber;
}

/** What is asked while something is done. */
async function countRequests(
  context: BenchContext,
  cluster: SampleCluster,
  work: () => Promise<void>,
): Promise<OutsideRequests> {
  const before = await readCounters(context);
  await work();
  const after = await readCounters(context);
  const requests = after.audited.slice(before.audited.length);
  const about = (own: boolean) =>
    countBy(requests.filter(({ namespace }) => (namespace === cluster.namespace) === own).map(({ what }) => what));
  return {
    acme: increase(before.worker.acme, after.worker.acme),
    acmeAtCa: increase(before.ca, after.ca),
    route53: increase(before.worker.route53, after.worker.route53),
    kubernetes: about(true),
    kubernetesElsewhere: about(false),
    doh: after.questions.doh - before.questions.doh,
    authoritative: after.questions.authoritative - before.questions.authoritative,
    heartbeats: after.heartbeats - before.heartbeats,
  };
}

async function readCounters({ stack, relays, metricsUrl }: BenchContext) {
  const audited = await auditedRequests(join(stack.stateDir, 'kube-apiserver', 'audit.log'));
  return {
    audited,
    worker: await workerCounts(metricsUrl),
    ca: await requestsAtCa(join(stack.stateDir, 'logs', 'pebble.log')),
    heartbeats: await heartbeats(stack.temporal.metricsUrl),
    questions: relays.questions(),
  };
}

/** A line of Pebble's for each: `POST /chalZ/6Ew… -> calling handler()`. */
async function requestsAtCa(logFile: string): Promise<Counts> {
  const text = await readFile(logFile, 'utf8');
  return countBy([...text.matchAll(/ ([A-Z]+ \/[\w-]+)\S* -> calling handler/g)].map(([, what]) => what ?? ''));
}

/** The frontend's count; the services behind it count the same ones again. */
async function heartbeats(metricsUrl: string): Promise<number> {
  const lines = (await fetchMetrics(metricsUrl)).split('\n').filter((line) => line.includes('service_name="frontend"'));
  return sumByLabel(lines.join('\n'), 'service_requests', 'operation')['RecordActivityTaskHeartbeat'] ?? 0;
}

function countBy(names: readonly string[]): Counts {
  const counts: Record<string, number> = {};
  for (const name of names) counts[name] = (counts[name] ?? 0) + 1;
  return counts;
}
