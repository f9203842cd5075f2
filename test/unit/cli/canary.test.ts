import { describe, expect, it } from 'vitest';
import { findIssuer, recordDecision } from '../../../src/cli/canary/decide.ts';
import { issuersText } from '../../../src/cli/canary/issuers-text.ts';
import type { ListedIssuer } from '../../../src/cli/canary/read-issuers.ts';

const request = { namespace: 'ns', name: 'c1-primary', uid: 'r' };
const place = { cluster: 'ns/c1', uid: 'u', request, takenAt: '2026-12-01T00:00:00Z' };
const issuer = (id: string, name: string, change: Partial<ListedIssuer> = {}): ListedIssuer => ({
  id,
  name,
  state: 'canary',
  since: '2026-12-01T00:00:00Z',
  places: [],
  ...change,
});

describe('an issuer on the command line', () => {
  const issuers = [issuer('aa', 'YE1 (X2)'), issuer('bb', 'YE2 (X2)'), issuer('cc', 'YE2 (X2)')];

  it('is found by its name or id', () => {
    expect(findIssuer(issuers, 'YE1 (X2)').id).toBe('aa');
    expect(findIssuer(issuers, 'cc').id).toBe('cc');
  });

  it('is not guessed', () => {
    expect(() => findIssuer(issuers, 'YE2 (X2)')).toThrow('2 issuers are named YE2 (X2); pass the id of one');
    expect(() => findIssuer(issuers, 'YE')).toThrow('there are: YE1 (X2), YE2 (X2), YE2 (X2)');
    expect(() => findIssuer([], 'YE')).toThrow('there are: none');
  });
});

it('a decision about an issuer that is not recorded any more is an error', async () => {
  const store = {
    update: async <Change>(_id: string, change: (found: undefined) => Change | Promise<Change>) =>
      await change(undefined),
  };
  await expect(recordDecision(store, { id: 'aa' }, 'accepted', undefined)).rejects.toThrow('not recorded any more');
});

describe('the list of issuers', () => {
  it('names the clusters of a canary, and why an issuer is refused', () => {
    const text = issuersText([
      issuer('bb', 'YE2 (X2)', {
        places: [
          { ...place, installedAt: '2026-12-01T00:01:00Z' },
          { ...place, cluster: 'ns/c2' },
        ],
      }),
      issuer('aa', 'YE1 (X2)', {
        state: 'refused',
        decidedAt: '2026-12-01T00:02:00Z',
        why: 'A person refused it: pinned',
      }),
    ]);
    expect(text).toContain('1/2');
    expect(text).toContain('  ns/c1: installed 2026-12-01 00:01:00Z');
    expect(text).toContain('  ns/c2: not installed yet');
    expect(text).toMatch(/ {2}refused 2026-12-01 00:02:00Z .*: A person refused it: pinned/);
  });

  it('says why it is empty', () => {
    expect(issuersText([])).toContain('CERTMAN_CANARY_CLUSTERS is 0');
  });
});
