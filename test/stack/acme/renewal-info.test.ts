import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { StoredAccount } from '../../../src/acme/account.ts';
import { readLeaf, revokeCertificate } from '../../../src/acme/certificate.ts';
import type { AcmeClient } from '../../../src/acme/client.ts';
import type { AcmeClientSource } from '../../../src/acme/client-source.ts';
import { fetchRenewalInfo } from '../../../src/acme/renewal-info.ts';
import { CertmanError } from '../../../src/failures/failure.ts';
import { caSource, clientOf, newAccount } from '../../support/acme/account.ts';
import { type CaCertificate, issueCertificate, withoutRenewalInfo } from '../../support/acme/issue-certificate.ts';
import { type Pebble, startPebble } from '../../support/acme/pebble.ts';
import { type Fault, type FaultProxy, startFaultProxy } from '../../support/faults/fault-proxy.ts';
import { expectAfter, timed } from '../../support/vitest/timed.ts';

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;
/** Time-out of a client whose CA does not answer. */
const TIMEOUT_MS = 700;

let pebble: Pebble;
let proxy: FaultProxy;
let source: AcmeClientSource;
let server: { directoryUrl: string; caPem: string };
let account: StoredAccount;
let ca: AcmeClient;
let certificate: CaCertificate;
const counted: [string, number][] = [];

beforeAll(async () => {
  pebble = await startPebble({ nonceReject: 0, profiles: { default: 90 * 86_400 } });
  proxy = await startFaultProxy({ target: pebble.url, targetCaPem: pebble.caPem, tls: pebble.tls });
  server = { directoryUrl: `${proxy.url}/dir`, caPem: pebble.caPem };
  const onRequest = (resource: string, status: number): void => void counted.push([resource, status]);
  account = await newAccount(server);
  source = caSource(server, { stored: account }, { onRequest });
  ca = await clientOf(source);
  certificate = await issueCertificate(ca, { dnsNames: ['api.c1.example.com'] });
});
afterAll(async () => {
  await source.close();
  await proxy.close();
  await pebble.stop();
});
beforeEach(() => {
  proxy.clearSeen();
  counted.length = 0;
});

const asksForIt = ({ path }: { path: string }): boolean => path.includes('/renewalInfo/');
const look = (certId = certificate.certId, by = ca) => fetchRenewalInfo(by, certId);

/** The result of the next poll with this fault. */
async function lookThrough(fault: Fault, by = ca): Promise<CertmanError> {
  const injected = proxy.inject({ when: asksForIt, fault });
  try {
    await look(certificate.certId, by);
  } catch (error) {
    if (error instanceof CertmanError) return error;
    throw error;
  } finally {
    injected.remove();
  }
  throw new Error('it was answered');
}

/** The next poll after an answer with these headers. */
async function nextPollAfter(headers: Readonly<Record<string, string>>): Promise<Date> {
  const body = { suggestedWindow: { start: '2027-01-01T00:00:00Z', end: '2027-01-02T00:00:00Z' } };
  const injected = proxy.inject({ when: asksForIt, fault: { kind: 'answer', status: 200, headers, body } });
  const info = await look();
  injected.remove();
  if (info.kind !== 'window') throw new Error(info.kind);
  return info.nextPoll;
}

describe("a CA's renewal information", () => {
  it('is a window about two thirds into the lifetime by default', async () => {
    const looked = await timed(() => look());
    const info = looked.value;
    if (info.kind !== 'window') throw new Error(info.kind);
    const { notBefore, notAfter } = certificate.facts;
    const twoThirds = Date.parse(notBefore) + ((Date.parse(notAfter) - Date.parse(notBefore)) * 2) / 3;
    expect(Math.abs(Date.parse(info.window.start) + DAY_MS - twoThirds)).toBeLessThan(60_000);
    expect(Date.parse(info.window.end) - Date.parse(info.window.start)).toBeLessThanOrEqual(2 * DAY_MS + 1_000);
    expect(info.window).toMatchObject({ certId: certificate.certId });
    // Pebble's Retry-After is six hours.
    expectAfter(looked, info.nextPoll, 6 * HOUR_MS);
  });

  it('takes one unsigned request, which is counted', async () => {
    await look();
    expect(proxy.seen.map(({ method, path }) => `${method} ${path}`)).toEqual([
      `GET /draft-ietf-acme-ari-03/renewalInfo/${certificate.certId}`,
    ]);
    expect(counted).toEqual([['renewalInfo', 200]]);
  });

  it('is rounded to whole seconds and has the page that explains it', async () => {
    await pebble.setRenewalInfo(certificate.chainPem, {
      suggestedWindow: { start: '2026-03-01T10:00:00.250+02:00', end: '2026-03-01T08:00:00.750Z' },
      explanationURL: 'https://ca.example/incident/7',
    });
    expect(await look()).toMatchObject({
      kind: 'window',
      window: {
        certId: certificate.certId,
        start: '2026-03-01T08:00:00Z',
        end: '2026-03-01T08:00:01Z',
        explanationUrl: 'https://ca.example/incident/7',
      },
    });
  });

  it('omits a page whose URL is not http', async () => {
    const suggestedWindow = { start: '2026-03-01T08:00:00Z', end: '2026-03-02T08:00:00Z' };
    await pebble.setRenewalInfo(certificate.chainPem, { suggestedWindow, explanationURL: 'javascript:alert(1)' });
    expect(await look()).toMatchObject({ window: { certId: certificate.certId, ...suggestedWindow } });
    expect(JSON.stringify(await look())).not.toContain('explanation');
  });

  it.each([
    ['a window that ends as it begins', { start: '2026-03-01T08:00:00Z', end: '2026-03-01T08:00:00Z' }],
    ['a window that ends before it begins', { start: '2026-03-02T08:00:00Z', end: '2026-03-01T08:00:00Z' }],
    ['a window of something else than instants', { start: 'soon', end: 'later' }],
    ['a window without an end', { start: '2026-03-01T08:00:00Z' }],
    ['no window', undefined],
  ])('that is %s is rejected', async (_what, suggestedWindow) => {
    await pebble.setRenewalInfo(certificate.chainPem, JSON.stringify({ suggestedWindow }));
    await expect(look()).rejects.toMatchObject({ code: 'acme/unexpected' });
  });

  it.each([
    ['no JSON', 'tomorrow, perhaps'],
    ['larger than any such answer', `{"suggestedWindow":{},"explanationURL":"${'x'.repeat(300_000)}"}`],
  ])('that is %s is rejected', async (_what, text) => {
    await pebble.setRenewalInfo(certificate.chainPem, text);
    await expect(look()).rejects.toMatchObject({ code: 'acme/unexpected' });
  });

  it('of a revoked certificate lies in the past', async () => {
    const revoked = await issueCertificate(ca, { dnsNames: ['api.c2.example.com'] });
    await revokeCertificate(ca, readLeaf(revoked.chainPem), 4);
    const info = await look(revoked.certId);
    if (info.kind !== 'window') throw new Error(info.kind);
    expect(Date.parse(info.window.end)).toBeLessThan(Date.now());
  });
});

