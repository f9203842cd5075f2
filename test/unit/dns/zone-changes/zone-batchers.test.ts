import { expect, test } from 'vitest';
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
