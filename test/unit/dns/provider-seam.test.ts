import { expect, test } from 'vitest';
import { filesBelow, read } from '../repository/files.ts';

/** What knows the seam only. */
const FOLDERS = ['src/contract', 'src/issuance', 'activities', 'workflows', 'src/dns'];

test.each([
  ['src/dns/route53', /route ?53|INSYNC|hosted zone/i],
  ['src/dns/google', /cloud dns|managed zone|gaxios/i],
  ['src/dns/azure', /azure dns|service principal|@azure/i],
])('only %s and the registry name its DNS service', (folder, words) => {
  const naming = FOLDERS.flatMap(filesBelow)
    .filter((file) => file.endsWith('.ts') && !file.startsWith(`${folder}/`))
    .filter((file) => words.test(read(file)));
  expect(naming).toEqual(['src/dns/registry.ts'].filter((file) => words.test(read(file))));
});
