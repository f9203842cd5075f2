/** Whatever a CA answers, a request has a result or fails with a CertmanError: anything else would end a watch. */
import { generateKeyPairSync } from 'node:crypto';
import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { fetchAuthorization } from '../../../src/acme/authorization.ts';
import { downloadChain, readLeaf, revokeCertificate } from '../../../src/acme/certificate.ts';
import { AcmeClient } from '../../../src/acme/client.ts';
import { fetchOrder, orderFailure, placeNewOrder } from '../../../src/acme/order.ts';
import { errorFromResponse } from '../../../src/acme/problems.ts';
import { fetchRenewalInfo } from '../../../src/acme/renewal-info.ts';
import { createSession } from '../../../src/acme/session.ts';
import { AcmeTransport, type TransportResponse } from '../../../src/acme/transport.ts';
import { parseAcmeUrl } from '../../../src/acme/url.ts';
import { splitSeal } from '../../../src/contract/sealed-url.ts';
import { CertmanError } from '../../../src/failures/failure.ts';
import type { IssuanceContext } from '../../../src/issuance/context.ts';
import { placeOrder } from '../../../src/issuance/place-order.ts';
import { certificateFacts } from '../../../src/kubernetes/objects/certificate-facts.ts';
import { ASKED_FOR } from '../../support/acme/harness.ts';
import { ANY_BUNDLE } from '../../support/acme/run-activity.ts';
import { selfSigned } from '../../support/certificates/self-signed.ts';

/** A bound in time as well: fast-check stops after it, whatever the machine's speed. */
const LIMITS = { interruptAfterTimeLimit: 8_000, numRuns: 150 };
const MAX_MESSAGE_LENGTH = 16_000;
// oxlint-disable-next-line no-control-regex -- what a message must not contain
const CONTROL = /[\u0000-\u0009\u000b-\u001f\u007f-\u009f]/;

const { privateKey: key } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
const BASE = 'https://ca.example';
const DIRECTORY = {
  newNonce: `${BASE}/nonce`,
  newAccount: `${BASE}/account`,
  newOrder: `${BASE}/orders`,
  revokeCert: `${BASE}/revoke`,
  renewalInfo: `${BASE}/ari`,
};
const leaf = selfSigned({ authorityKeyHex: '0102' });

const hostileText = fc.oneof(
  fc.string({ unit: 'binary', maxLength: 80 }),
  fc.constantFrom(
    'http://ca.example/x',
    'javascript:1',
    'https://',
    'https://[',
    '//x',
    'file:///etc/passwd',
    '\u001b[2J',
    'x'.repeat(70_000),
  ),
);
const anything = fc.oneof(hostileText, fc.jsonValue(), fc.constantFrom(null, undefined, {}, []));

/** A valid answer, with some of its members replaced by anything. */
function distorted(valid: Readonly<Record<string, unknown>>): fc.Arbitrary<unknown> {
  const replaced = fc.record(Object.fromEntries(Object.keys(valid).map((name) => [name, anything])), {
    requiredKeys: [],
  });
  return fc.oneof(
    anything,
    replaced.map((members) => ({ ...valid, ...members })),
  );
}

const problem = distorted({
  type: 'urn:ietf:params:acme:error:rateLimited',
  detail: 'too many',
  identifier: { type: 'dns', value: 'a.example.com' },
  subproblems: [{ type: 'urn:ietf:params:acme:error:caa', detail: 'no' }],
});
const order = distorted({
  status: 'pending',
  expires: '2027-01-01T00:00:00Z',
  identifiers: [{ type: 'dns', value: 'a.example.com' }],
  authorizations: [`${BASE}/authz`],
  finalize: `${BASE}/finalize`,
  certificate: `${BASE}/certificate`,
  error: {},
});
const authorization = distorted({
  identifier: { type: 'dns', value: 'a.example.com' },
  status: 'pending',
  wildcard: true,
  challenges: [{ type: 'dns-01', url: `${BASE}/challenge`, status: 'pending', token: 'abc' }],
});
const renewalInfo = distorted({
  suggestedWindow: { start: '2027-01-01T00:00:00Z', end: '2027-01-02T00:00:00Z' },
  explanationURL: `${BASE}/why`,
});

