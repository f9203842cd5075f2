import { expect, test } from 'vitest';
import { fleetChanges } from '../../../../src/cli/status/fleet-changes.ts';

const of = (cluster: string, state: string) => ({ cluster, state });

test('first every cluster is added; then what changed, what is new and what is gone', () => {
  const before = [of('ns/a', 'Issuing'), of('ns/b', 'Ready'), of('ns/c', 'Ready')];
  expect(fleetChanges(undefined, before).map(({ type }) => type)).toEqual(['ADDED', 'ADDED', 'ADDED']);
  expect(fleetChanges(before, before)).toEqual([]);
  const after = [of('ns/d', 'Pending'), of('ns/a', 'Ready'), of('ns/b', 'Ready')];
  expect(fleetChanges(before, after)).toEqual([
    { type: 'ADDED', object: of('ns/d', 'Pending') },
    { type: 'MODIFIED', object: of('ns/a', 'Ready') },
    { type: 'DELETED', object: of('ns/c', 'Ready') },
  ]);
});
