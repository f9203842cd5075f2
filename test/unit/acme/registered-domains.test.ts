import { expect, test } from 'vitest';
import { registeredDomains } from '../../../src/acme/registered-domains.ts';

test.each([
  [['api.c1.shop.example.com', '*.apps.c1.shop.example.com'], ['example.com']],
  [['api.C1.Example.co.uk'], ['example.co.uk']],
  [
    ['b.example.org', 'a.example.com', '*.example.org'],
    ['example.com', 'example.org'],
  ],
  // The private section: every user of github.io has a domain of its own.
  [
    ['api.someone.github.io', 'api.another.github.io'],
    ['another.github.io', 'someone.github.io'],
  ],
  // A public suffix has a limit of its own.
  [
    ['co.uk', 'github.io'],
    ['co.uk', 'github.io'],
  ],
  [['_acme.example.com'], ['example.com']],
])('%j counts for %j', (names, domains) => {
  expect(registeredDomains(names)).toEqual(domains);
});
