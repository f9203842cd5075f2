import { execFile } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { promisify } from 'node:util';

/**
 * Start time of a process, in the system's format: distinguishes it from a later one with its id.
 * @returns undefined when the process does not exist or is a zombie.
 */
export async function processStartTime(pid: number): Promise<string | undefined> {
  try {
    // proc_pid_stat(5): after the name, which may contain any character, the state is the first field, the start time the 20th.
    const stat = await readFile(`/proc/${pid}/stat`, 'utf8');
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    return fields[0] === 'Z' || fields[0] === 'X' ? undefined : fields[19];
  } catch {
    if (process.platform === 'linux') return undefined;
    return await startTimeFromPs(pid).catch(() => undefined);
  }
}

/** For systems without /proc. */
async function startTimeFromPs(pid: number): Promise<string | undefined> {
  const { stdout } = await promisify(execFile)('ps', ['-o', 'lstart=', '-p', String(pid)]);
  return stdout.trim() === '' ? undefined : stdout.trim();
}
