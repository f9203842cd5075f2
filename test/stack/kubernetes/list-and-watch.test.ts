import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeAll, beforeEach, describe, expect, onTestFinished, test } from 'vitest';
import type { KubernetesClient } from '../../../src/kubernetes/api/client.ts';
import type { ListAndWatchOptions } from '../../../src/kubernetes/api/list-and-watch.ts';
import { CONFIG_MAPS, DNS_ZONES, SECRETS } from '../../../src/kubernetes/objects/resources.ts';
import type { FaultProxy } from '../../support/faults/fault-proxy.ts';
import { compactFirstRevisions } from '../../support/kubernetes/etcd.ts';
import { useManagementCluster } from '../../support/kubernetes/management-cluster.ts';
import { type ProxiedApiServer, startApiServerProxy } from '../../support/kubernetes/proxied-api-server.ts';
import { recordWatch, type WatchRecorder } from '../../support/kubernetes/watch-recorder.ts';
import { eventually } from '../../support/vitest/eventually.ts';

const managementCluster = useManagementCluster();
const observers: WatchRecorder[] = [];
let proxied: ProxiedApiServer;
let proxy: FaultProxy;
let api: KubernetesClient;
let namespace: string;

beforeEach(async () => {
  proxied = await startApiServerProxy(managementCluster().adminConfig);
  ({ proxy, api } = proxied);
  namespace = await managementCluster().namespace();
});

afterEach(async () => {
  await Promise.all(observers.splice(0).map((observer) => observer.stop()));
  await proxied.close();
});

function observeMaps(options: Omit<ListAndWatchOptions, 'signal'> = {}): WatchRecorder {
  const observer = recordWatch(api, CONFIG_MAPS, { namespace, ...options });
  observers.push(observer);
  return observer;
}

async function listed(observer: WatchRecorder): Promise<void> {
  await observer.until('the list', () => observer.events.some((event) => event.kind === 'listed'));
}

async function make(...names: readonly string[]): Promise<void> {
  for (const name of names) await managementCluster().admin.create(CONFIG_MAPS, { metadata: { namespace, name } });
}

const isWatch = (request: { readonly path: string }): boolean => request.path.includes('watch=true');
const isList = (request: { readonly path: string }): boolean => request.path.includes('limit=');

describe('a list of 1,200', () => {
  const all = Array.from({ length: 1200 }, (_, index) => `m${String(index).padStart(4, '0')}`);

  let full: string;

  beforeAll(async () => {
    full = await managementCluster().namespace();
    for (let start = 0; start < all.length; start += 100) {
      const names = all.slice(start, start + 100);
      await Promise.all(
        names.map((name) => managementCluster().admin.create(CONFIG_MAPS, { metadata: { namespace: full, name } })),
      );
    }
  });
  beforeEach(() => {
    namespace = full;
  });

  test('comes in pages, each object once, and continues as a watch', async () => {
    const observer = observeMaps();
    await listed(observer);
    expect(observer.names).toEqual(new Set(all));
    const pages = Array.from({ length: 12 }, () => 'page');
    expect(observer.events.map((event) => event.kind)).toEqual(['listing', ...pages, 'listed']);
    onTestFinished(async () => void (await managementCluster().admin.delete(CONFIG_MAPS, { namespace, name: 'late' })));
    await make('late');
    await observer.until('the late one', () => observer.changes.includes('applied late'));
    expect(observer.changes).toEqual(['applied late']);
  });

  test('restarts when its continue token has expired', async () => {
    const hit = proxy.inject({
      when: ({ path }) => path.includes('continue='),
      fault: {
        kind: 'answer',
        status: 410,
        body: { kind: 'Status', code: 410, reason: 'Expired', message: 'The provided continue parameter is too old' },
      },
      times: 1,
    });
    const observer = observeMaps();
    await listed(observer);
    expect(hit.hits()).toBe(1);
    expect(observer.names).toEqual(new Set(all));
    expect(observer.events.filter((event) => event.kind === 'listing')).toHaveLength(2);
    expect(observer.errorCodes).toEqual(['kubernetes/gone']);
  });

  test('is repeated where it was cut', async () => {
    proxy.inject({ when: isList, fault: { kind: 'cutInside', bytes: 10_000 }, times: 2 });
    const observer = observeMaps();
    await listed(observer);
    expect(observer.names).toEqual(new Set(all));
  });
});

