import { describe, expect, test } from 'vitest';
import { releasedAsText } from '../../../src/commands/release.ts';

const LEFT = [
  { code: 'acme/accountUnknown', message: 'The CA does not know the account.', stance: 'whenChanged' },
] as const;

describe('what "certman release" prints', () => {
  test.each([
    ['cluster', 'ns/c1: everything could be done; the finalizer is released.'],
    ['bundles', 'ns/c1: everything could be done; the bundles that were taken out are let go, the cluster lives on.'],
  ] as const)('when nothing was left of a released %s', (of, text) => {
    expect(releasedAsText('ns/c1', { of, left: [] })).toBe(text);
  });

  test.each([
    ['cluster', 'ns/c1: the finalizer is released. Left undone:'],
    ['bundles', 'ns/c1: the bundles that were taken out are let go, the cluster lives on. Left undone:'],
  ] as const)('when something was left of a released %s', (of, first) => {
    expect(releasedAsText('ns/c1', { of, left: LEFT })).toBe(
      `${first}\n  acme/accountUnknown: The CA does not know the account.`,
    );
  });
});
