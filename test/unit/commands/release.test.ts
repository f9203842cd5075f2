import { describe, expect, test } from 'vitest';
import { releasedAsText } from '../../../src/commands/release.ts';

const LEFT = [
  { code: 'acme/accountUnknown', message: 'The CA does not know the account.', stance: 'whenChanged' },
] as const;

describe('what "certman release" prints', () => {
  test.each([
    ['cluster', ['primary'], 'ns/c1: everything could be done; the finalizer is released.'],
    ['bundles', ['one'], 'ns/c1: everything could be done; let go of bundle one.'],
    ['bundles', ['one', 'two'], 'ns/c1: everything could be done; let go of bundles one, two.'],
  ] as const)('when nothing was left: %s %j', (of, bundleNames, text) => {
    expect(releasedAsText('ns/c1', { of, bundleNames, left: [] })).toBe(text);
  });

  test.each([
    ['cluster', ['primary'], 'ns/c1: the finalizer is released. Left undone:'],
    ['bundles', ['one'], 'ns/c1: let go of bundle one. Left undone:'],
  ] as const)('when something was left: %s %j', (of, bundleNames, first) => {
    expect(releasedAsText('ns/c1', { of, bundleNames, left: LEFT })).toBe(
      `${first}\n  acme/accountUnknown: The CA does not know the account.`,
    );
  });
});