test('objects of any size are listed, in pages of fewer, and watched', async () => {
  const content = 'x'.repeat(1_000_000);
  const names = Array.from({ length: 70 }, (_, index) => `large-${index}`);
  for (let start = 0; start < names.length; start += 10) {
    const some = names.slice(start, start + 10);
    const data = { content };
    await Promise.all(
      some.map((name) => managementCluster().admin.create(CONFIG_MAPS, { metadata: { namespace, name }, data })),
    );
  }
  onTestFinished(async () => {
    for (const name of names) await managementCluster().admin.delete(CONFIG_MAPS, { namespace, name });
  });
  const observer = observeMaps();
  await listed(observer);
  expect(observer.names).toEqual(new Set(names));
  expect(observer.errorCodes).toEqual([]);
  const limits = proxy.seen.filter(isList).map(({ path }) => /limit=(\d+)/.exec(path)?.[1]);
  expect(limits.slice(0, 5)).toEqual(['100', '50', '25', '12', '12']);
  await make('small');
  await observer.until('the next object', () => observer.changes.includes('applied small'));
});

describe('resuming', () => {
  test('yields the changes since, in order, without listing', async () => {
    await make('a', 'b');
    const first = observeMaps();
    await listed(first);
    await make('c');
    await first.until('c', () => first.changes.includes('applied c'));
    const position = first.resourceVersion();
    await first.stop();

    await make('d', 'e');
    await managementCluster().admin.delete(CONFIG_MAPS, { namespace, name: 'a' });
    proxy.clearSeen();
    const second = observeMaps({ resumeFrom: position, resumeMode: 'watch' });
    await second.until('the deletion', () => second.changes.includes('deleted a'));
    expect(second.changes).toEqual(['applied d', 'applied e', 'deleted a']);
    expect(proxy.seen.filter(isList)).toEqual([]);
  });

  test('with a list yields the state at the position as known, then the changes', async () => {
    await make('a', 'b');
    const first = observeMaps();
    await listed(first);
    const position = first.resourceVersion();
    await first.stop();

    await make('c');
    await managementCluster().admin.delete(CONFIG_MAPS, { namespace, name: 'a' });
    const second = observeMaps({ resumeFrom: position, resumeMode: 'list' });
    await second.until('the deletion', () => second.changes.includes('deleted a'));
    const pages = second.events.filter((event) => event.kind === 'page');
    expect(pages.every((page) => page.known)).toBe(true);
    expect(second.changes).toEqual(['applied c', 'deleted a']);
    expect(second.names).toEqual(new Set(['b', 'c']));
  });

  test('at a position too old for a watch lists anew', async () => {
    await make('a');
    const observer = observeMaps({ resumeFrom: '1', resumeMode: 'watch' });
    await listed(observer);
    expect(observer.errorCodes).toEqual(['kubernetes/gone']);
    expect(observer.names.has('a')).toBe(true);
    expect(observer.events[0]).toEqual({ kind: 'listing', known: false });
  });

  test('at a compacted position lists anew', async () => {
    await make('a');
    await compactFirstRevisions();
    const observer = observeMaps({ resumeFrom: '2', resumeMode: 'list' });
    await listed(observer);
    expect(observer.errorCodes).toEqual(['kubernetes/gone']);
    expect(observer.names).toEqual(new Set(['a']));
    expect(observer.events[0]).toEqual({ kind: 'listing', known: false });
  });
});

/** Half of what a pause is at the most, each twice the one before; Node's timers may run a little too early. */
const MIN_PAUSES_MS = [125, 250, 500, 1_000].map((pause) => pause - 2);

/** Pauses between tries grow, so that their number in a time is bounded; each may come later than it should, none sooner. */
async function expectGrowingPauses(): Promise<void> {
  await eventually(
    'it is tried again and again',
    () => Promise.resolve(proxy.seen.length),
    (count) => count > MIN_PAUSES_MS.length,
  );
  for (const [index, least] of MIN_PAUSES_MS.entries()) {
    const [one, next] = [proxy.seen[index], proxy.seen[index + 1]];
    expect((next?.at ?? 0) - (one?.at ?? 0), `pause ${index + 1}`).toBeGreaterThanOrEqual(least);
  }
}

