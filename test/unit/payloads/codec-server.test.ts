import { defaultPayloadConverter, type Payload } from '@temporalio/common';
import { afterEach, describe, expect, it } from 'vitest';
import { type CodecServer, type CodecServerOptions, startCodecServer } from '../../../src/payloads/codec-server.ts';
import { EncryptionCodec } from '../../../src/payloads/payload-codec.ts';
import { PayloadKeyStore } from '../../../src/payloads/payload-key-store.ts';
import { newPayloadKey, payloadKeyFolder } from '../../support/payloads/payload-key-folder.ts';

const ORIGIN = 'https://temporal.example.com';
const ends: (() => unknown)[] = [];
afterEach(async () => {
  for (const end of ends.splice(0)) await end();
});

function newCodec(): EncryptionCodec {
  const folder = payloadKeyFolder({ active: 'k1', k1: newPayloadKey() });
  ends.push(() => folder.remove());
  return new EncryptionCodec({ keys: new PayloadKeyStore(folder.path), required: false });
}

async function start(options: Partial<CodecServerOptions> = {}): Promise<string> {
  const server: CodecServer = await startCodecServer({
    host: '127.0.0.1',
    port: 0,
    codec: newCodec(),
    origins: [ORIGIN],
    token: undefined,
    ...options,
  });
  ends.push(() => server.close());
  return `http://127.0.0.1:${server.port}`;
}

const base64 = (bytes: Uint8Array) => Buffer.from(bytes).toString('base64');

function toJson({ metadata, data }: Payload) {
  const encoded = Object.entries(metadata ?? {}).map(([name, value]) => [name, base64(value)]);
  return { metadata: Object.fromEntries(encoded) as Record<string, string>, data: base64(data ?? Buffer.alloc(0)) };
}

const PLAIN = toJson(defaultPayloadConverter.toPayload({ name: 'api.secret.example.com' }) as Payload);

async function post(url: string, body: unknown, headers: Readonly<Record<string, string>> = {}) {
  const response = await fetch(url, {
    method: 'POST',
    headers: { 'content-type': 'application/json', 'x-namespace': 'certman', ...headers },
    body: typeof body === 'string' ? body : JSON.stringify(body),
  });
  return { status: response.status, headers: response.headers, body: await response.text() };
}

const payloadsIn = (body: string) => (JSON.parse(body) as { readonly payloads: readonly unknown[] }).payloads;

describe('a codec server', () => {
  it.each(['', '/certman', '/'])('encodes and decodes, with the path %o in front', async (path) => {
    const url = `${await start()}${path}`;
    const encoded = await post(`${url}/encode`, { payloads: [PLAIN, PLAIN] });
    expect(encoded).toMatchObject({ status: 200, body: expect.not.stringContaining(PLAIN.data) as string });
    const decoded = await post(`${url}/decode`, { payloads: payloadsIn(encoded.body) });
    expect(payloadsIn(decoded.body)).toEqual([PLAIN, PLAIN]);
  });

  it('leaves what is not encrypted as it is', async () => {
    const { body } = await post(`${await start()}/decode`, { payloads: [PLAIN] });
    expect(payloadsIn(body)).toEqual([PLAIN]);
  });

  it('says which key it does not have', async () => {
    const payloads = (await newCodec().encode([defaultPayloadConverter.toPayload('x') as Payload])).map(toJson);
    const metadata = { ...payloads[0]?.metadata, 'encryption-key-id': base64(Buffer.from('k9')) };
    const { status, body } = await post(`${await start()}/decode`, { payloads: [{ ...payloads[0], metadata }] });
    expect({ status, body }).toEqual({ status: 422, body: expect.stringContaining('the key k9') as string });
  });

  it.each([
    ['not JSON', 400],
    ['{}', 400],
    ['{"payloads":[{"data":"?"}]}', 400],
    ['{"payloads":[{"metadata":{"encoding":1}}]}', 400],
    [`{"payloads":[{"data":"${'A'.repeat(12 * 1024 * 1024)}"}]}`, 413],
  ])('refuses a body such as %.40s', async (body, expected) => {
    expect((await post(`${await start()}/decode`, body)).status).toBe(expected);
  });

  it('answers other paths and methods as errors', async () => {
    const url = await start();
    expect((await post(`${url}/other`, '')).status).toBe(404);
    expect((await post(`${url}/a/b/decode`, '')).status).toBe(404);
    expect((await fetch(`${url}/decode`)).status).toBe(405);
  });
});

describe('a web page', () => {
  it('of the Web UI may use it', async () => {
    const url = await start();
    const preflight = await fetch(`${url}/decode`, {
      method: 'OPTIONS',
      headers: { origin: ORIGIN, 'access-control-request-headers': 'content-type,x-namespace' },
    });
    expect(preflight.status).toBe(204);
    expect(preflight.headers.get('access-control-allow-origin')).toBe(ORIGIN);
    expect(preflight.headers.get('access-control-allow-headers')).toContain('x-namespace');
    const { status, headers } = await post(`${url}/decode`, { payloads: [PLAIN] }, { origin: ORIGIN });
    expect([status, headers.get('access-control-allow-origin')]).toEqual([200, ORIGIN]);
  });

  it('of another origin may not, even where it is the origin of the server itself', async () => {
    const url = await start();
    for (const origin of ['https://evil.example.com', url, 'null']) {
      const { status, headers, body } = await post(`${url}/decode`, { payloads: [PLAIN] }, { origin });
      expect([origin, status, headers.get('access-control-allow-origin')]).toEqual([origin, 403, null]);
      expect(body).not.toContain(PLAIN.data);
    }
  });
});

describe('with a token', () => {
  const token = 'a-token-of-some-length';

  it('only requests with it are answered', async () => {
    const url = `${await start({ token: () => token })}/decode`;
    for (const authorization of ['', 'Bearer ', 'Bearer wrong', token, `Basic ${token}`])
      expect([authorization, (await post(url, { payloads: [PLAIN] }, { authorization })).status]).toEqual([
        authorization,
        401,
      ]);
    expect((await post(url, { payloads: [PLAIN] }, { authorization: `Bearer ${token}` })).status).toBe(200);
    expect((await fetch(url, { method: 'OPTIONS', headers: { origin: ORIGIN } })).status).toBe(204);
  });
});
