import { describe, expect, test } from 'vitest';
import { formatReleased } from '../../../../src/cli/commands/release.ts';

const LEFT = [
  { code: 'acme/accountUnknown', message: 'The CA does not know the account.', retry: 'onChange' },
] as const;
const FORBIDDEN = { code: 'kubernetes/forbidden', message: 'Not allowed.', retry: 'onChange' } as const;

describe('what "certman release" prints', () => {
  test.each([
    [{ of: 'cluster', bundleNames: ['primary'], finalizer: 'released' }, 'the finalizer is released'],
    [{ of: 'cluster', bundleNames: ['primary'], finalizer: 'absent' }, 'there was no finalizer any more'],
    [{ of: 'cluster', bundleNames: [], finalizer: 'kept' }, 'the CertificateRequest lives on and keeps its finalizer'],
    [{ of: 'cluster', bundleNames: ['primary'] }, 'the finalizer is released next'],
    [{ of: 'bundles', bundleNames: ['one'] }, 'let go of bundle one'],
    [{ of: 'bundles', bundleNames: ['one', 'two'] }, 'let go of bundles one, two'],
  ] as const)('of %j', (released, done) => {
    expect(formatReleased('ns/c1', { ...released, failures: [] })).toBe(`ns/c1: everything could be done; ${done}.`);
    expect(formatReleased('ns/c1', { ...released, failures: LEFT })).toBe(
      `ns/c1: ${done}. Left undone:\n  acme/accountUnknown: The CA does not know the account.`,
    );
  });

  test.each([
    [[], ''],
    [LEFT, '\nLeft undone before that:\n  acme/accountUnknown: The CA does not know the account.'],
  ] as const)('of a finalizer that is held up, when %j was left', (failures, more) => {
    const held = { of: 'cluster', bundleNames: ['primary'], finalizer: 'blocked', blockedBy: FORBIDDEN } as const;
    expect(formatReleased('ns/c1', { ...held, failures })).toBe(
      `ns/c1: the finalizer is not released yet; it is tried again until it can be:\n  kubernetes/forbidden: Not allowed.${more}`,
    );
  });
});
