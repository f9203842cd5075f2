/** Serves the publishers' files on loopback at the publishers' paths, with network faults. */
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { create } from 'tar';
import { type Platform, publishedFileOf } from '../../../local/stack/build/publishers.ts';
import type { ToolName } from '../../../local/stack/versions.ts';

/** Fault of a tool's file. */
export type Fault =
  | { readonly kind: 'wrongChecksum' }
  | { readonly kind: 'noChecksum' }
  | { readonly kind: 'missing' }
  /** Sends this many bytes and waits for {@link PublisherServer.cut}, which closes the connection; the first `times` times. */
  | { readonly kind: 'cut'; readonly afterBytes: number; readonly times: number }
  /** Sends this many bytes and then stalls. */
  | { readonly kind: 'stalled'; readonly afterBytes: number }
  /** Sends a hundred bytes every 20 ms, or one byte of a small file. */
  | { readonly kind: 'slow' }
  /** The same for the checksum. */
  | { readonly kind: 'slowChecksum' }
  | { readonly kind: 'silent' };

export interface PublisherServer {
  /** Value for CERTMAN_LOCAL_MIRROR. */
  readonly mirror: string;
  /** Requested paths, with the range if there was one. */
  readonly requestedPaths: readonly string[];
  /** Publishes an executable with this content, packed as by the tool's publisher. @returns the file's SHA-256. */
  publish(tool: ToolName, content: string, fault?: Fault): Promise<string>;
  /** Redirects a path such as `/dl.k8s.io/x`. */
  redirect(path: string, location: string): void;
  /** Closes the connections that a fault holds, once the test knows that their bytes have arrived. */
  cut(): void;
  close(): Promise<void>;
}

interface File {
  readonly content: Buffer;
  fault: Fault | undefined;
  cuts: number;
}

/** Starts a server without files, for a platform. */
export async function startPublisherServer(platform: Platform): Promise<PublisherServer> {
  const files = new Map<string, File>();
  const asked: string[] = [];
  const held = new Set<ServerResponse>();
  const redirects = new Map<string, string>();
  const server = createServer((request, response) => {
    const { pathname } = new URL(request.url ?? '/', 'http://127.0.0.1');
    asked.push([pathname, request.headers.range].filter((word) => word !== undefined).join(' '));
    const location = redirects.get(pathname);
    if (location === undefined) send(files.get(pathname), request, response, held);
    else response.writeHead(302, { location }).end();
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  return {
    mirror: `http://127.0.0.1:${port}`,
    requestedPaths: asked,
    publish: async (tool, content, fault) => {
      const publication = publishedFileOf(tool, platform);
      if (publication === undefined) throw new Error(`no publisher has ${tool} for ${platform.os}`);
      const file =
        publication.member === undefined ? Buffer.from(content) : await createArchive(publication.member, content);
      const digest = createHash('sha256').update(file).digest('hex');
      files.set(pathOf(publication.url), { content: file, fault, cuts: 0 });
      const given = fault?.kind === 'wrongChecksum' ? digest.replaceAll(/[0-9]/g, '0') : digest;
      const name = publication.url.slice(publication.url.lastIndexOf('/') + 1);
      if (fault?.kind !== 'noChecksum') {
        const checksum = Buffer.from(CHECKSUMS[publication.checksum.form](given, name));
        const ofIt = CHECKSUM_FAULTS[fault?.kind ?? ''];
        files.set(pathOf(publication.checksum.url), { content: checksum, fault: ofIt, cuts: 0 });
      }
      return digest;
    },
    redirect: (path, location) => void redirects.set(path, location),
    cut: () => {
      for (const response of held) response.destroy();
      held.clear();
    },
    close: async () => {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };
}

const CHECKSUM_FAULTS: Readonly<Record<string, Fault>> = { silent: { kind: 'silent' }, slowChecksum: { kind: 'slow' } };

/** Checksums in the publishers' formats: dl.k8s.io, `sha256sum` lists, GitHub's release API. */
const CHECKSUMS = {
  digest: (digest: string) => digest,
  list: (digest: string, name: string) => `${'0'.repeat(64)}  another-${name}\n${digest}  ${name}\n`,
  release: (digest: string, name: string) =>
    JSON.stringify({
      tag_name: 'v0',
      assets: [
        { name: `${name}.zip`, digest: null },
        { name, digest: `sha256:${digest}` },
      ],
    }),
} as const;

function pathOf(url: string): string {
  return url.replace(/^https:\//, '');
}

async function createArchive(member: string, content: string): Promise<Buffer> {
  const folder = await mkdtemp(join(tmpdir(), 'certman-archive-'));
  try {
    await mkdir(dirname(join(folder, 'content', member)), { recursive: true });
    await writeFile(join(folder, 'content', member), content, { mode: 0o755 });
    await writeFile(join(folder, 'content', 'LICENSE'), 'free to use');
    const file = join(folder, 'archive.tgz');
    const [top = member] = member.split('/');
    await create({ gzip: true, file, cwd: join(folder, 'content') }, ['LICENSE', top]);
    return await readFile(file);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

function send(
  file: File | undefined,
  request: IncomingMessage,
  response: ServerResponse,
  held: Set<ServerResponse>,
): void {
  if (file?.fault?.kind === 'silent') return;
  if (file === undefined || file.fault?.kind === 'missing') {
    response.writeHead(404).end('Not Found');
    return;
  }
  const from = Number(/^bytes=(\d+)-$/.exec(request.headers.range ?? '')?.[1] ?? 0);
  if (from >= file.content.length) {
    response.writeHead(416, { 'content-range': `bytes */${file.content.length}` }).end();
    return;
  }
  const rest = file.content.subarray(from);
  const range = `bytes ${from}-${file.content.length - 1}/${file.content.length}`;
  response.writeHead(from === 0 ? 200 : 206, {
    'content-length': rest.length,
    ...(from === 0 ? {} : { 'content-range': range }),
  });
  const { fault } = file;
  if (fault?.kind === 'cut' && file.cuts < fault.times) {
    file.cuts += 1;
    held.add(response);
    response.write(rest.subarray(0, fault.afterBytes));
  } else if (fault?.kind === 'stalled') {
    response.write(rest.subarray(0, fault.afterBytes));
  } else if (fault?.kind === 'slow') {
    sendSlowly(rest, response);
  } else {
    response.end(rest);
  }
}

function sendSlowly(content: Buffer, response: ServerResponse): void {
  let sent = 0;
  const size = content.length < 1_000 ? 1 : 100;
  const pieces = setInterval(() => {
    response.write(content.subarray(sent, sent + size));
    sent += size;
    if (sent >= content.length) response.end();
  }, 20);
  response.once('close', () => clearInterval(pieces));
}
