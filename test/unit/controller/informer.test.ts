import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { Informer } from '../../../src/controller/informer.ts';
import { KeyedWorkQueue } from '../../../src/controller/keyed-work-queue.ts';
import { CertmanError } from '../../../src/failures/failure.ts';
import type { WatchConnection } from '../../../src/kubernetes/api/kubernetes-api.ts';
import { CLUSTER_DEPLOYMENTS, DNS_ZONES, SECRETS } from '../../../src/kubernetes/objects/resources.ts';
import { WAIT_TIMEOUT_MS } from '../../support/vitest/timeouts.ts';

const LIST = { metadata: { resourceVersion: '7' }, items: [] };
const FORBIDDEN = new CertmanError({
  code: 'kubernetes/forbidden',
  message: 'It is forbidden.',
  remedy: 'Grant the right.',
});
const silent = () => undefined;

/** An API server that refuses until it is mended, and whose watches show nothing until they are cut. */
function setUp(informed: Partial<ConstructorParameters<typeof Informer>[0]> = {}, resumeFrom?: string) {
  const server = { refuses: true, cut: () => undefined as void };
  const stopped = new AbortController();
  const source: WatchConnection = {
    getJson: () => (server.refuses ? Promise.reject(FORBIDDEN) : Promise.resolve(LIST)),
    openStream: () => ({
      [Symbol.asyncIterator]: () => ({
        next: async () => {
          if (!server.refuses)
            await new Promise<void>((resolve) => {
              server.cut = resolve;
            });
          throw FORBIDDEN;
        },
      }),
    }),
  };
  const handler = { onUpsert: () => Promise.resolve(), onDelete: () => Promise.resolve() };
  const informer = new Informer(
    { resource: CLUSTER_DEPLOYMENTS, handler, ...informed },
    {
      source,
      queue: new KeyedWorkQueue(1, 10),
      logger: { info: silent, warn: silent, error: silent },
      signal: stopped.signal,
      resumeFrom,
      onError: silent,
    },
  );
  const settled = vi.fn<() => void>();
  void informer.settled.then(settled);
  return { informer, server, settled, start: () => void informer.run().catch(silent), stop: () => stopped.abort() };
}

beforeEach(() => {
  vi.useFakeTimers({ now: Date.parse('2026-05-01T00:00:00Z') });
});
afterEach(() => {
  vi.useRealTimers();
});

describe('a kind that cannot be listed', () => {
  test('says since when and why, settles after 15 seconds, and is synced once it can be', async () => {
    const { informer, server, settled, start, stop } = setUp();
    expect(informer.state).toMatchObject({ kind: 'clusterdeployments', synced: false });
    start();
    await vi.advanceTimersByTimeAsync(14_000);
    expect(informer.state).toEqual({
      kind: 'clusterdeployments',
      synced: false,
      syncedUntil: undefined,
      problem:
        'The watch of clusterdeployments.hive.openshift.io is not synced: since 2026-05-01T00:00:00.000Z, It is forbidden. Grant the right.',
    });
    expect(settled).not.toHaveBeenCalled();
    await vi.advanceTimersByTimeAsync(1_000);
    expect(settled).toHaveBeenCalledOnce();
    expect(informer.hasSynced).toBe(false);
    server.refuses = false;
    // The pauses between attempts are real.
    await vi.waitFor(() => expect(informer.state.problem).toBeUndefined(), { timeout: WAIT_TIMEOUT_MS });
    expect(informer.state).toMatchObject({ synced: true, syncedUntil: Date.now() });
    stop();
  });

  test('is synced up to the interruption of its watch', async () => {
    const { informer, server, start, stop } = setUp();
    server.refuses = false;
    start();
    await vi.advanceTimersByTimeAsync(1_000);
    const interrupted = Date.now();
    server.refuses = true;
    server.cut();
    await vi.advanceTimersByTimeAsync(60_000);
    expect(informer.state).toMatchObject({ synced: false, syncedUntil: interrupted });
    stop();
  });
});

test('a kind that waits for others says which', () => {
  const { informer } = setUp({ resource: DNS_ZONES, after: [CLUSTER_DEPLOYMENTS, SECRETS] });
  expect(informer.state.problem).toBe(
    'The watch of dnszones.hive.openshift.io is not synced: it waits for clusterdeployments and secrets.',
  );
});

test('a kind that is watched from the position of an earlier worker is synced, until its watch is refused', async () => {
  const { informer, server, start, stop } = setUp({ resource: SECRETS, resumeMode: 'watch' }, '5');
  server.refuses = false;
  start();
  await vi.advanceTimersByTimeAsync(1_000);
  expect(informer.state).toMatchObject({ kind: 'secrets', synced: true });
  server.refuses = true;
  server.cut();
  await vi.advanceTimersByTimeAsync(1_000);
  expect(informer.state.problem).toMatch(/^The watch of secrets is not synced: since .*It is forbidden\./);
  stop();
});
