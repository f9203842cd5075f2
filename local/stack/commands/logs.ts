import { createReadStream } from 'node:fs';
import { readdir, stat } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { LocalStackError } from '../local-stack-error.ts';
import { lastLines } from '../process/log-tail.ts';

/** Options of `stack logs`. */
export interface LogsOptions {
  readonly stateDir: string;
  /** Names of parts; empty means all. */
  readonly parts: readonly string[];
  readonly lines: number;
  readonly follow: boolean;
}

const POLL_INTERVAL_MS = 300;

/** Prints log lines, each with the name of its part in front; with `follow` until the signal is aborted. @throws LocalStackError */
export async function logs(options: LogsOptions, write: (line: string) => void, signal: AbortSignal): Promise<void> {
  const folder = join(options.stateDir, 'logs');
  const present = await logFiles(folder);
  const unknown = options.parts.filter((part) => !present.includes(`${part}.log`));
  if (present.length === 0 || unknown.length > 0) {
    const names = present.map((file) => basename(file, '.log')).join(', ');
    throw new LocalStackError({
      message:
        unknown.length > 0
          ? `There is no log of ${unknown.join(', ')} in ${folder}.`
          : `There are no logs in ${folder}.`,
      remedy: names === '' ? 'Start a stack with npm run stack -- up.' : `There are: ${names}.`,
    });
  }
  const wanted = options.parts.length === 0 ? present : options.parts.map((part) => `${part}.log`);
  const positions = new Map<string, number>();
  for (const file of wanted) {
    const path = join(folder, file);
    positions.set(path, (await stat(path)).size);
    for (const line of await lastLines(path, options.lines)) write(prefixed(file, line));
  }
  while (options.follow && !signal.aborted) {
    await sleep(POLL_INTERVAL_MS, undefined, { signal }).catch(() => undefined);
    for (const [path, from] of positions) positions.set(path, await printFrom(path, from, write));
  }
}

async function logFiles(folder: string): Promise<readonly string[]> {
  try {
    return (await readdir(folder)).filter((file) => file.endsWith('.log')).sort();
  } catch {
    return [];
  }
}

/** Prints complete lines only. @returns the offset after the last one. */
async function printFrom(path: string, from: number, write: (line: string) => void): Promise<number> {
  const { size } = await stat(path);
  if (size <= from) return Math.min(size, from);
  let content = '';
  for await (const chunk of createReadStream(path, { start: from, end: size - 1, encoding: 'utf8' }))
    content += String(chunk);
  const end = content.lastIndexOf('\n') + 1;
  for (const line of content.slice(0, end).split('\n').slice(0, -1)) write(prefixed(basename(path), line));
  return from + Buffer.byteLength(content.slice(0, end));
}

function prefixed(file: string, line: string): string {
  return `${basename(file, '.log').padEnd(24)}| ${line}`;
}
