import { LRUCache } from 'lru-cache';
import { expect, test } from 'vitest';
import { maxEntries } from '../../../src/cache/max-entries.ts';

const MIB = 1024 * 1024;

test('a cache keeps so many entries, those that were used last', () => {
  const cache = new LRUCache<string, boolean>({ ...maxEntries(2), ttl: 60_000 });
  for (const key of ['a', 'b']) cache.set(key, true);
  cache.get('a');
  cache.set('c', true);
  expect([...cache.keys()].sort()).toEqual(['a', 'c']);
});

test('an empty cache takes no room for its entries', () => {
  const before = process.memoryUsage().heapUsed;
  const caches = Array.from({ length: 10 }, () => new LRUCache<string, boolean>(maxEntries(1_000_000)));
  // By `max`, lists of a million keys and values each.
  expect(process.memoryUsage().heapUsed - before).toBeLessThan(20 * MIB);
  expect(caches.map(({ size }) => size)).toEqual(Array.from(caches, () => 0));
});
