/**
 * What certificates cost on Temporal Cloud: actions and bytes of one issuance, one renewal and one moved ARI window, counted
 * on the real parts, and from them a year of a fleet on paper.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { Client } from '@temporalio/client';
import { waitForCertificate, waitForReadyRequest } from '../local/demo/checks.ts';
import { prepareManagementCluster } from '../local/stack/management-cluster/management-cluster.ts';
import {
  installSampleClusters,
  prepareSampleClusters,
  type SampleCluster,
} from '../local/stack/management-cluster/sample-cluster.ts';
import { startStack } from '../local/stack/stack.ts';
import { startWorker } from '../local/stack/worker-process.ts';
import { plannedRenewal, RENEWAL_POLICIES, type RenewalPolicy } from '../src/certificates/planned-renewal.ts';
import type { ClusterIdentity } from '../src/clusters/cluster-identity.ts';
import { clusterStatus, renew, renewalWindowChanged } from '../src/contract/cluster-certificates.ts';
import { clusterWorkflowId, issuanceWorkflowId } from '../src/contract/ids.ts';
import { KubernetesClient } from '../src/kubernetes/api/client.ts';
import { loadKubeConfig } from '../src/kubernetes/api/kube-config.ts';
import { CLUSTER_DEPLOYMENTS } from '../src/kubernetes/objects/resources.ts';
import { connect } from '../src/temporal/connect.ts';
import { scrape } from '../test/support/e2e/prometheus.ts';
import { type CostPerUnit, costTables, type FleetYear } from './cost-tables.ts';
import { round } from './statistics.ts';

/** Options of {@link benchCost}. */
export interface CostBenchOptions {
  /** Certificates issued and renewed at once, over which each figure is an average. */
  readonly clusters: number;
  /** Fleets of the table on paper. */
  readonly fleets: readonly number[];
  readonly stateDir: string;
}

/** Last line of the bench, as JSON. */
export interface CostBenchResult {
  readonly perUnit: CostPerUnit;
  readonly years: readonly FleetYear[];
}

const ZONE = 'bench.example.com';
const DAY_MS = 86_400_000;
const DAYS_PER_YEAR = 365;
const REST_MS = 60_000;
/** After the last certificate, for what follows it. */
const SETTLE_MS = 5_000;
const TIMEOUT_SECONDS = 120;
/** Lifetimes of Let's Encrypt's certificates: today, from 2027-02-10, from 2028-02-16. */
const LIFETIMES = [90, 64, 45];
/** Closed runs stay for as long as docs/operations.md asks for. */
const RETENTION_DAYS = 30;
/** Of what an issuer does once a year as a drill, or in earnest: every certificate is renewed out of turn. */
const ARI_DRILLS_PER_YEAR = 1;
const UPSERT = 'command_UpsertWorkflowSearchAttributes';
const HEARTBEAT = 'grpc_RecordActivityTaskHeartbeat';

/** Actions of the namespace by type, as Temporal's server counts them. */
type Actions = Readonly<Record<string, number>>;

/** Counts on the real parts, and computes the years. */
export async function benchCost(options: CostBenchOptions): Promise<CostBenchResult> {
  const perUnit = await measure(options);
  const years = options.fleets.flatMap((certificates) =>
    LIFETIMES.flatMap((lifetimeDays) =>
      RENEWAL_POLICIES.map((policy) => yearOf(perUnit, certificates, lifetimeDays, policy)),
    ),
  );
  process.stdout.write(`\n${costTables(perUnit, years)}\n\n`);
  return { perUnit, years };
}

