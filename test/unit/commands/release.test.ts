import { describe, expect, test } from 'vitest';
import { releasedAsText } from '../../../src/commands/release.ts';

const LEFT = [
  { code: 'acme/accountUnknown', message: 'The CA does not know the account.', stance: 'whenChanged' },
] as const;
const FORBIDDEN = { code: 'kubernetes/forbidden', message: 'Not allowed.', stance: 'whenChanged' } as const;

describe('what "certman release" prints', () => {
  test.each([
    [{ of: 'cluster', bundleNames: ['primary'], finalizer: 'released' }, 'the finalizer is released'],
    [{ of: 'cluster', bundleNames: ['primary'], finalizer: 'absent' }, 'there was no finalizer any more'],
    [{ of: 'cluster', bundleNames: [], finalizer: 'kept' }, 'the CertificateRequest lives on and keeps its finalizer'],
    [{ of: 'cluster', bundleNames: ['primary'] }, 'the finalizer is released next'],
    [{ of: 'bundles', bundleNames: ['one'] }, 'let go of bundle one'],
    [{ of: 'bundles', bundleNames: ['one', 'two'] }, 'let go of bundles one, two'],
  ] as const)('of %j', (released, done) => {
    expect(releasedAsText('ns/c1', { ...released, left: [] })).toBe(`ns/c1: everything could be done; ${done}.`);
    expect(releasedAsText('ns/c1', { ...released, left: LEFT })).toBe(
      `ns/c1: ${done}. Left undone:\n  acme/accountUnknown: The CA does not know the account.`,
    );
  });

  test.each([
    [[], ''],
    [LEFT, '\nLeft undone before that:\n  acme/accountUnknown: The CA does not know the account.'],
  ] as const)('of a finalizer that is held up, when %j was left', (left, more) => {
    const held = { of: 'cluster', bundleNames: ['primary'], finalizer: 'heldUp', heldUpBy: FORBIDDEN } as const;
    expect(releasedAsText('ns/c1', { ...held, left })).toBe(
      `ns/c1: the finalizer is not released yet; it is tried again until it can be:\n  kubernetes/forbidden: Not allowed.${more}`,
    );
  });
});
