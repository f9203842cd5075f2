import { beforeEach, expect, test, vi } from 'vitest';
import { type ListIssuancesOfSets, SetLookups } from '../../../src/issuance/set-lookups.ts';

const SIGNAL = new AbortController().signal;

beforeEach(() => {
  vi.useFakeTimers();
  return () => vi.useRealTimers();
});

/** Lookups whose requests are held until the test answers them. */
function lookups() {
  const requests: (PromiseWithResolvers<void> & { readonly nameSets: readonly string[]; readonly since: number })[] =
    [];
  const list: ListIssuancesOfSets = async (nameSets, since) => {
    const held = Promise.withResolvers<void>();
    requests.push({ ...held, nameSets, since });
    await held.promise;
    return new Map(nameSets.map((nameSet) => [nameSet, [{ closeTime: 1, dnsNames: [], cluster: nameSet }]]));
  };
  return { requests, sets: new SetLookups(list) };
}

const setNames = (count: number): readonly string[] => Array.from({ length: count }, (_, index) => `set-${index}`);

test('an order alone is looked up at once, and those that come meanwhile share the next requests', async () => {
  const { requests, sets } = lookups();
  const first = sets.find('alone', 5, SIGNAL);
  expect(requests.map(({ nameSets }) => nameSets)).toEqual([['alone']]);
  const others = setNames(150).map((nameSet, index) => sets.find(nameSet, 1_000 - index, SIGNAL));
  const same = sets.find('set-0', 2_000, SIGNAL);
  requests[0]?.resolve();
  expect(await first).toMatchObject([{ cluster: 'alone' }]);
  await vi.advanceTimersByTimeAsync(999);
  expect(requests).toHaveLength(1);
  await vi.advanceTimersByTimeAsync(1);
  expect(requests[1]).toMatchObject({ nameSets: setNames(100), since: 901 });
  requests[1]?.resolve();
  await vi.advanceTimersByTimeAsync(1_000);
  requests[2]?.resolve();
  const found = await Promise.all([...others, same]);
  expect(found.map(([issuance]) => issuance?.cluster)).toEqual([...setNames(150), 'set-0']);
  expect(requests).toHaveLength(3);
});

test('a failure is that of its request only', async () => {
  const { requests, sets } = lookups();
  const [first, second] = [sets.find('first', 0, SIGNAL), sets.find('second', 0, SIGNAL)];
  requests[0]?.reject(new Error('no visibility'));
  await expect(first).rejects.toThrow('no visibility');
  await vi.advanceTimersByTimeAsync(1_000);
  requests[1]?.resolve();
  expect(await second).toMatchObject([{ cluster: 'second' }]);
});

test('an order that is given up waits no longer, and is not looked up', async () => {
  const { requests, sets } = lookups();
  const first = sets.find('first', 0, SIGNAL);
  const leaving = new AbortController();
  const second = sets.find('second', 0, leaving.signal);
  leaving.abort(new Error('given up'));
  await expect(second).rejects.toThrow('given up');
  requests[0]?.resolve();
  await first;
  await vi.advanceTimersByTimeAsync(2_000);
  expect(requests).toHaveLength(1);
});