async function measure({ clusters, stateDir }: CostBenchOptions): Promise<CostPerUnit> {
  const progress = (text: string): void => void process.stderr.write(`${text}\n`);
  progress('starting the local parts');
  // No reused authorizations and no rejected nonces, so that each run has the same counts.
  const stack = await startStack({ stateDir, pebble: { authzReuse: 0, nonceReject: 0 } });
  const cleanUps: (() => Promise<unknown>)[] = [() => stack.stop()];
  try {
    const { zoneId } = await stack.createZone(ZONE);
    const managementCluster = await prepareManagementCluster(stack);
    const worker = await startWorker({ stack, managementCluster });
    cleanUps.push(() => worker.stop());
    const connection = await connect({ address: stack.temporal.address });
    cleanUps.push(() => connection.close());
    const { namespace, metricsUrl } = stack.temporal;
    const client = new Client({ connection, namespace });
    const kubernetes = new KubernetesClient(loadKubeConfig({ path: stack.kubernetes.adminKubeconfig }));
    cleanUps.push(() => kubernetes.close());
    const prepare = (prefix: string, count: number) =>
      prepareSampleClusters(stack, { count, zone: ZONE, zoneId, prefix });
    const readActions = async (): Promise<Actions> => {
      const counted = (await scrape(metricsUrl)).all('action', { namespace });
      const types = Map.groupBy(counted, ({ labels }) => labels['action_type'] ?? '');
      return Object.fromEntries(
        [...types].map(([type, all]) => [type, all.reduce((count, { value }) => count + value, 0)]),
      );
    };
    const ready = async (fleet: readonly SampleCluster[], previous: ReadonlyMap<string, string> = new Map()) => {
      const serials = new Map<string, string>();
      for (const cluster of fleet) {
        const before = previous.get(cluster.name);
        const { serialNumber } = await waitForCertificate(kubernetes, cluster, before, TIMEOUT_SECONDS);
        await waitForReadyRequest(kubernetes, cluster, serialNumber, TIMEOUT_SECONDS);
        serials.set(cluster.name, serialNumber);
      }
      await sleep(SETTLE_MS);
      return serials;
    };
    const identityOf = async ({ namespace: at, name }: SampleCluster): Promise<ClusterIdentity> => {
      const found = await kubernetes.get(CLUSTER_DEPLOYMENTS, { namespace: at, name });
      return { managementCluster: 'hive', namespace: at, name, uid: found?.metadata.uid ?? '' };
    };

    const warmUp = await prepare('warm-up', 2);
    await installSampleClusters(stack, warmUp);
    await ready(warmUp);
    progress('a minute at rest');
    const restBefore = await readActions();
    await sleep(REST_MS);
    const rest = difference(restBefore, await readActions());
    const heartbeatsPerMs = (rest[HEARTBEAT] ?? 0) / REST_MS;

    /** Actions of some work for one certificate, without the heartbeats of the watch meanwhile. */
    const count = async (what: string, of: readonly unknown[], work: () => Promise<void>): Promise<Actions> => {
      progress(what);
      const [before, begin] = [await readActions(), performance.now()];
      await work();
      const [after, lasted] = [await readActions(), performance.now() - begin];
      const counted: Record<string, number> = { ...difference(before, after) };
      counted[HEARTBEAT] = Math.max(0, (counted[HEARTBEAT] ?? 0) - heartbeatsPerMs * lasted);
      return Object.fromEntries(Object.entries(counted).map(([type, all]) => [type, round(all / of.length, 2)]));
    };

    const fleet = await prepare('fleet', clusters);
    let serials: ReadonlyMap<string, string> = new Map();
    const issuance = await count(`${clusters} issued`, fleet, async () => {
      await installSampleClusters(stack, fleet);
      serials = await ready(fleet);
    });
    const identities = await Promise.all(fleet.map(identityOf));
    const handles = identities.map((identity) => client.workflow.getHandle(clusterWorkflowId(identity)));
    const bytesOf = async (attempt: number) => {
      const sizes = await Promise.all(
        identities.map(async (identity, index) => ({
          cluster: await historyBytes(client, clusterWorkflowId(identity)),
          order: await historyBytes(client, issuanceWorkflowId(identity, fleet[index]?.bundleName ?? '', attempt)),
        })),
      );
      const mean = (of: (size: { readonly cluster: number; readonly order: number }) => number): number =>
        round(sizes.reduce((all, size) => all + of(size), 0) / sizes.length, 0);
      return { cluster: mean(({ cluster }) => cluster), order: mean(({ order }) => order) };
    };
    const issuedBytes = await bytesOf(1);
    /** Of each order: what the SDK writes for a patch, which the server counts and Temporal Cloud does not. */
    const exemptUpserts = async (attempt: number): Promise<number> => {
      const [identity] = identities;
      if (identity === undefined) return 0;
      const id = issuanceWorkflowId(identity, fleet[0]?.bundleName ?? '', attempt);
      const { events } = await client.workflow.getHandle(id).fetchHistory();
      const written = (events ?? []).map(({ upsertWorkflowSearchAttributesEventAttributes: of }) =>
        Object.keys(of?.searchAttributes?.indexedFields ?? {}),
      );
      return written.filter((names) => names.includes('TemporalChangeVersion')).length;
    };

    const windowMoved = await count('a window of ARI moved', fleet, async () => {
      for (const [index, handle] of handles.entries()) {
        const { bundleName = '' } = fleet[index] ?? {};
        const { certificate } = (await handle.query(clusterStatus)).bundles[bundleName] ?? {};
        const at = (days: number): string => new Date(Date.now() + days * DAY_MS).toISOString();
        const window = { certId: certificate?.certId ?? '', start: at(20), end: at(21) };
        await handle.signal(renewalWindowChanged, { bundleName, window });
      }
      await sleep(SETTLE_MS);
    });
    const { grpc_QueryWorkflow: _, ...window } = windowMoved;

    const firstRuns = await Promise.all(handles.map(async (handle) => (await handle.describe()).runId));
    const asleep = await bytesOf(1);
    const byUpdate = await count(`${clusters} renewed`, fleet, async () => {
      await Promise.all(handles.map((handle) => handle.executeUpdate(renew, { args: [{}] })));
      await ready(fleet, serials);
    });
    const { message_UpdateWorkflowExecution_Acceptance: __, ...renewal } = byUpdate;
    const renewedBytes = await bytesOf(2);
    const closed = await Promise.all(
      identities.map((identity, index) => historyBytes(client, clusterWorkflowId(identity), firstRuns[index])),
    );
    const ofRenewal = closed.reduce((all, bytes) => all + bytes, 0) / closed.length - asleep.cluster;
    return {
      issuance: { ...issuance, [UPSERT]: round((issuance[UPSERT] ?? 0) - (await exemptUpserts(1)), 2) },
      renewal: { ...renewal, [UPSERT]: round((renewal[UPSERT] ?? 0) - (await exemptUpserts(2)), 2) },
      window,
      heartbeatsPerMinute: rest[HEARTBEAT] ?? 0,
      restPerMinute: round(sum(rest) - (rest[HEARTBEAT] ?? 0), 2),
      bytes: {
        firstRun: issuedBytes.cluster,
        order: renewedBytes.order,
        run: renewedBytes.cluster,
        closedRun: round(renewedBytes.cluster + ofRenewal, 0),
      },
    };
  } finally {
    for (const cleanUp of cleanUps.toReversed()) await cleanUp();
  }
}

