/** When zones are swept, and what is kept meanwhile; test/stack/dns/route53/sweep.test.ts has what a sweep does. */
import { expect, test, vi } from 'vitest';
import { KeyedWorkQueue } from '../../../src/controller/keyed-work-queue.ts';
import { runTxtJanitor } from '../../../src/controller/txt-janitor.ts';
import type { DnsTarget } from '../../../src/dns/provider.ts';
import { CERTIFICATE_REQUESTS } from '../../../src/kubernetes/objects/resources.ts';
import { Gate } from '../../support/faults/gate.ts';
import { collectGarbage } from '../../support/process/collect-garbage.ts';

const MINUTE_MS = 60_000;

const { onPause } = vi.hoisted(() => ({ onPause: { current: async (_ms: number) => {} } }));
vi.mock('../../../src/kubernetes/api/backoff.ts', async (original) => ({
  ...(await original<object>()),
  pause: async (ms: number, signal: AbortSignal) => {
    await onPause.current(ms);
    signal.throwIfAborted();
  },
}));

/** @param adoptionMinutes from its start until the clusters of a list are signalled. @returns for how many minutes it waited for that. */
async function minutesHeld(adoptionMinutes: number): Promise<number> {
  const stop = new AbortController();
  const queue = new KeyedWorkQueue(1, 10);
  const adopted = new Gate();
  const adoption = queue.add('a', () => adopted.opened, 'background');
  let minutes = 0;
  onPause.current = async (ms) => {
    if (ms !== MINUTE_MS) return;
    minutes += 1;
    if (minutes < adoptionMinutes) return;
    adopted.open();
    await adoption;
  };
  const silent = { info: () => {}, warn: () => {}, error: () => {} };
  const context = { queue, logger: silent, signal: stop.signal } as never;
  const tags = (): Promise<undefined> => {
    stop.abort(new Error('swept'));
    return Promise.resolve(undefined);
  };
  await expect(runTxtJanitor(context, { dns: {}, tags, firstDelayMs: 1 })).rejects.toThrow('swept');
  adopted.open();
  return minutes;
}

test('zones are swept once the clusters of a list are signalled', async () => {
  expect(await minutesHeld(7)).toBe(7);
});

test('zones are swept after an hour although clusters of a list are still being signalled', async () => {
  expect(await minutesHeld(1_000)).toBe(60);
});

test('a sweep keeps nothing of the clusters that it has looked up', async () => {
  const stop = new AbortController();
  onPause.current = () => Promise.resolve();
  const lookedUp: WeakRef<object>[] = [];
  const kept: (readonly boolean[])[] = [];
  const listRecords = async (target: DnsTarget): Promise<undefined> => {
    await collectGarbage();
    kept.push(lookedUp.map((reference) => reference.deref() !== undefined));
    lookedUp.push(new WeakRef(target));
  };
  async function* list(resource: object) {
    if (resource !== CERTIFICATE_REQUESTS) return;
    const spec = {
      acmeDNSDomain: 'example.com',
      certificateSecret: { name: 's' },
      dnsNames: ['a.example.com'],
      platform: {},
    };
    for (const name of ['r1', 'r2', 'r3']) yield { metadata: { namespace: 'ns', name, uid: name }, spec };
  }
  const log = (_fields: object, message: string): void => {
    if (message.startsWith('Swept')) stop.abort(new Error('swept'));
  };
  const context = {
    kubernetes: { list },
    queue: new KeyedWorkQueue(1, 10),
    settings: { managementCluster: 'hive' },
    metrics: {},
    logger: { info: log, warn: log, error: log },
    signal: stop.signal,
  } as never;
  const sweep = { dns: { listRecords }, tags: () => Promise.resolve({}), firstDelayMs: 1 } as never;
  await expect(runTxtJanitor(context, sweep)).rejects.toThrow('swept');
  expect(kept).toEqual([[], [false], [false, false]]);
});
