/** A fleet of which every certificate becomes due within the same minute: spread, requests a second, and whether any is late. */
import { execFile } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { Client } from '@temporalio/client';
import { prepareManagementCluster } from '../local/stack/management-cluster/management-cluster.ts';
import { CERTMAN_SERVICE_ACCOUNT } from '../local/stack/management-cluster/service-account.ts';
import { poll } from '../local/stack/poll.ts';
import { type RunningStack, startStack } from '../local/stack/stack.ts';
import { startWorker } from '../local/stack/worker-process.ts';
import { plannedRenewal } from '../src/certificates/planned-renewal.ts';
import { CertState } from '../src/contract/search-attributes.ts';
import { KubernetesClient } from '../src/kubernetes/api/client.ts';
import { loadKubeConfig } from '../src/kubernetes/api/kube-config.ts';
import { listCertificateRequests, type ObservedRequest } from '../src/kubernetes/objects/observed-request.ts';
import { allowedAt, recordUse } from '../src/rate-limit/gcra.ts';
import { ROUTE53_REQUESTS_PER_ACCOUNT } from '../src/rate-limit/limits.ts';
import { connect } from '../src/temporal/connect.ts';
import { type FaultProxy, startFaultProxy } from '../test/support/faults/fault-proxy.ts';
import { adoptedRequestNames, createAdoptedFleet } from './adopted-fleet.ts';
import { figuresTable } from './markdown-table.ts';
import { progressLog } from './progress-log.ts';
import { round } from './statistics.ts';

/** Options of {@link benchRenewalWave}. */
export interface RenewalWaveBenchOptions {
  readonly clusters: number;
  readonly stateDir: string;
}

/** Last line of the bench, as JSON. */
export interface RenewalWaveBenchResult {
  readonly clusters: number;
  /** Certificates, one a cluster. */
  readonly renewed: number;
  /** Certificates that had expired before their renewal was in the Secret. */
  readonly late: number;
  /** Between the first planned renewal and the last. */
  readonly spreadSeconds: number;
  /** The same for certificates of 90 days that were issued in the same second. */
  readonly spreadHoursOf90Days: number;
  /** From the first planned renewal to the last that was done. */
  readonly takenSeconds: number;
  readonly renewedPerMinute: number;
  /** Share of a certificate's remaining lifetime that the slowest renewal took. */
  readonly leadUsed: number;
  /** Most requests in one second. */
  readonly peakPerSecond: { readonly acme: number; readonly route53: number; readonly kubernetes: number };
  /** Requests beyond what Route 53 (an account) and Let's Encrypt (an address) allow. */
  readonly overLimit: number;
}

const ZONE = 'bench.example.com';
/** With a jitter of up to a fiftieth of it, renewals at half of it are planned within one minute. */
const LIFETIME_MS = 50 * 60_000;
const MS_90_DAYS = 90 * 86_400_000;
/** For the adoption, before the first renewal. */
const MIN_ADOPTION_MS = 60_000;
const ADOPTION_MS_PER_CLUSTER = 250;
const SETTLE_MS = 5_000;
const POLL_MS = 2_000;
/** Requests a second from one address (https://letsencrypt.org/docs/rate-limits/#overall-requests-limit, 2026-08). */
const ACME_LIMITS = { 'nonce-plz': 20, 'order-plz': 300, other: 250 } as const;

const BUNDLE_SCRIPT = fileURLToPath(new URL('../src/worker/bundle-workflows.ts', import.meta.url));