/** Size of a run's history, as Temporal states it. @param runId default: the newest. */
async function historyBytes(client: Client, workflowId: string, runId?: string): Promise<number> {
  return (await client.workflow.getHandle(workflowId, runId).describe()).historySize ?? 0;
}

function difference(before: Actions, after: Actions): Actions {
  const added = Object.entries(after).map(([type, count]) => [type, count - (before[type] ?? 0)] as const);
  return Object.fromEntries(added.filter(([, count]) => count > 0));
}

function sum(actions: Actions): number {
  return Object.values(actions).reduce((all, count) => all + count, 0);
}

/** A year in which nothing fails, the fleet stays as large, and the issuer has one drill. One certificate to a cluster. */
function yearOf(unit: CostPerUnit, certificates: number, lifetimeDays: number, policy: RenewalPolicy): FleetYear {
  const renewals = DAYS_PER_YEAR / renewalIntervalDays(lifetimeDays, policy);
  const perCertificate = renewals * sum(unit.renewal) + ARI_DRILLS_PER_YEAR * (sum(unit.window) + sum(unit.renewal));
  const watch = unit.heartbeatsPerMinute * 60 * 24 * DAYS_PER_YEAR;
  const actions = certificates * perCertificate + watch;
  // A renewal closes an order and a run of the cluster, which are kept for the retention.
  const closedAtOnce = (certificates * (renewals + ARI_DRILLS_PER_YEAR) * RETENTION_DAYS) / DAYS_PER_YEAR;
  return {
    certificates,
    lifetimeDays,
    policy,
    renewalsPerCertificate: round(renewals, 1),
    actionsPerCertificate: round(perCertificate, 0),
    watchActions: round(watch, 0),
    actions: round(actions, 0),
    actionsPerMonth: round(actions / 12, 0),
    activeMb: round((certificates * unit.bytes.run) / 1e6, 1),
    retainedMb: round((closedAtOnce * (unit.bytes.order + unit.bytes.closedRun)) / 1e6, 1),
  };
}

/** By the policy itself, with the jitter in its middle, and the window where Let's Encrypt puts it. */
function renewalIntervalDays(lifetimeDays: number, policy: RenewalPolicy): number {
  const notBefore = Date.UTC(2027, 0, 1);
  const certificate = {
    notBefore: new Date(notBefore).toISOString(),
    notAfter: new Date(notBefore + lifetimeDays * DAY_MS).toISOString(),
  };
  const at = (share: number): string => new Date(notBefore + lifetimeDays * share * DAY_MS).toISOString();
  const intervals = Array.from({ length: 1_000 }, (_, index) => {
    const certId = `issuer.${index}`;
    const suggestedWindow = { certId, start: at(2 / 3 - 0.01), end: at(2 / 3 + 0.01) };
    const terms = { jitterKey: `cluster-${index}/primary`, now: notBefore, policy, suggestedWindow };
    return plannedRenewal({ ...certificate, certId }, terms).at - notBefore;
  });
  return intervals.reduce((all, one) => all + one, 0) / intervals.length / DAY_MS;
}
