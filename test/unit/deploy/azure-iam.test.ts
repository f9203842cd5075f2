/** The role in deploy/examples/azure-iam against the code that it is for. */
import { expect, test } from 'vitest';
import { read } from '../repository/files.ts';

/** What each operation of the SDK needs (Azure resource provider operations, Microsoft.Network/dnsZones). */
const NEEDED: Readonly<Record<string, string>> = {
  'zones.list': 'dnsZones/read',
  'zones.listByResourceGroup': 'dnsZones/read',
  'zones.get': 'dnsZones/read',
  'recordSets.get': 'dnsZones/TXT/read',
  'recordSets.listByType': 'dnsZones/TXT/read',
  'recordSets.createOrUpdate': 'dnsZones/TXT/write',
  'recordSets.delete': 'dnsZones/TXT/delete',
};

test('the role allows the operations that the code calls, and no more', () => {
  const { Actions } = JSON.parse(read('deploy/examples/azure-iam/dns-zone.json')) as {
    readonly Actions: readonly string[];
  };
  const called = [...read('src/dns/azure/api.ts').matchAll(/\b((?:zones|recordSets)\.\w+)\(/g)].map(([, name]) => name);
  expect(called.length).toBeGreaterThan(0);
  const needed = called.map((name) => `Microsoft.Network/${NEEDED[name ?? ''] ?? `unknown: ${name}`}`);
  expect(Actions.toSorted()).toEqual([...new Set(needed)].sort());
});
