import { describe, expect, test } from 'vitest';
import { formatReleased } from '../../../../src/cli/commands/release.ts';

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
