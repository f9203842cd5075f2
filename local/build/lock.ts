/** Keeps two builders from making the same thing at once. What is made is put in place atomically, so a lock that fails costs time, never a broken result. */
import { randomUUID } from 'node:crypto';
import { mkdir, readFile, rm, stat, utimes, writeFile } from 'node:fs/promises';
import { hostname } from 'node:os';
import { dirname } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

/** The holder touches the file this often … */
const TOUCH_MS = 2_000;
/** … so one that nobody touched for this long was left behind. */
const STALE_MS = 20_000;
const LOOK_AGAIN_MS = 500;

interface Holder {
  readonly token: string;
  readonly pid: number;
  readonly host: string;
}

export interface LockOptions {
  readonly signal?: AbortSignal | undefined;
  /** Called once when somebody else has it. */
  readonly onWait?: ((holder: string) => void) | undefined;
  readonly staleMs?: number;
}

/** Runs `body` while no other process holds the lock. */
export async function withLock<T>(file: string, body: () => Promise<T>, options: LockOptions = {}): Promise<T> {
  await mkdir(dirname(file), { recursive: true });
  const holder: Holder = { token: randomUUID(), pid: process.pid, host: hostname() };
  await acquire(file, holder, options);
  const touch = setInterval(() => {
    const now = new Date();
    // A lock file that was taken away is found out at the end.
    utimes(file, now, now).catch(() => undefined);
  }, TOUCH_MS).unref();
  try {
    return await body();
  } finally {
    clearInterval(touch);
    if ((await readHolder(file))?.token === holder.token) await rm(file, { force: true });
  }
}

async function acquire(file: string, holder: Holder, options: LockOptions): Promise<void> {
  let waited = false;
  for (;;) {
    options.signal?.throwIfAborted();
    try {
      await writeFile(file, JSON.stringify(holder), { flag: 'wx' });
      return;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
    }
    if (await isStale(file, options.staleMs ?? STALE_MS)) {
      await rm(file, { force: true });
      continue;
    }
    if (!waited) options.onWait?.(`process ${(await readHolder(file))?.pid ?? 'unknown'}`);
    waited = true;
    await sleep(LOOK_AGAIN_MS, undefined, { signal: options.signal });
  }
}

async function isStale(file: string, staleMs: number): Promise<boolean> {
  const holder = await readHolder(file);
  if (holder?.host === hostname() && !isAlive(holder.pid)) return true;
  try {
    return Date.now() - (await stat(file)).mtimeMs > staleMs;
  } catch {
    return false;
  }
}

async function readHolder(file: string): Promise<Holder | undefined> {
  try {
    return JSON.parse(await readFile(file, 'utf8')) as Holder;
  } catch {
    // Gone, or being written at this moment: its age tells.
    return undefined;
  }
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}
