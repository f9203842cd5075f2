/** Requests and Temporal actions of one certificate of three names, at issuance, at renewal and at rest. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { Client } from '@temporalio/client';
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
import { KubernetesClient } from '../src/kubernetes/api/client.ts';
import { loadKubeConfig } from '../src/kubernetes/api/kube-config.ts';
import type { KubernetesApi } from '../src/kubernetes/api/kubernetes-api.ts';
import { connect } from '../src/temporal/connect.ts';
import { scrape } from '../test/support/e2e/prometheus.ts';
import { auditedRequests } from './audit-log.ts';
import { type DnsRelays, startDnsRelays } from './dns-relays.ts';
import { type Counts, increase, workerCounters } from './request-counters.ts';
import { type OutsideRequests, type RequestsBenchResult, requestsTable } from './requests-table.ts';
import { historyCost, sumCosts } from './temporal-actions.ts';

const ZONE = 'bench.example.com';
/** After Ready, for requests that follow it. */
const SETTLE_MS = 3_000;
const IDLE_MS = 60_000;
/** The first probe of what a cluster serves comes 15 s after the installation, within a round of 5 s: it is no rest. */
const PROBED_AFTER_MS = 25_000;
const TIMEOUT_SECONDS = 90;

/** Issues and renews one certificate, and counts. @throws CheckFailed when it is not Ready in time. */
export async function benchRequests(options: { readonly stateDir: string }): Promise<RequestsBenchResult> {
  const { namespace, name } = CERTMAN_SERVICE_ACCOUNT;
  const stack = await startStack({
    stateDir: options.stateDir,
    kubernetes: { auditUser: `system:serviceaccount:${namespace}:${name}` },
    // No reused authorizations and no rejected nonces, so that each run has the same counts.
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
    const connection = await connect({ address: stack.temporal.address });
    cleanUps.push(() => connection.close());
    const kubernetes = new KubernetesClient(loadKubeConfig({ path: stack.kubernetes.adminKubeconfig }));
    cleanUps.push(() => kubernetes.close());
    const [warmUp] = await prepareSampleClusters(stack, { count: 1, zone: ZONE, zoneId, prefix: 'warm-up' });
    const [cluster] = await prepareSampleClusters(stack, { count: 1, zone: ZONE, zoneId, prefix: 'one' });
    if (warmUp === undefined || cluster === undefined) throw new Error('no cluster was created');
    // The first one also loads the directory, account, zone and settings.
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
  const [issuanceRun, issued] = [await historyCost(client, id, runId), await order(1)];

  const forRenewal = await countRequests(context, cluster, async () => {
    await handle.executeUpdate(renew, { args: [{}] });
    await waitForReady(kubernetes, cluster, serialNumber);
  });
  const [closed, renewed, next] = [
    await historyCost(client, id, runId, issuanceRun.events),
    await order(2),
    await historyCost(client, id),
  ];
  await sleep(PROBED_AFTER_MS);
  const rest = await countRequests(context, cluster, () => sleep(IDLE_MS));
  return {
    rest,
    names: cluster.dnsNames.length,
    issuance: {
      ...forIssuance,
      temporal: sumCosts([issuanceRun, issued]),
      events: { cluster: issuanceRun.events, order: issued.events },
    },
    renewal: {
      ...forRenewal,
      temporal: sumCosts([closed, renewed, next]),
      events: {
        cluster: issuanceRun.events + closed.events,
        order: renewed.events,
        'next run of the cluster': next.events,
      },
    },
  };
}

/** Waits for a Ready CertificateRequest. @returns its serial number. */
async function waitForReady(kubernetes: KubernetesApi, cluster: SampleCluster, previous?: string): Promise<string> {
  const { serialNumber } = await waitForCertificate(kubernetes, cluster, previous, TIMEOUT_SECONDS);
  await waitForReadyRequest(kubernetes, cluster, serialNumber, TIMEOUT_SECONDS);
  await sleep(SETTLE_MS);
  return serialNumber;
}

/** Counts the requests during some work. */
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
    worker: await workerCounters(metricsUrl),
    ca: await requestsAtCa(join(stack.stateDir, 'logs', 'pebble.log')),
    heartbeats: await heartbeats(stack.temporal.metricsUrl),
    questions: relays.questions(),
  };
}

/** Counts lines of Pebble's log: `POST /chalZ/6Ew… -> calling handler()`. */
async function requestsAtCa(logFile: string): Promise<Counts> {
  const text = await readFile(logFile, 'utf8');
  return countBy([...text.matchAll(/ ([A-Z]+ \/[\w-]+)\S* -> calling handler/g)].map(([, what]) => what ?? ''));
}

/** Heartbeats at the frontend; the services behind it count them again. */
async function heartbeats(metricsUrl: string): Promise<number> {
  const server = await scrape(metricsUrl);
  const labels = { service_name: 'frontend', operation: 'RecordActivityTaskHeartbeat' };
  return server.value('service_requests', labels) ?? 0;
}

function countBy(names: readonly string[]): Counts {
  const counts: Record<string, number> = {};
  for (const name of names) counts[name] = (counts[name] ?? 0) + 1;
  return counts;
}
