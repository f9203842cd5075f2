/** Downloads tools from their publishers. */
import { chmod, copyFile, mkdir, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { extract } from 'tar';
import { messageOf } from '../local-stack-error.ts';
import type { Progress } from '../progress.ts';
import type { Tool, ToolName } from '../versions.ts';
import { executableIn, toolFolder } from './cache.ts';
import { type DownloadOptions, download } from './download.ts';
import { DownloadError, type HttpTimeouts } from './http-client.ts';
import { publishedChecksum } from './published-checksum.ts';
import { downloadSettings, mirroredUrl, platformOf, publishedFileOf } from './publishers.ts';

/** A published file and its checksum. */
export interface ToolDownload {
  readonly url: string;
  readonly host: string;
  readonly sha256: string;
  readonly member: string | undefined;
}

/** Options of {@link findDownloads}. */
export interface ToolDownloadOptions {
  readonly progress: Progress;
  readonly limits?: HttpTimeouts;
  readonly signal?: AbortSignal | undefined;
}

/**
 * Fetches the checksum of each tool from its publisher. A tool without a checksum after some seconds has no download.
 * @throws LocalStackError when a setting of downloads is invalid.
 */
export async function findDownloads(
  tools: readonly Tool[],
  options: ToolDownloadOptions,
): Promise<ReadonlyMap<ToolName, ToolDownload>> {
  const { allowed, mirror } = downloadSettings();
  const platform = platformOf();
  const offers = new Map<ToolName, ToolDownload>();
  const refused = new Map<string, ToolName[]>();
  if (!allowed || platform === undefined) return offers;
  await Promise.all(
    tools.map(async (tool) => {
      const published = publishedFileOf(tool.name, platform);
      if (published === undefined) return;
      try {
        const sha256 = await publishedChecksum(published, { ...options, mirror });
        const url = mirroredUrl(published.url, mirror);
        offers.set(tool.name, { url, host: new URL(url).host, sha256, member: published.member });
      } catch (error) {
        options.signal?.throwIfAborted();
        refused.set(messageOf(error), [...(refused.get(messageOf(error)) ?? []), tool.name]);
      }
    }),
  );
  for (const [reason, names] of refused) options.progress.note(`${names.join(', ')}: no download, ${reason}`);
  return offers;
}

/** Downloads the executable into the folder. @throws DownloadError when the file is unavailable or has another checksum. */
export async function downloadTool(
  tool: Tool,
  offer: ToolDownload,
  folder: string,
  options: DownloadOptions,
): Promise<void> {
  const file = `${toolFolder(tool)}.download`;
  await download(offer.url, offer.sha256, file, options);
  try {
    const program = executableIn(folder, tool);
    if (offer.member === undefined) await rename(file, program);
    else await unpack(file, offer, program);
    await chmod(program, 0o755);
  } finally {
    await rm(file, { force: true });
  }
}

async function unpack(archive: string, { member = '', url }: ToolDownload, program: string): Promise<void> {
  const folder = `${archive}.unpacked`;
  await mkdir(folder, { recursive: true });
  try {
    // Some archives have members named ./name.
    await extract({ file: archive, cwd: folder, strict: true, filter: (path) => path.replace(/^\.\//, '') === member });
    await copyFile(join(folder, member), program);
  } catch (error) {
    throw new DownloadError({ message: `${url} has no ${member} (${messageOf(error)})`, cause: error });
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}