const answer = fc.record({
  status: fc.constantFrom(200, 201, 200, 201, 204, 302, 400, 403, 404, 409, 429, 500),
  headers: fc.record(
    {
      location: fc.oneof(hostileText, fc.constantFrom('/orders/1', `${BASE}/orders/1`)),
      'retry-after': fc.oneof(hostileText, fc.constantFrom('1', '999999999', '-1', 'Fri, 31 Dec 9999 23:59:59 GMT')),
      'replay-nonce': fc.constantFrom('abc', 'b\u0000d'),
    },
    { requiredKeys: ['replay-nonce'] },
  ),
  data: fc.oneof(order, authorization, renewalInfo, problem, fc.constantFrom(leaf.chainPem, DIRECTORY)),
});

const nonce: TransportResponse = { status: 200, headers: { 'replay-nonce': 'abc' }, data: '' };
const VALID_ORDER = {
  status: 'pending',
  identifiers: [{ type: 'dns', value: 'a.example.com' }],
  authorizations: [`${BASE}/authz`],
  finalize: `${BASE}/finalize`,
};

/** A client of a CA whose directory is sound, and whose other answers are these, again and again. */
function clientOf(answers: readonly TransportResponse[]): AcmeClient {
  let sent = 0;
  const transport = {
    trust: () => undefined,
    send: (_method: string, url: string) => {
      const directory = { status: 200, headers: {}, data: DIRECTORY };
      return Promise.resolve(url === `${BASE}/dir` ? directory : (answers[sent++ % answers.length] ?? directory));
    },
  } as unknown as AcmeTransport;
  return new AcmeClient(createSession({ key, url: `${BASE}/acct/1`, directoryUrl: `${BASE}/dir` }, transport));
}

const REQUESTS: readonly (readonly [string, (ca: AcmeClient) => Promise<unknown>])[] = [
  ['a new order', (ca) => placeNewOrder(ca, { dnsNames: ['a.example.com'], replaces: 'a.b' })],
  ['an order', (ca) => fetchOrder(ca, `${BASE}/orders/1`)],
  ['the failure of an order', async (ca) => orderFailure(ca, await fetchOrder(ca, `${BASE}/orders/1`))],
  ['an authorization', (ca) => fetchAuthorization(ca, `${BASE}/authz`)],
  ['renewal information', (ca) => fetchRenewalInfo(ca, 'a.b')],
  [
    'a certificate',
    async (ca) => certificateFacts(readLeaf((await downloadChain(ca, `${BASE}/certificate`)).chainPem)),
  ],
  ['a revocation', (ca) => revokeCertificate(ca, readLeaf(leaf.chainPem), 0)],
];

describe('whatever the CA answers', () => {
  test.each(REQUESTS)('%s has a result or fails with a CertmanError', async (_what, request) => {
    await fc.assert(
      fc.asyncProperty(fc.array(answer, { minLength: 1, maxLength: 3 }), async (answers) => {
        const outcome = await request(clientOf(answers)).catch((error: unknown) => error);
        if (!(outcome instanceof Error)) return;
        expect(outcome).toBeInstanceOf(CertmanError);
        expect(outcome.message.length).toBeLessThan(MAX_MESSAGE_LENGTH);
        expect(outcome.message).not.toMatch(CONTROL);
      }),
      LIMITS,
    );
  });
});

