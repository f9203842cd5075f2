/** Which failures end a start at once. */
import { once } from 'node:events';
import { createSecureServer, createServer, type Http2Server, type ServerHttp2Stream } from 'node:http2';
import { type AddressInfo, createServer as createTcpServer, type Server } from 'node:net';
import { NativeConnection } from '@temporalio/worker';
import { afterEach, expect, test } from 'vitest';
import { CertmanError } from '../../../src/failures/failure.ts';
import { GRPC_STATUS } from '../../../src/temporal/grpc-status.ts';
import { lastingKubernetesFailure, lastingTemporalFailure } from '../../../src/worker/lasting-failures.ts';
import { IssuingCa } from '../../support/certificates/issuing-ca.ts';
import { selfSigned } from '../../support/certificates/self-signed.ts';
import { installQuietRuntime } from '../../support/temporal/quiet-runtime.ts';

installQuietRuntime();
const NAME = 'api.c1.example.com';
const [ca, other] = await Promise.all([IssuingCa.create(), IssuingCa.create('Other')]);
const pair = await ca.issue({ serialHex: '05', dnsNames: [NAME] });
const expired = await ca.issue({
  serialHex: '06',
  dnsNames: [NAME],
  validity: { notBefore: new Date('2026-01-01T00:00:00Z'), notAfter: new Date('2026-02-01T00:00:00Z') },
});
const client = selfSigned();
const trusted = { serverRootCACertificate: Buffer.from(ca.certificatePem), serverNameOverride: NAME };
const clientCertPair = { crt: Buffer.from(client.chainPem), key: Buffer.from(client.keyPem) };

let server: Server | undefined;
afterEach(() => server?.close());

function answer(status: number) {
  return (stream: ServerHttp2Stream): void => {
    stream.on('error', () => undefined);
    const headers = { ':status': 200, 'content-type': 'application/grpc', 'grpc-status': String(status) };
    stream.respond({ ...headers, 'grpc-message': 'refused' }, { endStream: true });
  };
}

/** What the SDK's connection fails with at a frontend. */
async function failureAt(frontend: Server | Http2Server, tls?: object | true): Promise<unknown> {
  server = frontend as Server;
  for (const event of ['sessionError', 'tlsClientError']) server.on(event, () => undefined);
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = `127.0.0.1:${(server.address() as AddressInfo).port}`;
  return await NativeConnection.connect({ address, ...(tls && { tls }) }).then(
    (connection) => connection.close(),
    (error: unknown) => error,
  );
}

const withTls = (options: object) => createSecureServer(options).on('stream', answer(0));
const identity = { cert: pair.chainPem, key: pair.keyPem };

test.each([
  [
    'of a CA that is not trusted',
    () => failureAt(withTls(identity), true),
    'UnknownIssuer',
    'TEMPORAL_TLS_SERVER_CA_CERT_PATH',
  ],
  [
    'of another name',
    () => failureAt(withTls(identity), { ...trusted, serverNameOverride: 'other.example.com' }),
    'NotValidForName',
    'TEMPORAL_TLS_SERVER_NAME',
  ],
  [
    'that has expired',
    () => failureAt(withTls({ cert: expired.chainPem, key: expired.keyPem }), trusted),
    'Expired',
    'until when it is valid',
  ],
])('a certificate of the frontend %s', async (_what, failure, why, remedy) => {
  expectLasting(await failure(), new RegExp(`presents a certificate that is not accepted \\(${why}`), remedy);
});

test.each([
  // By TLS 1.3, the alert may come after the end of the connection.
  ['no client certificate', trusted, 'TLSv1.2', /refuses the TLS connection \(HandshakeFailure\)/],
  [
    'a client certificate with the key of another',
    { clientCertPair: { ...clientCertPair, key: Buffer.from(selfSigned().keyPem) } },
    'TLSv1.3',
    /this client certificate and key \(InconsistentKeys\)/,
  ],
  [
    'a client certificate that is no PEM',
    { clientCertPair: { crt: Buffer.from('x'), key: Buffer.from('x') } },
    'TLSv1.3',
    /this client certificate and key \(PrivateKeyParseError\)/,
  ],
])('%s at a frontend that wants one', async (_what, tls, maxVersion, message) => {
  const required = { ...identity, requestCert: true, rejectUnauthorized: true, ca: other.certificatePem, maxVersion };
  expectLasting(await failureAt(withTls(required), tls), message, 'TEMPORAL_TLS_CLIENT_CERT_PATH');
});

