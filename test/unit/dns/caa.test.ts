import * as fc from 'fast-check';
import { describe, expect, it, test } from 'vitest';
import { type CaaApplicant, type CaaRecord, caaNamesOf, caaProblem } from '../../../src/dns/caa.ts';

const ACCOUNT = 'https://ca.example.net/acme/acct/7';
const applicant: CaaApplicant = { identities: ['ca.example.net'], accountUrl: ACCOUNT, method: 'dns-01' };

/** `0 issue ca.example.net; accounturi=…`, as zone files have it, without quotes. */
function record(text: string): CaaRecord {
  const [, flags = '0', tag = '', value = ''] = /^(\d+) (\S+) ?(.*)$/.exec(text) ?? [];
  return { critical: (Number(flags) & 128) !== 0, tag, value };
}

const problem = (records: readonly string[], isWildcard = false): string | undefined =>
  caaProblem(records.map(record), isWildcard, applicant);

test('the names whose records may apply are the name and all above it', () => {
  expect(caaNamesOf('api.c1.example.com')).toEqual(['api.c1.example.com', 'c1.example.com', 'example.com', 'com']);
  expect(caaNamesOf('*.Apps.example.com.')).toEqual(['apps.example.com', 'example.com', 'com']);
});

describe('records that allow the CA', () => {
  it.each<[what: string, records: string[], isWildcard?: boolean]>([
    ['name it', ['0 issue ca.example.net']],
    ['name it in other letters, with white space', ['0 Issue  CA.Example.Net ']],
    ['name it beside others', ['0 issue other.example', '0 issue ca.example.net']],
    ['name it for names that are wildcards too', ['0 issue ca.example.net'], true],
    ['name it for wildcards', ['0 issue ;', '0 issuewild ca.example.net'], true],
    ['forbid wildcards only', ['0 issue ca.example.net', '0 issuewild ;']],
    ['forbid wildcards only, and nothing else', ['0 issuewild ;']],
    ['only say whom to tell', ['0 iodef mailto:security@example.com']],
    ['are about mail', ['128 issuemail ;']],
    ['have a tag that is unknown, but not critical', ['0 future x']],
    ['name the account', [`0 issue ca.example.net; accounturi=${ACCOUNT}`]],
    ['name the method', ['0 issue ca.example.net; validationmethods=http-01,dns-01']],
    ['name both', [`0 issue ca.example.net;accounturi=${ACCOUNT};validationmethods=dns-01`]],
    ['have parameters of the CA', ['0 issue ca.example.net; policy = ev;']],
    [
      'forbid another account, and allow this one',
      ['0 issue ca.example.net; accounturi=https://other', `0 issue ca.example.net; accounturi=${ACCOUNT}`],
    ],
  ])('%s', (_what, records, isWildcard) => {
    expect(problem(records, isWildcard)).toBeUndefined();
  });
});

describe('records that forbid it', () => {
  it.each<[what: string, records: string[], why: RegExp, isWildcard?: boolean]>([
    ['name another CA', ['0 issue other.example'], /none of it names ca\.example\.net: 0 issue "other\.example"/],
    ['name none', ['0 issue ;'], /none of it names/],
    ['are empty', ['0 issue'], /none of it names/],
    ['name a name below its own', ['0 issue x.ca.example.net'], /none of it names/],
    ['name it with a dot at the end', ['0 issue ca.example.net.'], /none of it names/],
    ['name another for wildcards', ['0 issue ca.example.net', '0 issuewild other.example'], /"other\.example"/, true],
    ['forbid wildcards', ['0 issue ca.example.net', '0 issuewild ;'], /0 issuewild ";"/, true],
    ['are malformed', ['0 issue ca.example.net; %'], /none of it names/],
    ['name it with white space inside', ['0 issue ca.example.net other.example'], /none of it names/],
    ['name another account', ['0 issue ca.example.net; accounturi=https://x/1'], /accounturi is not that of .*acct\/7/],
    [
      'name several accounts',
      [`0 issue ca.example.net; accounturi=${ACCOUNT}; accounturi=${ACCOUNT}`],
      /several accounturi/,
    ],
    ['name other methods', ['0 issue ca.example.net; validationmethods=http-01'], /without dns-01/],
    ['name no method', ['0 issue ca.example.net; validationmethods='], /without dns-01/],
    ['have a critical tag that is unknown', ['0 issue ca.example.net', '128 future x'], /critical tag "future"/],
    ['of which none is enough', ['0 issue other.example', '0 issue ca.example.net; accounturi=x'], /accounturi is not/],
  ])('%s', (_what, records, why, isWildcard) => {
    expect(problem(records, isWildcard)).toMatch(why);
  });
});

test('any records have a verdict, in one line of bounded length', () => {
  const records = fc.array(
    fc.record({
      critical: fc.boolean(),
      tag: fc.constantFrom('issue', 'issuewild', 'x'),
      value: fc.string({ maxLength: 3_000 }),
    }),
    { minLength: 1 },
  );
  fc.assert(
    fc.property(records, fc.boolean(), (found, isWildcard) => {
      const why = caaProblem(found, isWildcard, applicant) ?? '';
      expect(why.length).toBeLessThan(2_000);
      expect(why).not.toMatch(/\n/);
    }),
  );
});
