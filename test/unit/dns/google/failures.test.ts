import { expect, test } from 'vitest';
import { problem } from '../../../support/dns/google/fake-cloud-dns.ts';
import { googleTarget, record, signal, useGoogle, ZONE } from '../../../support/dns/google/harness.ts';

const harness = useGoogle();
const publish = () => harness.provider().publish(googleTarget(), [record(`api.${ZONE}`, 'v')], signal, 0);

test.each([
  [problem(403, 'forbidden', 'Permission dns.changes.create denied.'), 'dns/accessDenied', 'dns.changes.create denied'],
  [problem(403, 'accessNotConfigured', 'The API is disabled.'), 'dns/accessDenied', 'accessNotConfigured'],
  [problem(403, 'quotaExceeded', "The resource 'entity.change' has too many sets."), 'dns/changeRefused', 'too many'],
  [problem(400, 'invalid', "Invalid value for 'entity.change.additions[0].name': ''"), 'dns/changeRefused', 'invalid'],
  [problem(400, 'badRequest', 'No.'), 'dns/unexpected', 'HTTP 400 badRequest: No.'],
  [{ status: 404, body: '<html>a proxy</html>' }, 'dns/zoneNotFound', 'HTTP 404: no reason given.'],
  [{ status: 200, body: '<html>a portal</html>' }, 'dns/unexpected', 'changes.create is not in its documented form'],
  [{ status: 200, body: { id: '1' } }, 'dns/unexpected', 'documented form'],
] as const)('%j is %s', async (refusal, code, message) => {
  harness.google.addZone('c1', ZONE);
  harness.google.refuse = ({ method }) => (method === 'dns.changes.create' ? refusal : undefined);
  await expect(publish()).rejects.toMatchObject({ code, message: expect.stringContaining(message) });
});

test('an answer that cannot be read leaves open whether the values are there', async () => {
  harness.google.addZone('c1', ZONE);
  harness.google.refuse = ({ method }) => (method === 'dns.changes.create' ? { status: 200, body: '' } : undefined);
  await expect(publish()).rejects.toMatchObject({ info: { outcomeUnknown: true } });
});

test.each([
  ['429', { status: 429, headers: { 'retry-after': '120' } }],
  ['a 403 about the rate', { ...problem(403, 'rateLimitExceeded', 'Later.'), headers: { 'retry-after': '120' } }],
])('%s is throttling, and Retry-After is obeyed', async (_what, refusal) => {
  harness.google.addZone('c1', ZONE);
  harness.google.refuse = ({ method }) => (method === 'dns.managedZones.list' ? refusal : undefined);
  const before = Date.now();
  const failure = (await publish().catch((error: unknown) => error)) as { info: { notBefore: string } };
  expect(failure).toMatchObject({ code: 'dns/throttled' });
  const waitMs = Date.parse(failure.info.notBefore) - before;
  expect(waitMs).toBeGreaterThanOrEqual(120_000);
});

test('a change is not repeated before a long Retry-After', async () => {
  harness.google.addZone('c1', ZONE);
  harness.google.refuse = ({ method }) =>
    method === 'dns.changes.create' ? { status: 429, headers: { 'retry-after': '60' } } : undefined;
  await expect(publish()).rejects.toMatchObject({ code: 'dns/throttled', info: { notBefore: expect.any(String) } });
  expect(harness.google.counts()).toMatchObject({ 'dns.changes.create': 1 });
});

test('a throttled change is repeated', async () => {
  harness.google.addZone('c1', ZONE);
  let refused = 0;
  harness.google.refuse = ({ method }) =>
    method === 'dns.changes.create' && ++refused === 1 ? problem(403, 'userRateLimitExceeded', 'Later.') : undefined;
  await publish();
  expect(harness.google.txtOf('c1')).toEqual({ [`_acme-challenge.api.${ZONE}`]: ['"v"'] });
});

test('a change whose connection was cut is repeated, and what it did is found', async () => {
  const zone = harness.google.addZone('c1', ZONE);
  let cuts = 0;
  harness.google.refuse = ({ method, body }) => {
    if (method !== 'dns.changes.create' || ++cuts > 1) return undefined;
    zone.sets.push(...(body.additions ?? []));
    return 'cut';
  };
  await publish();
  expect(harness.google.txtOf('c1')).toEqual({ [`_acme-challenge.api.${ZONE}`]: ['"v"'] });
});

test('while Google is away the failure is a passing one, without the request in it', async () => {
  harness.google.refuse = () => 'cut';
  const failure: unknown = await publish().catch((error: unknown) => error);
  expect(failure).toMatchObject({ code: 'dns/unreachable', message: expect.stringContaining('managed zones') });
  expect(JSON.stringify(failure)).not.toContain('Bearer');
});

test.each([
  [{ status: 503 }, 'dns/unreachable'],
  [{ status: 429 }, 'dns/throttled'],
])('a token endpoint that answers %j is %s', async (refusal, code) => {
  harness.google.refuseToken = () => refusal;
  const failure: unknown = await publish().catch((error: unknown) => error);
  expect(failure).toMatchObject({ code });
  expect(JSON.stringify(failure)).not.toMatch(/assertion|eyJ/);
});

test('each request is counted by its method', async () => {
  harness.google.addZone('c1', ZONE);
  const counted: string[] = [];
  const dns = harness.provider({ onRequest: (service, action) => void counted.push(`${service} ${action}`) });
  await dns.publish(googleTarget(), [record(`api.${ZONE}`, 'v')], signal, 0);
  expect(counted).toEqual([
    'google-cloud-dns managedZones.list',
    'google-cloud-dns managedZones.get',
    'google-cloud-dns changes.create',
  ]);
});

test('a refused request is counted with its failure code', async () => {
  harness.google.addZone('c1', ZONE);
  harness.google.refuse = ({ method }) => (method === 'dns.changes.create' ? { status: 403 } : undefined);
  const failed: string[] = [];
  const dns = harness.provider({ onFailure: (...failure) => void failed.push(failure.join(' ')) });
  await expect(dns.publish(googleTarget(), [record(`api.${ZONE}`, 'v')], signal, 0)).rejects.toThrow();
  expect(failed).toEqual(['google-cloud-dns changes.create dns/accessDenied']);
});
