/** N clusters, each with a zone of its own, in one AWS account: requests to Route 53 at its rate limit, and how long it takes. */
import { createDnsActivities } from '../activities/dns.ts';
import type { ClusterView } from '../src/clusters/cluster-view.ts';
import { PlatformProvider } from '../src/dns/registry.ts';
import { allowedAt, perSecond, recordUse } from '../src/rate-limit/gcra.ts';
import { ROUTE53_REQUESTS_PER_ACCOUNT } from '../src/rate-limit/limits.ts';
import { bundleWorkflows } from '../src/worker/workflow-code.ts';
import { startMoto } from '../test/support/dns/dns-servers.ts';
import { FakeKubernetesApi, type Route53Proxy, startRoute53Proxy } from '../test/support/dns/route53-proxy.ts';
import { SEALED, sealedInput } from '../test/support/dns/sealed-records.ts';
import { startEnvironment } from '../test/support/temporal/temporal-server.ts';
import { eventually } from '../test/support/vitest/eventually.ts';
import { bundleView, clusterView } from '../test/support/workflows/cluster-views.ts';
import { type WorkflowHarness, withWorkflowHarness } from '../test/support/workflows/harness.ts';
import { round } from './statistics.ts';

/** Options of {@link benchRoute53Zones}. */
export interface Route53ZonesBenchOptions {
  readonly zones: number;
  /** Seconds from a change to INSYNC. */
  readonly inSyncSeconds: number;
}

/** Last line of the bench, as JSON. */
export interface Route53ZonesBenchResult {
  readonly zones: number;
  /** Until every certificate is issued and every TXT record withdrawn. */
  readonly minutes: number;
  /** By action, throttled ones included. */
  readonly requests: Readonly<Record<string, number>>;
  readonly requestsPerCertificate: number;
  /** Requests that Route 53 answered with Throttling. */
  readonly throttled: number;
  /** Statuses `Failing` that clusters were given meanwhile. */
  readonly failing: number;
  /** Attempts of the activities that publish and withdraw. */
  readonly attempts: number;
  /** Most of them that occupied the worker at the same time. */
  readonly mostInWorker: number;
  /** Minutes until half, 95 % and all of the certificates were issued. */
  readonly issuedAfter: { readonly half: number; readonly most: number; readonly all: number };
}

const POLL_MS = 1_000;
const NAMESPACE = 'ns';

/**
 * Runs the real workflows, DNS activities and Route 53 provider against moto, behind a proxy with the account's rate limit
 * and the delay until INSYNC. The CA and the API server are doubles that answer at once.
 */
export async function benchRoute53Zones(options: Route53ZonesBenchOptions): Promise<Route53ZonesBenchResult> {
  const moto = await startMoto();
  const proxy = await startRoute53Proxy(moto.url);
  const account = limitAccount(proxy, options.inSyncSeconds * 1_000);
  process.env['AWS_ENDPOINT_URL'] = proxy.url;
  const env = await startEnvironment();
  try {
    await eventually(
      'the namespace of the server',
      () => env.connection.workflowService.describeNamespace({ namespace: 'default' }),
      Boolean,
    );
    const kubernetes = new FakeKubernetesApi();
    const views = Array.from({ length: options.zones }, (_, n) => viewOf(n));
    for (const { identity, zoneName } of views) {
      const zoneID = await moto.createZone(zoneName);
      const { namespace } = identity;
      kubernetes.putCredentials(namespace, 'aws', 'AKIAEXAMPLE');
      const status = { aws: { zoneID }, nameServers: ['ns-1.example.net'] };
      kubernetes.put('DNSZone', namespace, 'zone', { spec: { zone: zoneName }, status });
    }
    proxy.requests.length = 0;
    const code = await bundleWorkflows();
    const figures = await withWorkflowHarness(env, code, (lab) => measure(lab, kubernetes, views));
    const requests = proxy.counts();
    const total = Object.values(requests).reduce((sum, count) => sum + count, 0);
    return {
      zones: options.zones,
      ...figures,
      requests,
      requestsPerCertificate: round(total / options.zones, 2),
      throttled: account.throttled(),
    };
  } finally {
    await env.teardown();
    delete process.env['AWS_ENDPOINT_URL'];
    await proxy.close();
    await moto.stop();
  }
}

function viewOf(n: number): ClusterView {
  const zoneName = `c${n}.bench.example.com`;
  return clusterView({
    identity: { managementCluster: 'hive', namespace: `${NAMESPACE}-${n}`, name: `c${n}`, uid: crypto.randomUUID() },
    zoneName,
    bundles: [bundleView('primary', `api.${zoneName}`, `rh-api.${zoneName}`, `*.apps.${zoneName}`)],
  });
}

