import { afterEach, describe, expect, test, vi } from 'vitest';
import { OUTAGES, Outages } from '../../chaos/outages.ts';
import { Progress } from '../../chaos/progress.ts';
import type { ExternalRequest } from '../../chaos/relays/exchange.ts';
import { SeededRandom } from '../../chaos/seeded-random.ts';

vi.mock('node:timers/promises', () => ({
  setTimeout: (_ms: number, _value: unknown, { signal }: { signal: AbortSignal }) =>
    new Promise<void>((resolve, reject) => {
      if (signal.aborted) return reject(new Error('aborted'));
      setImmediate(resolve);
    }),
}));

afterEach(() => void vi.restoreAllMocks());

function requestOf(system: ExternalRequest['system'], method: string, path: string): ExternalRequest {
  return { system, method, path, contentType: '', body: Buffer.alloc(0), worker: 'worker-1' };
}

const REQUESTS = {
  request: requestOf(
    'kubernetes',
    'PATCH',
    '/apis/g/v1/namespaces/a/certificaterequests/a-primary?fieldManager=certman',
  ),
  secrets: requestOf('kubernetes', 'GET', '/api/v1/secrets?limit=100'),
  cluster: requestOf('kubernetes', 'GET', '/apis/hive.openshift.io/v1/namespaces/a/clusterdeployments/a'),
  clusters: requestOf('kubernetes', 'GET', '/apis/hive.openshift.io/v1/clusterdeployments?limit=100'),
  signal: requestOf('temporal', 'POST', '/temporal.api.workflowservice.v1.WorkflowService/SignalWorkflowExecution'),
  order: requestOf('ca', 'POST', '/order-plz'),
};

test.each([
  ['the API server answers 503 for CertificateRequests', ['request']],
  ['the API server answers 503 for ClusterDeployments', ['cluster', 'clusters']],
  ['the API server answers 503 for Secrets', ['secrets']],
  ['reads of ClusterDeployments get a 404 of a load balancer', ['cluster']],
  ['reads of ClusterDeployments get a 404 that names nothing', ['cluster']],
  ['Temporal refuses signals with UNAVAILABLE', ['signal']],
])('%s: %s', (name, expected) => {
  const outage = OUTAGES.find((one) => one.name === name);
  const affected = Object.entries(REQUESTS).filter(([, request]) => outage?.affects(request) === true);
  expect(affected.map(([what]) => what)).toEqual(expected);
});

describe('the outages', () => {
  test('are all held, and none once they are stopped', async () => {
    vi.spyOn(process.stderr, 'write').mockReturnValue(true);
    const outages = new Outages(new SeededRandom(1));
    const stopping = new AbortController();
    const running = outages.run(new Progress(0), stopping.signal);
    expect(outages.missed).toHaveLength(OUTAGES.length);
    while (outages.missed.length > 0) {
      for (const request of Object.values(REQUESTS)) outages.decide(request);
      await new Promise(setImmediate);
    }
    stopping.abort();
    await running;
    expect(outages.refused).toBeGreaterThanOrEqual(OUTAGES.length);
    for (const request of Object.values(REQUESTS)) expect(outages.decide(request)).toBe('pass');
  });
});
