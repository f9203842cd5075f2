import { expect, onTestFinished, test, vi } from 'vitest';
import { ZoneBatchers } from '../../../../src/dns/zone-changes/zone-batchers.ts';
import { Gate } from '../../../support/faults/gate.ts';
import { strictZone } from './strict-zone.ts';

const { signal } = new AbortController();

test('evicts the least recently used batcher', () => {
  const batchers = new ZoneBatchers(2, { windowMs: 1 });
  const [a, b] = ['a', 'b'].map((key) => batchers.get(key, strictZone()));
  expect(batchers.get('a', strictZone())).toBe(a);
  batchers.get('c', strictZone());
  expect(batchers.get('a', strictZone())).toBe(a);
  expect(batchers.get('b', strictZone())).not.toBe(b);
});

test('keeps a busy batcher until it is idle, and the one that was just created', async () => {
  const zone = strictZone();
  const sent = new Gate();
  zone.beforeChange = () => sent.opened;
  const batchers = new ZoneBatchers(1, { windowMs: 1 });
  const busy = batchers.get('busy', zone);
  const outcome = busy.submit({ action: 'publish', records: [{ name: 'a', value: 'v' }] }, signal);
  const created = batchers.get('created', strictZone());
  expect(batchers.get('created', strictZone())).toBe(created);
  expect(batchers.get('busy', zone)).toBe(busy);
  sent.open();
  await outcome;
  await expect.poll(() => busy.idle).toBe(true);
  batchers.get('other', strictZone());
  expect(batchers.get('busy', zone)).not.toBe(busy);
});

test('forgets a batcher that is idle and was not used for twenty minutes, and no other', () => {
  let now = 0;
  const clock = vi.spyOn(performance, 'now').mockImplementation(() => now);
  onTestFinished(() => clock.mockRestore());
  const zone = strictZone();
  zone.beforeChange = () => new Promise(() => undefined);
  const batchers = new ZoneBatchers(10, { windowMs: 1 });
  const [busy, , used] = ['busy', 'unused', 'used'].map((key) => batchers.get(key, zone));
  void busy?.submit({ action: 'publish', records: [{ name: 'a', value: 'v' }] }, signal);
  now = 15 * 60_000;
  batchers.get('used', zone);
  now = 21 * 60_000;
  expect(batchers.purgeStale()).toBe(true);
  expect(batchers.size).toBe(2);
  expect([batchers.get('busy', zone), batchers.get('used', zone)]).toEqual([busy, used]);
  expect(batchers.purgeStale()).toBe(false);
});