test('a frontend without TLS', async () => {
  expectLasting(await failureAt(createServer(), true), /does not speak TLS/, 'TEMPORAL_TLS');
});

test('a frontend that denies the permission, to connect and later', async () => {
  const denied = /denies the permission/;
  expectLasting(await failureAt(createServer().on('stream', answer(GRPC_STATUS.PERMISSION_DENIED))), denied, 'rights');
  const later = Object.assign(new Error('refused'), { code: GRPC_STATUS.PERMISSION_DENIED });
  expectLasting(new Error('the request failed', { cause: later }), denied, 'rights');
});

test.each([
  ['that does not know the key yet', () => failureAt(createServer().on('stream', answer(GRPC_STATUS.UNAUTHENTICATED)))],
  ['that is not available', () => failureAt(createServer().on('stream', answer(GRPC_STATUS.UNAVAILABLE)))],
  ['that does not know the request', () => failureAt(createServer().on('stream', answer(GRPC_STATUS.UNIMPLEMENTED)))],
  ['that ends the connection', () => failureAt(createTcpServer((socket) => socket.destroy()))],
  ['that is not there', () => NativeConnection.connect({ address: '127.0.0.1:1' }).catch((error: unknown) => error)],
  [
    'whose name is not known yet',
    () => NativeConnection.connect({ address: 'temporal.invalid:7233' }).catch((error: unknown) => error),
  ],
])('a start waits for a frontend %s', async (_what, failure) => {
  const error = await failure();
  expect(error).toBeInstanceOf(Error);
  expect(lastingTemporalFailure('temporal:7233', error)).toBeUndefined();
});

test('a start waits where a policy of the network denies the connection', async () => {
  const refused = await NativeConnection.connect({ address: '127.0.0.1:1' }).catch((error: unknown) => error);
  const text = (refused as Error).message;
  // EPERM, as of a policy that a network plugin enforces in the system call.
  const denied = text.replace(
    'code: 111, kind: ConnectionRefused, message: "Connection refused"',
    'code: 1, kind: PermissionDenied, message: "Operation not permitted"',
  );
  expect(denied).not.toBe(text);
  expect(lastingTemporalFailure('temporal:7233', new Error(denied))).toBeUndefined();
});

function expectLasting(error: unknown, message: RegExp, remedy: string): void {
  const lasting = lastingTemporalFailure('temporal:7233', error);
  expect(lasting?.code, String(error)).toBe('configuration/invalid');
  expect(lasting?.message).toMatch(message);
  expect(lasting?.message).toContain('Temporal at temporal:7233');
  expect(lasting?.info.remedy).toContain(remedy);
}

const unreachable = (code: string) =>
  new CertmanError({
    code: 'kubernetes/unreachable',
    message: `The Kubernetes API did not answer: ${code}.`,
    cause: Object.assign(new Error(code), { code }),
  });

test.each(['SELF_SIGNED_CERT_IN_CHAIN', 'ERR_TLS_CERT_ALTNAME_INVALID', 'CERT_HAS_EXPIRED'])(
  'a certificate of the API server that is not accepted (%s) ends a start, with what to check',
  (code) => {
    const lasting = lastingKubernetesFailure(unreachable(code));
    expect(lasting?.info).toMatchObject({ code: 'configuration/invalid', message: expect.stringContaining(code) });
    expect(lasting?.info.remedy).toContain('kubeconfig');
  },
);

test('missing rights end a start; a start waits for an API server that does not answer', () => {
  const forbidden = new CertmanError({ code: 'kubernetes/forbidden', message: 'no', remedy: 'Give the right.' });
  expect(lastingKubernetesFailure(forbidden)).toBe(forbidden);
  expect(lastingKubernetesFailure(unreachable('ECONNREFUSED'))).toBeUndefined();
  expect(lastingKubernetesFailure(new Error('other'))).toBeUndefined();
});
