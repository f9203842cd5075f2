/** The role in deploy/examples/google-iam against the code that it is for. */
import { expect, test } from 'vitest';
import { parse } from 'yaml';
import { read } from '../repository/files.ts';

/** Checked by changes.create for what a change contains (its reference, "IAM permissions"). */
const OF_CHANGES = ['create', 'delete', 'update'].map((verb) => `dns.resourceRecordSets.${verb}`);

test('the role allows the methods that the code calls, and no more', () => {
  const { includedPermissions } = parse(read('deploy/examples/google-iam/managed-zone.yaml')) as {
    readonly includedPermissions: readonly string[];
  };
  const called = [...read('src/dns/google/api.ts').matchAll(/action: '([\w.]+)'/g)].map(
    ([, method]) => `dns.${method}`,
  );
  expect(called.length).toBeGreaterThan(0);
  expect(includedPermissions.toSorted()).toEqual([...new Set([...called, ...OF_CHANGES])].sort());
});
