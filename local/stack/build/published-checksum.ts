/** Fetches the SHA-256 of a published file. */
import { text } from 'node:stream/consumers';
import { z } from 'zod';
import { DownloadError, failureOf, get, HTTP_TIMEOUTS, type HttpTimeouts } from './http-client.ts';
import { type ChecksumForm, mirroredUrl, type PublishedFile } from './publishers.ts';

/** A list of all files of a release has some kilobytes, GitHub's JSON dozens. */
const MAX_BYTES = 2 * 1024 * 1024;
const SHA256 = /^[0-9a-f]{64}$/;

const releaseSchema = z.object({
  assets: z.array(z.object({ name: z.string(), digest: z.string().nullish() })),
});

/**
 * Fetches the SHA-256 of a published file.
 * @returns 64 hexadecimal digits.
 * @throws DownloadError when the publisher does not respond, or has no checksum of the file.
 */
export async function publishedChecksum(
  published: PublishedFile,
  options: {
    readonly mirror?: string | undefined;
    readonly limits?: HttpTimeouts;
    readonly signal?: AbortSignal | undefined;
  },
): Promise<string> {
  const url = mirroredUrl(published.checksum.url, options.mirror);
  const { host } = new URL(url);
  const { response, abort } = await get(url, options);
  const { answerMs } = options.limits ?? HTTP_TIMEOUTS;
  const late = setTimeout(
    () => abort(new DownloadError({ message: `${host} did not send a checksum within ${answerMs / 1000} s` })),
    answerMs,
  );
  const content = await readBounded(response.body, host, abort).finally(() => clearTimeout(late));
  if (response.status !== 200) throw new DownloadError({ message: `${host} answered ${response.status} for ${url}` });
  const fileName = published.url.slice(published.url.lastIndexOf('/') + 1);
  const digest = checksumIn(content, published.checksum.form, fileName);
  if (digest === undefined) throw new DownloadError({ message: `${url} has no SHA-256 of ${fileName}` });
  return digest;
}

async function readBounded(body: unknown, host: string, abort: (reason: Error) => void): Promise<string> {
  if (body === null) return '';
  let bytes = 0;
  const bounded = async function* (chunks: AsyncIterable<Uint8Array>): AsyncIterable<Uint8Array> {
    for await (const chunk of chunks) {
      bytes += chunk.length;
      if (bytes > MAX_BYTES) abort(new DownloadError({ message: `${host} sent a checksum of more than 2 MiB` }));
      yield chunk;
    }
  };
  try {
    return await text(bounded(body as AsyncIterable<Uint8Array>));
  } catch (error) {
    throw failureOf(host, error);
  }
}

/** Finds a file's SHA-256 in the publisher's document. @returns undefined when there is none. */
export function checksumIn(content: string, form: ChecksumForm, fileName: string): string | undefined {
  const digest = digestIn(content, form, fileName)?.toLowerCase();
  return digest !== undefined && SHA256.test(digest) ? digest : undefined;
}

function digestIn(content: string, form: ChecksumForm, fileName: string): string | undefined {
  switch (form) {
    case 'digest':
      return content.trim();
    case 'list':
      return (
        content
          .split('\n')
          .map((line) => line.trim().split(/\s+/))
          // sha256sum marks a file that was read as binary by an asterisk.
          .find(([, name = '']) => name.replace(/^\*/, '').replace(/^.*\//, '') === fileName)?.[0]
      );
    case 'release': {
      const release = releaseSchema.safeParse(parseJson(content));
      const asset = release.data?.assets.find(({ name }) => name === fileName);
      return asset?.digest?.replace(/^sha256:/, '');
    }
  }
}

function parseJson(content: string): unknown {
  try {
    return JSON.parse(content);
  } catch {
    // The schema rejects undefined.
    return undefined;
  }
}