describe('an interruption', () => {
  test('is followed by a watch without a gap and without a list', async () => {
    const observer = observeMaps();
    await listed(observer);
    proxy.clearSeen();
    proxy.down();
    await make('while-down');
    await sleep(1_500);
    proxy.up();
    await observer.until('what came meanwhile', () => observer.changes.includes('applied while-down'));
    await make('after');
    await observer.until('what came after', () => observer.changes.includes('applied after'));
    expect(observer.changes).toEqual(['applied while-down', 'applied after']);
    expect(observer.errorCodes.every((code) => code === 'kubernetes/unreachable')).toBe(true);
    expect(proxy.seen.filter(isList)).toEqual([]);
  });

  test('within an event loses nothing and repeats nothing', async () => {
    await make('a');
    proxy.inject({ when: isWatch, fault: { kind: 'cutInside', bytes: 700 }, times: 6 });
    const observer = observeMaps();
    await listed(observer);
    const names = ['b', 'c', 'd', 'e', 'f'];
    await make(...names);
    await observer.until('the last', () => observer.changes.includes('applied f'));
    expect(observer.changes).toEqual(names.map((name) => `applied ${name}`));
  });

  test('does not cause a burst of requests', async () => {
    const observer = observeMaps();
    await listed(observer);
    proxy.inject({ when: isWatch, fault: { kind: 'answer', status: 500 } });
    proxy.down();
    proxy.up();
    proxy.clearSeen();
    await expectGrowingPauses();
  });

  test('by a server that ends every watch at once does not cause a burst of requests', async () => {
    proxy.inject({ when: isWatch, fault: { kind: 'answer', status: 200, body: '' } });
    const observer = observeMaps();
    await listed(observer);
    proxy.clearSeen();
    await expectGrowingPauses();
  });
});

describe('a refusal', () => {
  test('of an API server that is still starting is retried', async () => {
    const hit = proxy.inject({
      when: isList,
      fault: {
        kind: 'answer',
        status: 429,
        headers: { 'retry-after': '1' },
        body: { kind: 'Status', code: 429, reason: 'TooManyRequests', message: 'storage is (re)initializing' },
      },
      times: 2,
    });
    const began = performance.now();
    const observer = observeMaps();
    await listed(observer);
    expect(hit.hits()).toBe(2);
    // A second each time, as the server says; less by the part of a second that an instant of HTTP may lack.
    expect(performance.now() - began).toBeGreaterThan(1_500);
    expect(observer.errorCodes).toEqual(['kubernetes/unreachable', 'kubernetes/unreachable']);
  });

  test('for missing rights is reported and retried', async () => {
    proxy.inject({
      when: isList,
      fault: { kind: 'answer', status: 403, body: { kind: 'Status', code: 403 } },
      times: 2,
    });
    const observer = observeMaps();
    await listed(observer);
    expect(observer.errorCodes).toEqual(['kubernetes/forbidden', 'kubernetes/forbidden']);
  });

  test('410 within the stream causes a new list', async () => {
    await make('a');
    const gone = { type: 'ERROR', object: { kind: 'Status', code: 410, reason: 'Expired', message: 'too old' } };
    proxy.inject({
      when: isWatch,
      fault: { kind: 'answer', status: 200, body: `${JSON.stringify(gone)}\n` },
      times: 1,
    });
    const observer = observeMaps();
    await observer.until('two lists', () => observer.events.filter((event) => event.kind === 'listed').length === 2);
    expect(observer.errorCodes).toEqual(['kubernetes/gone']);
  });

  test('another error within the stream is retried without a list', async () => {
    const busy = { type: 'ERROR', object: { kind: 'Status', code: 500, reason: 'InternalError', message: 'busy' } };
    proxy.inject({
      when: isWatch,
      fault: { kind: 'answer', status: 200, body: `${JSON.stringify(busy)}\n` },
      times: 1,
    });
    const observer = observeMaps();
    await listed(observer);
    await make('a');
    await observer.until('a', () => observer.changes.includes('applied a'));
    expect(observer.errorCodes).toEqual(['kubernetes/unreachable']);
    expect(observer.events.filter((event) => event.kind === 'listing')).toHaveLength(1);
  });

  test.each([
    ['is not JSON', 'this is no JSON\n'],
    ['is no event', '{"hello":"world"}\n'],
    ['has an object without a name', '{"type":"ADDED","object":{"metadata":{"resourceVersion":"5"}}}\n'],
    ['is of an unknown type', '{"type":"SHOUTED","object":{"metadata":{"name":"a","resourceVersion":"5"}}}\n'],
  ])('a line that %s is not skipped: it causes a new list', async (_what, body) => {
    proxy.inject({ when: isWatch, fault: { kind: 'answer', status: 200, body }, times: 1 });
    const observer = observeMaps();
    await observer.until('two lists', () => observer.events.filter((event) => event.kind === 'listed').length === 2);
    expect(observer.errorCodes).toEqual(['kubernetes/unexpected']);
  });

  test('a malformed list is reported and retried', async () => {
    proxy.inject({ when: isList, fault: { kind: 'answer', status: 200, body: { items: 'none' } }, times: 1 });
    const observer = observeMaps();
    await listed(observer);
    expect(observer.errorCodes).toEqual(['kubernetes/unexpected']);
  });
});

