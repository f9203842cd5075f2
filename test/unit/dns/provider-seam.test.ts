import { expect, test } from 'vitest';
import { filesBelow, read } from '../repository/files.ts';

/** What knows the seam only. */
const FOLDERS = ['src/contract', 'src/issuance', 'activities', 'workflows', 'src/dns'];

test('only its folder and the registry name a DNS service', () => {
  const naming = FOLDERS.flatMap(filesBelow)
    .filter((file) => file.endsWith('.ts') && !file.startsWith('src/dns/route53/'))
    .filter((file) => /route ?53|INSYNC|hosted zone/i.test(read(file)));
  expect(naming).toEqual(['src/dns/registry.ts']);
});
