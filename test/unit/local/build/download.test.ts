import { randomBytes } from 'node:crypto';
import { existsSync } from 'node:fs';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { download } from '../../../../local/stack/build/download.ts';
import { DownloadError } from '../../../../local/stack/build/http-client.ts';
import { publishedChecksum } from '../../../../local/stack/build/published-checksum.ts';
import { mirroredUrl, type Platform, publishedFileOf } from '../../../../local/stack/build/publishers.ts';
import type { ToolName } from '../../../../local/stack/versions.ts';
import { type Fault, type PublisherServer, startPublisherServer } from '../../../support/process/publisher-server.ts';

const PLATFORM: Platform = { os: 'linux', arch: 'amd64' };
/** For what never answers. */
const IMPATIENT = { answerMs: 300, stallMs: 300, fileMs: 60_000, paceMs: 60_000 };
/** For what answers, on a machine that is busy with something else. */
const PATIENT = { answerMs: 60_000, stallMs: 60_000, fileMs: 600_000, paceMs: 60_000 };
const LARGE = randomBytes(300_000).toString('hex');

let folder: string;
let file: string;
let site: PublisherServer;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'certman-download-'));
  file = join(folder, 'file');
  site = await startPublisherServer(PLATFORM);
});
afterEach(async () => {
  await site.close();
  await rm(folder, { recursive: true, force: true });
});

function publication(tool: ToolName) {
  const found = publishedFileOf(tool, PLATFORM);
  if (found === undefined) throw new Error(`${tool} is not published`);
  return found;
}

/** The API server is published bare, so its content is what is downloaded. */
async function fetchApiServer(fault?: Fault, limits = PATIENT): Promise<void> {
  const sha256 = await site.publish('kube-apiserver', LARGE, fault);
  await download(mirroredUrl(publication('kube-apiserver').url, site.mirror), sha256, file, {
    limits,
    onBytes: () => site.cut(),
  });
}

describe('the published checksum of', () => {
  test.each(['kube-apiserver', 'kubectl', 'etcd', 'pebble', 'coredns', 'temporal'] as const)('%s', async (tool) => {
    const sha256 = await site.publish(tool, 'a program');
    expect(await publishedChecksum(publication(tool), { mirror: site.mirror, limits: PATIENT })).toBe(sha256);
  });

  test.each(['etcd', 'pebble', 'coredns'] as const)('%s is missing: the file is not downloaded', async (tool) => {
    await site.publish(tool, 'a program', { kind: 'noChecksum' });
    await expect(publishedChecksum(publication(tool), { mirror: site.mirror, limits: PATIENT })).rejects.toThrow(
      /answered 404/,
    );
  });

  test('a publisher that does not respond: time-out', async () => {
    await site.publish('etcd', 'a program', { kind: 'silent' });
    const asking = publishedChecksum(publication('etcd'), { mirror: site.mirror, limits: IMPATIENT });
    await expect(asking).rejects.toThrow(/did not answer within 0.3 s/);
  });

  test('a publisher that sends single bytes: time-out', async () => {
    await site.publish('etcd', 'a program', { kind: 'slowChecksum' });
    const asking = publishedChecksum(publication('etcd'), { mirror: site.mirror, limits: IMPATIENT });
    await expect(asking).rejects.toThrow(/did not (send a checksum|answer) within 0.3 s/);
  });

  test('a publisher that cannot be reached: host and reason are in the error', async () => {
    const { mirror } = site;
    await site.close();
    const asking = publishedChecksum(publication('etcd'), { mirror });
    await expect(asking).rejects.toThrow(/^127\.0\.0\.1:\d+ cannot be reached: .*ECONNREFUSED/);
    site = await startPublisherServer(PLATFORM);
  });
});

describe('a redirect', () => {
  const path = new URL(mirroredUrl(publication('kube-apiserver').url, 'http://127.0.0.1')).pathname;

  test('to TLS or loopback is followed', async () => {
    site.redirect('/elsewhere', `${site.mirror}${path}`);
    const sha256 = await site.publish('kube-apiserver', LARGE);
    await download(`${site.mirror}/elsewhere`, sha256, file, { limits: PATIENT });
    expect(await readFile(file, 'utf8')).toBe(LARGE);
  });

  test('to plain HTTP is refused, without a request there', async () => {
    site.redirect('/elsewhere', 'http://example.com/kube-apiserver');
    await expect(download(`${site.mirror}/elsewhere`, '0', file, { limits: PATIENT })).rejects.toThrow(
      /redirects to http:\/\/example\.com, which is not TLS/,
    );
  });

  test.each([
    ['in a circle', '/elsewhere', /redirects more than 5 times/],
    ['to an invalid URL', 'https://', /which is not a URL/],
  ])('%s fails', async (_words, location, message) => {
    site.redirect('/elsewhere', location);
    await expect(download(`${site.mirror}/elsewhere`, '0', file, { limits: PATIENT })).rejects.toThrow(message);
  });
});