test('an unknown optional kind is absent, without failures', async () => {
  const unknown = { ...DNS_ZONES, plural: 'nonesuches' };
  const observer = recordWatch(api, unknown, { optional: true });
  observers.push(observer);
  await observer.until('absence', () => observer.events.length > 0);
  expect(observer.events).toEqual([{ kind: 'absent' }]);
  expect(observer.errorCodes).toEqual([]);
});

test('a list that a load balancer answers with 404 is a passing fault: the kind is there, by discovery', async () => {
  const astray = proxy.inject({
    when: ({ path }) => path.includes('/dnszones'),
    fault: { kind: 'answer', status: 404, headers: { 'content-type': 'text/html' }, body: '<h1>Not Found</h1>' },
  });
  const observer = recordWatch(api, DNS_ZONES, { namespace, optional: true });
  observers.push(observer);
  await observer.until('trouble', () => observer.errorCodes.length > 0);
  expect(observer.errorCodes[0]).toBe('kubernetes/unreachable');
  expect(observer.events).toEqual([]);
  astray.remove();
  await listed(observer);
});

test('an unknown required kind is a failure', async () => {
  const observer = recordWatch(api, { ...DNS_ZONES, plural: 'nonesuches' });
  observers.push(observer);
  await observer.until('trouble', () => observer.errorCodes.length > 0);
  expect(observer.errorCodes[0]).toBe('kubernetes/notFound');
});

test('Secrets are watched without their data', async () => {
  await managementCluster().admin.create(SECRETS, {
    metadata: { namespace, name: 'old' },
    stringData: { password: 'secret-1' },
  });
  const observer = recordWatch(api, SECRETS, { namespace, metadataOnly: true });
  observers.push(observer);
  await listed(observer);
  await managementCluster().admin.create(SECRETS, {
    metadata: { namespace, name: 'new' },
    stringData: { password: 'secret-2' },
  });
  await observer.until('the new one', () => observer.changes.includes('applied new'));
  expect(observer.names).toEqual(new Set(['old', 'new']));
  for (const event of observer.events) {
    if (event.kind === 'page') for (const object of event.objects) expect(object).not.toHaveProperty('data');
    if (event.kind === 'applied') expect(event.object).not.toHaveProperty('data');
  }
});

test('a label selector holds for the list and for the watch', async () => {
  const { admin } = managementCluster();
  const makeSecret = (name: string, labels?: Record<string, string>) =>
    admin.create(SECRETS, { metadata: { namespace, name, labels } });
  await makeSecret('listed');
  await makeSecret('listed-staged', { staging: 'true' });
  const observer = recordWatch(api, SECRETS, { namespace, metadataOnly: true, labelSelector: 'staging!=true' });
  observers.push(observer);
  await listed(observer);
  expect(observer.names).toEqual(new Set(['listed']));
  await makeSecret('watched-staged', { staging: 'true' });
  await admin.delete(SECRETS, { namespace, name: 'listed-staged' });
  await makeSecret('watched', { staging: 'false' });
  await observer.until('the last one', () => observer.changes.includes('applied watched'));
  expect(observer.changes).toEqual(['applied watched']);
});

test('it ends at once when it is aborted, even during a wait', async () => {
  proxy.down();
  const observer = observeMaps();
  await observer.until('trouble', () => observer.errorCodes.length > 2);
  const { length } = observer.errorCodes;
  await observer.stop();
  // Otherwise it would have tried once more.
  expect(observer.errorCodes).toHaveLength(length);
});
