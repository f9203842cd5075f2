/** Requests per certificate: of one cluster with more or fewer names, and of many at once, by the zone of their records. */
import { setTimeout as sleep } from 'node:timers/promises';
import { type Change, ChangeResourceRecordSetsCommand, Route53Client } from '@aws-sdk/client-route-53';
import { waitForCertificate, waitForReadyRequest } from '../local/demo/checks.ts';
import { queryDns } from '../local/stack/dns-query.ts';
import { withHiveClient } from '../local/stack/management-cluster/clients.ts';
import { prepareManagementCluster } from '../local/stack/management-cluster/management-cluster.ts';
import {
  installSampleClusters,
  prepareSampleClusters,
  type SampleCluster,
} from '../local/stack/management-cluster/sample-cluster.ts';
import { poll } from '../local/stack/poll.ts';
import { type RunningStack, startStack } from '../local/stack/stack.ts';
import { startWorker } from '../local/stack/worker-process.ts';
import { KubernetesClient } from '../src/kubernetes/api/client.ts';
import { loadKubeConfig } from '../src/kubernetes/api/kube-config.ts';
import type { KubernetesApi } from '../src/kubernetes/api/kubernetes-api.ts';
import { type DnsRelays, startDnsRelays } from './dns-relays.ts';
import { columnsTable } from './markdown-table.ts';
import { increase, sumOf, workerCounters } from './request-counters.ts';

const ZONE = 'bench.example.com';
const DELEGATED_ZONE = 'delegated.example.com';
const CHALLENGES = 'acme.example.net';
const BUNDLE = 'primary';
/** After Ready, for requests that follow it. */
const SETTLE_MS = 3_000;
const TIMEOUT_SECONDS = 300;

/** Requests per certificate. */
export interface DnsCase {
  readonly certificates: number;
  readonly names: number;
  readonly acme: number;
  readonly route53: number;
  readonly doh: number;
  /** To the servers of the zones. */
  readonly authoritative: number;
}

/** By case; the last line of the bench, as JSON. */
export type DnsBenchResult = Readonly<Record<string, DnsCase>>;

/** How many clusters are installed at once. */
export interface DnsBenchOptions {
  /** In one zone, and delegated to one challenge zone. */
  readonly clusters: number;
  /** With a zone each: CoreDNS reads every zone each second. */
  readonly zones: number;
  readonly stateDir: string;
}

/** Measures all cases on one stack. @throws CheckFailed when a certificate is not Ready in time. */
export async function benchDns({ clusters, zones, stateDir }: DnsBenchOptions): Promise<DnsBenchResult> {
  // No reused authorizations and no rejected nonces, so that each run has the same counts.
  const stack = await startStack({ stateDir, kubernetes: {}, pebble: { authzReuse: 0, nonceReject: 0 } });
  const cleanUps: (() => Promise<unknown>)[] = [() => stack.stop()];
  try {
    await stack.createZone(ZONE);
    const { zoneId: delegatedZoneId } = await stack.createZone(DELEGATED_ZONE);
    const { zoneId } = await stack.createZone(CHALLENGES);
    const managementCluster = await prepareManagementCluster(stack);
    const relays = await startDnsRelays(stack);
    cleanUps.push(() => relays.close());
    const kubernetes = new KubernetesClient(loadKubeConfig({ path: stack.kubernetes.adminKubeconfig }));
    cleanUps.push(() => kubernetes.close());
    const bench = new DnsBench(stack, kubernetes, relays);
    const start = async (environment: Readonly<Record<string, string>>) => {
      const worker = await startWorker({
        stack,
        managementCluster,
        environment: { ...relays.environment, ...environment },
      });
      cleanUps.push(() => worker.stop());
      bench.metricsUrl = worker.metricsUrl;
      return worker;
    };
    const worker = await start({});
    // The first one also loads the directory, account, zone and settings.
    await bench.install([await bench.prepareOne('warm-up', 3)]);
    for (const names of [1, 3, 10]) {
      await bench.measure(`one cluster, ${names} names`, [await bench.prepareOne(`names-${names}`, names)]);
    }
    await bench.measure('at once, one zone', await bench.prepare(clusters, ZONE, 'shared'));
    await worker.stop();
    await start({
      CERTMAN_CHALLENGE_ZONE: CHALLENGES,
      CERTMAN_CHALLENGE_ZONE_ID: zoneId,
      CERTMAN_CHALLENGE_ZONE_NAMESPACES: 'all',
    });
    const delegated = await bench.prepare(clusters, DELEGATED_ZONE, 'delegated');
    await delegate(stack, delegatedZoneId, delegated);
    await bench.measure('at once, one challenge zone', delegated);
    const each: SampleCluster[] = [];
    for (let zone = 1; zone <= zones; zone++) {
      const name = `bench-${zone}.example.com`;
      await stack.createZone(name);
      each.push(...(await bench.prepare(1, name, `zone-${zone}`)));
    }
    await bench.measure('at once, a zone each', each);
    process.stdout.write(`\n${table(bench.result)}\n\n`);
    return bench.result;
  } finally {
    for (const cleanUp of cleanUps.toReversed()) await cleanUp();
  }
}

