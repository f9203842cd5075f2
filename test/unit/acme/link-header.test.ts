import { expect, it } from 'vitest';
import { linksOf } from '../../../src/acme/link-header.ts';

const BASE = 'https://ca.test/acme/cert/1';

it.each<[string, string | undefined, readonly string[]]>([
  ['none', undefined, []],
  ['of another relation', '<https://ca.test/dir>;rel="index"', []],
  [
    'several among others, as Boulder sends them',
    '<https://ca.test/acme/cert/1/1>;rel="alternate", <https://ca.test/directory>;rel="index", <https://ca.test/acme/cert/1/2>; rel="alternate"',
    ['https://ca.test/acme/cert/1/1', 'https://ca.test/acme/cert/1/2'],
  ],
  [
    'relative, unquoted, in other case',
    '</acme/cert/1/1>; title="a, b"; REL=Alternate',
    ['https://ca.test/acme/cert/1/1'],
  ],
  ['with several relations', '<https://ca.test/2>;rel="up alternate"', ['https://ca.test/2']],
  ['twice', '<https://ca.test/2>;rel=alternate, <https://ca.test/2>;rel=alternate', ['https://ca.test/2']],
  ['not https', '<http://ca.test/2>;rel="alternate", <ftp://ca.test>;rel="alternate"', []],
  ['malformed', 'https://ca.test/2;rel="alternate", <https://ca.test/3', []],
])('alternate links: %s', (_what, header, expected) => {
  expect(linksOf(header, 'alternate', BASE)).toEqual(expected);
});

it('takes eight at most', () => {
  const header = Array.from({ length: 20 }, (_, index) => `<https://ca.test/${index}>;rel="alternate"`).join(', ');
  expect(linksOf(header, 'alternate', BASE)).toHaveLength(8);
});