type Figures = Omit<Route53ZonesBenchResult, 'zones' | 'requests' | 'requestsPerCertificate' | 'throttled'>;

async function measure(
  lab: WorkflowHarness,
  kubernetes: FakeKubernetesApi,
  views: readonly ClusterView[],
): Promise<Figures> {
  const dns = createDnsActivities(
    new PlatformProvider({
      kubernetes: kubernetes.asApi(),
      operatorNamespace: 'certman-operator',
      batchWindowMs: 4_000,
      needsNameServers: true,
      settings: {
        route53: { requestsPerSecond: 1_000 / ROUTE53_REQUESTS_PER_ACCOUNT.intervalMs, ambientCredentials: 'labelled' },
        google: { requestsPerSecond: 1, userAgent: 'certman/bench' },
        azure: { requestsPerSecond: 1, userAgent: 'certman/bench' },
      },
    }),
    SEALED,
  );
  const { doubles } = lab;
  let [inWorker, mostInWorker, withdrawn] = [0, 0, 0];
  const counted = async <T>(work: () => Promise<T>): Promise<T> => {
    mostInWorker = Math.max(mostInWorker, ++inWorker);
    try {
      return await work();
    } finally {
      inWorker--;
    }
  };
  doubles.override('publishTxtRecords', (input) =>
    counted(() => dns.publishTxtRecords({ ...input, ...sealedInput(input.zone, input.records) })),
  );
  doubles.override('withdrawTxtRecords', async (input) => {
    await counted(() => dns.withdrawTxtRecords({ ...input, ...sealedInput(input.zone, input.records) }));
    withdrawn++;
  });
  const begin = performance.now();
  const minutes = (): number => (performance.now() - begin) / 60_000;
  const issuedAt: number[] = [];
  let reported = 0;
  // Not awaited one by one: the first are under way meanwhile.
  const started = Promise.all(views.map((view) => lab.start(view)));
  while (withdrawn < views.length) {
    await new Promise((resolve) => setTimeout(resolve, POLL_MS));
    while (issuedAt.length < doubles.issued.length) issuedAt.push(minutes());
    if (minutes() - reported < 1) continue;
    reported = minutes();
    process.stderr.write(`${reported.toFixed(0)} min: ${issuedAt.length} issued, ${withdrawn} withdrawn\n`);
  }
  await started;
  const attempts = doubles.countOf('publishTxtRecords') + doubles.countOf('withdrawTxtRecords');
  const after = (share: number): number => round(issuedAt[Math.ceil(issuedAt.length * share) - 1] ?? 0, 2);
  return {
    minutes: round(minutes(), 2),
    failing: doubles.reports.filter(({ state }) => state === 'Failing').length,
    attempts,
    mostInWorker,
    issuedAfter: { half: after(0.5), most: after(0.95), all: after(1) },
  };
}

/** Makes the proxy keep the rate limit of an AWS account, and changes take their time. */
function limitAccount(proxy: Route53Proxy, inSyncMs: number): { throttled(): number } {
  // A little more than is promised: the clocks of the two sides tick differently.
  const limit = perSecond(1_000 / ROUTE53_REQUESTS_PER_ACCOUNT.intervalMs);
  const tolerant = { ...limit, burst: limit.burst + 1 };
  const changedAt = new Map<string, number>();
  let theoreticalArrival: number | undefined;
  let throttled = 0;
  proxy.refuse = () => {
    const now = performance.now();
    if (allowedAt(theoreticalArrival, tolerant, now) > now) {
      throttled++;
      return { status: 400, code: 'Throttling', message: 'Rate exceeded' };
    }
    theoreticalArrival = recordUse(theoreticalArrival, tolerant, now);
    return undefined;
  };
  proxy.rewrite = (body) => {
    const now = performance.now();
    if (body.includes('<ChangeResourceRecordSetsResponse')) {
      // moto gives every change the same id, INSYNC at once.
      const id = `C${changedAt.size + 1}`;
      changedAt.set(id, now);
      return body.replace(/(?<=<Id>\/change\/)[^<]+/, id).replace('INSYNC', 'PENDING');
    }
    const asked = body.includes('<GetChangeResponse') ? /<Id>(?:\/change\/)?([^<]+)<\/Id>/.exec(body)?.[1] : undefined;
    if (asked === undefined) return body;
    return now - (changedAt.get(asked) ?? now) < inSyncMs ? body.replace('INSYNC', 'PENDING') : body;
  };
  return { throttled: () => throttled };
}