class DnsBench {
  readonly result: Record<string, DnsCase> = {};
  metricsUrl = '';
  readonly #stack: RunningStack;
  readonly #kubernetes: KubernetesApi;
  readonly #relays: DnsRelays;

  constructor(stack: RunningStack, kubernetes: KubernetesApi, relays: DnsRelays) {
    this.#stack = stack;
    this.#kubernetes = kubernetes;
    this.#relays = relays;
  }

  prepare(count: number, zone: string, prefix: string): Promise<readonly SampleCluster[]> {
    return prepareSampleClusters(this.#stack, { count, zone, prefix });
  }

  /** A cluster whose certificate has so many names. */
  async prepareOne(name: string, names: number): Promise<SampleCluster> {
    const [cluster] = await this.prepare(1, ZONE, name);
    if (cluster === undefined) throw new Error('no cluster was created');
    const additional = Array.from({ length: Math.max(0, names - 3) }, (_, n) => ({
      name: BUNDLE,
      domain: `more-${n}.${name}.${ZONE}`,
    }));
    const servingCertificates = names === 1 ? null : { default: BUNDLE, additional };
    const path = `/apis/hive.openshift.io/v1/namespaces/${cluster.namespace}/clusterdeployments/${cluster.name}`;
    await withHiveClient(this.#stack.kubernetes.adminKubeconfig, (hive) =>
      hive.mergePatch([{ path, body: { spec: { controlPlaneConfig: { servingCertificates } } } }]),
    );
    const [api = '', extra = '', apps = ''] = cluster.dnsNames;
    const all = [api, extra, ...additional.map(({ domain }) => domain), apps];
    return { ...cluster, dnsNames: names === 1 ? [apps] : all };
  }

  async install(clusters: readonly SampleCluster[]): Promise<void> {
    await installSampleClusters(this.#stack, clusters);
    for (const cluster of clusters) {
      const { serialNumber } = await waitForCertificate(this.#kubernetes, cluster, undefined, TIMEOUT_SECONDS);
      await waitForReadyRequest(this.#kubernetes, cluster, serialNumber, TIMEOUT_SECONDS);
    }
    await sleep(SETTLE_MS);
  }

  async measure(what: string, clusters: readonly SampleCluster[]): Promise<void> {
    const before = { ...(await workerCounters(this.metricsUrl)), ...this.#relays.questions() };
    await this.install(clusters);
    const after = { ...(await workerCounters(this.metricsUrl)), ...this.#relays.questions() };
    const each = (requests: number): number => Math.round((100 * requests) / clusters.length) / 100;
    const found = {
      certificates: clusters.length,
      names: clusters[0]?.dnsNames.length ?? 0,
      acme: each(sumOf(increase(before.acme, after.acme))),
      route53: each(sumOf(increase(before.route53, after.route53))),
      doh: each(after.doh - before.doh),
      authoritative: each(after.authoritative - before.authoritative),
    };
    this.result[what] = found;
    process.stderr.write(`${what}: ${JSON.stringify(found)}\n`);
  }
}

/** Delegates the challenges of all names. @returns once DNS has the last one. */
async function delegate(stack: RunningStack, zoneId: string, clusters: readonly SampleCluster[]): Promise<void> {
  const names = clusters.flatMap(({ dnsNames }) => dnsNames.map((name) => name.replace(/^\*\./, '')));
  const changes = names.map((name): Change => {
    const set = { Name: `_acme-challenge.${name}`, Type: 'CNAME' as const, TTL: 60 };
    return {
      Action: 'UPSERT',
      ResourceRecordSet: { ...set, ResourceRecords: [{ Value: `${name}.${CHALLENGES}.` }] },
    };
  });
  const { endpoint, region, credentials } = stack.route53;
  const route53 = new Route53Client({ endpoint, region, credentials });
  for (let from = 0; from < changes.length; from += 400) {
    const ChangeBatch = { Changes: changes.slice(from, from + 400) };
    await route53.send(new ChangeResourceRecordSetsCommand({ HostedZoneId: zoneId, ChangeBatch }));
  }
  route53.destroy();
  const [host = '', port] = stack.dns.address.split(':');
  const last = `_acme-challenge.${names.at(-1)}`;
  const isAnswered = async (): Promise<true | undefined> => {
    const { answers = [] } = await queryDns({ host, port: Number(port) }, last, 'CNAME');
    return answers.length > 0 ? true : undefined;
  };
  await poll(isAnswered, { timeoutMs: 60_000, intervalMs: 200 });
}

function table(result: DnsBenchResult): string {
  const rows = Object.entries(result).map(([what, found]) => ({ what, ...found }));
  return columnsTable<DnsCase & { readonly what: string }>(
    [
      ['requests per certificate', ({ what }) => what],
      ['certificates', ({ certificates }) => certificates],
      ['names', ({ names }) => names],
      ['ACME', ({ acme }) => acme],
      ['Route 53', ({ route53 }) => route53],
      ['each DoH resolver', ({ doh }) => doh],
      ["each of the zone's servers", ({ authoritative }) => authoritative],
    ],
    rows,
  );
}
