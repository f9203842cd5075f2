/** What is checked before an order is spent, and what stops it. */
import { beforeEach, expect, test } from 'vitest';
import type { AcmeClient } from '../../../src/acme/client.ts';
import type { PreflightRequest } from '../../../src/dns/preflight.ts';
import type { DnsTarget, ZoneDelegation } from '../../../src/dns/provider.ts';
import type { RecordZone } from '../../../src/dns/record-zone.ts';
import { CertmanError, type FailureCode } from '../../../src/failures/failure.ts';
import { OrderPreflight } from '../../../src/issuance/order-preflight.ts';
import { zoneTarget } from '../../support/dns/route53-proxy.ts';

const ZONE: ZoneDelegation = { name: 'example.com', nameServers: ['ns-1.example.net'] };
const ACCOUNT_URL = 'https://ca.example.net/acct/1';
const signal = new AbortController().signal;

let requests: PreflightRequest[];
let outcomes: string[];
let logged: unknown[];
let delegation: (target: DnsTarget, anew?: boolean) => Promise<ZoneDelegation | undefined>;
let check: () => Promise<readonly string[]>;
beforeEach(() => {
  requests = [];
  outcomes = [];
  logged = [];
  delegation = () => Promise.resolve(ZONE);
  check = () => Promise.resolve([]);
});

async function checked(
  caaIdentities: readonly string[] | undefined = ['ca.example.net'],
  zones: readonly RecordZone[] = [{ target: zoneTarget() }],
): Promise<void> {
  const preflight = new OrderPreflight({
    dns: { delegation: (target, _signal, anew) => delegation(target, anew) },
    preflight: {
      check: (request) => {
        requests.push(request);
        return check();
      },
    },
    onOutcome: (outcome) => outcomes.push(outcome),
  });
  const ca = {
    directory: () => Promise.resolve({ meta: { caaIdentities } }),
    session: { account: { url: ACCOUNT_URL } },
  } as unknown as AcmeClient;
  const log = { info: (_message: string, fields: unknown) => void logged.push(fields) };
  await preflight.require({ ca, zones, dnsNames: ['api.example.com'] }, { signal, log });
}

function failing(code: FailureCode): () => Promise<never> {
  return () => Promise.reject(new CertmanError({ code, message: `${code} of a test.` }));
}

test('names, zone, and how CAA records may name CA and account', async () => {
  await checked();
  const applicant = { identities: ['ca.example.net'], accountUrl: ACCOUNT_URL, method: 'dns-01' };
  expect(requests).toEqual([{ dnsNames: ['api.example.com'], zone: ZONE, applicant }]);
  expect([outcomes, logged]).toEqual([['passed'], []]);
});

test.each([[[]], [undefined]])('no CAA records for a CA whose identities are %j', async (identities) => {
  await checked(identities ?? []);
  expect(requests[0]?.applicant).toBeUndefined();
});

test('a zone that seems not to be delegated is looked up anew: it may have been created again', async () => {
  const now = { ...ZONE, nameServers: ['ns-2.example.net'] };
  delegation = (_target, anew) => Promise.resolve(anew === true ? now : ZONE);
  check = () => (requests.at(-1)?.zone === now ? Promise.resolve([]) : failing('dns/notDelegated')());
  await checked();
  expect(requests.map(({ zone }) => zone)).toEqual([ZONE, now]);
  expect(outcomes).toEqual(['passed']);
});

test('a zone whose name is not known is left out', async () => {
  delegation = () => Promise.resolve(undefined);
  await checked();
  expect(requests[0]?.zone).toBeUndefined();
  expect(outcomes).toEqual(['passed']);
});

test.each<FailureCode>(['dns/unreachable', 'dns/queued', 'dns/throttled'])(
  'a zone that cannot be looked up for now (%s) does not hold up the order',
  async (code) => {
    delegation = failing(code);
    await checked();
    expect(outcomes).toEqual(['undecided']);
    expect(logged).toEqual([expect.objectContaining({ problems: `${code} of a test.` })]);
  },
);

test.each<FailureCode>(['dns/credentialsMissing', 'dns/accessDenied', 'dns/zoneNotFound', 'dns/platformUnsupported'])(
  'what would fail the publication costs no order: %s',
  async (code) => {
    delegation = failing(code);
    await expect(checked()).rejects.toMatchObject({ code });
    expect(outcomes).toEqual(['refused']);
  },
);

test('what public DNS definitely says refuses the order', async () => {
  check = failing('dns/caaForbids');
  await expect(checked()).rejects.toMatchObject({ code: 'dns/caaForbids' });
  expect(outcomes).toEqual(['refused']);
});

test('what public DNS cannot decide is logged', async () => {
  check = () => Promise.resolve(['resolver: it cannot be reached']);
  await checked();
  expect(outcomes).toEqual(['undecided']);
  expect(logged).toEqual([expect.objectContaining({ problems: 'resolver: it cannot be reached' })]);
});

test('each zone that records are put into is checked, and only those', async () => {
  const challenges = { ...zoneTarget({ zoneName: 'acme.example.net' }), isChallengeZone: true } as const;
  delegation = ({ zoneName }) => Promise.resolve({ name: zoneName, nameServers: [] });
  await checked(undefined, [{ target: challenges }, { target: zoneTarget() }]);
  expect(requests.map(({ dnsNames, zone }) => [zone?.name, dnsNames])).toEqual([
    ['acme.example.net', ['api.example.com']],
    ['example.com', []],
  ]);
  await checked(undefined, [{ target: challenges }]);
  expect(requests.slice(2).map(({ zone }) => zone?.name)).toEqual(['acme.example.net']);
});

test('the record to create is named where the zone of a cluster cannot be written', async () => {
  delegation = failing('dns/credentialsMissing');
  const zones = [{ target: zoneTarget(), hint: 'Create the record x.' }];
  await expect(checked(undefined, zones)).rejects.toMatchObject({ info: { remedy: 'Or: Create the record x.' } });
});
