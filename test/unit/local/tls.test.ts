import { once } from 'node:events';
import { mkdtemp, readFile, rm, stat } from 'node:fs/promises';
import { createServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { sendRequest } from '../../../local/stack/http.ts';
import { tlsFiles } from '../../../local/stack/tls.ts';

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'certman-tls-'));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

test('a client that trusts the CA accepts the certificate for 127.0.0.1, localhost and the requested names', async () => {
  const files = await tlsFiles(join(folder, 'a'), ['pebble']);
  const server = createServer(
    { cert: await readFile(files.certFile), key: await readFile(files.keyFile) },
    (_, response) => response.end('hello'),
  ).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  try {
    for (const host of ['127.0.0.1', 'localhost']) {
      expect(await sendRequest(`https://${host}:${port}/`, { caFile: files.caFile })).toEqual({
        status: 200,
        body: 'hello',
      });
    }
    await expect(sendRequest(`https://127.0.0.1:${port}/`)).rejects.toThrow();
  } finally {
    server.close();
  }
});

test('the key is readable by its owner only, and all files are created once', async () => {
  const first = await tlsFiles(join(folder, 'b'));
  const certificate = await readFile(first.certFile, 'utf8');
  expect((await stat(first.keyFile)).mode & 0o777).toBe(0o600);
  expect(await readFile((await tlsFiles(join(folder, 'b'))).certFile, 'utf8')).toBe(certificate);
});