describe('a proxy of the environment', () => {
  afterEach(() => void vi.unstubAllEnvs());

  test('is not used for loopback', async () => {
    vi.stubEnv('HTTP_PROXY', 'http://127.0.0.1:1');
    await fetchApiServer();
    expect(await readFile(file, 'utf8')).toBe(LARGE);
  });

  test('with an invalid URL is reported at the first request', async () => {
    vi.stubEnv('HTTPS_PROXY', 'proxy.example.com:3128');
    vi.stubEnv('HTTP_PROXY', 'proxy.example.com:3128');
    vi.resetModules();
    const fresh = await import('../../../../local/stack/build/http-client.ts');
    await expect(fresh.get('https://dl.example.com/')).rejects.toThrow(/HTTPS_PROXY has no usable value[^]*unset it/);
  });
});

describe('a download', () => {
  test('creates the file and no other', async () => {
    await fetchApiServer();
    expect(await readFile(file, 'utf8')).toBe(LARGE);
    expect(existsSync(`${file}.part`)).toBe(false);
  });

  test('reports its progress', async () => {
    const sha256 = await site.publish('kube-apiserver', LARGE);
    const seen: (readonly [number, number | undefined])[] = [];
    await download(mirroredUrl(publication('kube-apiserver').url, site.mirror), sha256, file, {
      limits: PATIENT,
      onBytes: (bytes, total) => seen.push([bytes, total]),
    });
    expect(seen.at(-1)).toEqual([LARGE.length, LARGE.length]);
  });

  test('with another checksum than the published one is removed', async () => {
    await writeFile(`${file}.part`, '');
    const url = mirroredUrl(publication('kube-apiserver').url, site.mirror);
    await site.publish('kube-apiserver', LARGE);
    await expect(download(url, '0'.repeat(64), file, { limits: PATIENT })).rejects.toThrow(
      /does not have the checksum that 127/,
    );
    expect(existsSync(file)).toBe(false);
    expect(existsSync(`${file}.part`)).toBe(false);
  });

  test('continues after an interruption', async () => {
    await fetchApiServer({ kind: 'cut', afterBytes: 100_000, times: 2 });
    expect(await readFile(file, 'utf8')).toBe(LARGE);
    expect(site.requestedPaths.filter((path) => path.includes('bytes=')).length).toBeGreaterThan(0);
  });

  test('fails after several interruptions, and the next call continues it', async () => {
    const sha256 = await site.publish('kube-apiserver', LARGE, { kind: 'cut', afterBytes: 50_000, times: 1_000 });
    const url = mirroredUrl(publication('kube-apiserver').url, site.mirror);
    await expect(download(url, sha256, file, { limits: PATIENT, onBytes: () => site.cut() })).rejects.toThrow(
      DownloadError,
    );
    const kept = (await readFile(`${file}.part`)).length;
    expect(kept).toBeGreaterThan(0);
    await fetchApiServer();
    expect(await readFile(file, 'utf8')).toBe(LARGE);
    expect(site.requestedPaths).toContainEqual(expect.stringContaining(`bytes=${kept}-`));
  });

  test('fails when it stalls', async () => {
    await expect(fetchApiServer({ kind: 'stalled', afterBytes: 1_000 }, IMPATIENT)).rejects.toThrow(
      /sent nothing for 0.3 s|did not answer within 0.3 s/,
    );
  });

  test('fails early when it would exceed its time limit', async () => {
    // 600 kB at 5 kB a second take two minutes.
    await expect(fetchApiServer({ kind: 'slow' }, { ...PATIENT, fileMs: 10_000, paceMs: 500 })).rejects.toThrow(
      /sends \d kB a second, too slow for/,
    );
    expect(site.requestedPaths).toHaveLength(1);
  });

  test('fails with the status of a missing file', async () => {
    await expect(fetchApiServer({ kind: 'missing' })).rejects.toThrow(/answered 404 for .*\/kube-apiserver/);
  });

  test('starts again when the kept bytes are not the start of the file', async () => {
    await writeFile(`${file}.part`, 'of another version');
    await fetchApiServer();
    expect(await readFile(file, 'utf8')).toBe(LARGE);
  });

  test('starts again when more bytes are kept than the file has', async () => {
    await writeFile(`${file}.part`, `${LARGE}${LARGE}`);
    await fetchApiServer();
    expect(await readFile(file, 'utf8')).toBe(LARGE);
  });

  test("throws the signal's reason when it is aborted", async () => {
    const sha256 = await site.publish('kube-apiserver', LARGE, { kind: 'stalled', afterBytes: 1_000 });
    const ending = new AbortController();
    const url = mirroredUrl(publication('kube-apiserver').url, site.mirror);
    const running = download(url, sha256, file, {
      limits: PATIENT,
      signal: ending.signal,
      onBytes: () => ending.abort(),
    });
    await expect(running).rejects.toMatchObject({ name: 'AbortError' });
  });
});
