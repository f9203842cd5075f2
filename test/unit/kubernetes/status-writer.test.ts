import { expect, test } from 'vitest';
import { CertmanError } from '../../../src/failures/failure.ts';
import type { KubernetesApi, KubernetesObject } from '../../../src/kubernetes/api/kubernetes-api.ts';
import { BUNDLE_STATUS, withBundle } from '../../../src/kubernetes/objects/bundle-status.ts';
import { StatusWriter } from '../../../src/kubernetes/objects/status-writer.ts';

const primary = { name: 'primary', generated: true };
const other = { name: 'other', generated: true };

test('a new bundle is appended', () => {
  expect(withBundle([other], primary)).toEqual([other, primary]);
});

test('a changed bundle keeps its position', () => {
  expect(withBundle([{ ...primary, generated: false }, other], primary)).toEqual([primary, other]);
});

test.each([
  ['it is there already', [primary], primary],
  ['it is not listed and has no certificate', [], { ...primary, generated: false }],
])('nothing changes when %s', (_name, bundles, wanted) => {
  expect(withBundle(bundles, wanted)).toBe(bundles);
});

test('after each conflict the object is read anew, so that every attempt can succeed', async () => {
  const calls: string[] = [];
  let version = 10;
  let conflicts = 4;
  const object = () => ({ metadata: { namespace: 'ns', name: 'c1', uid: 'u1', resourceVersion: String(version) } });
  const kubernetes = {
    get: () => {
      version += 1;
      calls.push(`get ${version}`);
      return Promise.resolve(object());
    },
    apply: (_resource: unknown, applied: KubernetesObject) => {
      calls.push(`apply ${applied.metadata.resourceVersion}`);
      conflicts -= 1;
      if (conflicts >= 0)
        return Promise.reject(new CertmanError({ code: 'kubernetes/conflict', message: 'another write was first' }));
      return Promise.resolve(object());
    },
  } as unknown as KubernetesApi;
  const writer = new StatusWriter(BUNDLE_STATUS);
  await writer.write(kubernetes, { namespace: 'ns', name: 'c1' }, [primary], ({ uid }) => uid === 'u1');
  expect(calls).toEqual([11, 12, 13, 14, 15].flatMap((read) => [`get ${read}`, `apply ${read}`]));
});
