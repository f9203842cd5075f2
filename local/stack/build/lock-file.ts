/** A lock between processes. What it protects is written atomically, so that a lost lock costs time only. */
import { randomUUID } from 'node:crypto';
import { mkdir, readFile, rename, rm, stat, utimes, writeFile } from 'node:fs/promises';
import { hostname } from 'node:os';
import { dirname } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { processStartTime } from '../process/process-start-time.ts';

/** The holder touches the file at this interval … */
const TOUCH_INTERVAL_MS = 2_000;
/** … so a lock of another machine that is older has no holder. */
const STALE_AFTER_MS = 20_000;
const POLL_INTERVAL_MS = 500;

interface LockHolder {
  readonly token: string;
  readonly pid: number;
  /** Start time: distinguishes the process from a later one with its id. */
  readonly identity?: string | undefined;
  readonly host: string;
}

/** Options of {@link withLock}. */
export interface LockOptions {
  readonly signal?: AbortSignal | undefined;
  /** Called once when another process holds the lock. */
  readonly onWait?: ((holder: string) => void) | undefined;
  readonly staleMs?: number;
}

/** Runs `body` while this process holds the lock. @throws what `body` throws, and the signal's reason. */
export async function withLock<T>(file: string, body: () => Promise<T>, options: LockOptions = {}): Promise<T> {
  await mkdir(dirname(file), { recursive: true });
  const identity = await processStartTime(process.pid);
  const holder: LockHolder = { token: randomUUID(), pid: process.pid, identity, host: hostname() };
  await acquire(file, holder, options);
  const touch = setInterval(() => {
    const now = new Date();
    // A removed lock file is noticed at the end.
    utimes(file, now, now).catch(() => undefined);
  }, TOUCH_INTERVAL_MS).unref();
  try {
    return await body();
  } finally {
    clearInterval(touch);
    if ((await readHolder(file))?.token === holder.token) await rm(file, { force: true });
  }
}

async function acquire(file: string, holder: LockHolder, options: LockOptions): Promise<void> {
  let waited = false;
  for (;;) {
    options.signal?.throwIfAborted();
    try {
      await writeFile(file, JSON.stringify(holder), { flag: 'wx' });
      return;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
    }
    const other = await readHolder(file);
    if (await isStale(file, other, options.staleMs ?? STALE_AFTER_MS)) {
      await removeStale(file, other, holder.token);
      continue;
    }
    if (!waited) options.onWait?.(`process ${other?.pid ?? 'unknown'}`);
    waited = true;
    await sleep(POLL_INTERVAL_MS, undefined, { signal: options.signal });
  }
}

/** On this machine, a lock is stale when its process has ended; a stopped process keeps it. */
async function isStale(file: string, holder: LockHolder | undefined, staleMs: number): Promise<boolean> {
  if (holder?.host === hostname()) {
    const identity = await processStartTime(holder.pid);
    return identity === undefined || (holder.identity !== undefined && holder.identity !== identity);
  }
  try {
    return Date.now() - (await stat(file)).mtimeMs > staleMs;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return false;
    throw error;
  }
}

/** Removes the file by a rename, in which one of several processes succeeds; a newer lock is renamed back. */
async function removeStale(file: string, stale: LockHolder | undefined, token: string): Promise<void> {
  const aside = `${file}.${token}`;
  try {
    await rename(file, aside);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return;
    throw error;
  }
  const moved = await readHolder(aside);
  if (moved !== undefined && moved.token !== stale?.token) await rename(aside, file);
  else await rm(aside, { force: true });
}

async function readHolder(file: string): Promise<LockHolder | undefined> {
  try {
    return JSON.parse(await readFile(file, 'utf8')) as LockHolder;
  } catch {
    // Removed, or being written: its age decides.
    return undefined;
  }
}
