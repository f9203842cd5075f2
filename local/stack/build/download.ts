/** Downloads one file by HTTP, resuming an interrupted transfer, and verifies its checksum. */
import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { type FileHandle, mkdir, open, rename, rm, stat } from 'node:fs/promises';
import { dirname } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { DownloadError, failureOf, get, HTTP_TIMEOUTS, type HttpTimeouts } from './http-client.ts';

/** Options of {@link download}. */
export interface DownloadOptions {
  readonly limits?: HttpTimeouts;
  readonly signal?: AbortSignal | undefined;
  /** Called with the bytes so far, and the bytes of the whole file if the server sends its length. */
  readonly onBytes?: (bytes: number, total: number | undefined) => void;
}

/** The largest file, kube-apiserver, has less than 100 MB. */
const MAX_BYTES = 500_000_000;
/** An interrupted transfer is continued while each attempt adds bytes. */
const MAX_ATTEMPTS = 4;

/**
 * Downloads a file. The bytes of an interrupted transfer are kept in `<file>.part`, and the next call continues there.
 * @param sha256 the published checksum, in hex.
 * @throws DownloadError naming the host and the reason; the signal's reason when aborted.
 */
export async function download(
  url: string,
  sha256: string,
  file: string,
  options: DownloadOptions = {},
): Promise<void> {
  const part = `${file}.part`;
  await mkdir(dirname(file), { recursive: true });
  const resumed = (await sizeOf(part)) > 0;
  await transfer(url, part, options);
  if (!(await hasChecksum(part, sha256))) {
    await rm(part, { force: true });
    // The publisher may have replaced the file whose first bytes were kept.
    if (resumed) return await download(url, sha256, file, options);
    throw new DownloadError({
      message: `${url} does not have the checksum that ${new URL(url).host} publishes for it`,
    });
  }
  await rename(part, file);
}

async function transfer(url: string, part: string, options: DownloadOptions): Promise<void> {
  for (let attempt = 1; ; attempt += 1) {
    const before = await sizeOf(part);
    try {
      return await continueTransfer(url, part, before, options);
    } catch (error) {
      options.signal?.throwIfAborted();
      if (error instanceof LocalFileError) throw error.cause;
      const failure = failureOf(new URL(url).host, error);
      const isWorthRetrying = !(failure instanceof TransferTooSlow) && (await sizeOf(part)) > before;
      if (attempt === MAX_ATTEMPTS || !isWorthRetrying) throw failure;
    }
  }
}

async function continueTransfer(url: string, part: string, before: number, options: DownloadOptions): Promise<void> {
  const { limits = HTTP_TIMEOUTS, signal, onBytes } = options;
  const { host } = new URL(url);
  const { response, abort } = await get(url, {
    limits,
    signal,
    // Without content coding, the bytes are those of the checksum, and Content-Length is their number.
    headers: { 'accept-encoding': 'identity', ...(before === 0 ? {} : { range: `bytes=${before}-` }) },
  });
  const { status, body } = response;
  if (status === 416) {
    // The kept bytes are the whole file or more; the checksum decides.
    abort(new DownloadError({ message: 'the file is complete' }));
    return;
  }
  if ((status !== 200 && status !== 206) || body === null) {
    abort(new DownloadError({ message: 'not a file' }));
    throw new DownloadError({ message: `${host} answered ${status} for ${url}` });
  }
  const begin = status === 206 ? firstByteOf(response.headers.get('content-range')) : 0;
  if (begin !== 0 && begin !== before) {
    abort(new DownloadError({ message: 'wrong range' }));
    await rm(part, { force: true });
    throw new DownloadError({ message: `${host} sent another range of ${url} than requested` });
  }
  const length = Number(response.headers.get('content-length') ?? Number.NaN);
  const total = Number.isFinite(length) ? begin + length : undefined;
  let bytes = begin;
  const start = performance.now();
  const stalled = setTimeout(
    () => abort(new DownloadError({ message: `${host} sent nothing for ${limits.stallMs / 1000} s` })),
    limits.stallMs,
  );
  let handle: FileHandle | undefined;
  try {
    handle = await open(part, begin === 0 ? 'w' : 'a').catch((cause: unknown) => {
      throw new LocalFileError(url, { cause });
    });
    for await (const chunk of body as AsyncIterable<Uint8Array>) {
      stalled.refresh();
      bytes += chunk.length;
      if (bytes > MAX_BYTES) throw new DownloadError({ message: `${url} has more than ${MAX_BYTES} bytes` });
      // Written chunk by chunk, so that an interrupted transfer keeps its bytes.
      await handle.write(chunk).catch((cause: unknown) => {
        throw new LocalFileError(url, { cause });
      });
      onBytes?.(bytes, total);
      assertTransferSpeed(
        url,
        bytes - begin,
        total === undefined ? undefined : total - begin,
        performance.now() - start,
        limits,
      );
    }
  } finally {
    clearTimeout(stalled);
    await handle?.close();
    // Has no effect when the body is complete.
    abort(new DownloadError({ message: 'the transfer has ended' }));
  }
  if (total !== undefined && bytes !== total) {
    throw new DownloadError({ message: `${host} cut ${url} after ${bytes} of ${total} bytes` });
  }
}

/** An error of the file system, distinct from those of the network; its cause is the original one. */
class LocalFileError extends Error {}

class TransferTooSlow extends DownloadError {}

/** @throws TransferTooSlow when the file takes longer than the limit, or will at the current speed. */
function assertTransferSpeed(
  url: string,
  bytes: number,
  total: number | undefined,
  tookMs: number,
  limits: HttpTimeouts,
): void {
  if (tookMs < limits.paceMs) return;
  const wholeMs = total === undefined ? tookMs : (tookMs * total) / bytes;
  if (wholeMs <= limits.fileMs) return;
  const kilobytes = Math.round(bytes / tookMs);
  throw new TransferTooSlow({ message: `${new URL(url).host} sends ${kilobytes} kB a second, too slow for ${url}` });
}

/** First byte of a Content-Range (RFC 9110 §14.4). */
function firstByteOf(contentRange: string | null): number {
  return Number(/^bytes (\d+)-/.exec(contentRange ?? '')?.[1] ?? Number.NaN);
}

async function sizeOf(file: string): Promise<number> {
  try {
    return (await stat(file)).size;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return 0;
    throw error;
  }
}

async function hasChecksum(file: string, sha256: string): Promise<boolean> {
  const hash = createHash('sha256');
  await pipeline(createReadStream(file), hash);
  return hash.digest('hex') === sha256;
}