describe('an authorization', () => {
  const headers = { 'replay-nonce': 'abc', location: `${BASE}/orders/1` };
  const context = {
    settings: { keyType: 'p-256' },
    ...ASKED_FOR,
    attempt: 1,
    signal: new AbortController().signal,
    recorded: undefined,
    record: () => undefined,
    log: { info: () => undefined },
  } as unknown as IssuanceContext;
  const offered = [{ type: 'dns-01', url: `${BASE}/challenge`, status: 'pending', token: 'abc' }];
  const authorizationOf = (identifier: object): TransportResponse => ({
    status: 200,
    headers,
    data: { identifier, status: 'pending', challenges: offered },
  });
  const ordered = { status: 201, headers, data: VALID_ORDER };
  const of = (identifier: object) => {
    const ca = clientOf([nonce, ordered, authorizationOf(identifier)]);
    return placeOrder({ ...context, ca }, { ...ANY_BUNDLE, dnsNames: ['a.example.com'] });
  };

  test('for an ordered name gives the name of a TXT record', async () => {
    const { challenges } = await of({ type: 'dns', value: 'a.example.com' });
    expect(challenges[0]?.record.name).toBe('_acme-challenge.a.example.com');
  });

  test.each([
    { type: 'dns', value: 'b.example.com' },
    { type: 'dns', value: 'x.a.example.com' },
    { type: 'ip', value: 'a.example.com' },
  ])('for %j, which was not ordered, is refused', async (identifier) => {
    await expect(of(identifier)).rejects.toMatchObject({
      code: 'acme/unexpected',
      message: expect.stringContaining('which was not ordered'),
    });
  });

  const refusedWith = (status: number, type: string): TransportResponse => ({
    status,
    headers,
    data: { type: `urn:ietf:params:acme:error:${type}` },
  });
  /** With an order of an earlier attempt, whose authorization is so. */
  const resumedWith = (answered: TransportResponse) => {
    const { cluster, bundleName } = ANY_BUNDLE;
    const another = { ...ordered, headers: { ...headers, location: `${BASE}/orders/2` } };
    const readable = authorizationOf({ type: 'dns', value: 'a.example.com' });
    const ca = clientOf([nonce, { ...ordered, status: 200 }, answered, another, readable]);
    const resume = ca.session.seals.sealOrder(cluster, bundleName, `${BASE}/orders/1`);
    return placeOrder({ ...context, ca }, { ...ANY_BUNDLE, dnsNames: ['a.example.com'], resume });
  };

  test.each([
    ['is for another name', authorizationOf({ type: 'dns', value: 'b.example.com' })],
    ['is in no form of ACME', { status: 200, headers, data: { status: 'of mine' } }],
    ['is gone', refusedWith(404, 'malformed')],
    ["is not the account's", refusedWith(403, 'unauthorized')],
  ])('of an open order that %s has another order take its place', async (_what, answered) => {
    const { orderUrl, challenges: asked } = await resumedWith(answered);
    expect(splitSeal(orderUrl).url).toBe(`${BASE}/orders/2`);
    expect(asked).toHaveLength(1);
  });

  test('of an open order that the CA cannot show now does not', async () => {
    await expect(resumedWith(refusedWith(500, 'serverInternal'))).rejects.toMatchObject({ code: 'acme/serverError' });
  });
});

describe('a problem document', () => {
  test('keeps its type although other members are malformed', () => {
    const data = {
      type: 'urn:ietf:params:acme:error:rejectedIdentifier',
      detail: 7,
      identifier: 'x',
      subproblems: 'none',
    };
    expect(errorFromResponse('ca.example', 'it', { status: 400, headers: {}, data }).code).toBe(
      'acme/rejectedIdentifier',
    );
  });
});

describe('a URL of the CA', () => {
  test.each(['http://ca.example/x', 'https://user:pass@ca.example/', 'ftp://ca.example/', 'data:,x', '', 'https://'])(
    'is not %j',
    (url) => expect(parseAcmeUrl(url)).toBeUndefined(),
  );

  test('may be relative in a Location header, and fails with a typed error otherwise', async () => {
    const created = { status: 201, data: { ...VALID_ORDER } };
    const of = (location: string) =>
      placeNewOrder(clientOf([nonce, { ...created, headers: { location } }]), { dnsNames: ['a.example.com'] });
    expect((await of('/orders/7')).url).toBe(`${BASE}/orders/7`);
    for (const location of ['http://ca.example/orders/7', 'https://[', 'javascript:1']) {
      await expect(of(location)).rejects.toMatchObject({ code: 'acme/unexpected' });
    }
  });

  test.each(['http://127.0.0.1/x', 'no url', 'file:///etc/passwd'])('%s is not requested', async (url) => {
    const transport = new AcmeTransport({ userAgent: 'certman/test' });
    await expect(transport.send('GET', url, undefined)).rejects.toMatchObject({ code: 'acme/unexpected' });
    await transport.close();
  });

  test.each(['https://127.0.0.1:1/x', 'https://[::1]:1/x', 'https://inside.example:1/x'])(
    '%s is not connected to, unless its host is that of the directory',
    async (url) => {
      const resolve = () => Promise.resolve([{ address: '169.254.169.254', family: 4 }]);
      const transport = new AcmeTransport({ userAgent: 'certman/test', resolve });
      const refused = { code: 'acme/unreachable', message: expect.stringContaining('has no public address') };
      await expect(transport.send('POST', url, '{}')).rejects.toMatchObject(refused);
      await transport.close();
      const ofDirectory = new AcmeTransport({ userAgent: 'certman/test' });
      ofDirectory.trust('https://127.0.0.1:1/dir');
      const failed = ofDirectory.send('GET', 'https://127.0.0.1:1/x', undefined);
      await expect(failed).rejects.toMatchObject({ message: expect.stringContaining('ECONNREFUSED') });
      await ofDirectory.close();
    },
  );
});
