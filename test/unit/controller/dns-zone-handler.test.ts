import { expect, test } from 'vitest';
import type { CachedCluster } from '../../../src/clusters/cached-cluster.ts';
import { ControllerCache } from '../../../src/controller/controller-cache.ts';
import { dnsZoneHandler } from '../../../src/controller/dependency-handlers.ts';

const zone = (zoneID: string, nameServers: readonly string[] = []) => ({
  metadata: { namespace: 'ns', name: 'c1-zone' },
  spec: { zone: 'c1.example.com' },
  status: { aws: { zoneID }, nameServers },
});

test('a DNSZone is signalled when its zone changes, and when it is there again after its deletion was not watched', async () => {
  const signals: string[] = [];
  const dependencyChanged = async (_: readonly CachedCluster[], what: string) => void signals.push(what);
  const context = { cache: new ControllerCache(), signaller: { dependencyChanged } };
  const handler = dnsZoneHandler(context as never, { signalWaitingFor: () => Promise.resolve() } as never);
  await handler.onUpsert(zone('Z1'), 'list');
  await handler.onUpsert(zone('Z1', ['ns1.example.net']), 'watch');
  expect(signals).toEqual([]);
  await handler.onUpsert(zone('Z2'), 'watch');
  expect(signals).toEqual(['The DNSZone c1-zone changed.']);
  await handler.onSynced?.(new Set());
  await handler.onUpsert(zone('Z2'), 'watch');
  expect(signals).toEqual(['The DNSZone c1-zone changed.', 'The DNSZone c1-zone changed.']);
});
