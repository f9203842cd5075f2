import { expect, test } from 'vitest';
import { ControllerCache } from '../../../src/controller/controller-cache.ts';
import { observeRequest } from '../../../src/kubernetes/objects/observed-request.ts';

const request = (namespace: string, name: string, uid = 'u') => observeRequest({ metadata: { namespace, name, uid } });

/** A few are kept as a list, more as a Map. */
test.each([1, 2, 8, 9, 30])('%i requests of one namespace are found, replaced and deleted', (count) => {
  const { requests } = new ControllerCache();
  const names = Array.from({ length: count }, (_, index) => `r${index}`);
  for (const name of names) requests.set(request('a', name));
  requests.set(request('b', 'r0'));
  expect(Array.from(requests.in('a'), ({ name }) => name)).toEqual(names);
  requests.set(request('a', 'r0', 'u2'));
  expect(requests.get({ namespace: 'a', name: 'r0' })?.uid).toBe('u2');
  expect(requests.find('b/r0')?.uid).toBe('u');
  for (const name of names) requests.delete({ namespace: 'a', name });
  expect(requests.get({ namespace: 'a', name: 'r0' })).toBeUndefined();
  expect(Array.from(requests.all(), ({ namespace }) => namespace)).toEqual(['b']);
});