describe('a certificate', () => {
  it.each([
    ['that the CA never issued', () => `${certificate.certId.split('.')[0]}.AIdlQyE`],
    ['of another issuer', () => 'aYhba4dGQEHhs3uEe6CuLN4ByNQ.AIdlQyE'],
  ])('%s is unknown, and polled again in six hours', async (_what, certId) => {
    const looked = await timed(() => look(certId()));
    const info = looked.value;
    if (info.kind !== 'unknownCertificate') throw new Error(info.kind);
    expectAfter(looked, info.nextPoll, 6 * HOUR_MS);
  });

  it('of a CA without renewal information is not polled', async () => {
    const plain = withoutRenewalInfo(proxy, await ca.directory());
    const fresh = caSource({ directoryUrl: `${proxy.url}/dir`, caPem: pebble.caPem }, { stored: account });
    expect(await fresh.withClient((of) => fetchRenewalInfo(of, certificate.certId))).toEqual({ kind: 'notOffered' });
    plain.remove();
    await fresh.close();
    expect(proxy.seen.filter(asksForIt)).toEqual([]);
  });
});

describe('the next poll', () => {
  it.each([
    ['is what it says', { 'retry-after': '7200' }, 2 * HOUR_MS],
    ['is a minute when it says less', { 'retry-after': '5' }, 60_000],
    ['is a day when it says more', { 'retry-after': '900000' }, DAY_MS],
    ['is six hours when it says nothing', {}, 6 * HOUR_MS],
    ['is six hours when it says nonsense', { 'retry-after': 'never' }, 6 * HOUR_MS],
  ])('%s', async (_what, headers, expected) => {
    const looked = await timed(() => nextPollAfter(headers));
    expectAfter(looked, looked.value, expected);
  });

  it('is at the date of Retry-After', async () => {
    const date = new Date(Date.now() + 3 * HOUR_MS).toUTCString();
    expect((await nextPollAfter({ 'retry-after': date })).getTime()).toBe(Date.parse(date));
  });
});

describe('a CA that does not answer', () => {
  it.each([
    ['is limiting', { status: 429, headers: { 'retry-after': '120' } }, 'acme/rateLimited', 120_000],
    ['is down for maintenance', { status: 503, headers: { 'retry-after': '600' } }, 'acme/serverError', 600_000],
  ])('since it %s is a typed failure with its Retry-After', async (_what, answer, code, waitMs) => {
    const looked = await timed(() => lookThrough({ kind: 'answer', ...answer }));
    const { info } = looked.value;
    expect(info).toMatchObject({ code });
    expectAfter(looked, info.notBefore, waitMs);
  });

  it('because it hangs is a typed failure after the time-out', async () => {
    const impatient = caSource(server, { stored: account }, { timeoutMs: TIMEOUT_MS });
    const { info } = await lookThrough({ kind: 'hang' }, await clientOf(impatient));
    await impatient.close();
    expect(info).toMatchObject({
      code: 'acme/unreachable',
      retry: 'transient',
      message: expect.stringContaining(`no answer within ${TIMEOUT_MS / 1_000} s`) as string,
    });
  });

  it.each<[string, Fault]>([
    ['cuts the connection', { kind: 'cutBefore' }],
    ['cuts its answer', { kind: 'cutInside', bytes: 10 }],
  ])('because it %s is a typed failure before the time-out', async (_what, fault) => {
    const { info } = await lookThrough(fault);
    expect(info).toMatchObject({ code: 'acme/unreachable', retry: 'transient' });
    expect(info.message).not.toContain('no answer within');
  });
});