/** Creates the fleet, has it adopted before it is due, and counts until every certificate is renewed. */
export async function benchRenewalWave({
  clusters,
  stateDir,
}: RenewalWaveBenchOptions): Promise<RenewalWaveBenchResult> {
  const progress = progressLog();
  progress('starting the local parts');
  const { namespace, name } = CERTMAN_SERVICE_ACCOUNT;
  const stack = await startStack({
    stateDir,
    kubernetes: { auditUser: `system:serviceaccount:${namespace}:${name}` },
    pebble: { authzReuse: 0, nonceReject: 0 },
  });
  const cleanUps: (() => Promise<unknown>)[] = [() => stack.stop()];
  try {
    const { zoneId } = await stack.createZone(ZONE);
    const managementCluster = await prepareManagementCluster(stack);
    const route53 = await startFaultProxy({ target: stack.route53.endpoint });
    cleanUps.push(() => route53.close());
    const bundle = join(stateDir, 'workflow-bundle.js');
    await promisify(execFile)(process.execPath, [BUNDLE_SCRIPT, bundle]);
    const dueAt = Date.now() + MIN_ADOPTION_MS + clusters * ADOPTION_MS_PER_CLUSTER;
    const validity = { notBefore: dueAt - LIFETIME_MS / 2, notAfter: dueAt + LIFETIME_MS / 2 };
    await createAdoptedFleet(stack, { clusters, zone: ZONE, zoneId, bundles: ['api'], validity });
    progress(`${clusters} clusters created`);
    const kubernetes = new KubernetesClient(loadKubeConfig({ path: stack.kubernetes.adminKubeconfig }));
    cleanUps.push(() => kubernetes.close());
    const connection = await connect({ address: stack.temporal.address });
    cleanUps.push(() => connection.close());
    const client = new Client({ connection, namespace: stack.temporal.namespace });
    const worker = await startWorker({
      stack,
      managementCluster,
      environment: {
        CERTMAN_WORKFLOW_BUNDLE: bundle,
        AWS_ENDPOINT_URL: route53.url,
        // Its default: what AWS allows an account.
        CERTMAN_ROUTE53_REQUESTS_PER_SECOND: undefined,
      },
    });
    cleanUps.push(() => worker.stop());
    await untilAdopted(client, clusters, dueAt);
    progress('adopted; waiting for the wave');
    const planned = (await adopted(kubernetes)).map(({ renewalAt = Number.NaN }) => renewalAt);
    const first = Math.min(...planned);
    const renewals = await untilRenewed(client, clusters, validity.notAfter, progress);
    await sleep(SETTLE_MS);
    const last = Math.max(...renewals);
    const counts = await countRequests(stack, route53, { from: first, to: last });
    const result: RenewalWaveBenchResult = {
      clusters,
      renewed: renewals.length,
      late: renewals.filter((at) => at > validity.notAfter).length + (clusters - renewals.length),
      spreadSeconds: round((Math.max(...planned) - first) / 1000, 1),
      spreadHoursOf90Days: round(spreadMsOf90Days(clusters) / 3_600_000, 1),
      takenSeconds: round((last - first) / 1000, 1),
      renewedPerMinute: round(renewals.length / ((last - first) / 60_000), 1),
      leadUsed: round((last - first) / (validity.notAfter - first), 3),
      ...counts,
    };
    process.stdout.write(`\n${table(result)}\n\n`);
    if (result.renewed < clusters) throw new Error(`only ${result.renewed} of ${clusters} certificates were renewed`);
    return result;
  } finally {
    for (const cleanUp of cleanUps.toReversed()) await cleanUp();
  }
}

/** What the plan makes of certificates of the default profile that were issued in the same second. */
function spreadMsOf90Days(clusters: number): number {
  const certificate = { notBefore: new Date(0).toISOString(), notAfter: new Date(MS_90_DAYS).toISOString() };
  const planned = adoptedRequestNames(clusters, 'api').map(
    ({ namespace, name }) => plannedRenewal(certificate, { jitterKey: `${namespace}/${name}`, now: 0 }).at,
  );
  return Math.max(...planned) - Math.min(...planned);
}

async function adopted(kubernetes: KubernetesClient): Promise<readonly ObservedRequest[]> {
  return await listCertificateRequests(kubernetes);
}

async function untilAdopted(client: Client, clusters: number, dueAt: number): Promise<void> {
  const count = async (): Promise<true | undefined> => {
    const query = `WorkflowType = "clusterCertificates" AND ${CertState.name} = "Ready"`;
    return (await client.workflow.count(query)).count >= clusters ? true : undefined;
  };
  const found = await poll(count, { timeoutMs: Math.max(0, dueAt - Date.now()), intervalMs: POLL_MS });
  if (found === undefined) throw new Error('the wave began before the fleet was adopted: try fewer clusters');
}

/** @returns when each order was done, in epoch milliseconds; fewer than there are when one has not succeeded. */
async function untilRenewed(
  client: Client,
  clusters: number,
  notAfter: number,
  progress: (text: string) => void,
): Promise<readonly number[]> {
  const query = 'WorkflowType = "certificateIssuance" AND ExecutionStatus = "Completed"';
  let reported = 0;
  const count = async (): Promise<true | undefined> => {
    const { count: done } = await client.workflow.count(query);
    if (done - reported >= 50) progress(`${done} renewed`);
    if (done - reported >= 50) reported = done;
    return done >= clusters ? true : undefined;
  };
  await poll(count, { timeoutMs: notAfter + LIFETIME_MS / 10 - Date.now(), intervalMs: POLL_MS });
  const ends: number[] = [];
  for await (const { closeTime } of client.workflow.list({ query })) if (closeTime) ends.push(closeTime.getTime());
  return ends;
}

