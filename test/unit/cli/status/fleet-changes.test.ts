import { expect, test } from 'vitest';
import { type FleetSnapshot, fleetChanges } from '../../../../src/cli/status/fleet-changes.ts';

const at = (clusters: FleetSnapshot['clusters'], source: FleetSnapshot['source'] = 'temporal') => ({
  source,
  clusters,
});
const of = (cluster: string, state: string) => ({ cluster, state });

test('first every cluster is added; then what changed, what is new and what is gone', () => {
  const before = [of('ns/a', 'Issuing'), of('ns/b', 'Ready'), of('ns/c', 'Ready')];
  expect(fleetChanges(undefined, at(before)).map(({ type }) => type)).toEqual(['ADDED', 'ADDED', 'ADDED']);
  expect(fleetChanges(at(before), at(before))).toEqual([]);
  const after = [of('ns/d', 'Pending'), of('ns/a', 'Ready'), of('ns/b', 'Ready')];
  expect(fleetChanges(at(before), at(after))).toEqual([
    { type: 'ADDED', object: of('ns/d', 'Pending') },
    { type: 'MODIFIED', object: of('ns/a', 'Ready') },
    { type: 'DELETED', object: of('ns/c', 'Ready') },
  ]);
});

test('another source alone changes nothing', () => {
  const row = { ...of('ns/a', 'Ready'), notAfter: '2027-01-01T00:00:00.000Z', reason: 'Ready' };
  const same = { ...row, notAfter: '2027-01-01T00:00:00Z', reason: 'Issued' };
  expect(fleetChanges(at([row]), at([same], 'kubernetes'))).toEqual([]);
  expect(fleetChanges(at([row]), at([{ ...same, state: 'Failing' }], 'kubernetes'))).toHaveLength(1);
  expect(fleetChanges(at([row]), at([same]))).toHaveLength(1);
});
