import { afterEach, describe, expect, it, vi } from 'vitest';
import { cachedDirectory, caNameOf } from '../../../src/acme/directory.ts';
import type { AcmeTransport } from '../../../src/acme/transport.ts';
import { holdPerformanceClock } from '../../support/vitest/performance-clock.ts';

const HOUR_MS = 3_600_000;
const DIRECTORY = {
  newNonce: 'https://ca.example/nonce',
  newAccount: 'https://ca.example/account',
  newOrder: 'https://ca.example/order',
  revokeCert: 'https://ca.example/revoke',
};

afterEach(() => {
  vi.useRealTimers();
  vi.restoreAllMocks();
});

function directoryOf(answers: readonly number[]) {
  let fetched = 0;
  const send = () => Promise.resolve({ status: answers[fetched++] ?? 500, headers: {}, data: DIRECTORY });
  const directory = cachedDirectory({ send } as unknown as AcmeTransport, 'https://ca.example/dir');
  return { directory, fetched: () => fetched };
}

describe('the directory', () => {
  it.each<[meta: unknown, expected: unknown]>([
    [{ caaIdentities: ['ca.example'], website: 'https://ca.example' }, { caaIdentities: ['ca.example'] }],
    [{ caaIdentities: 'ca.example' }, {}],
    [{ caaIdentities: ['ca.example', 'a line\nmore'] }, {}],
    ['none', undefined],
  ])('with the meta object %j is read as %j', async (meta, expected) => {
    const send = () => Promise.resolve({ status: 200, headers: {}, data: { ...DIRECTORY, meta } });
    const directory = cachedDirectory({ send } as unknown as AcmeTransport, 'https://ca.example/dir');
    expect((await directory()).meta).toEqual(expected);
  });

  it('is fetched once an hour, and the stale copy is used while a fetch fails', async () => {
    const clock = holdPerformanceClock();
    const { directory, fetched } = directoryOf([200, 500, 503, 200]);
    await Promise.all([directory(), directory()]);
    clock.advance(HOUR_MS - 1);
    await directory();
    expect(fetched()).toBe(1);
    clock.advance(2);
    for (const count of [2, 3, 4, 4]) {
      expect(await directory()).toEqual(DIRECTORY);
      expect(fetched()).toBe(count);
      await Promise.resolve();
    }
  });

  it('that does not answer delays no call for a day after its copy went out of date', async () => {
    const clock = holdPerformanceClock();
    const hanging: PromiseWithResolvers<unknown>[] = [];
    let fetched = 0;
    const send = () => {
      fetched += 1;
      if (fetched === 1) return Promise.resolve({ status: 200, headers: {}, data: DIRECTORY });
      hanging.push(Promise.withResolvers());
      return hanging.at(-1)?.promise;
    };
    const directory = cachedDirectory({ send } as unknown as AcmeTransport, 'https://ca.example/dir');
    await directory();
    clock.advance(HOUR_MS + 1);
    expect(await Promise.all([directory(), directory()])).toEqual([DIRECTORY, DIRECTORY]);
    expect(fetched).toBe(2);
    clock.advance(24 * HOUR_MS);
    let returned = false;
    const late = directory().finally(() => {
      returned = true;
    });
    await new Promise(setImmediate);
    expect(returned).toBe(false);
    hanging[0]?.reject(new Error('no answer within 30 s'));
    expect(await late).toEqual(DIRECTORY);
  });

  it('whose first fetch fails is an error, and is fetched again', async () => {
    const { directory, fetched } = directoryOf([500, 200]);
    const failed = await Promise.allSettled([directory(), directory()]);
    expect(failed.map(({ status }) => status)).toEqual(['rejected', 'rejected']);
    expect(failed[0]).toMatchObject({ reason: { code: 'acme/serverError' } });
    expect(await directory()).toEqual(DIRECTORY);
    expect(fetched()).toBe(2);
  });
});

describe('the name of a CA', () => {
  it.each([
    ['https://acme-v02.api.letsencrypt.org/directory', 'acme-v02.api.letsencrypt.org'],
    ['https://CA.example.com:14000/dir', 'ca.example.com:14000'],
    ['https://ca.example.com/acme/production/directory', 'ca.example.com/acme/production/directory'],
    ['https://ca.example.com/acme/staging/directory', 'ca.example.com/acme/staging/directory'],
  ])('%s: %s', (url, name) => {
    expect(caNameOf(url)).toBe(name);
  });
});