interface Interval {
  /** Epoch milliseconds. */
  readonly from: number;
  readonly to: number;
}

async function countRequests(
  stack: RunningStack,
  route53: FaultProxy,
  interval: Interval,
): Promise<Pick<RenewalWaveBenchResult, 'peakPerSecond' | 'overLimit'>> {
  const isInside = (at: number): boolean => at >= interval.from - 1_000 && at <= interval.to + SETTLE_MS;
  const toRoute53 = route53.seen.map(({ at }) => performance.timeOrigin + at).filter(isInside);
  const acme = (await acmeRequests(stack)).filter(({ at }) => isInside(at));
  const audit = (await auditedInstants(stack)).filter(isInside);
  return {
    peakPerSecond: {
      acme: Math.max(0, ...perSecondOf(acme.map(({ at }) => at)).values()),
      route53: Math.max(0, ...perSecondOf(toRoute53).values()),
      kubernetes: Math.max(0, ...perSecondOf(audit).values()),
    },
    overLimit: beyondRoute53(toRoute53) + beyondAcme(acme),
  };
}

function perSecondOf(instants: readonly number[]): ReadonlyMap<number, number> {
  const counts = new Map<number, number>();
  for (const at of instants) counts.set(Math.floor(at / 1000), (counts.get(Math.floor(at / 1000)) ?? 0) + 1);
  return counts;
}

/** Requests that an account of AWS would answer with Throttling. */
function beyondRoute53(instants: readonly number[]): number {
  // One more than is promised: the requests of two seconds can arrive closer together than they were sent.
  const limit = { ...ROUTE53_REQUESTS_PER_ACCOUNT, burst: ROUTE53_REQUESTS_PER_ACCOUNT.burst + 1 };
  let theoreticalArrival: number | undefined;
  let beyond = 0;
  for (const at of [...instants].sort((a, b) => a - b)) {
    if (allowedAt(theoreticalArrival, limit, at) > at) beyond += 1;
    else theoreticalArrival = recordUse(theoreticalArrival, limit, at);
  }
  return beyond;
}

interface AcmeRequest {
  /** First part of its path at Pebble. */
  readonly resource: string;
  readonly at: number;
}

function beyondAcme(requests: readonly AcmeRequest[]): number {
  const kindOf = ({ resource }: AcmeRequest): keyof typeof ACME_LIMITS =>
    resource === 'nonce-plz' || resource === 'order-plz' ? resource : 'other';
  return Object.entries(ACME_LIMITS)
    .flatMap(([kind, limit]) => {
      const instants = requests.filter((request) => kindOf(request) === kind).map(({ at }) => at);
      return [...perSecondOf(instants).values()].map((count) => Math.max(0, count - limit));
    })
    .reduce((sum, beyond) => sum + beyond, 0);
}

/** Lines of Pebble's log, in local time: `Pebble 2026/11/29 10:44:27 POST /order-plz -> calling handler()`. */
async function acmeRequests(stack: RunningStack): Promise<readonly AcmeRequest[]> {
  const log = await readFile(join(stack.stateDir, 'logs', 'pebble.log'), 'utf8');
  const lines = log.matchAll(/^Pebble (\S+ \S+) [A-Z]+ \/([\w-]+)\S* -> calling handler/gm);
  return Array.from(lines, ([, at = '', resource = '']) => ({ at: Date.parse(at), resource }));
}

async function auditedInstants(stack: RunningStack): Promise<readonly number[]> {
  const log = await readFile(join(stack.stateDir, 'kube-apiserver', 'audit.log'), 'utf8');
  const instants = log.matchAll(/"stage":"ResponseComplete".*?"requestReceivedTimestamp":"([^"]+)"/g);
  return Array.from(instants, ([, at = '']) => Date.parse(at));
}

function table({ peakPerSecond, ...figures }: RenewalWaveBenchResult): string {
  const peaks = Object.entries(peakPerSecond).map(
    ([api, peak]) => [`most requests in a second: ${api}`, peak] as const,
  );
  return figuresTable([...Object.entries(figures), ...peaks]);
}
