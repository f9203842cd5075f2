import { beforeEach, describe, expect, it } from 'vitest';
import { CacheFreshness } from '../../../src/controller/cache-freshness.ts';
import { SECRETS } from '../../../src/kubernetes/objects/resources.ts';

const HOUR_MS = 3_600_000;

let present: string;
let handled: string | undefined;
let requests: string[];
let freshness: CacheFreshness;
beforeEach(() => {
  present = '100';
  handled = '90';
  requests = [];
  freshness = new CacheFreshness({
    alwaysList: false,
    source: {
      getJson: (path) => {
        requests.push(path);
        return Promise.resolve({ metadata: { resourceVersion: present }, items: [] });
      },
    },
    signal: new AbortController().signal,
    handledUpTo: () => handled,
  });
});

const read = (now = 0): Promise<string> =>
  freshness.read(SECRETS, { cached: () => 'cached', list: () => Promise.resolve('listed') }, now);

describe('a kind is read from the cache', () => {
  it('once the informer has handled all that there was at the last read, for one request', async () => {
    expect(await read()).toBe('listed');
    handled = '100';
    present = '250';
    requests = [];
    expect(await read()).toBe('cached');
    expect(requests).toEqual(['/api/v1/secrets?limit=1']);
  });

  it('not while the informer is behind the last read, as one is whose watch is silent', async () => {
    await read();
    present = '250';
    handled = '99';
    expect(await read()).toBe('listed');
  });

  it('not while the informer is not synced', async () => {
    await read();
    handled = undefined;
    expect(await read()).toBe('listed');
  });

  it('not six hours after the last list: the position does not show what the watch left out', async () => {
    await read(0);
    handled = '100';
    expect(await read(6 * HOUR_MS - 1)).toBe('cached');
    expect(await read(6 * HOUR_MS)).toBe('listed');
    expect(await read(6 * HOUR_MS + 1)).toBe('cached');
  });

  it('not after a list that failed', async () => {
    const failing = freshness.read(SECRETS, { cached: () => 'cached', list: () => Promise.reject(new Error('no')) });
    await expect(failing).rejects.toThrow('no');
    handled = '100';
    expect(await read()).toBe('listed');
  });

  it('not while resourceVersions are no numbers', async () => {
    present = 'a';
    handled = 'a';
    await read();
    expect(await read()).toBe('listed');
  });
});
