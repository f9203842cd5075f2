/** What npm installs is what was reviewed: `npm ci` verifies each archive by the digest in package-lock.json. */
import { expect, test } from 'vitest';
import { read } from './files.ts';

interface Entry {
  readonly integrity?: string;
  readonly resolved?: string;
  readonly link?: boolean;
}

const { packages } = JSON.parse(read('package-lock.json')) as { readonly packages: Readonly<Record<string, Entry>> };
const installed = Object.entries(packages).filter(([path]) => path !== '');

test('every package has a digest, also those of other platforms', () => {
  const without = installed.filter(([, { integrity = '' }]) => !/^sha512-[\w+/]{86}==$/.test(integrity));
  expect(without.map(([path]) => path)).toEqual([]);
});

test('no package comes from elsewhere than the registry', () => {
  const elsewhere = installed.filter(([, { resolved, link }]) => resolved !== undefined || link === true);
  expect(elsewhere.map(([path]) => path)).toEqual([]);
});
