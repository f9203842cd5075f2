import { describe, expect, test } from 'vitest';
import { formatPlanned, formatReleased, plannedRelease } from '../../../../src/cli/commands/release.ts';
import { clusterView } from '../../../support/workflows/cluster-views.ts';

const FAILURES = [
  { code: 'acme/accountUnknown', message: 'The CA does not know the account.', retry: 'onChange' },
] as const;
const FORBIDDEN = { code: 'kubernetes/forbidden', message: 'Not allowed.', retry: 'onChange' } as const;

describe('what "certman release" prints', () => {
  test.each([
    [{ of: 'cluster', bundleNames: ['primary'], finalizer: 'released' }, 'the finalizer is released'],
    [{ of: 'cluster', bundleNames: ['primary'], finalizer: 'absent' }, 'the finalizer was absent already'],
    [{ of: 'cluster', bundleNames: [], finalizer: 'kept' }, 'the object is not being deleted and keeps its finalizer'],
    [{ of: 'bundles', bundleNames: ['one'] }, 'released bundle one'],
    [{ of: 'bundles', bundleNames: ['one', 'two'] }, 'released bundles one, two'],
  ] as const)('of %j', (released, done) => {
    expect(formatReleased('ns/c1', { ...released, failures: [] })).toBe(`ns/c1: everything succeeded; ${done}.`);
    expect(formatReleased('ns/c1', { ...released, failures: FAILURES })).toBe(
      `ns/c1: ${done}. Given up:\n  acme/accountUnknown: The CA does not know the account.`,
    );
  });

  test.each([
    [[], ''],
    [FAILURES, '\nGiven up before that:\n  acme/accountUnknown: The CA does not know the account.'],
  ] as const)('of a finalizer that is blocked, after giving up %j', (failures, more) => {
    const held = { of: 'cluster', bundleNames: ['primary'], finalizer: 'blocked', blockedBy: FORBIDDEN } as const;
    expect(formatReleased('ns/c1', { ...held, failures })).toBe(
      `ns/c1: the finalizer is not released yet; the removal is retried until it succeeds:\n  kubernetes/forbidden: Not allowed.${more}`,
    );
  });
});

describe('what "certman release --dry-run" prints', () => {
  const status = (decommissioning: boolean, bundles: object) =>
    ({ cluster: clusterView(), decommissioning, bundles }) as Parameters<typeof plannedRelease>[0];
  const [failure] = FAILURES;
  const blocked = { state: 'Decommissioning', blocked: { failure } };
  const done = { state: 'Decommissioning', result: {} };

  test.each([
    [status(false, { primary: { state: 'Ready' } }), /there is nothing to release/],
    [
      status(true, { primary: { state: 'Decommissioning' } }),
      /^ns\/c1: would release the cluster; nothing is blocked now/,
    ],
    [
      status(true, { primary: done, other: blocked }),
      /would release the cluster, and give up.*:\n {2}acme\/accountUnknown:/,
    ],
    [status(false, { one: blocked, two: blocked, three: done }), /would release bundles one, two, and give up/],
  ])('of %#', (found, text) => {
    expect(formatPlanned('ns/c1', plannedRelease(found))).toMatch(text);
  });
});
