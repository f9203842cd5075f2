import { expect, test } from 'vitest';
import { statedLimits } from '../../../src/configuration/stated-limits.ts';

const DAY_MS = 86_400_000;
const CA = 'acme-v02.api.letsencrypt.org';

test('limits of accounts and of domains', () => {
  const text = `${CA}/orders=5000/7d, ${CA}/Example.com=1000/7d,localhost:14000/certificates=3/s,ca.example/acme/x/directory/exact-set=5/12h`;
  expect(statedLimits.parse(text)).toEqual([
    { ca: CA, of: 'orders', limit: { burst: 5_000, intervalMs: (7 * DAY_MS) / 5_000 } },
    { ca: CA, of: { domain: 'example.com' }, limit: { burst: 1_000, intervalMs: (7 * DAY_MS) / 1_000 } },
    { ca: 'localhost:14000', of: 'certificates', limit: { burst: 3, intervalMs: 1_000 / 3 } },
    { ca: 'ca.example/acme/x/directory', of: 'exact-set', limit: { burst: 5, intervalMs: DAY_MS / 10 } },
  ]);
});

test.each([
  'orders=5000/7d',
  `${CA}/orders=5000`,
  `${CA}/orders=0/7d`,
  `${CA}/orders=5/0d`,
  `${CA}/orders=5/91d`,
  `${CA}/toString=5/7d`,
  `${CA}/com=5/7d`,
  `${CA}/orders=5/7d,${CA}/x`,
  `https://${CA}/orders=5/7d`.replace('https://', '://'),
])('refuses %s', (text) => {
  expect(statedLimits.parse(text)).toBeUndefined();
});

test('refuses a limit that is there twice', () => {
  expect(() => statedLimits.parse(`${CA}/orders=5/7d,${CA}/orders=6/7d`)).toThrow(/orders is there twice/);
});
